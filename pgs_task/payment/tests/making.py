"""Payments for tests, started as shoppers start them, and notices signed as the sandbox gateway signs them."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.messaging.models import OutboxMessage
from pgs_data.sharding.slots import alias_of_id
from pgs_task.payment.models import Notice, Payment, Refund
from pgs_task.payment.sandbox_gateway.models import SandboxTrade
from pgs_task.payment.sandbox_gateway.services import take_money
from pgs_task.payment.sandbox_gateway.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign_notice
from pgs_task.payment.services import receive_notice, start_payment
from pgs_task.payment.states import PaymentState
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.order.tests.making import make_order

SHOP_URL = "http://127.0.0.1:8000"


def start(order: Order) -> Payment:
    """An open payment of the order."""
    return start_payment(
        member_id=order.member_id, order_id=order.pk, gateway_code="sandbox", shop_url=SHOP_URL
    ).payment


def make_payment(**order: Any) -> Payment:
    """An open payment of a new unpaid order."""
    return start(make_order(**order))


def describe_notice(payment: Payment, **changes: Any) -> dict[str, Any]:
    """What the gateway would tell about the payment, with some of it changed."""
    notice = {
        "notice_id": f"n-{payment.pk}",
        "app_id": "pgs-sandbox",
        "payment_id": str(payment.pk),
        "trade_no": f"t-{payment.pk}",
        "amount_fen": payment.amount_fen,
        "currency": "CNY",
        "status": "SUCCESS",
        "paid_at": datetime.now(tz=UTC).isoformat(),
    }
    return notice | changes


def signed(body: bytes, *, timestamp: str | None = None) -> dict[str, str]:
    """The headers of a body that the gateway signed now, or at `timestamp`."""
    timestamp = str(int(time.time())) if timestamp is None else timestamp
    return {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: sign_notice(timestamp=timestamp, body=body)}


def send(notice: Mapping[str, Any] | bytes) -> bytes:
    """Sends a signed notice and returns what the gateway hears; raises what receive_notice raises."""
    body = notice if isinstance(notice, bytes) else json.dumps(notice).encode()
    return receive_notice(gateway_code="sandbox", headers=signed(body), body=body).body


def take_at_gateway(payment: Payment) -> SandboxTrade:
    """The shopper pays, and the notice is lost."""
    trade = take_money(payment_id=payment.pk)
    assert trade is not None
    return trade


def pay(payment: Payment, **changes: Any) -> Payment:
    """The shopper pays at the gateway and its notice arrives."""
    trade = take_at_gateway(payment)
    send(describe_notice(payment, trade_no=trade.trade_no, **changes))
    return fresh(payment)


def fresh(payment: Payment) -> Payment:
    return Payment.objects.get(pk=payment.pk)


def order_of(payment: Payment) -> Order:
    return Order.objects.get(pk=payment.order_id)


def notices_of(payment: Payment) -> list[Notice]:
    return list(Notice.objects.filter(payment_id=payment.pk).order_by("id"))


def refunds_of(payment: Payment) -> list[Refund]:
    return list(Refund.objects.filter(payment_id=payment.pk))


def topics_of(payment: Payment) -> list[str]:
    """Topics of the outbox messages about the payment's order, in their order."""
    rows = OutboxMessage.objects.on_node(alias_of_id(payment.pk)).filter(shard_key=payment.order_id).order_by("id")
    return [row.topic for row in rows]


def let_time_pass(payment: Payment, *, seconds: float) -> None:
    """As if the payment and its refunds had been made so much earlier, on the database's clock."""
    earlier = timedelta(seconds=seconds)
    Payment.objects.filter(pk=payment.pk).update(
        next_query_at=fresh(payment).next_query_at - earlier, expires_at=fresh(payment).expires_at - earlier
    )
    for refund in refunds_of(payment):
        Refund.objects.filter(payment_id=payment.pk, pk=refund.pk).update(next_try_at=refund.next_try_at - earlier)


def make_due(payment: Payment) -> None:
    """Lets the payment's refund be due now."""
    Refund.objects.filter(payment_id=payment.pk).update(next_try_at=DatabaseNow(after=-timedelta(seconds=1)))


def now_of(payment: Payment) -> datetime:
    return database_now(alias_of_id(payment.pk))


def assert_untouched(payment: Payment) -> None:
    now = fresh(payment)
    assert (now.state, now.trade_no, now.paid_at, now.refunded_fen) == (PaymentState.WAITING, None, None, 0)
    assert order_of(payment).state == OrderState.UNPAID
    assert topics_of(payment) == []
