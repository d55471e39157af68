"""The cuts are what anybody computes from the seed, add up to the fen, and can't be chosen afterwards."""

import hashlib
import random
from fractions import Fraction

import pytest

from pgs_web.marketing.bargain.schedule import commit_seed, draw_seed, make_cuts, sum_cuts


def compute_independently(seed: str, gap_fen: int, cuts: int, min_cut_fen: int) -> list[int]:
    """As docs/adr/0028 describes it, with fractions and one fen after the other."""
    spare = gap_fen - cuts * min_cut_fen
    weights = []
    for place in range(cuts):
        digest = hashlib.sha256(bytes.fromhex(seed) + bytes([0, 0, place >> 8, place & 255])).hexdigest()
        weights.append(1000 + int(digest[:16], 16) % 9001)
    exact = [Fraction(spare * weight, sum(weights)) for weight in weights]
    shares = [int(share) for share in exact]
    remainders = [share - int(share) for share in exact]
    while sum(shares) < spare:
        largest = remainders.index(max(remainders))
        shares[largest] += 1
        remainders[largest] = Fraction(-1)
    return [min_cut_fen + share for share in shares]


def test_anybody_computes_the_same_cuts_that_add_up():
    dice = random.Random(5)
    for _ in range(200):
        cuts, min_cut_fen = dice.randint(1, 500), dice.randint(1, 50)
        gap_fen = cuts * min_cut_fen + dice.choice((0, 1, dice.randint(0, 100_000)))
        seed = draw_seed()
        made = make_cuts(seed=seed, gap_fen=gap_fen, cuts=cuts, min_cut_fen=min_cut_fen)
        assert made == compute_independently(seed, gap_fen, cuts, min_cut_fen)
        assert (sum(made), len(made)) == (gap_fen, cuts)
        assert min(made) >= min_cut_fen
        assert sum_cuts(made)[-1] == gap_fen


def test_known_cuts():
    """A change of the algorithm needs another name: proofs of old bargains must hold."""
    seed = "00" * 32
    assert make_cuts(seed=seed, gap_fen=1000, cuts=5, min_cut_fen=10) == compute_independently(seed, 1000, 5, 10)
    assert make_cuts(seed=seed, gap_fen=50, cuts=5, min_cut_fen=10) == [10] * 5
    assert commit_seed(seed) == "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"


@pytest.mark.parametrize(("gap_fen", "cuts", "min_cut_fen"), [(9, 10, 1), (10, 0, 1), (10, 1, 0), (-1, 1, 1)])
def test_a_gap_too_small_is_refused(gap_fen, cuts, min_cut_fen):
    with pytest.raises(ValueError, match="fen"):
        make_cuts(seed="00" * 32, gap_fen=gap_fen, cuts=cuts, min_cut_fen=min_cut_fen)
