"""A gateway that is closed at run time: nothing new starts there, what is open there is finished."""

import pytest
from rest_framework.test import APIClient

from pgs_data.sharding.slots import alias_of_id
from pgs_task.payment.configuration import memory
from pgs_task.payment.configuration.errors import GatewayClosed
from pgs_task.payment.configuration.switches import Configuration, GatewaySwitches
from pgs_task.payment.models import Payment
from pgs_task.payment.services import process_due_refunds, query_waiting_payments, start_payment, starting
from pgs_task.payment.states import PaymentState
from pgs_task.payment.tests.making import (
    SHOP_URL,
    fresh,
    let_time_pass,
    make_payment,
    order_of,
    pay,
    start,
    take_at_gateway,
)
from pgs_task.payment.tests.refunding import assert_refunded, make_refunding
from pgs_web.trade.order.tests.making import make_order

pytestmark = pytest.mark.django_db(databases="__all__")


def close(code: str = "sandbox") -> None:
    memory.hold(Configuration(version=1, gateways=(GatewaySwitches(code=code, is_open=False),)))


@pytest.fixture
def other_gateway(settings):
    settings.PAYMENT_GATEWAYS = ["sandbox", "other"]
    settings.PAYMENT_GATEWAY_ADAPTERS = {
        "sandbox": "pgs_task.payment.sandbox_gateway.adapter.SandboxGateway",
        "other": "pgs_task.payment.tests.test_closed_gateways.OtherGateway",
    }


class OtherGateway(starting.Gateway):
    code = "other"


def offered() -> list[str]:
    return [row["gateway"] for row in APIClient().get("/api/v1/payments/gateways/").json()["results"]]


@pytest.mark.usefixtures("other_gateway")
def test_only_open_gateways_are_offered():
    assert offered() == ["sandbox", "other"]
    close()
    assert offered() == ["other"]
    assert APIClient().get("/api/v1/payments/gateways/").json()["version"] == 1


def test_nothing_new_starts_and_the_shopper_is_told():
    order = make_order()
    close()
    with pytest.raises(GatewayClosed):
        start(order)
    assert (GatewayClosed.code, GatewayClosed.status) == ("gateway_closed", 409)
    memory.hold(Configuration(version=2))
    assert start(order).state == PaymentState.WAITING


def test_what_is_open_is_paid_queried_and_refunded():
    by_notice, by_query, to_refund = make_payment(), make_payment(), make_refunding()
    close()
    # The shopper's page may ask again how to pay what is open.
    assert start(order_of(by_query)).pk == by_query.pk
    assert pay(by_notice).state == PaymentState.SUCCEEDED
    take_at_gateway(by_query)
    let_time_pass(by_query, seconds=11)
    query_waiting_payments()
    assert fresh(by_query).state == PaymentState.SUCCEEDED
    process_due_refunds()
    assert_refunded(to_refund)


@pytest.mark.usefixtures("other_gateway")
def test_who_chooses_a_closed_gateway_keeps_the_open_payment():
    order = make_order()
    payment = start(order)
    close("other")
    with pytest.raises(GatewayClosed):
        start_payment(member_id=order.member_id, order_id=order.pk, gateway_code="other", shop_url=SHOP_URL)
    assert fresh(payment).state == PaymentState.WAITING


@pytest.mark.parametrize("is_guarded", [True, False], ids=["guarded", "negative control"])
def test_closing_while_a_payment_starts(monkeypatch, is_guarded):
    """Closed after the shopper's request came in and before the payment's row: there is none."""
    order = make_order()
    real = starting.lock_order

    def lock_late(*, order_id):
        close()
        return real(order_id=order_id)

    monkeypatch.setattr(starting, "lock_order", lock_late)
    if is_guarded:
        with pytest.raises(GatewayClosed):
            start(order)
    else:
        monkeypatch.setattr(starting, "require_offered", lambda **_facts: None)
        start(order)
    made = Payment.objects.on_node(alias_of_id(order.pk)).filter(order_id=order.pk)
    assert made.exists() != is_guarded
