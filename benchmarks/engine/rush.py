"""Orders of one partition, made beforehand, and what the ledger says of them afterwards."""

import itertools
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.engine.client import Answers, Command, send_all
from pgs_data.ids.layout import EPOCH_MS, IdParts, pack_id
from pgs_data.lua.blobs import pack
from pgs_data.lua.loader import Script, with_source
from pgs_data.messaging.entries import read_entries
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_count, partition_of
from pgs_data.sharding.slots import slot_of_key
from pgs_web.trade.intake.documents import read_entry
from pgs_web.trade.intake.keys import intake_key
from pgs_web.trade.intake.messages import Admission, Claim
from pgs_web.trade.intake.scripts import admit_orders_command, claim_keys_command
from pgs_web.trade.stock.keys import stock_key
from pgs_web.trade.stock.scripts import preload_activity, set_activity_gate
from pgs_web.trade.stock.selectors import read_stock

PARTITION = 0
# An order's document of version 1, for the bare minimum: it has to append something of an honest size.
DOCUMENT = "x" * 190
# A friend comes so many groups after the one who opened it: later than everything that is in the air.
JOINED_AFTER = 4000
# Orders in the air on each of four connections, whatever the size of a batch: what has come to the server when it looks
# shares one fsync. At 100,000 a second 1,600 orders are 16 ms of a rush, or what 16 receiving processes have under way.
IN_THE_AIR = 400
FACTS = {
    "state": "PAUSED",
    "start_ms": "1",
    "end_ms": "9000000000000",
    "price_fen": "990",
    "alone_price_fen": "1290",
    "group_size": "2",
    "member_limit": "2",
    "group_lasts_ms": "86400000",
    "pay_within_ms": "900000",
    "sku_id": "77",
    "merchant_id": "3",
    "play": "standard",
    "rules_version": "1",
}

_deduct_append = Script.load(Path(__file__).parent, "deduct_append")
_numbers = itertools.count(1)


