"""A late payment against the next buyer, for the last unit and the last seat: one of them has it, the other is told."""

import time
from functools import partial
from unittest.mock import patch

import pytest

from pgs_data.ids.texts import short_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_task.handlers.tests.making import deliver_all
from pgs_task.reconciliation.tests.making import broken
from pgs_task.rescue.services import advance_rescues, advancing
from pgs_task.rescue.tests.making import RETRY, LatePayment, make_late_payment, pay_order, place, settle
from pgs_task.routes import ROUTES
from pgs_web.display.activity.models import Activity
from pgs_web.trade.intake.messages import AdmitReply, Admitted
from pgs_web.trade.intake.places import Place, PlaceReply, PlaceWish
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.order.models import Order
from pgs_web.trade.stock.keys import holds_key, stock_key
from pgs_web.trade.stock.selectors import read_holds, read_stock
from pgs_web.trade.stock.tests.making import make_sale
from tests.races.meeting import meet_with_delays

ROUNDS = 12
pytestmark = [
    pytest.mark.django_db(databases="__all__", transaction=True),
    pytest.mark.slow,
    pytest.mark.timeout(300),
]


def begin() -> tuple[Activity, Order, LatePayment]:
    """A group of two with its leader, a joiner who paid too late, and one unit left for whoever comes first."""
    activity = make_sale(stock=2, group_size=2)
    leader = place(activity, member_id=1)
    late = make_late_payment(place(activity, member_id=251, wishes=RETRY, join=leader.group_id))
    pay_order(leader)
    late.arrive()
    deliver_all(dict(ROUTES))
    return activity, leader, late


def buy(activity: Activity, leader: Order) -> list[Admitted]:
    return admit(make_admission(activity, member_id=777, join=leader.group_id))


@pytest.mark.real
def test_the_last_unit_and_the_last_seat() -> None:
    won: list[bool] = []
    # How much later the buyer starts, so that on any machine, however slow, both win.
    lead = 0.02
    for _round in range(ROUNDS):
        activity, leader, late = begin()
        # Two sweepers at once, as when a lease ran out.
        _, _, (verdict,) = meet_with_delays(
            [
                (advance_rescues, 0.0),
                (advance_rescues, 0.0),
                (partial(buy, activity, leader), lead),
            ]
        )
        settle()
        is_revived = Order.objects.get(pk=late.order.pk).state == "SHIPPED"
        assert is_revived == (verdict.reply is not AdmitReply.ADMITTED), verdict
        stock = read_stock(activity.pk)
        assert (stock.remain, stock.lock + stock.sold) == (0, 2)
        won.append(is_revived)
        lead = lead / 2 if is_revived else min(lead * 2, 2.0)
    assert 0 < sum(won) < ROUNDS, "no race took place"
    # The other joiners are still in the stream: they were admitted beside the drain.
    assert broken().keys() <= {"S2", "O1", "O4", "E2", "E5"}


def test_the_judges_see_who_reads_before_they_write() -> None:
    """The negative control: the naive rescue reads what remains, somebody buys, and it writes what it decided."""
    activity, leader, late = begin()

    def take_naively(wish: PlaceWish) -> Place:
        client, stock = ledger(partition_of(wish.activity_id)), read_stock(wish.activity_id)
        hold = read_holds([(wish.activity_id, wish.order_id)])[wish.order_id]
        assert stock.remain >= wish.quantity
        assert buy(activity, leader)[0].reply is AdmitReply.ADMITTED
        time.sleep(0.001)
        client.hset(stock_key(wish.activity_id), mapping={"remain": stock.remain - 1, "sold": stock.sold + 1})
        client.hset(holds_key(wish.activity_id), short_id(wish.order_id), "S" + hold.pack()[1:])
        return Place(PlaceReply.TAKEN, wish.lost_group_id)

    with patch.object(advancing, "take_place", take_naively):
        settle()
    assert Order.objects.get(pk=late.order.pk).state == "SHIPPED"
    assert "S1" in broken()
