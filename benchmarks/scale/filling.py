"""A shop grows to a size: as many activities, orders and groups, all in the formats that the shop itself writes.

One activity is made by the shop's own services; its rows are multiplied by SQL and its keys by RESTORE. Orders come in
through the real scripts and are written by the real drain, so every invariant can be judged at the end.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from django.db import connections
from django.db.models import Model

from benchmarks.harness.sales import count_waiting_orders, make_activity, rest
from benchmarks.harness.shop import PrivateShop
from pgs_data.ids.snowflake import new_id
from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_data.redis.partitions import partition_count, partition_of
from pgs_data.sharding.slots import slot_of_id, slot_of_key
from pgs_web.display.activity.models import Activity, ActivityLog
from pgs_web.trade.intake.messages import Admission, Claim, ClaimReply
from pgs_web.trade.intake.scripts import admit_orders, claim_keys
from pgs_web.trade.stock.keys import activity_key, changed_key, stock_key

BATCH = 500
ROWS_A_STATEMENT = 50_000
RESTORES_A_PIPELINE = 500
TRIES = 10
# Members of benchmarks have no rows of their own: nothing that is measured reads them.
FIRST_MEMBER = 5_000_000
QUIET_SECONDS = 1800
# Orders on their way while the shop grows: a deeper stream would wait in memory for nothing.
MOST_ON_THE_WAY = 10_000
LOOK_EVERY = 2_000

Done = TypeVar("Done")


class GrowingShop:
    """`activity_ids` are on sale; `order_count` orders were admitted, each with a group of its own."""

    def __init__(self, shop: PrivateShop, *, say: Callable[[str], None]) -> None:
        self.say = say
        self.shop = shop
        self.activity_ids: list[int] = [make_activity().pk]
        self.order_count = 0
        self._next_member = FIRST_MEMBER

    def grow_to(self, size: int) -> None:
        """Adds activities, orders and groups until there are `size` of each, and waits until all is quiet."""
        self._add_activities(size - len(self.activity_ids))
        missing = size - self.order_count
        self.say(f"{len(self.activity_ids):,} activities are there")
        drain, relay = self.shop.start("drain"), self.shop.start("relay")
        # Each order in an activity of its own, as far as there are as many.
        for start in range(0, missing, LOOK_EVERY):
            self.admit(self._spread(start, min(LOOK_EVERY, missing - start)))
            self.wait_for_drain(at_most=MOST_ON_THE_WAY)
        self.say(f"{self.order_count:,} orders are admitted")
        self.wait_until_quiet()
        self.say("all is quiet")
        for process in (drain, relay):
            process.stop()

    def admit(self, activity_ids: Iterable[int]) -> list[int]:
        """One order and group of a new member in each of these activities; the order ids."""
        waiting: dict[int, list[Admission]] = {partition: [] for partition in range(partition_count())}
        order_ids: list[int] = []
        for activity_id in activity_ids:
            order = self.next_order(activity_id)
            batch = waiting[partition_of(activity_id)]
            batch.append(order)
            order_ids.append(order.order_id)
            if len(batch) == BATCH:
                self._admit_batch(batch)
                batch.clear()
        for batch in waiting.values():
            if batch:
                self._admit_batch(batch)
        return order_ids

    def next_order(self, activity_id: int, *, member_id: int | None = None) -> Admission:
        """An order that nobody has placed yet, of a new member unless one is given."""
        self._next_member += 1
        member = member_id or self._next_member
        order_id = new_id(slot=slot_of_key(member))
        return Admission(
            order_id=order_id,
            activity_id=activity_id,
            member_id=member,
            quantity=1,
            join_group_id=None,
            open_group_id=new_id(slot=slot_of_id(order_id)),
            address_id=1,
            idempotency_key=f"scale-{order_id}",
            trace_id="",
        )

    def wait_until_quiet(self) -> None:
        """Until every order is written, every message handled and every stock copied; raises TimeoutError."""
        rest(self.shop, seconds=QUIET_SECONDS)

    def _spread(self, first: int, count: int) -> Iterator[int]:
        for number in range(first, first + count):
            yield self.activity_ids[number % len(self.activity_ids)]

    def wait_for_drain(self, *, at_most: int) -> None:
        """Until no more orders than that wait; raises TimeoutError."""
        deadline = time.monotonic() + QUIET_SECONDS
        while surely(count_waiting_orders) > at_most:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the drain stands still\n{self.shop.logs()}")
            time.sleep(0.05)

    def _admit_batch(self, batch: Sequence[Admission]) -> None:
        claim_all(batch)
        verdicts = surely(partial(admit_orders, partition=partition_of(batch[0].activity_id), orders=batch))
        # Replayed: the first try was answered too late.
        if any(verdict.hold is None for verdict in verdicts):
            raise AssertionError(f"an order was refused: {verdicts[0]}")
        self.order_count += len(batch)

    def _add_activities(self, count: int) -> None:
        template = self.activity_ids[0]
        # What the keys hold must be what nobody has bought from: a fresh one each time.
        if count > 0:
            template = make_activity().pk
            self.activity_ids.append(template)
            new_ids = multiply_activity(template, count - 1)
            copy_stock_keys(template, new_ids)
            self.activity_ids += new_ids


def claim_all(orders: Sequence[Admission]) -> None:
    """Binds the orders' keys in their members' home partitions, as the intake does before it admits."""
    homes: dict[int, list[Claim]] = {}
    for order in orders:
        claim = Claim(order.member_id, order.idempotency_key, "0" * 24, order.order_id, order.activity_id)
        homes.setdefault(partition_of(order.member_id), []).append(claim)
    for partition, claims in homes.items():
        if any(
            one.reply is ClaimReply.REUSED for one in surely(partial(claim_keys, partition=partition, claims=claims))
        ):
            raise AssertionError("a key was used before")


def multiply_activity(template: int, count: int) -> list[int]:
    """Copies an activity's row and its log `count` times by SQL; the new ids."""
    first = template + 1
    table, log = Activity._meta.db_table, ActivityLog._meta.db_table
    columns = columns_of(Activity)
    log_columns = columns_of(ActivityLog)
    with connections["default"].cursor() as cursor:
        for start in range(first, first + count, ROWS_A_STATEMENT):
            last = min(start + ROWS_A_STATEMENT, first + count) - 1
            # MariaDB's tables of numbers: seq_<first>_to_<last>.
            numbers = f"seq_{start}_to_{last}"
            cursor.execute(
                f"INSERT INTO {table} (id, {', '.join(columns)}) SELECT numbers.seq,"
                f" {', '.join(f'one.{column}' for column in columns)} FROM {table} one, {numbers} numbers"
                " WHERE one.id = %s",
                [template],
            )
            chosen = ["numbers.seq" if column == "activity_id" else f"one.{column}" for column in log_columns]
            cursor.execute(
                f"INSERT INTO {log} ({', '.join(log_columns)}) SELECT {', '.join(chosen)}"
                f" FROM {log} one, {numbers} numbers WHERE one.activity_id = %s",
                [template],
            )
        for name in (table, log):
            # As InnoDB does by itself some seconds after a table has grown tenfold.
            cursor.execute(f"ANALYZE TABLE {name}")
    return list(range(first, first + count))


