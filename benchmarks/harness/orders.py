"""Orders over HTTP: requests prepared beforehand, and every answer kept to be found in the databases."""

import array
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import connections

from pgs_data.sharding.slots import node_aliases
from pgs_web.trade.order.models import Order

ORDER_ID = re.compile(rb'"order_id": ?"(\d+)"')
FAR = datetime(2100, 1, 1, tzinfo=UTC)
IDS_A_PAGE = 50_000
CODE = re.compile(rb'"code": ?"(\w+)"')


@dataclass
class PreparedOrders:
    """Each shopper buys in one activity again and again; only the key differs."""

    shoppers: Sequence[dict[str, Any]]
    activity_ids: Sequence[int]
    host: str
    _parts: list[tuple[bytes, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for place, shopper in enumerate(self.shoppers):
            activity_id = self.activity_ids[place % len(self.activity_ids)]
            body = (
                f'{{"activity_id":"{activity_id}","quantity":1,"address_id":"{shopper["address_id"]}","mode":"group"}}'
            )
            self._parts.append(
                (
                    f"POST /api/v1/orders/ HTTP/1.1\r\nHost: {self.host}\r\nAuthorization: Bearer {shopper['access']}"
                    f"\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nIdempotency-Key: ".encode(),
                    f"\r\n\r\n{body}".encode(),
                )
            )

    def make_request(self, number: int) -> bytes:
        """The request with this number; the same number is the same order."""
        head, tail = self._parts[number % len(self._parts)]
        return b"%b%016d%b" % (head, number, tail)


@dataclass
class Acceptances:
    """What the shop said yes to; `latest` is for those who look where an order has got to."""

    order_ids: "array.array[int]" = field(default_factory=lambda: array.array("q"))
    refusals: Counter[str] = field(default_factory=Counter)
    latest: tuple[int, float] | None = None

    def note(self, _number: int, status: int, body: bytes) -> None:
        """Keeps one answer."""
        if status == 202 and (found := ORDER_ID.search(body)):
            order_id = int(found[1])
            self.order_ids.append(order_id)
            self.latest = (order_id, time.monotonic())
        else:
            code = CODE.search(body)
            self.refusals[f"{status} {code[1].decode() if code else ''}".strip()] += 1


def find_missing(accepted: Sequence[int]) -> tuple[int, int]:
    """How many accepted orders are in no database, and how many rows nobody was told of (their answers got lost)."""
    wanted = set(accepted)
    told, rows = 0, 0
    for alias in node_aliases():
        orders, last_id = Order.objects.on_node(alias).order_by("id").values_list("id", flat=True), 0
        while page := list(orders.filter(id__gt=last_id)[:IDS_A_PAGE]):
            last_id = page[-1]
            rows += len(page)
            told += sum(order_id in wanted for order_id in page)
    return len(wanted) - told, rows - told


def ages_by_node(*, since: datetime, until: datetime | None = None) -> dict[str, list[float]]:
    """Seconds from an order's acceptance, by Redis' clock, to its row's insertion, of all accepted in between."""
    return {
        alias: [microseconds / 1e6 for (microseconds,) in rows]
        for alias, rows in _ask_nodes(
            "SELECT TIMESTAMPDIFF(MICROSECOND, accepted_at, created_at) FROM {table}"
            " WHERE accepted_at >= %s AND accepted_at < %s",
            [since, until or FAR],
        )
    }


def seconds_until_written(*, accepted_until: datetime) -> float:
    """From then to the row of the last of the orders that were accepted before; 0 when all had theirs."""
    late = [
        microseconds / 1e6
        for _alias, rows in _ask_nodes(
            "SELECT TIMESTAMPDIFF(MICROSECOND, %s, MAX(created_at)) FROM {table} WHERE accepted_at < %s",
            [accepted_until, accepted_until],
        )
        for (microseconds,) in rows
        if microseconds is not None
    ]
    return max(0.0, *late)


def _ask_nodes(statement: str, values: Sequence[datetime]) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    for alias in node_aliases():
        with connections[alias].cursor() as cursor:
            cursor.execute(statement.format(table=Order._meta.db_table), values)
            yield alias, list(cursor.fetchall())
