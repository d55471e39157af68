"""Units move on once, whatever comes twice, late or in another order."""

import itertools

import pytest

from pgs_data.ids.texts import short_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_web.trade.group.tests.in_ledger import change_group, read_group, write_out_seats
from pgs_web.trade.intake.messages import AdmitReply
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.stock.holds import Hold, HoldState
from pgs_web.trade.stock.keys import bought_key, changed_key, holds_key, stock_key
from pgs_web.trade.stock.messages import SettleMovement, SettleReply
from pgs_web.trade.stock.selectors import read_holds, read_stock
from pgs_web.trade.stock.services import Settlement, settle_holds
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")

CONFIRM, RELEASE, RETURN, REJECT, FORGO = SettleMovement
APPLIED, REPEATED, REFUSED = SettleReply.APPLIED, SettleReply.REPEATED, SettleReply.REFUSED


def settle(activity, order_id, *movements):
    return settle_holds(
        settlements=[
            Settlement(activity_id=activity.pk, order_id=order_id, movement=movement) for movement in movements
        ]
    )


def figures(activity):
    stock = read_stock(activity.pk)
    assert stock.is_consistent
    return stock.remain, stock.lock, stock.sold


def make_order(activity, **wanted):
    order = make_admission(activity, **wanted)
    (verdict,) = admit(order)
    assert verdict.reply is AdmitReply.ADMITTED
    return order.order_id


def state_of(activity, order_id):
    return read_holds([(activity.pk, order_id)])[order_id].state


def test_paid_then_refunded():
    activity = make_sale(stock=5, member_limit=2)
    order_id = make_order(activity, quantity=2)
    assert figures(activity) == (3, 2, 0)
    assert settle(activity, order_id, CONFIRM) == [APPLIED]
    assert figures(activity) == (3, 0, 2)
    assert settle(activity, order_id, RETURN) == [APPLIED]
    assert figures(activity) == (5, 0, 0)
    assert state_of(activity, order_id) is HoldState.GIVEN_BACK
    assert read_stock(activity.pk).version == 4


def test_given_back_units_and_limits_can_be_used_again():
    activity = make_sale(stock=1, member_limit=1)
    order_id = make_order(activity)
    assert admit(make_admission(activity, member_id=2))[0].reply is AdmitReply.SOLD_OUT
    assert read_stock(activity.pk).told_sold_out == 1
    settle(activity, order_id, RELEASE)
    assert read_stock(activity.pk).told_sold_out == 0
    assert ledger(partition_of(activity.pk)).hgetall(bought_key(activity.pk)) == {b"1": b"0"}
    make_order(activity)
    assert ledger(partition_of(activity.pk)).hgetall(bought_key(activity.pk)) == {b"1": b"1"}


@pytest.mark.parametrize("second", [CONFIRM, RELEASE, RETURN, REJECT])
@pytest.mark.parametrize("first", [CONFIRM, RELEASE, RETURN, REJECT])
def test_twice_is_once(first, second):
    activity = make_sale(stock=3)
    order_id = make_order(activity)
    assert settle(activity, order_id, first, first) == [APPLIED, REPEATED]
    before = figures(activity)
    replies = settle(activity, order_id, second, second, first)
    may_follow = (first, second) == (CONFIRM, RETURN)
    assert (replies[0] is APPLIED) == may_follow
    assert replies[1] is not APPLIED
    assert replies[2] is not APPLIED
    assert figures(activity) == ((3, 0, 0) if may_follow else before)


def test_any_order_of_payment_and_refund_ends_the_same():
    ends = set()
    for order in itertools.permutations([CONFIRM, RETURN, CONFIRM, RETURN]):
        activity = make_sale(stock=3)
        order_id = make_order(activity)
        for movement in order:
            settle(activity, order_id, movement)
        ends.add((figures(activity), state_of(activity, order_id)))
    assert ends == {((3, 0, 0), HoldState.GIVEN_BACK)}


def test_a_rejected_order_says_why():
    activity = make_sale(stock=3)
    order_id = make_order(activity)
    settlement = Settlement(activity_id=activity.pk, order_id=order_id, movement=REJECT, reason="contradictory")
    assert settle_holds(settlements=[settlement]) == [APPLIED]
    hold = read_holds([(activity.pk, order_id)])[order_id]
    assert (hold.state, hold.reason) == (HoldState.REJECTED, "contradictory")
    assert figures(activity) == (3, 0, 0)
    assert settle(activity, order_id, RELEASE) == [REPEATED]


def test_unknown_orders_change_nothing():
    activity = make_sale(stock=3)
    assert settle(activity, 123, CONFIRM, RELEASE) == [SettleReply.UNKNOWN] * 2
    assert figures(activity) == (3, 0, 0)


