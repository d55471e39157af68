"""Which device asks: a mark that we made and signed, in a cookie or, for apps, in a header.

What it can't stop: whoever throws the cookie away gets a new mark, as often as the rate of their address allows, and a
farm of real devices has real marks. That is why addresses and helpers have caps of their own.
"""

import secrets

from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from pgs_data.encryption import blind_index
from pgs_web.api.client_address import client_network
from pgs_web.api.throttling import take_turn

COOKIE = "pgs_device"
HEADER = "X-Device"
LONGEST_MARK = 200
LIFETIME_SECONDS = 400 * 86_400
_signer = TimestampSigner(salt="pgs.plays.device")


def read_device(request: Request | HttpRequest) -> str | None:
    """The device's name, None for a request without a mark of ours that is still valid."""
    mark = mark_of(request)
    return None if mark is None else mark.partition(":")[0]


def index_device(device: str) -> str:
    """What rows keep of a device's name, to compare with another's; nobody reads the name from it."""
    return blind_index(device, "play.device")


def mark_of(request: Request | HttpRequest) -> str | None:
    """The valid mark that a request brings; forged, foreign, old and overlong ones are none."""
    mark = request.headers.get(HEADER) or request.COOKIES.get(COOKIE) or ""
    if not 0 < len(mark) <= LONGEST_MARK or not mark.isascii():
        return None
    try:
        _signer.unsign(mark, max_age=LIFETIME_SECONDS)
    except BadSignature:
        return None
    return mark


def make_mark(request: Request | HttpRequest) -> str:
    """A new device's mark; raises TooManyRequests when the address made too many, RedisUnavailable."""
    take_turn("device_address", client_network(request))
    return _signer.sign(secrets.token_hex(16))


def keep_mark(response: HttpResponse, mark: str, *, is_secure: bool) -> None:
    """Lets the browser keep the mark where scripts can't read it."""
    response.set_cookie(
        COOKIE, mark, max_age=LIFETIME_SECONDS, httponly=True, samesite="Lax", secure=is_secure, path="/api/"
    )
