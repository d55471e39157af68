"""A table read a page at a time, by its key: no cursor stays open, and a page is all that is in memory."""

from collections.abc import Iterator
from typing import Any

from pgs_data.sharding.querysets import ShardedQuerySet


def keyset_pages(rows: ShardedQuerySet[Any], *, size: int) -> Iterator[list[Any]]:
    """Pages of the rows of one node in the order of their `id`."""
    last_id = 0
    ordered = rows.order_by("id")
    while page := list(ordered.filter(id__gt=last_id)[:size]):
        last_id = page[-1].pk
        yield page