class Rush:
    """Distinct members, keys and ids; `activities` share the orders evenly.

    With `in_groups` half
    of them open a group of two and half join one; without, everybody buys alone."""

    def __init__(self, port: int, *, activities: int = 1, in_groups: bool = True) -> None:
        self._port = port
        self._in_groups = in_groups
        self._admitted = 0
        self.activity_ids = [next(_numbers) * partition_count() + PARTITION for _ in range(activities)]
        for activity_id in self.activity_ids:
            preload_activity(activity_id=activity_id, facts=FACTS, total=10_000_000)
            set_activity_gate(activity_id=activity_id, partition=partition_of(activity_id), state="RUNNING", fence=0)

    def make_orders(self, count: int) -> list[Admission]:
        """Orders as the intake sends them; a joiner comes some hundred orders after its leader."""
        orders: list[Admission] = []
        forming: deque[tuple[int, int]] = deque()
        for number, (order_id, group_id, member_id) in enumerate(itertools.islice(_identities(), count)):
            activity_id, joined, opened = self.activity_ids[number % len(self.activity_ids)], None, None
            if self._in_groups and number % 2 and len(forming) > JOINED_AFTER:
                activity_id, joined = forming.popleft()
            elif self._in_groups:
                opened = group_id
                forming.append((activity_id, group_id))
            orders.append(
                Admission(
                    order_id=order_id,
                    activity_id=activity_id,
                    member_id=member_id,
                    quantity=1,
                    join_group_id=joined,
                    open_group_id=opened,
                    address_id=member_id + 5,
                    idempotency_key=f"{order_id:032x}",
                    trace_id=f"{group_id:032x}",
                )
            )
        return orders

    def admit(self, orders: Sequence[Admission], *, batch: int, in_the_air: int = IN_THE_AIR) -> float:
        """Orders a second; raises RuntimeError when one was not admitted."""
        commands = [admit_orders_command(PARTITION, some) for some in _cut(orders, batch)]
        answers = self._send(commands, batch, in_the_air)
        words = Counter(word for value in answers.values for word in value[0].split())
        if words != {b"ADMITTED": len(orders)}:
            raise RuntimeError(f"Not all were admitted: {dict(words)}")
        self._admitted += len(orders)
        return len(orders) / answers.seconds

    def claim(self, orders: Sequence[Admission], *, batch: int) -> float:
        """Keys a second; raises RuntimeError when one was known."""
        claims = [
            Claim(order.member_id, order.idempotency_key, f"{order.order_id:024x}", order.order_id, order.activity_id)
            for order in orders
        ]
        answers = self._send([claim_keys_command(PARTITION, some) for some in _cut(claims, batch)], batch)
        words = Counter(word for value in answers.values for word in value[0].split())
        if words != {b"NEW": len(claims)}:
            raise RuntimeError(f"Not all were new: {dict(words)}")
        return len(claims) / answers.seconds

    def deduct_and_append(self, count: int, *, batch: int) -> float:
        """Orders a second of the bare minimum, on keys of its own."""
        orders = pack([[1, DOCUMENT]] * batch)
        keys = {"stock": f"{stock_key(self.activity_ids[0])}:bare", "intake": f"{intake_key(PARTITION)}:bare"}
        command: Command = _deduct_append.command(keys=keys, args={"orders": orders})
        answers = self._send([command] * (count // batch), batch)
        if sum(answers.values) != count:
            raise RuntimeError(f"{sum(answers.values)} of {count} were appended.")
        return count / answers.seconds

    def _send(self, commands: Sequence[Command], batch: int, in_the_air: int = IN_THE_AIR) -> Answers:
        # No measurement sends a whole script.
        ledger(PARTITION).script_load(str(with_source(commands[0])[1]))
        return send_all(self._port, commands, at_once=max(1, in_the_air // batch))

    def find_lost(self) -> list[str]:
        """What the ledger has otherwise than it answered; reads every document."""
        problems = []
        stocks = [read_stock(activity_id) for activity_id in self.activity_ids]
        locked = sum(stock.lock for stock in stocks if stock is not None and stock.is_consistent)
        if locked != self._admitted:
            problems.append(f"{self._admitted} orders were admitted, {locked} units are locked")
        ours = {str(activity_id) for activity_id in self.activity_ids}
        found = Counter(order_id for order_id, activity_id in _appended() if activity_id in ours)
        if len(found) != self._admitted or set(found.values()) - {1}:
            problems.append(f"{self._admitted} orders were admitted, {len(found)} different ones are in the stream")
        return problems


def empty_ledger() -> None:
    """Takes everything away, and lets no rewrite of the append-only file fall into a measurement."""
    client = ledger(PARTITION)
    client.flushall()
    client.config_set("auto-aof-rewrite-percentage", 0)


def _appended() -> Iterator[tuple[str, str]]:
    """(order id, activity id) of everything in the stream."""
    after = "-"
    while pairs := ledger(PARTITION).xrange(intake_key(PARTITION), min=after, count=200):
        entries = read_entries(pairs)  # type: ignore[arg-type]
        for entry in entries:
            for document in read_entry(entry.fields).documents:
                yield document.order_id, document.activity_id
        after = f"({entries[-1].id}"


def _identities() -> Iterator[tuple[int, int, int]]:
    """Order id, group id and member id, as they come in a rush: some hundred a millisecond."""
    first_ms = max(time.time_ns() // 1_000_000, EPOCH_MS)
    for number in _numbers:
        member_id = number * partition_count() + PARTITION
        parts = IdParts(slot=slot_of_key(member_id), unix_ms=first_ms + number // 200, machine=3, sequence=number % 200)
        group = IdParts(slot=parts.slot, unix_ms=parts.unix_ms, machine=4, sequence=parts.sequence)
        yield pack_id(parts), pack_id(group), member_id


def _cut(values: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (values[start : start + size] for start in range(0, len(values), size))
