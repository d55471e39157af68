"""Sign-in codes in the cache Redis: each step is one script, so that tries can't be had twice at once."""

from enum import StrEnum

from pgs_data.lua.loader import Script
from pgs_data.redis.connections import cache
from pgs_web.member import keys

_store_code = Script.load("pgs_web.member", "store_code")
_check_code = Script.load("pgs_web.member", "check_code")


class CodeCheck(StrEnum):
    RIGHT = "RIGHT"
    WRONG = "WRONG"
    GONE = "GONE"


def store_code(*, phone_index: str, digest: str, tries: int, lifetime_ms: int) -> None:
    """Remembers a new code of a phone; the one before it is void."""
    _store_code(
        cache(),
        keys={"code": keys.sign_in_code(phone_index)},
        args={"digest": digest, "tries": tries, "lifetime": lifetime_ms},
    )


def check_code(*, phone_index: str, digest: str) -> CodeCheck:
    """Compares and uses up: of many at once with the right code, one gets RIGHT."""
    reply = _check_code(cache(), keys={"code": keys.sign_in_code(phone_index)}, args={"digest": digest})
    return CodeCheck(reply.decode())


def forget_code(*, phone_index: str) -> None:
    """The code was never sent: nobody can know it."""
    cache().delete(keys.sign_in_code(phone_index))
