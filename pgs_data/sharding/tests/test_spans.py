"""Spans cover every key once, and no statement looks beyond its span."""

import pytest
from django.db.models import Q

from pgs_data.sharding import spans
from pgs_data.sharding.spans import Span, key_spans, pages_by_span, sum_by_span
from pgs_data.sharding.tests.models import Record
from pgs_data.sharding.tests.rows import id_on, statements_by_node

pytestmark = pytest.mark.django_db(databases="__all__")
NODE = "node1"
ROWS = 11


@pytest.fixture(autouse=True)
def records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven records of one node, four to a span; the odd ones weigh a thousand."""
    monkeypatch.setattr(spans, "ROWS_A_SPAN", 4)
    Record.objects.bulk_create(
        Record(id=id_on(NODE, number), weight=1000 if number % 2 else number, label=str(number % 3))
        for number in range(ROWS)
    )


def test_every_row_is_in_one_span() -> None:
    rows = Record.objects.on_node(NODE)
    found = [list(rows.filter(span.of("id")).order_by("id").values_list("id", flat=True)) for span in key_spans(rows)]
    assert found == [[id_on(NODE, number) for number in range(first, min(first + 4, ROWS))] for first in (0, 4, 8)]


def test_spans_are_of_the_table_whatever_is_looked_for() -> None:
    assert list(key_spans(Record.objects.on_node(NODE).filter(weight=2))) == list(
        key_spans(Record.objects.on_node(NODE))
    )
    assert list(key_spans(Record.objects.on_node("node0"))) == [Span(0, spans.LARGEST_ID)]


def test_rows_of_one_key_stay_together() -> None:
    rows = Record.objects.on_node(NODE)
    counts = [rows.filter(span.of("weight")).count() for span in key_spans(rows, key="weight")]
    assert counts == [4, 7, 0]


@pytest.mark.parametrize(("condition", "matching"), [(Q(weight=10), [10]), (Q(), list(range(ROWS))), (Q(weight=5), [])])
def test_pages_of_what_matches(condition: Q, matching: list[int]) -> None:
    pages = list(pages_by_span(Record.objects.on_node(NODE).filter(condition), size=3))
    assert [row.pk for page in pages for row in page] == [id_on(NODE, number) for number in matching]
    assert all(0 < len(page) <= 3 for page in pages)


def test_sums() -> None:
    rows = Record.objects.on_node(NODE).exclude(weight=1000)
    assert sum_by_span(rows, by="label", of="weight") == {"0": 0 + 6, "1": 4 + 10, "2": 2 + 8}
    with statements_by_node() as statements:
        sum_by_span(rows, by="label", of="weight")
    # Three spans, and where each of them ends.
    assert statements == {NODE: 6}
