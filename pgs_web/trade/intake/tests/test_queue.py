"""What a shopper is told about the queue is what then happens."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_task.order_drain.queue import OrderQueue
from pgs_web.display.activity.models import Activity
from pgs_web.trade.intake.keys import flow_key
from pgs_web.trade.intake.messages import Admission
from pgs_web.trade.intake.queue import FIRST_RATE, Flow, find_places
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.queue import QueuePlace
from pgs_web.trade.stock.holds import Hold, HoldState
from pgs_web.trade.stock.selectors import read_holds
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

BATCH = 5


@dataclass(frozen=True)
class Told:
    """What was told when, and how many orders had been written down by then."""

    place: QueuePlace
    at: float
    written: int


def place_of(activity: Activity, order: Admission) -> QueuePlace:
    hold = read_holds([(activity.pk, order.order_id)])[order.order_id]
    return find_places({order.order_id: (activity.pk, hold)})[order.order_id]


def written_down(activity: Activity) -> int:
    partition = partition_of(activity.pk)
    return int(ledger(partition).hget(flow_key(partition), "persisted") or 0)


def check_positions(told: Sequence[Told], *, written_at_last: int) -> None:
    """So many orders were written down from then on, this one included; whole batches at a time."""
    for one in told:
        assert one.written + one.place.position <= written_at_last < one.written + one.place.position + BATCH


def check_times(told: Sequence[Told], *, done_at: float) -> None:
    """It took neither much longer nor much shorter: by a half of what was told, or a second."""
    for one in told:
        taken = done_at - one.at
        assert one.place.eta_seconds is not None
        assert abs(one.place.eta_seconds - taken) <= max(one.place.eta_seconds / 2, 1.2), (one, taken)


def wait_for_last(activity: Activity, orders: Sequence[Admission], *, pause_seconds: float) -> tuple[list[Told], float]:
    """Drains a batch at a time at an even pace; what the last order was told meanwhile, and when it had its row."""
    queue = OrderQueue(partition_of(activity.pk), block_ms=1, wait_for_room=lambda had_work: 1)
    told: list[Told] = []
    while not Order.objects.filter(pk=orders[-1].order_id).exists():
        told.append(Told(place_of(activity, orders[-1]), time.monotonic(), written_down(activity)))
        started = time.monotonic()
        queue.consumer.run_once()
        time.sleep(max(0.0, pause_seconds - (time.monotonic() - started)))
    return told, time.monotonic()


def make_queue(length: int) -> tuple[Activity, list[Admission]]:
    activity = make_sale(stock=1000)
    orders = [make_admission(activity, member_id=member * 10, alone=True) for member in range(1, length + 1)]
    for start in range(0, len(orders), BATCH):
        admit(*orders[start : start + BATCH])
    return activity, orders


def test_the_place_is_what_then_happens():
    activity, orders = make_queue(40)
    told, _done_at = wait_for_last(activity, orders, pause_seconds=0.0)
    assert told[0].place.position == 40
    assert [one.place.position for one in told] == sorted((one.place.position for one in told), reverse=True)
    check_positions(told, written_at_last=40)
    # The judge can tell a place that nobody moves up from.
    stuck = [Told(QueuePlace(40, one.place.eta_seconds), one.at, one.written) for one in told]
    with pytest.raises(AssertionError):
        check_positions(stuck, written_at_last=40)


@pytest.mark.alone
def test_the_time_is_what_then_happens():
    """Alone: on a busy machine the drain's own pace isn't even, and nobody can foretell it."""
    activity, orders = make_queue(250)
    told, done_at = wait_for_last(activity, orders, pause_seconds=0.1)
    # Before the drain has measured itself nobody can know; it does within two seconds.
    measured = [one for one in told if one.at > told[0].at + 2.5]
    assert len(measured) > 5
    check_times(measured, done_at=done_at)
    # The judge can tell a pace that is not the drain's.
    hasty = [Told(QueuePlace(one.place.position, 0), one.at, one.written) for one in measured]
    with pytest.raises(AssertionError):
        check_times(hasty, done_at=done_at)


def test_the_place_moves_up_and_reading_it_changes_nothing():
    activity = make_sale(stock=100)
    orders = [make_admission(activity, member_id=member * 10, alone=True) for member in range(1, 4)]
    verdicts = admit(*orders)
    partition = partition_of(activity.pk)
    assert [verdict.hold.ticket for verdict in verdicts] == [1, 2, 3]
    assert place_of(activity, orders[2]) == place_of(activity, orders[2]) == QueuePlace(3, 1)
    ledger(partition).hset(flow_key(partition), mapping={"persisted": 1, "rejected": 1, "rate": 1})
    assert place_of(activity, orders[2]) == QueuePlace(1, 1)
    (again,) = admit(orders[2])
    assert (again.hold.position, again.hold.eta_seconds) == (3, 1), "a repetition is told what was told"
    late = make_admission(activity, member_id=90, alone=True)
    (verdict,) = admit(late)
    assert (verdict.hold.ticket, verdict.hold.position, verdict.hold.eta_seconds) == (4, 2, 2)


def test_who_waits_for_a_node_keeps_nobody_else_waiting():
    activity = make_sale(stock=100)
    orders = [make_admission(activity, member_id=member * 10, alone=True) for member in range(1, 4)]
    admit(*orders)
    partition = partition_of(activity.pk)
    ledger(partition).hset(flow_key(partition), "later", 2)
    # Two of them wait for it, and nobody knows how long.
    assert [place_of(activity, order) for order in orders] == [QueuePlace(2, None)] * 2 + [QueuePlace(1, 1)]
    (verdict,) = admit(make_admission(activity, member_id=90, alone=True))
    assert verdict.hold.position == 2


def test_a_hold_of_the_first_version_is_told_what_it_was_told():
    old = Hold(HoldState.LOCKED, 1, 42, None, 1_790_000_000_000, 1_790_000_900_000, 990, 7, 0, 500, 3, "")
    assert find_places({5: (16, old)}) == {5: QueuePlace(500, -(-500 // FIRST_RATE))}


def test_many_orders_cost_one_read_a_partition(monkeypatch):
    activity = make_sale(stock=100)
    orders = [make_admission(activity, member_id=member * 10, alone=True) for member in range(1, 21)]
    verdicts = admit(*orders)
    asked = []
    monkeypatch.setattr(
        "pgs_web.trade.intake.queue._read_flow", lambda partition: asked.append(partition) or Flow(0, 0, 1)
    )
    find_places({order.order_id: (activity.pk, one.hold) for order, one in zip(orders, verdicts, strict=True)})
    assert asked == [partition_of(activity.pk)]
