"""The code in a shared link: a packet's id and a mark that only the shop can make."""

import re

from django.utils.crypto import constant_time_compare, salted_hmac

from pgs_web.api.errors import NotFound
from pgs_web.api.ids import read_id

CODE = re.compile(r"([0-9]{1,19})-([0-9a-f]{16})")
SALT = "pgs_web.marketing.red_packet.shares"


def code_of(packet_id: int) -> str:
    """What who opened it shares."""
    return f"{packet_id}-{_mark(packet_id)}"


def read_code(text: str) -> int:
    """The packet's id; raises NotFound for a code that the shop didn't write."""
    found = CODE.fullmatch(text)
    packet_id = read_id(found.group(1)) if found else None
    if found is None or packet_id is None or not constant_time_compare(found.group(2), _mark(packet_id)):
        raise NotFound
    return packet_id


def _mark(packet_id: int) -> str:
    return salted_hmac(SALT, str(packet_id), algorithm="sha256").hexdigest()[:16]
