"""What members have not paid: counted where their keys are claimed, so one number over all partitions of activities.

The claim of a key counts the order before it is admitted; refused, it is taken out again, and so it is when it was paid
or its units went back. Whoever dies in between leaves one too many counted, until sweep_unpaid has looked what became
of the order. Nothing is counted, and nothing is asked, while UNPAID_ORDERS_A_MEMBER is 0.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import structlog
from django.conf import settings

from pgs_data.clock import to_ms
from pgs_data.ids.snowflake import time_of_id
from pgs_data.ids.texts import read_id, short_id
from pgs_data.lua.blobs import pack
from pgs_data.lua.loader import Command, Script, run_command
from pgs_data.redis.clock import ledger_now_ms
from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_data.redis.partitions import has_own_redis, partition_count, partition_of
from pgs_web.trade.intake.keys import unpaid_key
from pgs_web.trade.stock.holds import HoldState
from pgs_web.trade.stock.selectors import read_holds

_forget_unpaid = Script.load("pgs_web.trade.intake", "forget_unpaid")

# Longer than any attempt takes: an order that is older and has no hold was refused.
UNSETTLED_MS = 60_000
ORDERS_A_CALL = 500
MEMBERS_A_LOOK = 500

log = structlog.get_logger(__name__)


class UnpaidFate(StrEnum):
    REFUSED = "REFUSED"  # this attempt was; others may be under way
    GONE = "GONE"  # paid, or given up
    RAN_OUT = "RAN_OUT"  # nobody paid in time


class UnpaidOrder(NamedTuple):
    member_id: int
    order_id: int
    fate: UnpaidFate


def are_counted() -> bool:
    """Whether anybody counts what members have not paid."""
    return settings.UNPAID_ORDERS_A_MEMBER > 0


def own_pay_within_ms(strikes: int) -> int:
    """The time to pay of a member who let so many orders run out lately; 0 for the activity's."""
    is_hoarder = 0 < settings.HOARDER_STRIKES <= strikes
    return settings.HOARDER_PAY_SECONDS * 1000 if is_hoarder else 0


def forget_unpaid_command(partition: int, orders: Sequence[UnpaidOrder]) -> Command:
    """Takes up to 500 orders of members whose home is the partition out of the count; it may be told twice."""
    values: list[str] = []
    for member_id, order_id, fate in orders:
        values += (str(member_id), short_id(order_id), str(fate), str(order_id))
    return _forget_unpaid.command(
        keys={"unpaid": unpaid_key(partition)}, args={"orders": pack(values), "hours": settings.HOARDER_HOURS}
    )


def forget_unpaid(orders: Iterable[UnpaidOrder]) -> None:
    """The same for any number of orders, while somebody counts; raises RedisUnavailable. Repeatable."""
    if not are_counted():
        return
    by_partition: dict[int, list[UnpaidOrder]] = defaultdict(list)
    for order in orders:
        by_partition[partition_of(order.member_id)].append(order)
    for partition, of_partition in by_partition.items():
        for start in range(0, len(of_partition), ORDERS_A_CALL):
            run_command(
                ledger(partition), forget_unpaid_command(partition, of_partition[start : start + ORDERS_A_CALL])
            )


def sweep_unpaid(*, after_ms: int = UNSETTLED_MS) -> int:
    """Takes out what is paid, given up, rejected, or was never admitted; how many orders. Costs what is unpaid."""
    if not are_counted():
        return 0
    forgotten = 0
    for partition in range(partition_count()):
        try:
            forgotten += _sweep(partition, after_ms)
        except RedisUnavailable as error:
            if not has_own_redis(partition):
                raise
            log.warning("unpaid_not_swept", partition=partition, error=repr(error))
    return forgotten


def _sweep(partition: int, after_ms: int) -> int:
    client, cursor, forgotten = ledger(partition), 0, 0
    made_before = ledger_now_ms() - after_ms
    while True:
        found: Any = client.hscan(unpaid_key(partition), cursor, count=MEMBERS_A_LOOK)
        cursor, members = found
        old = {
            (activity_id, order_id): int(member)
            for member, text in members.items()
            for order_id, activity_id in _read(text)
            if to_ms(time_of_id(order_id)) < made_before
        }
        holds = read_holds(old)
        over = [
            UnpaidOrder(member_id, order_id, UnpaidFate.GONE)
            for (_activity_id, order_id), member_id in old.items()
            if order_id not in holds or holds[order_id].state is not HoldState.LOCKED
        ]
        forget_unpaid(over)
        forgotten += len(over)
        if cursor == 0:
            return forgotten


def _read(text: bytes) -> Iterable[tuple[int, int]]:
    for entry in text.decode().split(";")[:-1]:
        order_id, activity_id, _attempts = entry.split("|")
        yield read_id(order_id), int(activity_id)
