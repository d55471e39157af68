"""What a packet is worth after each help: known before the first one, and verifiable afterwards.

Either rungs ("2:500, 5:1000": worth 500 fen from the second help on, 1000 from the fifth), or a raise a help between
two bounds, drawn from a seed whose hash is told at the start (docs/adr/0030).
"""

import hashlib
import itertools
import re
import secrets
from dataclasses import dataclass

ALGORITHM = "red-packet-1"
MOST_HELPS = 200
_RUNG = re.compile(r"\s*([0-9]{1,4})\s*:\s*([0-9]{1,12})\s*")


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How a packet grows from `face_fen` to at most `cap_fen`: by `rungs`, or, where they are empty, by up to `helps`
    raises of `least_fen` to `most_fen` each."""

    face_fen: int
    cap_fen: int
    rungs: str = ""
    helps: int = 0
    least_fen: int = 0
    most_fen: int = 0

    def most_worth(self) -> int:
        """What a packet can be worth at most, whatever is drawn; raises ValueError for rungs that can't be read."""
        if self.rungs:
            return read_rungs(self.rungs)[-1][1]
        return min(self.cap_fen, self.face_fen + self.helps * self.most_fen)


def read_rungs(text: str) -> list[tuple[int, int]]:
    """(helps, fen) in rising order; raises ValueError for what can't be read, doesn't rise, or is too long."""
    found = [_RUNG.fullmatch(part) for part in text.split(",")]
    rungs = [(int(match[1]), int(match[2])) for match in found if match]
    if len(rungs) < len(found):
        raise ValueError("A rung is helps:fen.")
    if rungs[0][0] < 1 or rungs[-1][0] > MOST_HELPS:
        raise ValueError(f"Rungs are at 1 to {MOST_HELPS} helps.")
    if any(low[0] >= high[0] or low[1] >= high[1] for low, high in itertools.pairwise(rungs)):
        raise ValueError("Rungs rise, in helps and in fen.")
    return rungs


def draw_seed() -> str:
    """32 random bytes, as hex."""
    return secrets.token_hex(32)


def commit_seed(seed: str) -> str:
    """What is told of a seed at the start: SHA-256 of its bytes, as hex."""
    return hashlib.sha256(bytes.fromhex(seed)).hexdigest()


def make_ladder(growth: Growth, *, seed: str) -> list[int]:
    """What the packet is worth after 0, 1, 2 … helps, in fen; ends where it reaches its cap. Never falls."""
    if growth.rungs:
        return _of_rungs(growth)
    worth, ladder = growth.face_fen, [growth.face_fen]
    for place in range(growth.helps):
        worth = min(growth.cap_fen, worth + _draw(seed, place, growth.least_fen, growth.most_fen))
        ladder.append(worth)
        if worth == growth.cap_fen:
            # No help that brings nothing.
            break
    return ladder


def _of_rungs(growth: Growth) -> list[int]:
    rungs = read_rungs(growth.rungs)
    ladder, worth, rises = [], growth.face_fen, dict(rungs)
    for helps in range(rungs[-1][0] + 1):
        worth = rises.get(helps, worth)
        ladder.append(worth)
    return ladder


def _draw(seed: str, place: int, least_fen: int, most_fen: int) -> int:
    digest = hashlib.sha256(bytes.fromhex(seed) + place.to_bytes(4, "big")).digest()
    return least_fen + int.from_bytes(digest[:8], "big") % (most_fen - least_fen + 1)
