"""Database and gate move together, and find together again after a crash between the two."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from pgs_data.clock import DatabaseNow
from pgs_data.locks import FencedLock
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_web.api.errors import NotFound
from pgs_web.display.activity.errors import SameReviewer, WrongActivityState
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.rules import ActivityRules
from pgs_web.display.activity.services import create_activity, pause_activity, submit_for_review
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.intake.messages import AdmitReply
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.stock import sales
from pgs_web.trade.stock.errors import GateMovedMeanwhile, SaleBusy, StockInUse, StockMissing, StockTooShort
from pgs_web.trade.stock.keys import UNALIGNED_KEY, activity_key, stock_key
from pgs_web.trade.stock.selectors import read_facts, read_gates, read_stock
from pgs_web.trade.stock.services import (
    change_stock_total,
    preload_activity,
    set_activity_gate,
    update_activity_facts,
)
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")


def gate(activity):
    return read_gates([activity.pk]).get(activity.pk)


def make_reviewed(**rules):
    activity = make_sale(starts_in=timedelta(hours=1))
    second = create_activity(
        sku_id=activity.sku_id,
        rules=ActivityRules(
            price_fen=1000, stock_total=7, starts_at=activity.starts_at, ends_at=activity.ends_at, **rules
        ),
        actor="writer",
    )
    submit_for_review(activity_id=second.pk, actor="writer")
    return second


def test_schedule_loads_the_stock_and_opens_the_gate():
    activity = make_reviewed()
    assert gate(activity) is None
    scheduled = sales.schedule_sale(activity_id=activity.pk, actor="reviewer")
    assert scheduled.state == ActivityState.SCHEDULED
    assert gate(activity) == "RUNNING"
    stock = read_stock(activity.pk)
    assert (stock.total, stock.remain, stock.lock, stock.sold) == (7, 7, 0, 0)
    assert ledger(partition_of(activity.pk)).ttl(stock_key(activity.pk)) == -1
    # Again, e.g. by an impatient operator.
    assert sales.schedule_sale(activity_id=activity.pk, actor="reviewer").state == ActivityState.SCHEDULED
    assert read_stock(activity.pk) == stock
    assert ledger().scard(UNALIGNED_KEY) == 0


def test_who_dies_between_preload_and_approval_sells_nothing():
    activity = make_reviewed()
    with pytest.raises(SameReviewer):
        sales.schedule_sale(activity_id=activity.pk, actor="writer")
    assert gate(activity) == "PAUSED"
    ledger(partition_of(activity.pk)).hset(activity_key(activity.pk), "start_ms", 1)
    assert admit(make_admission(activity))[0].reply is AdmitReply.PAUSED
    sales.schedule_sale(activity_id=activity.pk, actor="reviewer")
    assert gate(activity) == "RUNNING"


def test_who_dies_between_approval_and_gate_is_healed(monkeypatch):
    activity = make_reviewed()

    def die(*_args):
        raise ConnectionResetError

    with monkeypatch.context() as dying:
        dying.setattr(sales, "_follow", die)
        with pytest.raises(ConnectionResetError):
            sales.schedule_sale(activity_id=activity.pk, actor="reviewer")
    assert Activity.objects.get(pk=activity.pk).state == ActivityState.SCHEDULED
    assert gate(activity) == "PAUSED"
    sales.advance_sales()
    assert gate(activity) == "RUNNING"
    assert ledger().scard(UNALIGNED_KEY) == 0


def test_who_dies_between_pause_and_gate_is_healed(monkeypatch):
    activity = make_sale()

    def die(*_args):
        raise ConnectionResetError

    with monkeypatch.context() as dying:
        dying.setattr(sales, "_follow", die)
        with pytest.raises(ConnectionResetError):
            sales.pause_sale(activity_id=activity.pk, actor="operator")
    assert gate(activity) == "RUNNING"
    sales.advance_sales()
    assert gate(activity) == "PAUSED"


def test_a_refused_move_leaves_the_gate_as_the_database_has_it():
    activity = make_sale()
    sales.end_sale(activity_id=activity.pk, actor="operator")
    assert gate(activity) == "ENDED"
    for act in (sales.pause_sale, sales.resume_sale):
        with pytest.raises(WrongActivityState):
            act(activity_id=activity.pk, actor="operator")
    assert gate(activity) == "ENDED"
    assert ledger().scard(UNALIGNED_KEY) == 0


def test_one_act_at_a_time():
    activity = make_sale()
    with FencedLock(f"sale:{activity.pk}", 5000), pytest.raises(SaleBusy):
        sales.pause_sale(activity_id=activity.pk, actor="operator")
    assert Activity.objects.get(pk=activity.pk).state == ActivityState.RUNNING
    sales.pause_sale(activity_id=activity.pk, actor="operator")


def test_a_late_former_owner_does_not_move_the_gate():
    activity = make_sale()
    sales.pause_sale(activity_id=activity.pk, actor="operator")
    with pytest.raises(GateMovedMeanwhile):
        set_activity_gate(activity_id=activity.pk, state=ActivityState.RUNNING, fence=1)
    assert gate(activity) == "PAUSED"


def test_a_gate_that_knows_a_later_lease_holds_up_no_other_sale_and_is_moved_in_the_end():
    """As after the loss of the Redis that numbers the leases, where partitions have one of their own."""
    stuck, other = make_sale(), make_sale()
    with FencedLock(f"sale:{stuck.pk}", 5000) as lease:
        known = lease.fence + 3
    ledger(partition_of(stuck.pk)).hset(activity_key(stuck.pk), "gate_fence", known)
    for activity in (stuck, other):
        pause_activity(activity_id=activity.pk, actor="operator")
        ledger().sadd(UNALIGNED_KEY, activity.pk)
    sales.advance_sales()
    assert (gate(stuck), gate(other)) == ("RUNNING", "PAUSED")
    sales.advance_sales()
    sales.advance_sales()
    assert gate(stuck) == "PAUSED"
    assert ledger().scard(UNALIGNED_KEY) == 0


@pytest.mark.slow
def test_the_clock_starts_and_ends_sales():
    activity = make_sale(starts_in=timedelta(seconds=0.6), lasts=timedelta(hours=1))
    assert activity.state == ActivityState.SCHEDULED
    while Activity.objects.get(pk=activity.pk).state == ActivityState.SCHEDULED:
        sales.advance_sales()
    assert Activity.objects.get(pk=activity.pk).state == ActivityState.RUNNING
    Activity.objects.filter(pk=activity.pk).update(ends_at=DatabaseNow(after=timedelta(seconds=0.2)))
    while Activity.objects.get(pk=activity.pk).state == ActivityState.RUNNING:
        sales.advance_sales()
    assert gate(activity) == "ENDED"


def test_rules_reach_the_gate():
    activity = make_sale(price_fen=900)
    sales.change_rules(activity_id=activity.pk, changes={"price_fen": 800}, actor="operator")
    facts = read_facts(activity.pk)
    assert (facts["price_fen"], facts["rules_version"], facts["state"]) == ("800", "2", "RUNNING")
    stale = Activity.objects.select_related("sku__product").get(pk=activity.pk)
    stale.rules_version, stale.price_fen = 1, 900
    with pytest.raises(Exception, match="rules_outdated"):
        update_activity_facts(activity=stale)
    assert read_facts(activity.pk)["price_fen"] == "800"


def test_a_stock_that_was_sold_from_is_never_loaded_again():
    activity = make_sale(stock=3)
    admit(make_admission(activity))
    with pytest.raises(StockInUse):
        preload_activity(activity=activity)
    assert read_stock(activity.pk).lock == 1
    assert gate(activity) == "RUNNING"


def test_units_are_added_and_taken_out_once_a_change():
    activity = make_sale(stock=3)
    admit(*(make_admission(activity, member_id=member) for member in (1, 2, 3, 4)))
    assert read_stock(activity.pk).told_sold_out == 1
    for _ in range(2):
        change_stock_total(activity_id=activity.pk, difference=2, change_id="first")
    stock = read_stock(activity.pk)
    assert (stock.total, stock.remain, stock.lock, stock.told_sold_out) == (5, 2, 3, 0)
    with pytest.raises(StockTooShort):
        change_stock_total(activity_id=activity.pk, difference=-3)
    change_stock_total(activity_id=activity.pk, difference=-2)
    assert (read_stock(activity.pk).total, read_stock(activity.pk).remain) == (3, 0)
    with pytest.raises(StockMissing):
        change_stock_total(activity_id=activity.pk + 1, difference=1)


def test_a_change_that_is_sent_again_after_another_one_counts_once():
    """The answer was lost, a colleague changed the stock too, then the first one pressed the button again."""
    activity = make_sale(stock=3)
    for change_id in ("first", "second", "first", "second"):
        change_stock_total(activity_id=activity.pk, difference=5, change_id=change_id)
    assert (read_stock(activity.pk).total, read_stock(activity.pk).remain) == (13, 13)
    # An id that is part of another one is a change of its own, and what is remembered stays short.
    change_stock_total(activity_id=activity.pk, difference=5, change_id="sec")
    assert read_stock(activity.pk).total == 18
    for number in range(40):
        change_stock_total(activity_id=activity.pk, difference=1, change_id=f"{number:032x}")
    change_stock_total(activity_id=activity.pk, difference=1, change_id=f"{39:032x}")
    assert read_stock(activity.pk).total == 58
    assert ledger(partition_of(activity.pk)).hstrlen(stock_key(activity.pk), "last_change") < 20 * 33


def test_an_activity_whose_own_redis_is_away_keeps_no_other_from_being_aligned(settings):
    near, away = make_sale(), make_sale()
    assert partition_of(near.pk) != partition_of(away.pk)
    ledger(partition_of(near.pk)).hset(activity_key(near.pk), "state", "PAUSED")
    ledger().sadd(UNALIGNED_KEY, near.pk, away.pk)
    settings.LEDGER_PARTITION_URLS = {partition_of(away.pk): "redis://127.0.0.1:1/0"}
    # Twice: whichever of the two comes first.
    sales.advance_sales()
    sales.advance_sales()
    assert gate(near) == "RUNNING"
    assert ledger().smembers(UNALIGNED_KEY) == {str(away.pk).encode()}


def test_unknown_activities_are_not_found():
    for act in (sales.pause_sale, sales.end_sale, sales.stop_sale):
        with pytest.raises(NotFound):
            act(activity_id=10**9, actor="operator")
    sales.advance_sales()
    assert ledger().scard(UNALIGNED_KEY) == 0


def call(*arguments):
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def test_create_activity_command():
    (line,) = call(
        "create_activity",
        *("--stock", "9", "--price-fen", "1990", "--group-size", "3", "--member-limit", "2"),
        *("--lasts", "600", "--group-lasts", "60", "--pay-within", "30", "--json"),
    ).splitlines()
    facts = json.loads(line)
    assert facts["state"] == "RUNNING"
    activity = Activity.objects.get(pk=int(facts["activity_id"]))
    assert str(activity.sku_id) == facts["sku_id"]
    assert (activity.stock_total, activity.price_fen, activity.group_size, activity.member_limit) == (9, 1990, 3, 2)
    assert (activity.group_lasts_seconds, activity.pay_within_seconds) == (60, 30)
    assert activity.ends_at - activity.starts_at == timedelta(seconds=600)
    assert admit(make_admission(activity, quantity=2))[0].reply is AdmitReply.ADMITTED
    assert json.loads(call("stop_activity", facts["activity_id"], "--json")) == {
        "activity_id": facts["activity_id"],
        "state": "ENDED",
    }
    assert admit(make_admission(activity, member_id=2))[0].reply is AdmitReply.ENDED
    assert "ENDED" in call("stop_activity", facts["activity_id"])


def test_create_activity_takes_the_rules_of_groups():
    facts = json.loads(
        call(
            *("create_activity", "--stock", "9", "--price-fen", "100", "--group-size", "3", "--alone-price-fen", "120"),
            *("--leader-leaves", "close", "--guaranteed-seats", "2", "--guarantee-cap-fen", "500", "--json"),
        )
    )
    activity = Activity.objects.get(pk=int(facts["activity_id"]))
    rules = (activity.alone_price_fen, activity.leader_leaves, activity.guaranteed_seats, activity.guarantee_cap_fen)
    assert rules == (120, "close", 2, 500)
    assert facts["leader_leaves"] == "close"
    with pytest.raises(CommandError, match="guarantee_cap_fen"):
        call("create_activity", "--stock", "9", "--price-fen", "100", "--guaranteed-seats", "1")


def test_create_activity_in_the_future_is_withdrawn_when_stopped():
    facts = json.loads(call("create_activity", "--stock", "1", "--price-fen", "1", "--starts-in", "60", "--json"))
    assert facts["state"] == "SCHEDULED"
    assert json.loads(call("stop_activity", facts["activity_id"], "--json"))["state"] == "WITHDRAWN"


def test_create_activity_on_a_sku_takes_its_price_into_account():
    sku_id = make_sale(price_fen=1000).sku_id
    facts = json.loads(call("create_activity", "--stock", "1", "--price-fen", "1200", "--sku", str(sku_id), "--json"))
    assert (facts["sku_id"], facts["alone_price_fen"]) == (str(sku_id), 1500)
    with pytest.raises(CommandError, match="price_fen"):
        call("create_activity", "--stock", "1", "--price-fen", "1501", "--sku", str(sku_id))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--stock", "0", "--price-fen", "1"),
        ("--stock", "1", "--price-fen", "0"),
        ("--stock", "1", "--price-fen", str(2**63)),
        ("--stock", "1", "--price-fen", "1", "--sku", "999999"),
        ("--stock", "1", "--price-fen", "1", "--lasts", "0"),
        ("--stock", "1", "--price-fen", "1", "--lasts", "1e300"),
        ("--stock", "1", "--price-fen", "1", "--starts-in", "nan"),
        ("--stock", "1", "--price-fen", "1", "--group-size", "0"),
        ("--stock", "1", "--price-fen", "1", "--play", "No Such"),
    ],
)
def test_create_activity_says_what_is_wrong(arguments):
    with pytest.raises(CommandError):
        call("create_activity", *arguments)


def test_stop_activity_of_none():
    with pytest.raises(CommandError):
        call("stop_activity", "999999")