def columns_of(model: type[Model]) -> list[str]:
    """Every column but the primary key."""
    return [str(field.column) for field in model._meta.concrete_fields if not field.primary_key]


def copy_stock_keys(template: int, activity_ids: Sequence[int]) -> None:
    """Gives these activities the facts and the stock of the template, as the ledger itself keeps them."""
    source = ledger(partition_of(template))
    facts, stock = source.dump(activity_key(template)), source.dump(stock_key(template))
    if facts is None or stock is None:
        raise AssertionError("the template isn't on sale")

    def restore(some: Sequence[int]) -> None:
        # Made anew each time: one that has failed forgets its commands.
        pipeline = ledger().pipeline(transaction=False)
        for activity_id in some:
            pipeline.restore(activity_key(activity_id), 0, facts, replace=True)
            pipeline.restore(stock_key(activity_id), 0, stock, replace=True)
            pipeline.sadd(changed_key(partition_of(activity_id)), activity_id)
        pipeline.execute()

    for start in range(0, len(activity_ids), RESTORES_A_PIPELINE):
        surely(partial(restore, activity_ids[start : start + RESTORES_A_PIPELINE]))


def surely(act: Callable[[], Done]) -> Done:
    """Does what may be repeated, again while Redis' disk is busy; raises RedisUnavailable when that lasts."""
    for _ in range(TRIES - 1):
        try:
            return act()
        except RedisUnavailable:
            time.sleep(1)
    return act()
