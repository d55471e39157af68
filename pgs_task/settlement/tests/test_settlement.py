"""Merchants are owed what their shipped orders brought: by day, to the fen, the same whenever it is computed."""

from datetime import date, timedelta

import pytest
from django.db import connections

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.gateways.statement_days import day_of
from pgs_task.payment.models import Payment
from pgs_task.payment.services import process_due_refunds, request_partial_refund
from pgs_task.payment.services.books import book_late_accepted, book_unexpected
from pgs_task.payment.tests.making import make_due, make_payment, now_of, pay
from pgs_task.settlement import services
from pgs_task.settlement.adding_up import MerchantSums, add_up
from pgs_task.settlement.errors import DayNotOver
from pgs_task.settlement.models import MerchantDay, SettlementDay
from pgs_task.settlement.selectors import list_merchant_days, missing_days, sum_days, sum_merchants
from pgs_task.settlement.services import settle_day, settle_due_days
from pgs_web.trade.delivery.models import Shipment
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_order
from pgs_web.trade.order.states import CancelReason, OrderState
from pgs_web.trade.order.tests.making import MEMBERS_ON_THREE_NODES

pytestmark = pytest.mark.django_db(databases="__all__")
ONE, OTHER = 71, 72


def owe(merchant_id: int, **order: object) -> Payment:
    """An open payment of an order of this merchant's."""
    payment = make_payment(**order)
    Order.objects.filter(pk=payment.order_id).update(merchant_id=merchant_id)
    return payment


def make_sold(merchant_id: int = ONE, **order: object) -> Payment:
    """A payment of ¥9.90 whose order is shipped."""
    payment = pay(owe(merchant_id, **order))
    Order.objects.filter(pk=payment.order_id).update(state=OrderState.SHIPPED)
    Shipment.objects.create(
        order_id=payment.order_id, carrier="c", tracking_no=str(payment.order_id), shipped_at=now_of(payment)
    )
    return payment


def give_back(payment: Payment, amount_fen: int, *, sequence: int = 1) -> None:
    """An after-sale refund of a part that is done."""
    request_partial_refund(
        order_id=payment.order_id, request_id=sequence, sequence=sequence, amount_fen=amount_fen, reason="after_sale"
    )
    make_due(payment)
    process_due_refunds()


def today() -> date:
    return day_of(database_now("default"))


def let_days_pass(days: int) -> None:
    """As if everything had happened so many days earlier."""
    for alias in node_aliases():
        for table, column in (("journal_entry", "recorded_at"), ("trade_shipment", "shipped_at")):
            is_sqlite = connections[alias].vendor == "sqlite"
            earlier = (
                f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', {column}, '-{days} days')"
                if is_sqlite
                else f"{column} - INTERVAL {days} DAY"
            )
            with connections[alias].cursor() as cursor:
                cursor.execute(f"UPDATE {table} SET {column} = {earlier}", [])


def test_what_was_shipped_is_earned_less_refunds_and_fees():
    for member_id in MEMBERS_ON_THREE_NODES:
        make_sold(member_id=member_id)
    give_back(make_sold(), 330)
    make_sold(OTHER)
    pay(owe(OTHER))
    assert add_up(day=today()) == {
        ONE: MerchantSums(
            paid_count=4,
            paid_fen=3_960,
            refund_count=1,
            refunded_fen=330,
            fee_fen=4 * 6 - 2,
            shipped_count=4,
            earned_fen=3_960 - 330 - 22,
        ),
        OTHER: MerchantSums(paid_count=2, paid_fen=1_980, fee_fen=12, shipped_count=1, earned_fen=984),
    }


def test_money_that_paid_no_order_is_nobodys():
    payment = owe(ONE)
    cancel_order(order_id=payment.order_id, reason=CancelReason.UNPAID, actor="test")
    pay(payment)
    make_due(payment)
    process_due_refunds()
    with node_transaction(payment.pk):
        book_unexpected(payment=payment, trade_no="second", amount_fen=5_000, at=now_of(payment))
    assert add_up(day=today()).get(ONE, MerchantSums()) == MerchantSums()


def test_the_fee_of_a_late_payment_counts_on_the_day_that_accepts_it():
    payment = owe(ONE)
    cancel_order(order_id=payment.order_id, reason=CancelReason.UNPAID, actor="test")
    pay(payment)
    let_days_pass(1)
    late = today() - timedelta(days=1)
    assert add_up(day=late) == {}
    with node_transaction(payment.pk):
        book_late_accepted(payment=payment, at=now_of(payment))
    accepted = MerchantSums(paid_count=1, paid_fen=990, fee_fen=6)
    assert [add_up(day=late), add_up(day=today())] == [{}, {ONE: accepted}]
    Shipment.objects.create(order_id=payment.order_id, carrier="c", tracking_no="late", shipped_at=now_of(payment))
    assert add_up(day=today())[ONE].earned_fen == 984


def test_the_days_add_up_to_what_shipped_orders_brought():
    sold, waiting = make_sold(), pay(owe(ONE))
    give_back(sold, 330)
    let_days_pass(2)
    give_back(sold, 330, sequence=2)
    let_days_pass(1)
    give_back(sold, 100, sequence=3)
    days = [today() - timedelta(days=back) for back in (3, 2, 1, 0)]
    found = [add_up(day=day).get(ONE, MerchantSums()) for day in days]
    assert [(sums.earned_fen, sums.taken_back_fen) for sums in found] == [
        (990 - 330 - 4, 0),
        (0, 0),
        (0, 330 - 2),
        (0, 100),
    ]
    assert sum(sums.settlement_fen for sums in found) == 990 - 760 - 6 + 2 + 2
    assert sum(sums.paid_fen for sums in found) == 1_980
    assert alias_of_id(waiting.pk) in node_aliases()


def test_a_day_is_kept_once_and_is_the_same_whenever_it_is_computed():
    make_sold()
    make_sold(OTHER)
    day = today()
    with pytest.raises(DayNotOver):
        settle_day(day=day)
    let_days_pass(1)
    day -= timedelta(days=1)
    for _ in range(2):
        settle_day(day=day)
        rows = MerchantDay.objects.order_by("merchant_id").values_list("merchant_id", "settlement_fen")
        assert list(rows) == [(ONE, 984), (OTHER, 984)]
    assert SettlementDay.objects.count() == 1
    (first, second) = sum_merchants(first=day, last=day, limit=10)
    assert (first["merchant_id"], second["merchant_id"], first["settlement_fen"]) == (ONE, OTHER, 984)
    assert sum_days(first=day, last=day)["settlement_fen"] == 1_968
    assert [row["earned_fen"] for row in list_merchant_days(first=day, last=day)] == [984, 984]
    assert missing_days(first=day - timedelta(days=1), last=day) == [day - timedelta(days=1)]


def test_the_beat_makes_up_for_days_that_were_missed(monkeypatch):
    assert settle_due_days() == 0
    make_sold()
    assert settle_due_days() == 0
    let_days_pass(3)
    assert [settle_due_days(), settle_due_days()] == [3, 0]
    assert MerchantDay.objects.count() == 1
    monkeypatch.setattr(services, "RUN_SECONDS", -1.0)
    SettlementDay.objects.all().delete()
    assert settle_due_days() == 0
