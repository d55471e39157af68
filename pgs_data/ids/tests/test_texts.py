"""Ids as short texts come back as they were, and are never taken for ids that are written out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgs_data.ids.texts import is_written_out, read_id, short_id


@given(st.integers(0, 2**63 - 1))
def test_an_id_comes_back(number):
    text = short_id(number)
    assert re.fullmatch("[A-Za-z][A-Za-z0-9_/]{10}", text), "no sign of Lua's patterns"
    assert not is_written_out(text.encode())
    assert read_id(text) == read_id(text.encode()) == read_id(str(number)) == number
    assert is_written_out(str(number).encode())


@pytest.mark.parametrize(
    "text", ["", "x", "AAAAAAAAAA", "AAAAAAAAAAAA", "AAAAA AAAAA", "AAAAAAAAAA|", "A+AAAAAAAAA", "1x", "ÄAAAAAAAAAA"]
)
def test_what_is_no_id_is_refused(text):
    with pytest.raises(ValueError, match="Not an id"):
        read_id(text)


def test_an_id_is_never_negative():
    with pytest.raises(OverflowError):
        short_id(-1)
