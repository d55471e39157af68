"""Whole tables of a node read a span of keys at a time: however many rows there are, a statement looks at a few.

One statement over millions of rows ends with the connection, as DATABASE_READ_SECONDS has it; the driver keeps all
that a statement answers in memory; and a LIMIT alone doesn't help where few rows match.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, Sum
from django.db.models.expressions import Combinable

from pgs_data.sharding.querysets import ShardedQuerySet
from pgs_data.sharding.slots import LARGEST_ID

# Rows of one span: a twentieth of a second of a node's time, and some seconds when a slow disk is asked for each.
ROWS_A_SPAN = 5_000


@dataclass(frozen=True)
class Span:
    """Keys from the first to the last one, both of them included."""

    first: int
    last: int

    def of(self, field: str) -> Q:
        """The condition that a column is within."""
        return Q(**{f"{field}__range": (self.first, self.last)})


def key_spans(table: ShardedQuerySet[Any], *, key: str = "id") -> Iterator[Span]:
    """Spans that cover every key of a node's table, one after the other; of the table, whatever it is filtered by.

    `key` begins an index and is no negative number. A span has more rows than ROWS_A_SPAN where many share one key.
    """
    rows = table.model._default_manager.on_node(table.db)
    keys = rows.order_by(key).values_list(key, flat=True)
    first = 0
    while found := list(keys.filter(**{f"{key}__gte": first})[ROWS_A_SPAN - 1 : ROWS_A_SPAN]):
        yield Span(first, found[0])
        first = found[0] + 1
    yield Span(first, LARGEST_ID)


def pages_by_span(rows: ShardedQuerySet[Any], *, size: int) -> Iterator[list[Any]]:
    """Pages of a node's rows in the order of their `id`, at most `size` long, for a filter that few may match.

    Costs a look at each row of the table; one that an index finds doesn't need it.
    """
    for span in key_spans(rows):
        within, last_id = rows.filter(span.of("id")).order_by("id"), 0
        while page := list(within.filter(id__gt=last_id)[:size]):
            yield page
            if len(page) < size:
                break
            last_id = page[-1].pk


def sum_by_span(rows: ShardedQuerySet[Any], *, by: str, of: str | Combinable) -> Counter[Any]:
    """Value of the column `by` → sum of the column `of`, over a node's rows; `by` has few values.

    No picture of one moment: rows that change meanwhile are counted as they are when their span is read.
    """
    sums: Counter[Any] = Counter()
    for span in key_spans(rows):
        found = rows.filter(span.of("id")).order_by().values_list(by).annotate(sum_of_span=Sum(of))
        for value, amount in found:
            sums[value] += int(amount)
    return sums
