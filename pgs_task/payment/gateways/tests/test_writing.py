"""Amounts and moments in the gateways' spelling."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgs_task.payment.gateways.moments import read_shanghai, write_shanghai
from pgs_task.payment.gateways.yuan import read_booked_fee, read_booked_yuan, read_yuan, write_yuan


@given(fen=st.integers(0, 10**14 - 1))
def test_amounts_survive_the_way_to_yuan_and_back(fen):
    assert read_yuan(write_yuan(fen)) == read_booked_yuan(write_yuan(fen)) == fen


@pytest.mark.parametrize(("fen", "text"), [(0, "0.00"), (1, "0.01"), (990, "9.90"), (10**13 + 7, "100000000000.07")])
def test_two_decimals_always(fen, text):
    assert write_yuan(fen) == text


def test_no_amount_is_negative():
    with pytest.raises(ValueError, match="negative"):
        write_yuan(-1)


@given(text=st.text(max_size=12))
def test_what_is_no_amount_is_refused(text):
    try:
        assert write_yuan(read_yuan(text)) == text
    except ValueError:
        return


@pytest.mark.parametrize(
    ("text", "fen"),
    [("0.00499", 0), ("0.005", 1), ("-0.005", -1), ("0.05940", 6), ("-0.05940", -6), ("7.79000", 779), ("0", 0)],
)
def test_fees_are_rounded_to_the_fen(text, fen):
    assert read_booked_fee(text) == fen


def test_moments_are_of_shanghai():
    assert write_shanghai(datetime(2026, 11, 11, 15, 59, 59, 999_999, tzinfo=UTC)) == "2026-11-11 23:59:59"
    assert read_shanghai("2026-11-12 00:00:00") == datetime(2026, 11, 11, 16, tzinfo=UTC)


@pytest.mark.parametrize("text", [None, 1, "", "2026-02-30 00:00:00", "2026-11-11T00:00:00", "2026-11-11 00:00:00 "])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(ValueError, match="A moment"):
        read_shanghai(text)
