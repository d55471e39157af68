"""Sign-in codes: six digits to a phone, good for five minutes, five tries and one use."""

import hashlib
import hmac
import secrets

import structlog
from django.conf import settings

from pgs_web.api.throttling import take_turn
from pgs_web.member import scripts
from pgs_web.member.errors import SmsNotSent, WrongCode
from pgs_web.member.phones import index_phone
from pgs_web.member.scripts import CodeCheck
from pgs_web.member.sms.contract import ProviderFailed
from pgs_web.member.sms.registry import open_provider

CODE_DIGITS = 6
CODE_LIFETIME_SECONDS = 300
CODE_TRIES = 5

logger = structlog.get_logger(__name__)


def send_sign_in_code(*, phone: str, network: str) -> None:
    """Sends a code to a phone of 11 digits; raises TooManyRequests or SmsNotSent. Says nothing about membership."""
    phone_index = index_phone(phone)
    take_turn("sms_code_address", network)
    take_turn("sms_code_phone_soon", phone_index)
    take_turn("sms_code_phone", phone_index)
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    # Stored before it is sent: a message that arrives is good. Death between the two lines costs the shopper a
    # minute, until the next code may be asked for.
    scripts.store_code(
        phone_index=phone_index,
        digest=digest_code(phone_index=phone_index, code=code),
        tries=CODE_TRIES,
        lifetime_ms=CODE_LIFETIME_SECONDS * 1000,
    )
    try:
        open_provider().send_sign_in_code(phone=phone, code=code)
    except ProviderFailed as failure:
        scripts.forget_code(phone_index=phone_index)
        logger.warning("sms_not_sent", reason=failure.reason)
        raise SmsNotSent from failure


def use_sign_in_code(*, phone: str, code: str) -> None:
    """Uses the code of a phone up; raises WrongCode."""
    phone_index = index_phone(phone)
    digest = digest_code(phone_index=phone_index, code=code)
    if scripts.check_code(phone_index=phone_index, digest=digest) is not CodeCheck.RIGHT:
        raise WrongCode


def digest_code(*, phone_index: str, code: str) -> str:
    """Hex of a phone's code, as the cache keeps it."""
    # Keyed: six digits under a plain hash are read back in a second by whoever sees the cache.
    return hmac.new(
        settings.SECRET_KEY.encode(), f"sign-in-code:{phone_index}:{code}".encode(), hashlib.sha256
    ).hexdigest()
