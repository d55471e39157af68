"""What Redis has of finished activities goes, whoever dies where, and everybody still gets the right answers."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from pgs_data.clock import DatabaseNow
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of, partitions_of
from pgs_task.handlers.tests.making import deliver_all
from pgs_task.order_drain.tests.making import drain
from pgs_task.payment.services import process_due_refunds
from pgs_task.reconciliation import stock_rebuild
from pgs_task.reconciliation.quiet import find_restless
from pgs_task.reconciliation.stock_rebuild import RebuildFailed, rebuild_stock
from pgs_task.reconciliation.tests.making import broken, offenders_of, pay_order, place, settle
from pgs_task.routes import ROUTES
from pgs_task.stock_archive import services
from pgs_task.stock_archive.keys import all_keys_of
from pgs_task.stock_archive.services import archive_activities, archive_activity
from pgs_task.stock_sync.lost_stock import rebuild_lock
from pgs_task.stock_sync.services import sync_stocks, watch_stock_keys
from pgs_web.display.activity.models import Activity, ActivityStock
from pgs_web.display.activity.services import StockCopy, record_stock
from pgs_web.trade.intake.messages import AdmitReply
from pgs_web.trade.intake.selectors import get_own_order, list_own_orders
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_own_order, start_refund
from pgs_web.trade.order.states import OrderState, RefundReason
from pgs_web.trade.receiving.unknown import judge_unknown_activities
from pgs_web.trade.stock.keys import activity_key, holds_key, stock_key
from pgs_web.trade.stock.limits import sweep_limits
from pgs_web.trade.stock.sales import align_sale, end_sale, stop_sale
from pgs_web.trade.stock.selectors import read_stock
from pgs_web.trade.stock.tests.making import make_sale
from pgs_web.trade.stock.tests.spreading import spread_next

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]

UNITS = 10
LONG_AGO = timedelta(days=-8)


class Died(BaseException):
    """A SIGKILL, as far as the code that it interrupts can tell."""


def make_finished(*, ended: bool = True) -> tuple[Activity, dict[str, int]]:
    """A sale that is over, with orders that are shipped, cancelled and rejected; 2 of its units stay sold."""
    activity = make_sale(stock=UNITS, group_size=2, member_limit=3)
    orders: dict[str, int] = {}
    group = place(orders, "leader", activity, member_id=1)
    place(orders, "joiner", activity, member_id=251, join=group)
    place(orders, "cancelled", activity, member_id=21, alone=True)
    place(orders, "first", activity, member_id=31, alone=True, key=f"once-{activity.pk}")
    # Past the claim of the key, as only somebody who meddles can.
    place(orders, "rejected", activity, member_id=31, alone=True, key=f"once-{activity.pk}")
    drain(activity)
    for name in ("leader", "joiner"):
        pay_order(orders[name])
    cancel_own_order(member_id=21, order_id=orders["cancelled"])
    cancel_own_order(member_id=31, order_id=orders["first"])
    if ended:
        end_sale(activity_id=activity.pk, actor="test")
    settle()
    sweep_limits(bars_after_ms=0)
    age(activity)
    return activity, orders


def make_empty() -> Activity:
    """A sale that is over and of which nobody ever bought."""
    activity = make_sale(stock=UNITS)
    end_sale(activity_id=activity.pk, actor="test")
    sync_stocks()
    age(activity)
    return activity


def age(activity: Activity) -> None:
    """As if nothing had happened for a week."""
    Activity.objects.filter(pk=activity.pk).update(updated_at=DatabaseNow(after=LONG_AGO))
    ActivityStock.objects.filter(pk=activity.pk).update(synced_at=DatabaseNow(after=LONG_AGO))


def take_back(order_id: int) -> None:
    """What has left the house stays sold by the rules of today; an order that goes back all the same is counted."""
    assert start_refund(
        order_id=order_id, reason=RefundReason.BY_OPERATOR, actor="test", from_states={OrderState.SHIPPED}
    )


def keys_left(activity: Activity) -> list[str]:
    return [key for partition, key in all_keys_of(activity.pk) if ledger(partition).exists(key)]


def figures(activity: Activity) -> tuple[int, ...]:
    return ActivityStock.objects.values_list("total", "remain", "lock", "sold").get(pk=activity.pk)


def is_archived(activity: Activity) -> bool:
    return ActivityStock.objects.filter(pk=activity.pk, archived_at__isnull=False).exists()


@pytest.mark.parametrize("spread", [1, 4])
def test_a_finished_activity_goes_and_everything_is_still_right(settings, spread):
    if spread > 1:
        spread_next(settings, spread)
    activity, orders = make_finished()
    other, _orders = make_finished(ended=False)
    before = figures(activity)
    assert len(keys_left(activity)) >= 4
    assert len(partitions_of(activity.pk)) == spread
    report = archive_activities()
    assert (report.archived, report.counted) == (1, 1)
    assert keys_left(activity) == []
    assert not [
        key for key in ledger().keys("*") if key.decode().endswith((f":{activity.pk}", f":{activity.pk}}}:fence"))
    ]
    assert figures(activity) == before == (UNITS, UNITS - 2, 0, 2)
    assert keys_left(other)
    assert not is_archived(other)
    assert find_restless() == []
    assert broken() == {}
    # A second pass finds nothing to do.
    assert (archive_activities().archived, archive_activities().counted) == (0, 0)
    # Shoppers see their orders; whoever comes late is told that it is over, as before.
    assert get_own_order(member_id=1, order_id=orders["leader"]).state == OrderState.SHIPPED
    own = {order.pk for order in list_own_orders(member_id=31, limit=10).orders}
    assert orders["first"] in own
    assert orders["rejected"] not in own
    (verdict,) = admit(make_admission(activity, member_id=41, alone=True))
    assert verdict.reply is AdmitReply.UNKNOWN_ACTIVITY
    assert judge_unknown_activities([activity.pk])[activity.pk].code == "ended"
    assert watch_stock_keys() == []


def test_money_that_goes_back_after_archiving_is_counted():
    activity, orders = make_finished()
    archive_activities()
    take_back(orders["joiner"])
    deliver_all(ROUTES)
    process_due_refunds()
    deliver_all(ROUTES)
    assert Order.objects.get(pk=orders["joiner"]).state == OrderState.REFUNDED
    assert find_restless() == ["default: 1 archived activities are to be counted"]
    assert archive_activities().counted == 1
    assert figures(activity) == (UNITS, UNITS - 1, 0, 1)
    assert keys_left(activity) == []
    assert broken() == {}
    # Control: whoever doesn't count again says what isn't so.
    ActivityStock.objects.filter(pk=activity.pk).update(sold=2, remain=UNITS - 2)
    assert offenders_of("S2")


def test_a_count_that_was_overtaken_is_made_again(monkeypatch):
    activity, orders = make_finished()
    counted = services.count_units

    def count_and_refund(activity_id: int) -> tuple[int, int]:
        units = counted(activity_id)
        if monkeypatch.undo():
            return units
        take_back(orders["joiner"])
        deliver_all(ROUTES)
        process_due_refunds()
        deliver_all(ROUTES)
        return units

    assert archive_activity(activity.pk)
    # What Redis had is gone before the money goes back.
    monkeypatch.setattr(services, "count_units", count_and_refund)
    assert archive_activities().counted == 1
    assert figures(activity) == (UNITS, UNITS - 1, 0, 1)
    assert broken() == {}


def test_whoever_dies_in_between_is_followed_by_another(settings, monkeypatch):
    """Each pass dies one step later than the one before."""
    spread_next(settings, 4)
    activity, _orders = make_finished()
    before = figures(activity)

    def die(*_args: object, **_kwargs: object) -> None:
        raise Died

    def die_after(name: str, calls: int = 1) -> None:
        act, made = getattr(services, name), [0]

        def call(*args: object, **kwargs: object) -> object:
            result = act(*args, **kwargs)
            made[0] += 1
            if made[0] == calls:
                raise Died
            return result

        monkeypatch.setattr(services, name, call)

    steps = {
        "before": lambda: monkeypatch.setattr(services, "archive_stock", die),
        "archived": lambda: die_after("archive_stock"),
        "half of the buckets": lambda: die_after("forget_activity", 2),
        "counted": lambda: die_after("count_units"),
        "written": lambda: die_after("record_final_stock"),
    }
    for name, arrange in steps.items():
        arrange()
        with pytest.raises(Died):
            archive_activities()
        monkeypatch.undo()
        assert is_archived(activity) == (name != "before"), name
        # In between nothing is lost, and nobody complains.
        assert broken() == {}, name
    archive_activities()
    assert keys_left(activity) == []
    assert figures(activity) == before
    assert find_restless() == []
    assert broken() == {}


def test_an_order_that_can_still_move_keeps_its_activity(monkeypatch):
    activity = make_sale(stock=UNITS, group_size=2)
    orders: dict[str, int] = {}
    for name, member_id in (("paid", 1), ("unpaid", 251)):
        place(orders, name, activity, member_id=member_id, alone=True)

    def looked_at() -> bool:
        sync_stocks()
        age(activity)
        return bool(archive_activities().archived)

    end_sale(activity_id=activity.pk, actor="test")
    # In the stream; then in the databases, unpaid; then paid, with the message on its way, and about to be shipped.
    assert not looked_at()
    drain(activity)
    assert not looked_at()
    pay_order(orders["paid"])
    cancel_own_order(member_id=251, order_id=orders["unpaid"])
    assert not looked_at()
    deliver_all({**ROUTES, "order.to_ship": lambda _messages: None})
    Order.objects.filter(pk=orders["paid"]).update(state=OrderState.TO_SHIP)
    assert not looked_at()
    Order.objects.filter(pk=orders["paid"]).update(state=OrderState.SHIPPED)
    assert looked_at()


def test_what_moved_a_moment_ago_waits():
    activity = make_empty()
    ActivityStock.objects.filter(pk=activity.pk).update(synced_at=DatabaseNow(after=timedelta(days=-6)))
    assert archive_activities().archived == 0
    age(activity)
    Activity.objects.filter(pk=activity.pk).update(updated_at=DatabaseNow(after=timedelta(days=-6)))
    assert archive_activities().archived == 0
    age(activity)
    assert archive_activities().archived == 1


def test_no_setting_breaks_the_promise_of_idempotency(settings):
    settings.LEDGER_ARCHIVE_AFTER_SECONDS = 0
    activity = make_empty()
    ActivityStock.objects.filter(pk=activity.pk).update(synced_at=DatabaseNow(after=timedelta(days=-3)))
    assert archive_activities().archived == 0


def test_units_that_do_not_agree_are_left_to_people():
    activity, _orders = make_finished()
    client = ledger(partition_of(activity.pk))
    client.hincrby(stock_key(activity.pk), "sold", 1)
    client.hincrby(stock_key(activity.pk), "remain", -1)
    assert archive_activities().archived == 0
    assert keys_left(activity)


def test_nothing_brings_an_archived_activity_back():
    activity, _orders = make_finished()
    version = ActivityStock.objects.get(pk=activity.pk).version
    archive_activities()
    align_sale(activity.pk)
    stop_sale(activity_id=activity.pk, actor="test")
    with pytest.raises(RebuildFailed, match="archived"):
        rebuild_stock(activity_id=activity.pk)
    assert keys_left(activity) == []
    # A copy that was read before, by a sync that was asleep.
    late = StockCopy(activity_id=activity.pk, total=UNITS, remain=0, lock=0, sold=UNITS, version=version + 1000)
    assert not record_stock(copy=late, fence=1 << 40, read_at=activity.updated_at)
    assert figures(activity) == (UNITS, UNITS - 2, 0, 2)


def test_a_rebuild_that_lost_its_lease_restores_nothing(monkeypatch):
    """It counted before, and comes to its end after the activity is gone."""
    activity, _orders = make_finished()
    counted = stock_rebuild.count_orders

    def count_and_archive(activity_id: int, lease: object) -> object:
        found = counted(activity_id, lease)  # type: ignore[arg-type]
        assert services.archive_stock(activity_id=activity_id, version=figures_version())
        assert archive_activities().counted == 1
        return found

    def figures_version() -> int:
        return ActivityStock.objects.get(pk=activity.pk).version

    monkeypatch.setattr(stock_rebuild, "count_orders", count_and_archive)
    with pytest.raises(RebuildFailed):
        rebuild_stock(activity_id=activity.pk)
    assert read_stock(activity.pk) is None
    assert not ledger(partition_of(activity.pk)).exists(holds_key(activity.pk))


def test_keys_that_came_back_are_seen_and_go():
    activity, _orders = make_finished()
    archive_activities()
    client = ledger(partition_of(activity.pk))
    client.hset(holds_key(activity.pk), "1", "x")
    advice = f"run archive_activities --again {activity.pk}"
    assert offenders_of("S8") == [
        f"activity {activity.pk} is archived and Redis has {holds_key(activity.pk)}; {advice}"
    ]
    call_command("archive_activities", "--again", str(activity.pk))
    assert keys_left(activity) == []
    assert broken() == {}
    with pytest.raises(CommandError, match="is not archived"):
        call_command("archive_activities", "--again", str(make_sale(stock=1).pk))


def test_an_open_gate_is_never_forgotten():
    activity = make_empty()
    ledger(partition_of(activity.pk)).hset(activity_key(activity.pk), "state", "RUNNING")
    assert archive_activities().archived == 0
    # Nor where somebody has marked the row past the conditions.
    assert services.archive_stock(activity_id=activity.pk, version=ActivityStock.objects.get(pk=activity.pk).version)
    assert archive_activities().counted == 0
    assert keys_left(activity)


def test_passes_go_round_and_wait_for_nobody(monkeypatch):
    monkeypatch.setattr(services, "LOOKED_AT", 2)
    sales = [make_empty() for _ in range(3)]
    # The first two can't be archived: somebody rebuilds them.
    held = [rebuild_lock(sale.pk).acquire() for sale in sales[:2]]
    assert [archive_activities().archived for _ in range(2)] == [0, 1]
    for lease in held:
        lease.release()
    assert archive_activities().archived == 2
