import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from pgs_data.sharding.errors import NoSuchSlot, UnknownNode
from pgs_data.sharding.slots import (
    LARGEST_ID,
    SLOT_COUNT,
    alias_of_id,
    alias_of_slot,
    ids_by_node,
    require_node,
    slot_map,
    slot_of_id,
    slot_of_key,
)


def test_ten_neighbouring_keys_share_a_slot_and_all_slots_are_used() -> None:
    assert {slot_of_key(key) for key in range(120, 130)} == {12}
    assert slot_of_key(130) == 13
    assert {slot_of_key(key) for key in range(640)} == set(range(SLOT_COUNT))


@given(slot=st.integers(0, 63), rest=st.integers(0, 2**57 - 1))
def test_slot_is_the_top_six_of_63_bits(slot: int, rest: int) -> None:
    assert slot_of_id((slot << 57) | rest) == slot


@pytest.mark.parametrize("row_id", [-1, 2**63, 2**64, -(2**63)])
def test_what_cannot_be_an_id_has_no_slot(row_id: int) -> None:
    with pytest.raises(NoSuchSlot):
        slot_of_id(row_id)


def test_keys_and_slots_out_of_range_are_refused() -> None:
    with pytest.raises(NoSuchSlot):
        slot_of_key(-1)
    for slot in (-1, 64):
        with pytest.raises(NoSuchSlot):
            alias_of_slot(slot)


def test_empty_map_means_equal_ranges() -> None:
    held = slot_map()
    assert [held.count(f"node{number}") for number in range(3)] == [22, 21, 21]
    assert (held[21], held[22], held[42], held[43]) == ("node0", "node1", "node1", "node2")
    assert (alias_of_id(0), alias_of_id(LARGEST_ID)) == ("node0", "node2")


def test_written_map_moves_slots_without_touching_ids(settings) -> None:
    settings.SLOT_MAP = "0-31:node2, 32:node0,33-63:node1"
    assert alias_of_id(5) == "node2"
    assert alias_of_id(32 << 57) == "node0"
    assert alias_of_id(LARGEST_ID) == "node1"
    settings.SLOT_MAP = ["node1"] * 64
    assert alias_of_id(5) == "node1"


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("0-62:node0", r"without a node: \[63\]"),
        ("0-63:node9", r"names \['node9'\]"),
        ("0-40:node0,40-63:node1", "gives slot 40 to node0 and to node1"),
        ("0-64:node0", "no range"),
        ("40-3:node0", "no range"),
        ("0-63", "is not like"),
        ("a-63:node0", "is not like"),
        ("0--63:node0", "is not like"),
        ("0-:node0", "is not like"),
        ("0-63:node0,", "is not like"),
        (["node0"] * 63, "64, not 63"),
    ],
)
def test_map_with_a_hole_or_a_slip_is_refused(settings, written: object, complaint: str) -> None:
    settings.SLOT_MAP = written
    with pytest.raises(ImproperlyConfigured, match=complaint):
        slot_map()


def test_ids_are_grouped_once_each_in_their_order() -> None:
    far, near = (60 << 57) + 1, 7
    assert ids_by_node([far, 9, near, far, 9]) == {"node2": [far], "node0": [9, near]}
    assert ids_by_node([]) == {}


def test_only_data_nodes_are_nodes() -> None:
    assert require_node("node1") == "node1"
    for alias in ("default", "backup", "node3", ""):
        with pytest.raises(UnknownNode, match="node0, node1, node2"):
            require_node(alias)
