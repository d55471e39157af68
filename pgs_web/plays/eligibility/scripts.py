"""The scripts of the counters; one partition a game."""

from dataclasses import dataclass
from enum import StrEnum

from pgs_data.lua.loader import Script
from pgs_data.redis.replicas import replicated
from pgs_web.plays.eligibility.keys import partition_of_play, turns_key

# China's midnight, where the shop's days begin; it has no summer time.
EAST_MS = 8 * 3_600_000

_take_turns = Script.load("pgs_web.plays.eligibility", "take_turns")
_return_turns = Script.load("pgs_web.plays.eligibility", "return_turns")


class TurnsReply(StrEnum):
    TAKEN = "TAKEN"
    HELPER = "HELPER"
    DEVICE = "DEVICE"
    ADDRESS = "ADDRESS"
    ACCOUNT = "ACCOUNT"


@dataclass(frozen=True, kw_only=True)
class Subjects:
    """Whom a help counts against; all but the helper are digests."""

    code: str
    helper: str
    device: str
    address: str
    account: str = ""

    def keys(self) -> dict[str, str]:
        """The scripts' keys."""
        return {
            kind: turns_key(self.code, kind, getattr(self, kind)) for kind in ("helper", "device", "address", "account")
        }


@dataclass(frozen=True, kw_only=True)
class HelpCaps:
    """Most helps a day and game; an account is judged where the game knows one."""

    helper: int = 10
    device: int = 3
    address: int = 50
    account: int = 3


def take_turns(subjects: Subjects, caps: HelpCaps) -> tuple[TurnsReply, int]:
    """Counts a help against all of its subjects, or against none, and tells the day; raises RedisUnavailable.

    After a timeout it may be counted: then it counts until midnight, on the side of refusing.
    """
    with replicated(partition_of_play(subjects.code)) as client:
        word, day = _take_turns(
            client,
            keys=subjects.keys(),
            args={
                "most_helper": caps.helper,
                "most_device": caps.device,
                "most_address": caps.address,
                "most_account": caps.account if subjects.account else 0,
                "east_ms": EAST_MS,
            },
        )
    return TurnsReply(word.decode()), int(day)


def return_turns(subjects: Subjects, *, day: int) -> bool:
    """Takes a help that came to nothing off the counters, once; False when its day is over. Raises RedisUnavailable."""
    with replicated(partition_of_play(subjects.code)) as client:
        reply = _return_turns(
            client,
            keys=subjects.keys(),
            args={"has_account": int(bool(subjects.account)), "day": day, "east_ms": EAST_MS},
        )
    return bool(reply == b"RETURNED")