def test_a_lost_stock_waits_for_its_rebuild():
    activity = make_sale(stock=3)
    order_id = make_order(activity)
    client = ledger(partition_of(activity.pk))
    client.delete(stock_key(activity.pk))
    assert settle(activity, order_id, RELEASE) == [SettleReply.NO_STOCK]
    assert state_of(activity, order_id) is HoldState.LOCKED
    assert not client.exists(stock_key(activity.pk))


def test_no_counter_becomes_negative():
    activity = make_sale(stock=3)
    order_id = make_order(activity)
    ledger(partition_of(activity.pk)).hset(stock_key(activity.pk), mapping={"lock": 0, "remain": 3})
    assert settle(activity, order_id, RELEASE) == [SettleReply.INCONSISTENT]
    assert figures(activity) == (3, 0, 0)
    assert state_of(activity, order_id) is HoldState.LOCKED


def test_the_seat_goes_with_the_units():
    activity = make_sale(stock=5, group_size=2)
    leader = make_admission(activity, member_id=1)
    admit(leader)
    joiner = make_order(activity, member_id=2, join=leader.open_group_id)
    full = make_admission(activity, member_id=3, join=leader.open_group_id)
    assert admit(full)[0].reply is AdmitReply.GROUP_FULL
    assert settle(activity, joiner, RELEASE) == [APPLIED]
    assert settle(activity, joiner, RELEASE) == [REPEATED]
    group = read_group(activity.pk, leader.open_group_id)
    assert (group.held, group.seats) == (1, {1: leader.order_id})
    assert admit(full)[0].reply is AdmitReply.ADMITTED


def test_the_seats_of_a_closed_group_stay():
    activity = make_sale(stock=5, group_size=2)
    leader = make_admission(activity, member_id=1)
    admit(leader)
    change_group(activity.pk, leader.open_group_id, is_closed=True)
    assert settle(activity, leader.order_id, RELEASE) == [APPLIED]
    group = read_group(activity.pk, leader.open_group_id)
    assert (group.held, group.seats) == (1, {1: leader.order_id})


def test_a_seat_that_somebody_else_has_by_now_is_left_alone():
    activity = make_sale(stock=5, group_size=2, member_limit=2)
    leader = make_admission(activity, member_id=1)
    admit(leader)
    somebody_else = leader.order_id + 1
    change_group(activity.pk, leader.open_group_id, seats={1: somebody_else})
    assert settle(activity, leader.order_id, RELEASE) == [APPLIED]
    group = read_group(activity.pk, leader.open_group_id)
    assert (group.held, group.seats) == (1, {1: somebody_else})


def test_a_seat_of_an_older_version_goes_with_the_units():
    activity = make_sale(stock=5, group_size=3, member_limit=2)
    leader = make_admission(activity, member_id=1)
    admit(leader)
    write_out_seats(activity.pk, leader.open_group_id)
    assert read_group(activity.pk, leader.open_group_id).seats == {1: leader.order_id}
    assert settle(activity, leader.order_id, RELEASE) == [APPLIED]
    assert read_group(activity.pk, leader.open_group_id).seats == {}


def test_a_batch_over_partitions_is_answered_in_its_order():
    activities = [make_sale(stock=2) for _ in range(3)]
    orders = [(activity, make_order(activity)) for activity in activities]
    settlements = [
        Settlement(activity_id=activity.pk, order_id=order_id, movement=CONFIRM) for activity, order_id in orders
    ]
    unknown = Settlement(activity_id=activities[0].pk, order_id=5, movement=CONFIRM)
    replies = settle_holds(settlements=[settlements[0], unknown, *settlements[1:], settlements[0]])
    assert replies == [APPLIED, SettleReply.UNKNOWN, APPLIED, APPLIED, REPEATED]
    assert [figures(activity) for activity in activities] == [(1, 0, 1)] * 3
    for activity in activities:
        assert ledger().sismember(changed_key(partition_of(activity.pk)), str(activity.pk))


def test_large_batches_are_cut():
    activity = make_sale(stock=1200, member_limit=1200)
    orders = [make_admission(activity, member_id=member) for member in range(1, 1201)]
    for start in range(0, 1200, 400):
        admit(*orders[start : start + 400])
    assert figures(activity) == (0, 1200, 0)
    replies = settle_holds(
        settlements=[Settlement(activity_id=activity.pk, order_id=order.order_id, movement=CONFIRM) for order in orders]
    )
    assert set(replies) == {APPLIED}
    assert figures(activity) == (0, 0, 1200)


def test_a_hold_is_packed_as_it_is_unpacked():
    activity = make_sale()
    order_id = make_order(activity)
    packed = ledger(partition_of(activity.pk)).hget(holds_key(activity.pk), short_id(order_id))
    assert Hold.unpack(packed).pack().encode() == packed
    with pytest.raises(ValueError, match="hold"):
        Hold.unpack(b"L" + b"|" * 12)
    with pytest.raises(ValueError, match="hold"):
        Hold.unpack(b"L1|2|")
