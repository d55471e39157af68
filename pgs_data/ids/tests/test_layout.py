from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgs_data.ids.errors import InvalidId
from pgs_data.ids.layout import EPOCH_MS, LAST_MS, IdParts, pack_id, parse_id, time_of_id, unpack_id
from pgs_data.sharding.slots import slot_of_id

PARTS = st.builds(
    IdParts,
    slot=st.integers(0, 63),
    unix_ms=st.integers(EPOCH_MS, LAST_MS),
    machine=st.integers(0, 127),
    sequence=st.integers(0, 511),
)


@given(parts=PARTS)
def test_packing_loses_nothing_and_fits_63_bits(parts: IdParts) -> None:
    number = pack_id(parts)
    assert 0 <= number < 2**63
    assert unpack_id(number) == parts
    assert slot_of_id(number) == parts.slot


@given(first=PARTS, second=PARTS)
def test_ids_of_a_slot_sort_by_time(first: IdParts, second: IdParts) -> None:
    same_slot = IdParts(slot=first.slot, unix_ms=second.unix_ms, machine=second.machine, sequence=second.sequence)
    if first.unix_ms < second.unix_ms:
        assert pack_id(first) < pack_id(same_slot)
    assert (pack_id(first) == pack_id(second)) == (first == second)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("slot", -1),
        ("slot", 64),
        ("machine", 128),
        ("machine", -1),
        ("sequence", 512),
        ("sequence", -1),
        ("unix_ms", EPOCH_MS - 1),
        ("unix_ms", LAST_MS + 1),
    ],
)
def test_parts_that_do_not_fit_are_refused(name: str, value: int) -> None:
    parts = {"slot": 1, "unix_ms": EPOCH_MS + 5, "machine": 2, "sequence": 3}
    with pytest.raises(InvalidId):
        pack_id(IdParts(**{**parts, name: value}))


@pytest.mark.parametrize("number", [-1, 2**63])
def test_numbers_outside_63_bits_are_no_ids(number: int) -> None:
    with pytest.raises(InvalidId):
        unpack_id(number)
    with pytest.raises(InvalidId):
        time_of_id(number)


def test_an_id_tells_its_time_to_the_millisecond() -> None:
    moment = datetime(2026, 11, 21, 11, 2, 17, 663000, tzinfo=UTC)
    number = pack_id(IdParts(slot=63, unix_ms=int(moment.timestamp() * 1000), machine=127, sequence=511))
    assert time_of_id(number) == moment
    assert time_of_id(0) == datetime(2024, 1, 1, tzinfo=UTC)


@given(number=st.integers(1, 2**63 - 1))
def test_canonical_text_is_read(number: int) -> None:
    assert parse_id(str(number)) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "00",
        "01",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1\n",
        "\n1",
        "1\r\n2",
        "1\x00",
        "1_000",
        "1.0",
        "1e3",
        "0x1",
        "１２",  # full-width digits
        "١٢",  # Arabic digits
        "²",
        "{1}",
        "9223372036854775808",
        "99999999999999999999",
        "1" * 5000,
        "abc",
        "None",
        1,
        True,
        None,
        1.5,
        b"1",
        ["1"],
    ],
)
def test_anything_else_is_refused(text: object) -> None:
    with pytest.raises(InvalidId):
        parse_id(text)  # type: ignore[arg-type]


@given(text=st.text())
def test_no_text_has_two_spellings(text: str) -> None:
    try:
        number = parse_id(text)
    except InvalidId:
        return
    assert str(number) == text
