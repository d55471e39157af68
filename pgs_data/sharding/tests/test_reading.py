"""Reads find their node in their filters, or are refused."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, Value, prefetch_related_objects

from pgs_data.sharding.errors import CrossShardQuery, ShardKeyMissing, UnknownNode
from pgs_data.sharding.slots import SLOT_COUNT, SLOT_SHIFT
from pgs_data.sharding.tests.models import Entry, Note, Record
from pgs_data.sharding.tests.rows import id_on, statements_by_node

pytestmark = pytest.mark.django_db(databases="__all__")

A, A2, B, C = id_on("node0"), id_on("node0", 2), id_on("node1"), id_on("node2")


@pytest.fixture
def rows() -> None:
    """Two records on node0 and one on each other node, with a child each, alike in all but their keys."""
    for key in (A, A2, B, C):
        Record.objects.create(id=key, label="same", weight=100)
        Entry.objects.create(record_id=key, word="same")
        Note.objects.create(record_id=key, kind="same")


KEYLESS: dict[str, Callable[[], Any]] = {
    "list": lambda: list(Record.objects.all()),
    "filter by something else": lambda: list(Record.objects.filter(label="same")),
    "get": lambda: Record.objects.get(label="same"),
    "count": lambda: Record.objects.count(),
    "exists": lambda: Record.objects.filter(label="same").exists(),
    "first": lambda: Record.objects.first(),
    "latest": lambda: Record.objects.latest("at"),
    "aggregate": lambda: Record.objects.aggregate(Sum("weight")),
    "values": lambda: list(Record.objects.values("label")),
    "iterator": lambda: list(Record.objects.iterator()),
    "in_bulk": lambda: Record.objects.in_bulk(),
    "slice": lambda: Record.objects.all()[0],
    "contains": lambda: Note.objects.all().contains(Note(pk=1, record_id=A)),
    "update": lambda: Record.objects.update(label="x"),
    "delete": lambda: Record.objects.filter(label="same").delete(),
    "exclude": lambda: list(Record.objects.exclude(id=A)),
    "negated Q": lambda: list(Record.objects.filter(~Q(id=A))),
    "open OR": lambda: list(Record.objects.filter(Q(id=A) | Q(label="same"))),
    "range": lambda: list(Record.objects.filter(id__gte=A, id__lte=A)),
    "expression": lambda: list(Record.objects.filter(id=F("weight"))),
    "subquery of keys": lambda: list(Record.objects.filter(id__in=Note.objects.values("record_id"))),
    "key of a joined row": lambda: list(Record.objects.filter(entries__id=1)),
    "pk that is not the shard key": lambda: list(Note.objects.filter(pk=1)),
    "in_bulk by another field": lambda: Note.objects.in_bulk([1]),
    "null": lambda: list(Record.objects.filter(id=None)),
    "raw": lambda: list(Record.objects.raw("SELECT * FROM pgs_data_record")),
    "explain": lambda: Record.objects.all().explain(),
    "sliced first, then combined": lambda: list(Record.objects.filter(id=A)[:1] | Record.objects.filter(id=A)),
    "base manager": lambda: list(Record._base_manager.all()),
    "delete all children": lambda: Entry.objects.all().delete(),
}


@pytest.mark.parametrize("evaluate", KEYLESS.values(), ids=KEYLESS.keys())
def test_nothing_runs_without_a_key(rows: None, evaluate: Callable[[], Any]) -> None:
    with statements_by_node() as statements, pytest.raises(ShardKeyMissing, match=r"\.for_ids\(ids\).*scatter"):
        evaluate()
    assert statements == {}


KEYED: dict[str, Callable[[], "QuerySet[Any]"]] = {
    "exact": lambda: Record.objects.filter(id=B),
    "exact, spelled out": lambda: Record.objects.filter(id__exact=B),
    "pk": lambda: Record.objects.filter(pk=B),
    "text": lambda: Record.objects.filter(pk=str(B)),
    "in": lambda: Record.objects.filter(id__in=[B, B + 1]),
    "in a set": lambda: Record.objects.filter(id__in={B}),
    "in with null": lambda: Record.objects.filter(id__in=[None, B]),
    "value": lambda: Record.objects.filter(id=Value(B)),
    "chained later": lambda: Record.objects.filter(label="same").order_by("-weight").filter(id=B),
    "after exclude": lambda: Record.objects.exclude(label="no").filter(id=B),
    "Q": lambda: Record.objects.filter(Q(label="same") & Q(id=B)),
    "nested Q": lambda: Record.objects.filter(Q(Q(id=B) & ~Q(label="no"))),
    "OR of one node": lambda: Record.objects.filter(Q(id=B) | Q(id=B + 1, label="no")),
    "and of in and exact": lambda: Record.objects.filter(id__in=[A, B, C]).filter(id=B),
    "combined by &": lambda: Record.objects.filter(label="same") & Record.objects.filter(id=B),
    "combined by |": lambda: Record.objects.filter(id=B) | Record.objects.filter(id=B + 1),
    "queryset method": lambda: Record.objects.filter(id=B).heavy(),
    "method, then key": lambda: Record.objects.all().heavy().filter(id=B),
    "annotated": lambda: Record.objects.annotate(n=Count("entries")).filter(id=B, n=1),
    "distinct and only": lambda: Record.objects.only("label").distinct().filter(id=B),
    "base manager": lambda: Record._base_manager.filter(pk=B),
    "foreign key value": lambda: Entry.objects.filter(record_id=B),
    "foreign key object": lambda: Entry.objects.filter(record=Record(id=B)),
    "foreign key objects": lambda: Entry.objects.filter(record__in=[Record(id=B)]),
    "across the join": lambda: Entry.objects.filter(record__id=B, record__label="same"),
    "join selected": lambda: Entry.objects.select_related("record").filter(record__pk=B),
    "reverse relation": lambda: Record(id=B).entries.filter(word="same"),
    "plain number": lambda: Note.objects.filter(record_id=B, kind="same"),
    "union on one node": lambda: Note.objects.filter(record_id=B).union(Note.objects.filter(record_id=B + 1)),
    "on_node": lambda: Record.objects.on_node("node1"),
    "on_node and key": lambda: Record.objects.on_node("node1").filter(id=B),
    "using": lambda: Record.objects.using("node1").filter(label="same"),
    "exists with outer ref": lambda: Record.objects.filter(Exists(Note.objects.filter(record_id=OuterRef("id"))), id=B),
    "exists with the same key": lambda: Record.objects.filter(Exists(Note.objects.filter(record_id=B)), id=B),
}


@pytest.mark.parametrize("build", KEYED.values(), ids=KEYED.keys())
def test_every_road_leads_to_the_node_of_the_key(rows: None, build: Callable[[], "QuerySet[Any]"]) -> None:
    with statements_by_node() as statements:
        found = list(build())
    assert [getattr(row, "record_id", row.pk) for row in found] == [B]
    assert {row._state.db for row in found} == {"node1"}
    assert statements == {"node1": 1}


def test_all_ways_of_evaluating_take_the_same_node(rows: None) -> None:
    chosen = Record.objects.filter(id=B)

    async def aget() -> Record:
        return await Record.objects.aget(id=B)

    with statements_by_node() as statements:
        assert chosen.count() == 1
        assert chosen.exists()
        assert chosen.get().id == B
        assert chosen.first().id == B
        assert chosen.aggregate(total=Sum("weight")) == {"total": 100}
        assert list(chosen.values_list("weight", flat=True)) == [100]
        assert list(chosen.iterator()) == [Record(id=B)]
        assert Record.objects.in_bulk([B]) == {B: Record(id=B)}
        assert chosen.order_by("weight")[0].id == B
        assert async_to_sync(aget)().id == B
        assert chosen.contains(Record(id=B))
    assert statements == {"node1": 11}


def test_pickled_querysets_keep_their_node(rows: None) -> None:
    by_key = pickle.loads(pickle.dumps(Record.objects.filter(id=B).query))
    unpickled = Record.objects.all()
    unpickled.query = by_key
    assert unpickled.get().id == B
    named = pickle.loads(pickle.dumps(Record.objects.on_node("node1")))
    assert [row.id for row in named] == [B]
    with pytest.raises(CrossShardQuery):
        named.filter(id=A).exists()


def test_every_slot_is_found_on_its_node() -> None:
    for slot in range(SLOT_COUNT):
        Record.objects.create(id=(slot << SLOT_SHIFT) + 5)
    for slot in range(SLOT_COUNT):
        assert Record.objects.filter(id=(slot << SLOT_SHIFT) + 5).exists()
    assert [Record.objects.on_node(f"node{number}").count() for number in range(3)] == [22, 21, 21]


def test_keys_of_two_nodes_in_one_query_are_refused(rows: None) -> None:
    for queryset in (
        Record.objects.filter(id__in=[A, B]),
        Record.objects.filter(Q(id=A) | Q(id=B)),
        Record.objects.filter(id=A) | Record.objects.filter(id=B),
        Entry.objects.filter(record_id__in=[A, C]),
    ):
        with statements_by_node() as statements, pytest.raises(CrossShardQuery, match="for_ids"):
            list(queryset)
        assert statements == {}
    with pytest.raises(CrossShardQuery):
        Record.objects.in_bulk([A, B])


def test_impossible_conditions_find_nothing_and_raise_nothing(rows: None) -> None:
    assert not Record.objects.filter(id=A).filter(id=B).exists()
    assert list(Record.objects.filter(id__in=[])) == []
    assert list(Record.objects.none()) == []
    assert Record.objects.none().count() == 0
    assert Record.objects.in_bulk([]) == {}
    for never_an_id in (-1, 2**63, 2**80):
        assert not Record.objects.filter(id=never_an_id).exists()


def test_node_named_by_hand_must_be_that_of_the_keys(rows: None) -> None:
    contradictions = (
        lambda node: node.filter(id=B),
        lambda node: node.filter(id__in=[A, B]),
        lambda node: node.filter(Q(id=B) | Q(label="same")),
        lambda node: node.filter(label="same").filter(pk=B),
    )
    for contradict in contradictions:
        with statements_by_node() as statements, pytest.raises(CrossShardQuery, match="on_node"):
            list(contradict(Record.objects.on_node("node0")))
        assert statements == {}
    with pytest.raises(CrossShardQuery):
        Record.objects.filter(id=B).on_node("node0").count()
    with pytest.raises(CrossShardQuery):
        Record.objects.on_node("node0").filter(id=B).update(label="x")
    # What is left out needn't be there.
    assert Record.objects.on_node("node0").exclude(id=B).count() == 2
    with pytest.raises(UnknownNode):
        Record.objects.on_node("default")


def test_using_is_the_unchecked_door(rows: None) -> None:
    assert not Record.objects.using("node0").filter(id=B).exists()
    assert not Record.objects.on_node("node1").using("node0").filter(id=B).exists()
    assert Record.objects.on_node("node0").using("node1").get(id=B).id == B
    assert Record.objects.using("backup").count() == 0


def test_subqueries_of_another_node_are_refused(rows: None) -> None:
    for queryset in (
        Record.objects.filter(Exists(Note.objects.filter(record_id=A)), id=B),
        Record.objects.filter(id=B).exclude(Exists(Note.objects.filter(record_id=A))),
        Record.objects.filter(id=B, id__in=Note.objects.filter(record_id=A).values("record_id")),
        Record.objects.filter(id=B).annotate(t=Subquery(Note.objects.filter(record_id=A).values("text")[:1])),
        Record.objects.on_node("node1").filter(Exists(Note.objects.on_node("node0").filter(kind="same"))),
        Record.objects.filter(
            Exists(Note.objects.filter(Exists(Entry.objects.filter(record_id=A)), record_id=OuterRef("id"))), id=B
        ),
        Record.objects.filter(id=B, label__in=User.objects.values("username")),
    ):
        with statements_by_node() as statements, pytest.raises(CrossShardQuery, match="subquery"):
            list(queryset)
        assert statements == {}


def test_combinations_of_two_nodes_are_refused(rows: None) -> None:
    first, second = Record.objects.on_node("node0"), Record.objects.on_node("node1")
    for combine in (
        lambda: first.union(second),
        lambda: Record.objects.filter(id=A).union(Record.objects.filter(id=B)),
        lambda: first | second,
        lambda: first & second,
        lambda: Record.objects.filter(id=A) | second,
    ):
        with pytest.raises(CrossShardQuery):
            list(combine())
    assert first.union(first.none()).count() == 2
    assert len(first | Record.objects.none()) == 2


def test_relations_stay_where_the_row_was_read(rows: None) -> None:
    record = Record.objects.get(id=B)
    with statements_by_node() as statements:
        entry = record.entries.get()
        assert Entry.objects.get(record_id=B).record.label == "same"
        record.refresh_from_db()
        entry.refresh_from_db()
    assert statements == {"node1": 5}


def test_rows_of_a_copy_find_their_relations_in_the_copy(rows: None) -> None:
    Record(id=B, label="copy").save(using="backup")
    Entry(record_id=B, word="copy").save(using="backup")
    copy = Record.objects.using("backup").get(id=B)
    assert [entry.word for entry in copy.entries.all()] == ["copy"]
    assert copy.entries.get().record.label == "copy"


def test_prefetch_takes_rows_of_one_node_only(rows: None) -> None:
    together = list(Record.objects.filter(id__in=[A, A2]).prefetch_related("entries"))
    assert [len(record.entries.all()) for record in together] == [1, 1]
    apart = Record.objects.for_ids([A, B])
    with pytest.raises(CrossShardQuery):
        prefetch_related_objects(apart, "entries")


def test_deferred_fields_are_loaded_from_the_node(rows: None) -> None:
    note = Note.objects.on_node("node1").only("kind").get()
    with statements_by_node() as statements:
        assert note.record_id == B
    assert statements == {"node1": 1}
