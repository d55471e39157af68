"""One open payment an order, of the order's own member, while it can be paid."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import alias_of_id, slot_of_id
from pgs_task.payment.errors import PayByPassed
from pgs_task.payment.gateways.registry import GatewayNotOffered
from pgs_task.payment.models import GatewayCall, Payment
from pgs_task.payment.sandbox_gateway.adapter import SandboxGateway
from pgs_task.payment.sandbox_gateway.faults import set_fault
from pgs_task.payment.sandbox_gateway.models import FaultKind, SandboxTrade
from pgs_task.payment.sandbox_gateway.models import TradeState as BankState
from pgs_task.payment.services import start_payment
from pgs_task.payment.states import PaymentState
from pgs_task.payment.tests.making import SHOP_URL, fresh, make_payment, order_of, start, take_at_gateway, topics_of
from pgs_web.api.errors import NotFound, Unavailable
from pgs_web.trade.order.errors import WrongState
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_order, mark_paid
from pgs_web.trade.order.states import CancelReason, OrderState
from pgs_web.trade.order.tests.making import MEMBERS_ON_THREE_NODES, make_order

EVERYWHERE = pytest.mark.django_db(databases="__all__")
WITH_THREADS = pytest.mark.django_db(databases="__all__", transaction=True)


class OtherGateway(SandboxGateway):
    """A second gateway at the same bank."""

    code = "other"


@pytest.fixture
def two_gateways(settings):
    settings.PAYMENT_GATEWAYS = ["sandbox", "other"]
    settings.PAYMENT_GATEWAY_ADAPTERS = {
        **settings.PAYMENT_GATEWAY_ADAPTERS,
        "other": f"{__name__}.OtherGateway",
    }


def start_at(order: Order, gateway_code: str) -> Payment:
    return start_payment(
        member_id=order.member_id, order_id=order.pk, gateway_code=gateway_code, shop_url=SHOP_URL
    ).payment


@EVERYWHERE
@pytest.mark.parametrize("member_id", MEMBERS_ON_THREE_NODES)
def test_a_payment_lives_beside_its_order_and_is_what_it_costs(member_id):
    order = make_order(member_id=member_id, quantity=3, unit_price_fen=1_234)
    started = start_payment(member_id=member_id, order_id=order.pk, gateway_code="sandbox", shop_url=SHOP_URL)
    payment = fresh(started.payment)
    assert slot_of_id(payment.pk) == slot_of_id(order.pk)
    assert Payment.objects.on_node(alias_of_id(order.pk)).filter(order_id=order.pk).count() == 1
    assert (payment.amount_fen, payment.currency, payment.state) == (3_702, "CNY", PaymentState.WAITING)
    assert (payment.expires_at, payment.member_id) == (order.pay_by, member_id)
    assert started.is_new
    assert started.pay == {
        "method": "POST",
        "url": f"{SHOP_URL}/sandbox-gateway/payments/{payment.pk}/pay/",
        "fail_url": f"{SHOP_URL}/sandbox-gateway/payments/{payment.pk}/fail/",
    }
    assert SandboxTrade.objects.get(payment_id=payment.pk).amount_fen == 3_702


@EVERYWHERE
def test_starting_again_returns_the_open_payment():
    order = make_order()
    first = start(order)
    again = start_payment(member_id=order.member_id, order_id=order.pk, gateway_code="sandbox", shop_url=SHOP_URL)
    assert (again.payment.pk, again.is_new) == (first.pk, False)


@EVERYWHERE
def test_an_order_of_another_member_is_not_found():
    order = make_order()
    with pytest.raises(NotFound):
        start_payment(member_id=order.member_id + 1, order_id=order.pk, gateway_code="sandbox", shop_url=SHOP_URL)
    with pytest.raises(NotFound):
        start_payment(member_id=order.member_id, order_id=order.pk + 1, gateway_code="sandbox", shop_url=SHOP_URL)
    assert not SandboxTrade.objects.exists()


@EVERYWHERE
def test_only_an_unpaid_order_can_be_paid():
    paid, cancelled = make_order(), make_order()
    mark_paid(order_id=paid.pk, paid_at=paid.accepted_at)
    cancel_order(order_id=cancelled.pk, reason=CancelReason.BY_MEMBER, actor="test")
    for order in (paid, cancelled):
        with pytest.raises(WrongState):
            start(order)
        assert not Payment.objects.on_node(alias_of_id(order.pk)).filter(order_id=order.pk).exists()


@EVERYWHERE
def test_the_databases_clock_ends_the_time_to_pay():
    order = make_order()
    payment = start(order)
    Order.objects.filter(pk=order.pk).update(pay_by=DatabaseNow())
    with pytest.raises(PayByPassed):
        start(order)
    Order.objects.filter(pk=order.pk).update(pay_by=DatabaseNow(after=timedelta(seconds=5)))
    assert start(order).pk == payment.pk


@EVERYWHERE
def test_an_unknown_gateway_is_refused():
    with pytest.raises(GatewayNotOffered):
        start_at(make_order(), "other")


@EVERYWHERE
def test_a_gateway_that_does_not_answer_is_asked_again_for_the_same_payment():
    order = make_order()
    set_fault(kind=FaultKind.CREATE_UNAVAILABLE, times=1)
    with pytest.raises(Unavailable):
        start(order)
    (payment,) = Payment.objects.on_node(alias_of_id(order.pk)).filter(order_id=order.pk)
    assert start(order).pk == payment.pk
    assert SandboxTrade.objects.filter(payment_id=payment.pk).exists()


@EVERYWHERE
def test_changing_the_gateway_closes_the_first_payment_there(two_gateways):
    order = make_order()
    first = start(order)
    second = start_at(order, "other")
    assert (second.gateway, second.state) == ("other", PaymentState.WAITING)
    assert fresh(first).state == PaymentState.CLOSED
    assert SandboxTrade.objects.get(payment_id=first.pk).state == BankState.CLOSED
    assert GatewayCall.objects.get(payment_id=first.pk).asked_by == f"member:{order.member_id}"


@EVERYWHERE
def test_changing_the_gateway_after_paying_books_the_payment(two_gateways):
    order = make_order()
    first = start(order)
    take_at_gateway(first)
    with pytest.raises(WrongState):
        start_at(order, "other")
    assert fresh(first).state == PaymentState.SUCCEEDED
    assert order_of(first).state == OrderState.TO_SHIP
    assert topics_of(first) == ["order.paid", "order.to_ship"]


@EVERYWHERE
def test_the_gateway_cannot_be_changed_while_the_first_is_silent(two_gateways):
    order = make_order()
    first = start(order)
    set_fault(kind=FaultKind.CLOSE_UNAVAILABLE, times=1)
    with pytest.raises(Unavailable):
        start_at(order, "other")
    assert fresh(first).state == PaymentState.WAITING
    assert Payment.objects.on_node(alias_of_id(order.pk)).filter(order_id=order.pk).count() == 1


@EVERYWHERE
def test_a_cancellation_during_the_start_wins_or_finds_the_payment(monkeypatch):
    """The look at the order's state and the insert are one act: a cancellation in between is impossible."""
    order = make_order()
    cancel_order(order_id=order.pk, reason=CancelReason.BY_MEMBER, actor="test")
    # As if the first read, which is outside of the lock, had been answered before the cancellation.
    monkeypatch.setattr("pgs_task.payment.services.starting._require_written", lambda **_ids: None)
    with pytest.raises(WrongState):
        start(order)
    assert not Payment.objects.on_node(alias_of_id(order.pk)).filter(order_id=order.pk).exists()


