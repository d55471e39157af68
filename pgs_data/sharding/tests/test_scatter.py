from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connections
from django.db.models import Max, Q

from pgs_data.sharding.errors import ShardingError
from pgs_data.sharding.scatter import (
    ScatterPage,
    scatter,
    scatter_aggregate,
    scatter_count,
    scatter_iterate,
    scatter_page,
    scatter_sum,
)
from pgs_data.sharding.slots import node_aliases
from pgs_data.sharding.tests.models import Note, Record
from pgs_data.sharding.tests.rows import id_on, statements_by_node

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def records() -> None:
    """Seven records a node; weights 0..6 occur once on each, so every weight has three rows."""
    for alias in node_aliases():
        Record.objects.bulk_create(
            Record(id=id_on(alias, number), weight=number, label="even" if number % 2 == 0 else "odd")
            for number in range(7)
        )


def test_scatter_asks_every_node_once_for_its_first_rows(records: None) -> None:
    with statements_by_node() as statements:
        found = scatter(lambda queryset: queryset.filter(weight__gte=2).order_by("weight"), Record, limit_per_node=2)
    assert [row.weight for row in found] == [2, 3] * 3
    assert statements == {"node0": 1, "node1": 1, "node2": 1}
    with pytest.raises(ValueError, match="at least 1"):
        scatter(lambda queryset: queryset, Record, limit_per_node=0)


def test_numbers_come_node_by_node(records: None) -> None:
    assert scatter_count(Record) == {"node0": 7, "node1": 7, "node2": 7}
    assert scatter_count(Record, lambda queryset: queryset.filter(label="odd")) == {"node0": 3, "node1": 3, "node2": 3}
    assert scatter_sum(Record, "weight") == {"node0": 21, "node1": 21, "node2": 21}
    assert scatter_sum(Record, "weight", lambda queryset: queryset.filter(id=None)) == dict.fromkeys(node_aliases(), 0)
    assert scatter_aggregate(Record, most=Max("weight"))["node2"] == {"most": 6}


def test_iterating_sees_every_row_once_in_bounded_chunks(records: None) -> None:
    with statements_by_node() as statements:
        found = [row.id for row in scatter_iterate(Record, chunk_size=3)]
    assert found == [id_on(alias, number) for alias in node_aliases() for number in range(7)]
    assert statements == {"node0": 3, "node1": 3, "node2": 3}
    odd = scatter_iterate(Record, chunk_size=2, queryset_builder=lambda queryset: queryset.filter(label="odd"))
    assert len(list(odd)) == 9
    with pytest.raises(ValueError, match="at least 1"):
        next(scatter_iterate(Record, chunk_size=0))


def all_pages(*, order_by: str, page_size: int, model: type[Any] = Record, **options: Any) -> list[list[Any]]:
    pages, after = [], None
    for _ in range(100):
        page: ScatterPage[Any] = scatter_page(model, order_by=order_by, page_size=page_size, after=after, **options)
        pages.append(page.rows)
        after = page.next_position
        if after is None:
            return pages
    pytest.fail("pages never end")


@pytest.mark.parametrize("page_size", [1, 4, 7, 20, 21, 500])
@pytest.mark.parametrize("order_by", ["-id", "id", "-weight", "weight", "pk"])
def test_pages_show_every_row_once_in_order(records: None, order_by: str, page_size: int) -> None:
    pages = all_pages(order_by=order_by, page_size=page_size)
    shown = [row for page in pages for row in page]
    name = order_by.removeprefix("-")
    expected = sorted(
        (row for alias in node_aliases() for row in Record.objects.on_node(alias)),
        key=lambda row: (getattr(row, name), row.pk),
        reverse=order_by.startswith("-"),
    )
    assert [row.id for row in shown] == [row.id for row in expected]
    assert all(len(page) == page_size for page in pages[:-1])


@pytest.mark.parametrize("order_by", ["-id", "id", "-record_id", "record_id"])
def test_pages_of_rows_with_equal_primary_keys_on_several_nodes(order_by: str) -> None:
    for alias in node_aliases():
        for number in range(1, 5):
            Note.objects.create(pk=number, record_id=id_on(alias, 9), kind=str(number))
    shown = [(row._state.db, row.pk) for page in all_pages(order_by=order_by, page_size=2, model=Note) for row in page]
    assert len(shown) == 12
    assert len(set(shown)) == 12


def test_pages_by_time_with_filters(records: None) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    # `at` may be null, so it can't be sorted by; ids can.
    Record.objects.on_node("node1").filter(weight=3).update(at=start)
    Record.objects.on_node("node2").filter(weight=4).update(at=start + timedelta(seconds=1))
    pages = all_pages(order_by="-id", page_size=1, filters=Q(at__gte=start))
    assert [row.id for page in pages for row in page] == [id_on("node2", 4), id_on("node1", 3)]


@pytest.mark.parametrize(
    "options",
    [
        {"page_size": 0},
        {"page_size": 501},
        {"page_size": 10, "order_by": "label"},
        {"page_size": 10, "order_by": "at"},
    ],
)
def test_pages_that_cannot_be_merged_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"page_size|sorted"):
        scatter_page(Record, **options)


def test_a_node_that_fails_is_named_and_fails_the_whole(records: None) -> None:
    with connections["node1"].execute_wrapper(refuse), pytest.raises(OperationalError) as caught:
        scatter_count(Record)
    assert caught.value.__notes__ == ["While reading Record on node1."]


def refuse(*_arguments: object) -> None:
    raise OperationalError("gone away")


def test_only_sharded_models_are_scattered() -> None:
    with pytest.raises(ShardingError):
        scatter_count(User)
