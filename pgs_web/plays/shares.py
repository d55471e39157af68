"""The code in a shared link: a round's id and a mark that only the shop can make, another one in each game."""

import re

from django.utils.crypto import constant_time_compare, salted_hmac

from pgs_web.api.errors import NotFound
from pgs_web.api.ids import read_id

CODE = re.compile(r"([0-9]{1,19})-([0-9a-f]{16})")


def write_share_code(play: str, round_id: int) -> str:
    """What who started a round of the game shares."""
    return f"{round_id}-{_mark(play, round_id)}"


def read_share_code(play: str, text: str) -> int:
    """The round's id; raises NotFound for a code that the shop didn't write for this game."""
    found = CODE.fullmatch(text)
    round_id = read_id(found.group(1)) if found else None
    if found is None or round_id is None or not constant_time_compare(found.group(2), _mark(play, round_id)):
        raise NotFound
    return round_id


def _mark(play: str, round_id: int) -> str:
    return salted_hmac(f"pgs_web.plays.shares.{play}", str(round_id), algorithm="sha256").hexdigest()[:16]
