"""Orders of one activity by bucket, made beforehand and sent to all servers at once, and what they have afterwards."""

import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.engine.client import Command, send_all
from benchmarks.engine.rush import FACTS, IN_THE_AIR, JOINED_AFTER
from pgs_data.ids.layout import IdParts, pack_id
from pgs_data.lua.loader import with_source
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import bucket_of, partition_within, spread_of
from pgs_data.sharding.slots import slot_of_key
from pgs_web.trade.intake.messages import Admission
from pgs_web.trade.intake.scripts import admit_orders_command
from pgs_web.trade.stock.limits import AwayOrder, find_limit_place, make_away_order, reserve_limits_command
from pgs_web.trade.stock.scripts import preload_activity, set_activity_gate
from pgs_web.trade.stock.selectors import read_stock
from pgs_web.trade.stock.services import make_buckets

UNITS = 10_000_000
# Ids a millisecond; a multiple of every number of buckets that is measured.
IDS_A_MS = 256

_numbers = itertools.count(1)


class SpreadRush:
    """Half of the members open a group of two and half join one, as far as possible one of another bucket."""

    def __init__(self, activity_id: int, *, ports: Mapping[int, int]) -> None:
        """Loads the activity as LEDGER_SPREAD says; `ports`: partition → the port of its server."""
        self.activity_id = activity_id
        self._ports = ports
        facts, spread = dict(FACTS), spread_of(activity_id)
        if spread == 1:
            preload_activity(activity_id=activity_id, facts=facts, total=UNITS)
        else:
            facts["spread"] = str(spread)
            for bucket, units in make_buckets(activity_id, total=UNITS, units=UNITS):
                preload_activity(activity_id=activity_id, facts=facts, total=units, bucket=bucket)
        for partition in {partition_within(activity_id, part) for part in range(spread)}:
            set_activity_gate(activity_id=activity_id, partition=partition, state="RUNNING", fence=0)

    def make_orders(self, count: int, *, is_mixed: bool) -> list[Admission]:
        """Friends of the leader's own bucket, or of any."""
        orders: list[Admission] = []
        forming: dict[int, list[int]] = defaultdict(list)
        spread = spread_of(self.activity_id)
        for number in itertools.islice(_numbers, count):
            member_id, turn = number, len(orders)
            own = bucket_of(self.activity_id, member_id)
            bucket = (own + turn // spread) % spread if is_mixed else own
            joined = forming[bucket].pop(0) if turn % (2 * spread) >= spread and turn > JOINED_AFTER else None
            part = bucket if joined else own
            order_id, group_id = _make_ids(number, member_id, part, spread)
            if joined is None:
                forming[own].append(group_id)
            orders.append(
                Admission(
                    order_id=order_id,
                    activity_id=self.activity_id,
                    member_id=member_id,
                    quantity=1,
                    join_group_id=joined,
                    open_group_id=None if joined else group_id,
                    address_id=member_id + 5,
                    idempotency_key=f"{order_id:032x}",
                    trace_id=f"{group_id:032x}",
                )
            )
        return orders

    def admit(self, orders: Sequence[Admission], *, batch: int) -> float:
        """Orders a second, what friends of another bucket take from their limit included.

        Raises RuntimeError when one was not admitted.
        """
        seconds = 0.0
        away: dict[int, list[AwayOrder]] = defaultdict(list)
        for order in orders:
            place = find_limit_place(self.activity_id, member_id=order.member_id, part_id=order.order_id)
            if place is not None:
                away[place].append(
                    make_away_order(
                        self.activity_id, order_id=order.order_id, member_id=order.member_id, quantity=order.quantity
                    )
                )
        if away:
            commands = {
                place: [reserve_limits_command(place, some) for some in _cut(held, batch)]
                for place, held in away.items()
            }
            answers, took = self._send(commands, batch)
            _expect({b"RESERVED": sum(map(len, away.values()))}, (value[0] for value in answers))
            seconds += took
        places: dict[int, list[Admission]] = defaultdict(list)
        for order in orders:
            places[partition_within(self.activity_id, order.order_id)].append(order)
        commands = {
            place: [admit_orders_command(place, some) for some in _cut(held, batch)] for place, held in places.items()
        }
        answers, took = self._send(commands, batch)
        _expect({b"ADMITTED": len(orders)}, (value[0] for value in answers))
        stock = read_stock(self.activity_id)
        if stock is None or not stock.is_consistent or stock.lock != len(orders):
            raise RuntimeError(f"{len(orders)} orders were admitted, the stock is {stock}.")
        return len(orders) / (seconds + took)

    def _send(self, commands: Mapping[int, Sequence[Command]], batch: int) -> tuple[list[Any], float]:
        """Everything to all servers at once, a thread each: they do nothing but wait for sockets."""
        by_port: dict[int, list[Command]] = defaultdict(list)
        for turn in itertools.zip_longest(*commands.values()):
            for place, command in zip(commands, turn, strict=True):
                if command is not None:
                    by_port[self._ports[place]].append(command)
        for place, held in commands.items():
            ledger(place).script_load(str(with_source(held[0])[1]))
        with ThreadPoolExecutor(len(by_port)) as pool:
            began = time.perf_counter()
            sent = pool.map(
                lambda item: send_all(item[0], item[1], at_once=max(1, IN_THE_AIR // batch)), by_port.items()
            )
            answers = [value for one in sent for value in one.values]
            return answers, time.perf_counter() - began


def _make_ids(number: int, member_id: int, bucket: int, spread: int) -> tuple[int, int]:
    """Of an order and of a group in the bucket: the last bits of an id are its sequence."""
    sequence = number % (IDS_A_MS // spread) * spread + bucket
    unix_ms = time.time_ns() // 1_000_000 // 100_000 * 100_000 + number // (IDS_A_MS // spread)
    slot = slot_of_key(member_id)
    return (
        pack_id(IdParts(slot=slot, unix_ms=unix_ms, machine=3, sequence=sequence)),
        pack_id(IdParts(slot=slot, unix_ms=unix_ms, machine=4, sequence=sequence)),
    )


def _expect(wanted: dict[bytes, int], replies: Iterable[bytes]) -> None:
    words = Counter(word for reply in replies for word in reply.split())
    if words != wanted:
        raise RuntimeError(f"Wanted {wanted}, got {dict(words)}")


def _cut(values: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (values[start : start + size] for start in range(0, len(values), size))
