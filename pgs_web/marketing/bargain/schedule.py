"""What each cut of a bargain takes off, fixed by a seed before the first helper comes.

Anybody can compute it from the seed, which is told when the bargain is over, and compare the seed with its SHA-256,
which is told when it begins (docs/adr/0028, `GET …/proof/`).
"""

import hashlib
import secrets
from itertools import accumulate

ALGORITHM = "bargain-1"
SEED_BYTES = 32
# A weight is drawn from [LEAST_WEIGHT, LEAST_WEIGHT + WEIGHTS): the dearest cut is some ten times the cheapest.
LEAST_WEIGHT = 1_000
WEIGHTS = 9_001


def draw_seed() -> str:
    """A new seed in hexadecimal; nobody can guess it."""
    return secrets.token_hex(SEED_BYTES)


def commit_seed(seed: str) -> str:
    """SHA-256 of the seed's bytes, in hexadecimal."""
    return hashlib.sha256(bytes.fromhex(seed)).hexdigest()


def make_cuts(*, seed: str, gap_fen: int, cuts: int, min_cut_fen: int) -> list[int]:
    """The fen that each cut takes off, in their order: each min_cut_fen at least, together the gap exactly.

    Raises ValueError for a gap that is too small for so many cuts.
    """
    spare_fen = gap_fen - cuts * min_cut_fen
    if cuts < 1 or min_cut_fen < 1 or spare_fen < 0:
        raise ValueError(f"{gap_fen} fen can't be divided into {cuts} cuts of {min_cut_fen} fen or more.")
    weights = [_weigh(bytes.fromhex(seed), place) for place in range(cuts)]
    total = sum(weights)
    shares = [spare_fen * weight // total for weight in weights]
    # The fen that rounding down left over go to the largest remainders, of equal ones to the earliest.
    by_remainder = sorted(range(cuts), key=lambda place: (-(spare_fen * weights[place] % total), place))
    for place in by_remainder[: spare_fen - sum(shares)]:
        shares[place] += 1
    return [min_cut_fen + share for share in shares]


def sum_cuts(cuts: list[int]) -> list[int]:
    """What is off after 0, 1, 2, … cuts."""
    return list(accumulate(cuts, initial=0))


def _weigh(seed: bytes, place: int) -> int:
    digest = hashlib.sha256(seed + place.to_bytes(4, "big")).digest()
    return LEAST_WEIGHT + int.from_bytes(digest[:8], "big") % WEIGHTS
