import pytest

from pgs_data.sharding.errors import CrossShardQuery
from pgs_data.sharding.tests.models import Note, Record
from pgs_data.sharding.tests.rows import id_on, statements_by_node

pytestmark = pytest.mark.django_db(databases="__all__")

A, B, C = id_on("node0"), id_on("node1"), id_on("node2")


def test_many_ids_cost_one_statement_a_node_and_500_and_come_in_their_order() -> None:
    ids = {alias: [id_on(alias, number) for number in range(1, 601)] for alias in ("node0", "node1")}
    for of_node in ids.values():
        Record.objects.bulk_create(Record(id=key) for key in of_node)
    wanted = [key for pair in zip(ids["node1"], ids["node0"], strict=True) for key in pair]
    with statements_by_node() as statements:
        found = Record.objects.for_ids([*wanted, *wanted, C])
    assert [record.id for record in found] == wanted
    assert statements == {"node0": 2, "node1": 2, "node2": 1}


def test_filters_before_it_hold_and_children_come_by_their_parents_key() -> None:
    for key in (C, A, B):
        Note.objects.create(record_id=key, kind="one", text="kept")
        Note.objects.create(record_id=key, kind="two", text="kept")
        Note.objects.create(record_id=key, kind="three", text="left")
    found = Note.objects.filter(text="kept").order_by("-kind").for_ids([B, C, A])
    assert [(note.record_id, note.kind) for note in found] == [
        (key, kind) for key in (B, C, A) for kind in ("two", "one")
    ]
    assert sorted(Note.objects.filter(kind="one").values_list("record_id", flat=True).for_ids([A, B])) == [A, B]


def test_nothing_wanted_costs_nothing() -> None:
    with statements_by_node() as statements:
        assert Record.objects.for_ids([]) == []
    assert statements == {}


def test_a_database_named_before_is_kept() -> None:
    for key in (A, B):
        Record(id=key, label="copy").save(using="backup")
    assert [record.id for record in Record.objects.using("backup").for_ids([B, A])] == [B, A]
    with pytest.raises(CrossShardQuery):
        Record.objects.on_node("node0").for_ids([A, B])
