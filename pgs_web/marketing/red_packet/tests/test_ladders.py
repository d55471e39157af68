"""Ladders are what anybody computes from the seed, rise, and end at their cap."""

import hashlib
import itertools
import random

import pytest

from pgs_web.marketing.red_packet.ladders import Growth, commit_seed, draw_seed, make_ladder, read_rungs


def compute_independently(growth: Growth, seed: str) -> list[int]:
    """As docs/adr/0030 describes it."""
    worths = [growth.face_fen]
    for place in range(growth.helps):
        digest = hashlib.sha256(bytes.fromhex(seed) + bytes([0, 0, place >> 8, place & 255])).hexdigest()
        worths.append(worths[-1] + growth.least_fen + int(digest[:16], 16) % (growth.most_fen - growth.least_fen + 1))
    below = [worth for worth in worths if worth < growth.cap_fen]
    return below if len(below) == len(worths) else [*below, growth.cap_fen]


def test_anybody_computes_the_same_ladder_within_its_bounds():
    dice = random.Random(5)
    for _ in range(200):
        least = dice.randint(1, 50)
        growth = Growth(
            face_fen=dice.randint(1, 500),
            cap_fen=dice.randint(600, 5_000),
            helps=dice.randint(1, 200),
            least_fen=least,
            most_fen=least + dice.choice((0, 1, 90)),
        )
        seed = draw_seed()
        ladder = make_ladder(growth, seed=seed)
        assert ladder == compute_independently(growth, seed)
        raises = [high - low for low, high in itertools.pairwise(ladder)]
        assert all(growth.least_fen <= one <= growth.most_fen for one in raises[:-1])
        assert all(one > 0 for one in raises)
        assert ladder[-1] <= growth.most_worth() <= growth.cap_fen


def test_rungs_are_steps_of_a_stair():
    growth = Growth(face_fen=100, cap_fen=1000, rungs="2:500, 5:1000")
    assert make_ladder(growth, seed="00") == [100, 100, 500, 500, 500, 1000]
    assert growth.most_worth() == 1000


@pytest.mark.parametrize(
    "text",
    ["", "x", "2", "2:", ":5", "2:500,", "0:500", "5:500, 2:900", "2:500, 5:500", "2:-5", "201:5", "2:1e3", "2:٣"],
)
def test_rungs_that_cannot_be_are_refused(text):
    with pytest.raises(ValueError, match=r"rung|Rung"):
        read_rungs(text)


def test_known_commitment():
    assert commit_seed("00" * 32) == "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