@WITH_THREADS
def test_twenty_starts_at_once_open_one_payment():
    order = make_order()

    def press(_place: int) -> tuple[int, bool]:
        try:
            started = start_payment(
                member_id=order.member_id, order_id=order.pk, gateway_code="sandbox", shop_url=SHOP_URL
            )
            return started.payment.pk, started.is_new
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=20) as pool:
        answers = list(pool.map(press, range(20)))
    assert len({payment_id for payment_id, _is_new in answers}) == 1
    assert [is_new for _payment_id, is_new in answers].count(True) == 1


@EVERYWHERE
def test_the_database_admits_one_open_and_one_paying_payment_an_order():
    payment = make_payment()
    values = {
        field.attname: getattr(payment, field.attname)
        for field in Payment._meta.concrete_fields
        if field.attname not in {"id", "open_order_id", "paid_order_id"}
    }
    for column in ("open_order_id", "paid_order_id"):
        Payment.objects.filter(pk=payment.pk).update(**{column: payment.order_id})
        rows = [Payment(**values, id=payment.pk + 1, **{column: payment.order_id})]
        assert Payment.objects.bulk_create(rows, ignore_conflicts=True)
        assert Payment.objects.on_node(alias_of_id(payment.pk)).filter(order_id=payment.order_id).count() == 1
