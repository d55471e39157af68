"""Writes go to the node of the row's key, or are refused; nothing ends on two nodes or on the wrong one."""

from typing import Any

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from pgs_data.sharding.errors import CrossNodeTransaction, CrossShardQuery, ShardKeyMissing
from pgs_data.sharding.slots import node_aliases
from pgs_data.sharding.tests.models import Entry, Note, Record
from pgs_data.sharding.tests.rows import id_on, statements_by_node
from pgs_data.sharding.transactions import node_transaction

pytestmark = pytest.mark.django_db(databases="__all__")

A, B, C = id_on("node0"), id_on("node1"), id_on("node2")


def places_of(model: Any) -> dict[str, int]:
    """Node → number of rows, where there are any."""
    counts = {alias: model.objects.using(alias).count() for alias in (*node_aliases(), "backup")}
    return {alias: count for alias, count in counts.items() if count}


def test_saving_creating_and_deleting_find_the_node() -> None:
    record = Record(id=B, label="one")
    record.save()
    assert record._state.db == "node1"
    Record.objects.create(pk=C)
    Entry.objects.create(record=record, word="by object")
    record.entries.create(word="by relation")
    Note(record_id=B, kind="k").save()
    assert (places_of(Record), places_of(Entry), places_of(Note)) == (
        {"node1": 1, "node2": 1},
        {"node1": 2},
        {"node1": 1},
    )
    record.label = "two"
    record.save(update_fields=["label"])
    assert Record.objects.get(id=B).label == "two"
    record.delete()
    assert (places_of(Record), places_of(Entry)) == ({"node2": 1}, {})


def test_rows_without_a_key_are_refused() -> None:
    for write in (
        lambda: Record(label="x").save(),
        lambda: Record.objects.create(label="x"),
        lambda: Note.objects.create(kind="k"),
        lambda: Note.objects.bulk_create([Note(kind="k")]),
        lambda: Note.objects.bulk_create([Note(record_id=A, kind="k"), Note(kind="k")]),
        lambda: Record.objects.get_or_create(label="x", defaults={"id": A}),
        lambda: Record.objects.update_or_create({"label": "x"}, label="y"),
        lambda: Entry.objects.create(word="x"),
    ):
        with statements_by_node() as statements, pytest.raises(ShardKeyMissing):
            write()
        assert statements == {}


def test_bulk_create_writes_one_node_in_one_statement() -> None:
    with statements_by_node() as statements:
        Note.objects.bulk_create([Note(record_id=B, kind=str(number)) for number in range(50)])
    assert statements == {"node1": 1}
    for rows in ([Note(record_id=A, kind="x"), Note(record_id=B, kind="x")], [Note(record_id=C, kind="x")]):
        with statements_by_node() as statements, pytest.raises(CrossShardQuery):
            Note.objects.on_node("node1").bulk_create(rows)
        assert statements == {}
    with pytest.raises(CrossShardQuery, match="node0, node1"):
        Note.objects.bulk_create([Note(record_id=A, kind="x"), Note(record_id=B, kind="x")])
    assert Note.objects.bulk_create([]) == []
    assert places_of(Note) == {"node1": 50}


def test_bulk_create_with_conflicts_updates_or_ignores_on_the_node() -> None:
    Record.objects.create(id=B, label="old")
    rows = [Record(id=B, label="new"), Record(id=B + 1, label="new")]
    Record.objects.bulk_create(rows, ignore_conflicts=True)
    assert Record.objects.get(id=B).label == "old"
    unique = {} if transaction.get_connection("node1").vendor == "mysql" else {"unique_fields": ["id"]}
    Record.objects.bulk_create(rows, update_conflicts=True, update_fields=["label"], **unique)
    assert Record.objects.get(id=B).label == "new"
    assert places_of(Record) == {"node1": 2}


def test_conditional_update_counts_rows_of_its_node_only() -> None:
    for key in (A, B):
        Record.objects.create(id=key, label="open", weight=1)
    with statements_by_node() as statements:
        assert Record.objects.filter(id=B, label="open").update(label="closed") == 1
        assert Record.objects.filter(id=B, label="open").update(label="closed") == 0
    assert statements == {"node1": 2}
    assert Record.objects.get(id=A).label == "open"
    assert Record.objects.filter(id=B).delete()[0] == 1
    assert places_of(Record) == {"node0": 1}


def test_get_or_create_and_update_or_create_stay_on_one_node() -> None:
    note, made = Note.objects.get_or_create(record_id=B, kind="k", defaults={"text": "first"})
    assert made
    assert Note.objects.get_or_create(record_id=B, kind="k", defaults={"text": "second"}) == (note, False)
    again, made = Note.objects.update_or_create(record_id=B, kind="k", defaults={"text": "third"})
    assert (again.pk, again.text, made) == (note.pk, "third", False)
    _, made = Record.objects.update_or_create({"label": "x"}, pk=C)
    assert made
    assert (places_of(Note), places_of(Record)) == ({"node1": 1}, {"node2": 1})


