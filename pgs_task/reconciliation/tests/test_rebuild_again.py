"""A rebuild that died is finished by the next one; of two at once one works, and a late one changes nothing."""

import pytest

from pgs_data.locks import Lease, LeaseLost, LockHeld
from pgs_data.lua.loader import Script
from pgs_data.redis.connections import ledger
from pgs_task.order_drain.tests.making import drain
from pgs_task.reconciliation import scripts, stock_rebuild
from pgs_task.reconciliation.stock_rebuild import RebuildFailed, RebuiltStock, rebuild_stock
from pgs_task.reconciliation.tests.losing import Died, everything, figures, lose_keys, lose_stock, try_to_buy
from pgs_task.reconciliation.tests.making import Shop, broken, make_shop, place, settle
from pgs_task.stock_sync.lost_stock import rebuild_lock
from pgs_task.stock_sync.services import watch_stock_keys
from pgs_web.trade.order.services import cancel_own_order
from tests.races.meeting import meet

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]

STEPS = (
    "pause_sale",
    "_wait_for_drain",
    "set_stock_aside",
    "count_orders",
    "restore_groups",
    "restore_stock",
    "settle_what_moved",
    "resume_sale",
)


@pytest.fixture
def shop() -> Shop:
    return make_shop()


def die(monkeypatch: pytest.MonkeyPatch, step: str, *, after: bool) -> None:
    """The next rebuild dies before or after this step, and never comes to tidy up."""

    def dying(*args, **kwargs):
        if after:
            works(*args, **kwargs)
        raise Died()

    works = getattr(stock_rebuild, step)
    monkeypatch.setattr(stock_rebuild, step, dying)


def test_whoever_dies_anywhere_the_same_command_finishes_it(shop, monkeypatch):
    before = everything(shop)
    for step in STEPS:
        for after in (False, True):
            lose_keys(shop)
            with monkeypatch.context() as patch:
                die(patch, step, after=after)
                with pytest.raises(Died):
                    rebuild_stock(activity_id=shop.activity.pk)
            if (step, after) != ("resume_sale", True):
                assert try_to_buy(shop) in {"PAUSED", "UNKNOWN_ACTIVITY"}, (step, after)
                watch_stock_keys()
                assert rebuild_stock(activity_id=shop.activity.pk).is_on_sale, (step, after)
            assert everything(shop) == before, (step, after)
    settle()
    assert broken() == {}
    assert try_to_buy(shop) == "ADMITTED"


def test_a_killed_rebuild_keeps_the_next_one_waiting_for_its_lease_only(shop):
    lease = rebuild_lock(shop.activity.pk).acquire()
    with pytest.raises(LockHeld):
        rebuild_stock(activity_id=shop.activity.pk)
    lease.release()
    assert rebuild_stock(activity_id=shop.activity.pk).is_on_sale


def test_two_at_once(shop):
    before = everything(shop)
    lose_keys(shop)

    def rebuild() -> RebuiltStock | LockHeld:
        try:
            return rebuild_stock(activity_id=shop.activity.pk)
        except LockHeld as error:
            return error

    results = meet(rebuild, rebuild)
    # The second either found the first at work, or came when it had ended.
    assert any(isinstance(result, RebuiltStock) for result in results)
    assert everything(shop) == before
    settle()
    assert broken() == {}


def be_late(shop: Shop, monkeypatch: pytest.MonkeyPatch, *, step: str) -> None:
    """The first rebuild stops before this step for longer than its lease; another comes, ends, and shoppers buy."""
    is_first = [True]

    def stopping(*args, **kwargs):
        if is_first:
            is_first.clear()
            ledger().delete(rebuild_lock(shop.activity.pk).holder_key)
            rebuild_stock(activity_id=shop.activity.pk)
            place(shop.orders, "bought_later", shop.activity, member_id=741, join=shop.groups["waiting"])
        return works(*args, **kwargs)

    works = getattr(stock_rebuild, step)
    monkeypatch.setattr(stock_rebuild, step, stopping)


@pytest.fixture
def free_seat(shop: Shop) -> None:
    """The running group has place for one more."""
    cancel_own_order(member_id=11, order_id=shop.orders["waiting_joiner"])
    settle()


def test_a_late_one_stops_by_its_lease(shop, free_seat, monkeypatch):
    be_late(shop, monkeypatch, step="count_orders")
    with pytest.raises(LeaseLost):
        rebuild_stock(activity_id=shop.activity.pk)
    drain(shop.activity)
    settle()
    assert broken() == {}


@pytest.mark.parametrize("step", ["count_orders", "restore_groups", "restore_stock"])
def test_a_late_one_that_does_not_know_it_is_refused_by_the_scripts(shop, free_seat, monkeypatch, step):
    monkeypatch.setattr(Lease, "extend", lambda lease: None)
    be_late(shop, monkeypatch, step=step)
    with pytest.raises(RebuildFailed, match="Somebody else"):
        rebuild_stock(activity_id=shop.activity.pk)
    drain(shop.activity)
    settle()
    assert broken() == {}


def test_negative_control_of_the_fence(shop, free_seat, monkeypatch):
    monkeypatch.setattr(Lease, "extend", lambda lease: None)
    guard = 'if redis.call("GET", fence) ~= my_fence then'
    for name in ("_restore_groups", "_restore_stock"):
        script: Script = getattr(scripts, name)
        source = script.source.removeprefix(script.header.prologue)
        assert source.count(guard) == 1
        # Still read, or the loader says that a declared key isn't used.
        fence_free = 'if redis.call("GET", fence) == my_fence .. "!" then'
        monkeypatch.setattr(scripts, name, Script(source=source.replace(guard, fence_free), name=name[1:]))
    be_late(shop, monkeypatch, step="restore_groups")
    with pytest.raises(RebuildFailed):
        rebuild_stock(activity_id=shop.activity.pk)
    drain(shop.activity)
    settle()
    assert "Redis counts 1 seats" in str(broken()["E2"]), "the seat of who bought later was overwritten"


def test_numbers_of_leases_that_began_anew_do_not_lock_everybody_out(shop):
    before = everything(shop)
    for _ in range(3):
        rebuild_stock(activity_id=shop.activity.pk)
    # The Redis that counts leases was replaced, the partition's was not.
    ledger().delete(rebuild_lock(shop.activity.pk).fence_key)
    lose_stock(shop)
    assert rebuild_stock(activity_id=shop.activity.pk).is_on_sale
    assert everything(shop) == before
    assert figures(shop) == before[0]
