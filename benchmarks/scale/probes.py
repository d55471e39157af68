"""What one act costs in a quiet shop of some size: the quickest of several tries, which others disturb least."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import httpx

from benchmarks.scale.filling import GrowingShop, claim_all
from pgs_data.clock import DatabaseNow
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_count, partition_of
from pgs_task.group_expiry.services import cancel_overdue_orders, fail_overdue_groups
from pgs_task.order_drain.loops import drain_once
from pgs_task.order_drain.queue import trim_intake
from pgs_task.stock_archive.services import archive_activities
from pgs_task.stock_sync.services import sync_stocks, watch_stock_keys
from pgs_web.display.activity.models import ActivityStock
from pgs_web.trade.intake.messages import AdmitReply
from pgs_web.trade.intake.scripts import admit_orders
from pgs_web.trade.intake.selectors import get_own_order
from pgs_web.trade.stock.sales import advance_sales

# Of the cost of one act: how often it is measured.
SCRIPT_ROUNDS = 30
ORDERS_A_ROUND = 20
REPEATS = 7
# What is quick is repeated for so long: in a second even a busy machine leaves one try alone.
TRY_SECONDS = 1.0
REQUESTS = 100
# The same work in a shop of any size.
ORDERS_A_BATCH = 500
DEEPEST_QUEUE = 100_000
CHANGED_ACTIVITIES = 10
DUE = 10
DUE_REPEATS = 4
# Time to pay and life of a group of what shall be due, and the graces after them.
SHORT_SECONDS = 1
UNTIL_DUE_SECONDS = 3.6
ORDERS_OF_A_REGULAR = 40
# Every five seconds: five hundredths of a core.
WATCH_MOST_MS = 250
LONG_AGO = timedelta(days=-30)


@dataclass(frozen=True)
class Cost:
    """What one act costs, in `unit`. `most`: it has work in any shop, up to this bound; otherwise it has to be flat."""

    what: str
    value: float
    unit: str
    most: float | None = None


class Prober:
    """Measures the same acts again each time the shop has grown."""

    def __init__(self, growing: GrowingShop, *, short_activity_id: int, regular: dict[str, Any]) -> None:
        self.growing = growing
        self.short_activity_id = short_activity_id
        self.regular = regular
        self._random = random.Random(0)

    def place_regular_orders(self) -> None:
        """Gives one member some pages of orders; the drain has to run afterwards."""
        member_id = int(self.regular["member_id"])
        for activity_id in self._pick(ORDERS_OF_A_REGULAR):
            order = self.growing.next_order(activity_id, member_id=member_id)
            claim_all([order])
            admit_orders(partition=partition_of(activity_id), orders=[order])

    def measure(self) -> Iterator[Cost]:
        """Every cost, as it is found; the shop has to be quiet and nobody else may work on it."""
        yield from self._admissions()
        yield from self._queue()
        yield self._drain_batch()
        yield self._sync()
        yield from self._deadlines()
        yield Cost("look for due activities", _best_ms(advance_sales), "ms")
        # The worst that there is: nobody has bought for long, and nothing is over.
        ActivityStock.objects.update(synced_at=DatabaseNow(after=LONG_AGO))
        yield Cost("look for activities to archive", _best_ms(archive_activities), "ms", most=WATCH_MOST_MS)
        yield Cost("watch over stock keys", _best_ms(watch_stock_keys), "ms", most=WATCH_MOST_MS)
        yield from self._pages()

    def _admissions(self) -> Iterator[Cost]:
        answered, used = [], []
        for _ in range(SCRIPT_ROUNDS):
            orders = [self.growing.next_order(activity_id) for activity_id in self._pick(ORDERS_A_ROUND)]
            before = _script_time()
            for order in orders:
                started = time.perf_counter()
                claim_all([order])
                (verdict,) = admit_orders(partition=partition_of(order.activity_id), orders=[order])
                answered.append(time.perf_counter() - started)
                if verdict.reply is not AdmitReply.ADMITTED:
                    raise AssertionError(f"an order was refused: {verdict}")
            used.append((_script_time() - before) / len(orders))
        # Both scripts of an order, by Redis' own clock: what the disk and the network take isn't in it.
        yield Cost("admission: key and order, in Redis", min(used), "µs")
        yield Cost("admission: key and order, answered from disk", min(answered) * 1e6, "µs")
        drain_once(partitions=list(range(partition_count())))

    def _queue(self) -> Iterator[Cost]:
        """As many orders wait as the shop has activities, and nobody drains meanwhile."""
        depth = min(len(self.growing.activity_ids), DEEPEST_QUEUE)
        self.growing.admit(self.growing.activity_ids[:depth])
        last = self.growing.next_order(self.growing.activity_ids[0])
        claim_all([last])
        admit_orders(partition=partition_of(last.activity_id), orders=[last])
        order = get_own_order(member_id=last.member_id, order_id=last.order_id)
        if order.queue is None or order.queue.position < depth // (2 * partition_count()):
            raise AssertionError(f"{depth} orders wait, and the last one is told {order.queue}")
        ask = partial(get_own_order, member_id=last.member_id, order_id=last.order_id)
        yield Cost("place of a waiting order in the queue", _best_ms(ask), "ms")
        drain = self.growing.shop.start("drain")
        self.growing.wait_for_drain(at_most=0)
        drain.stop()

    def _drain_batch(self) -> Cost:
        seconds = []
        for _ in range(REPEATS):
            activity_id = self._pick(1)[0]
            self.growing.admit([activity_id] * ORDERS_A_BATCH)
            started = time.perf_counter()
            report = drain_once(partitions=[partition_of(activity_id)])
            seconds.append(time.perf_counter() - started)
            if report.persisted < ORDERS_A_BATCH:
                raise AssertionError(f"not drained: {report}")
            trim_intake(partitions=[partition_of(activity_id)])
        return Cost(f"drain batch of {ORDERS_A_BATCH} orders", min(seconds) * 1000, "ms")

    def _sync(self) -> Cost:
        sync_stocks()
        seconds = []
        for _ in range(REPEATS):
            self.growing.admit(self._random.sample(self.growing.activity_ids, CHANGED_ACTIVITIES))
            started = time.perf_counter()
            sync_stocks()
            seconds.append(time.perf_counter() - started)
        drain_once(partitions=list(range(partition_count())))
        return Cost(f"stock sync, {CHANGED_ACTIVITIES} changed", min(seconds) * 1000, "ms")

    def _deadlines(self) -> Iterator[Cost]:
        yield Cost("scan for unpaid orders, none due", _best_ms(cancel_overdue_orders), "ms")
        yield Cost("scan for expired groups, none due", _best_ms(fail_overdue_groups), "ms")
        orders, groups = [], []
        for _ in range(DUE_REPEATS):
            self.growing.admit([self.short_activity_id] * DUE)
            drain_once(partitions=[partition_of(self.short_activity_id)])
            time.sleep(UNTIL_DUE_SECONDS)
            orders.append(_timed(cancel_overdue_orders, at_least=DUE))
            groups.append(_timed(fail_overdue_groups, at_least=DUE))
        yield Cost(f"scan for unpaid orders, {DUE} due", min(orders) * 1000, "ms")
        yield Cost(f"scan for expired groups, {DUE} due", min(groups) * 1000, "ms")

    def _pages(self) -> Iterator[Cost]:
        activity_id = self.growing.activity_ids[0]
        web = self.growing.shop.start("web", variables={"WEB_WORKERS": "1"})
        self.growing.shop.wait_until_ready()
        headers = {"Authorization": f"Bearer {self.regular['access']}"}
        with httpx.Client(base_url=self.growing.shop.base_url, headers=headers) as client:
            for what, path, shown in (
                ("page of own orders", "/api/v1/orders/?page_size=20", 20),
                ("page of activities", "/api/v1/activities/?page_size=20", 10),
                ("page of groups that can be joined", f"/api/v1/activities/{activity_id}/groups/", 1),
                ("front page", "/api/v1/home/", 0),
            ):
                yield Cost(what, _page_ms(client, path, shown=shown), "ms")
        web.stop()

    def _pick(self, count: int) -> list[int]:
        return self._random.choices(self.growing.activity_ids, k=count)


def _page_ms(client: httpx.Client, path: str, *, shown: int) -> float:
    seconds = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        answer = client.get(path)
        seconds.append(time.perf_counter() - started)
        answer.raise_for_status()
        content = answer.json()
        results = content.get("results", content) if isinstance(content, dict) else content
        if len(results) < shown:
            raise AssertionError(f"{path}: {len(results)} results")
    return min(seconds) * 1000


def _script_time() -> float:
    """Microseconds that this Redis has spent in scripts."""
    commands: dict[str, Any] = ledger().info("commandstats")
    return sum(
        float(commands[f"cmdstat_{name}"]["usec"]) for name in ("evalsha", "eval") if f"cmdstat_{name}" in commands
    )


def _best_ms(act: Callable[[], object]) -> float:
    until = time.perf_counter() + TRY_SECONDS
    seconds = [_timed(act) for _ in range(REPEATS)]
    while time.perf_counter() < until:
        seconds.append(_timed(act))
    return min(seconds) * 1000


def _timed(act: Callable[[], Any], *, at_least: int = 0) -> float:
    started = time.perf_counter()
    done = act()
    seconds = time.perf_counter() - started
    if at_least and done < at_least:
        raise AssertionError(f"only {done} were due")
    return seconds