def test_bulk_update_takes_rows_of_one_node() -> None:
    notes = [Note.objects.create(record_id=key, kind="k") for key in (A, B)]
    for note in notes:
        note.text = "new"
    with pytest.raises(CrossShardQuery):
        Note.objects.bulk_update(notes, ["text"])
    assert Note.objects.bulk_update(notes[:1], ["text"]) == 1
    assert [note.text for note in Note.objects.for_ids([A, B])] == ["new", ""]
    assert Note.objects.bulk_update([], ["text"]) == 0


def test_a_shard_key_never_changes() -> None:
    note = Note.objects.create(record_id=B, kind="k")
    record = Record.objects.create(id=B)
    entry = Entry.objects.create(record=record, word="w")
    for change in (
        lambda: Note.objects.filter(record_id=B).update(record_id=A),
        lambda: Record.objects.filter(id=B).update(pk=A),
        lambda: Entry.objects.filter(record_id=B).update(record=Record(id=A)),
        lambda: Note.objects.bulk_update([note], ["record_id"]),
    ):
        with pytest.raises(CrossShardQuery, match="never changes"):
            change()
    note.record_id = A
    entry.record_id = A
    for row in (note, entry):
        with pytest.raises(CrossShardQuery, match="never changes"):
            row.save()
        with pytest.raises(CrossShardQuery, match="never changes"):
            row.delete()
    assert (places_of(Note), places_of(Entry)) == ({"node1": 1}, {"node1": 1})


def test_relations_of_two_nodes_are_refused() -> None:
    record = Record.objects.create(id=A)
    entry = Entry.objects.create(record=Record.objects.create(id=B), word="w")
    with pytest.raises(ValueError, match="router prevents this relation"):
        entry.record = record


def test_an_explicit_database_is_obeyed() -> None:
    record = Record(id=B, label="copy")
    record.save(using="backup")
    assert places_of(Record) == {"backup": 1}
    record.label = "still the copy"
    record.save()
    record.refresh_from_db()
    assert places_of(Record) == {"backup": 1}
    Record.objects.using("node0").create(id=B, label="planted on the wrong node")
    Record.objects.using("node0").bulk_create([Record(id=B + 1)])
    assert places_of(Record) == {"backup": 1, "node0": 2}
    Record.objects.using("node0").get(id=B).delete(using="node0")
    record.delete()
    assert places_of(Record) == {"node0": 1}


def test_on_node_refuses_rows_of_another_node() -> None:
    with pytest.raises(CrossShardQuery, match="belong to node1, not to node0"):
        Record.objects.on_node("node0").create(id=B)
    Record.objects.on_node("node1").create(id=B)
    assert places_of(Record) == {"node1": 1}


def test_unique_rows_are_unique_where_they_live() -> None:
    Note.objects.create(record_id=B, kind="k")
    with pytest.raises(IntegrityError), node_transaction(B):
        Note.objects.create(record_id=B, kind="k")
    with pytest.raises(ValidationError):
        Note(record_id=B, kind="k").full_clean()
    Note(record_id=B, kind="other", text="t").full_clean()
    Note.objects.create(record_id=A, kind="k")


def test_serialized_rows_come_back_to_their_node() -> None:
    text = serializers.serialize("json", [Record.objects.create(id=B, label="kept")])
    Record.objects.filter(id=B).delete()
    for loaded in serializers.deserialize("json", text, using="node1"):
        loaded.save()
    assert Record.objects.get(id=B).label == "kept"


def test_writing_another_node_inside_a_transaction_is_refused() -> None:
    for key in (A, B):
        Record.objects.create(id=key, label="old")
    there = Record.objects.get(id=B)
    for write in (
        lambda: Record.objects.filter(id=B).update(label="new"),
        lambda: Record.objects.filter(id=B).delete(),
        lambda: Record.objects.create(id=B + 1),
        lambda: Record.objects.bulk_create([Record(id=B + 1)]),
        lambda: Record.objects.get_or_create(id=B + 1),
        lambda: Note(record_id=B, kind="k").save(),
        lambda: there.save(),
        lambda: list(Record.objects.filter(id=B).select_for_update()),
    ):
        with node_transaction(A), pytest.raises(CrossNodeTransaction, match="outbox"):
            write()
    with node_transaction(A):
        assert Record.objects.get(id=B).label == "old"
        Record.objects.filter(id=A).update(label="new")
        assert [row.label for row in Record.objects.filter(id=A).select_for_update()] == ["new"]
        Record(id=B, label="copy").save(using="backup")
    there.save()
