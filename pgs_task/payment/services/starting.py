"""Starts a payment: one open payment an order, at the gateway that the shopper chose."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from pgs_data.clock import database_now
from pgs_data.ids.snowflake import IdSourceUnavailable, new_id
from pgs_data.sharding.slots import slot_of_id
from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.configuration.services import require_offered
from pgs_task.payment.errors import PayByPassed, PaymentNotReady
from pgs_task.payment.gateways.contract import Gateway, GatewayUnavailable, TradeRequest
from pgs_task.payment.gateways.registry import get_gateway
from pgs_task.payment.models import Payment
from pgs_task.payment.services.closing import CloseOutcome, close_payment
from pgs_task.payment.services.moves import lock_order
from pgs_task.payment.states import PaymentState
from pgs_web.api.errors import Unavailable
from pgs_web.trade.intake.selectors import get_own_order
from pgs_web.trade.order.dues import Due, due_of
from pgs_web.trade.order.errors import refuse_state
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import OrderState


@dataclass(frozen=True, kw_only=True)
class OpenPayment:
    """The order's open payment, whether it was made now, what is due by now, and the database's time."""

    payment: Payment
    is_new: bool
    due: Due
    now: datetime

    def fits(self, gateway: Gateway) -> bool:
        """Whether it pays what is due, at this gateway.

        One of an order that was cancelled before its gateway would close it, and taken up again for another payment
        that came late, is of the order though a surcharge is due by now: whoever paid it would have paid for nothing.
        """
        is_due = (self.payment.purpose, self.payment.amount_fen) == (self.due.purpose, self.due.amount_fen)
        return is_due and self.payment.gateway == gateway.code


@dataclass(frozen=True, kw_only=True)
class StartedPayment:
    """An open payment and what the shopper's client needs in order to pay; `now` is the database's time."""

    payment: Payment
    is_new: bool
    pay: dict[str, str]
    now: datetime


def start_payment(
    *,
    member_id: int,
    order_id: int,
    gateway_code: str,
    shop_url: str,
    client_address: str = "",
    payer_openid: str = "",
) -> StartedPayment:
    """Opens a payment of what is due of the member's own order, the order or its surcharge, or returns the open one.

    Raises NotFound, PaymentNotReady (accepted, not written down yet), WrongState, PayByPassed, Unavailable,
    GatewayNotOffered, GatewayClosed, GatewayLimit. An open payment at another gateway, or of something else than is
    due, is closed there first; if it was paid meanwhile, that counts. A payment that is open already can be paid though
    its gateway takes no new ones.
    """
    gateway = get_gateway(gateway_code)
    _require_written(member_id=member_id, order_id=order_id)
    opened = _open_payment(order_id=order_id, gateway=gateway)
    if not opened.fits(gateway):
        # Before the other one is closed: the shopper would be left with none.
        require_offered(gateway_code=gateway.code, amount_fen=opened.due.amount_fen)
        closed = close_payment(payment_id=opened.payment.pk, asked_by=f"member:{member_id}")
        if closed == CloseOutcome.UNKNOWN:
            raise Unavailable
        opened = _open_payment(order_id=order_id, gateway=gateway)
        if not opened.fits(gateway):
            # Somebody opened one at yet another gateway in between: the shopper is pressing several buttons at once.
            raise Unavailable
    payment = opened.payment
    # Dying before or in this call leaves an open payment that the gateway doesn't know; the next start opens it there.
    try:
        pay = gateway.create(
            TradeRequest(
                payment_id=payment.pk,
                order_id=payment.order_id,
                amount_fen=payment.amount_fen,
                currency=payment.currency,
                expires_at=payment.expires_at,
                shop_url=shop_url,
                client_address=client_address,
                payer_openid=payer_openid,
            )
        )
    except GatewayUnavailable as error:
        raise Unavailable from error
    return StartedPayment(payment=payment, is_new=opened.is_new, pay=pay, now=opened.now)


def _require_written(*, member_id: int, order_id: int) -> None:
    if get_own_order(member_id=member_id, order_id=order_id).state == OrderState.ACCEPTED:
        raise PaymentNotReady


def _open_payment(*, order_id: int, gateway: Gateway) -> OpenPayment:
    """The order's open payment, whatever it is for, or a new one of what is due; raises WrongState, PayByPassed."""
    try:
        payment_id = new_id(slot=slot_of_id(order_id))
    except IdSourceUnavailable as error:
        raise Unavailable from error
    with node_transaction(order_id) as alias:
        # Under the order's lock: no cancellation and no second start can come between the look and the insert.
        order = lock_order(order_id=order_id)
        if order is None:
            # The intake rejected it: it will never be written down.
            raise refuse_state(OrderState.REJECTED)
        due = due_of(order)
        if due is None:
            raise refuse_state(order.state)
        now = database_now(alias)
        if due.pay_by <= now:
            raise PayByPassed
        payment = Payment.objects.on_node(alias).filter(open_order_id=order_id).first()
        if payment is not None:
            return OpenPayment(payment=payment, is_new=False, due=due, now=now)
        # Here, after all waiting: a gateway that was closed meanwhile gets no new payment.
        require_offered(gateway_code=gateway.code, amount_fen=due.amount_fen)
        payment = _insert_payment(payment_id, order=order, due=due, gateway=gateway, now=now)
        return OpenPayment(payment=payment, is_new=True, due=due, now=now)


def _insert_payment(payment_id: int, *, order: Order, due: Due, gateway: Gateway, now: datetime) -> Payment:
    return Payment.objects.create(
        id=payment_id,
        order_id=order.pk,
        open_order_id=order.pk,
        member_id=order.member_id,
        gateway=gateway.code,
        purpose=due.purpose,
        amount_fen=due.amount_fen,
        state=PaymentState.WAITING,
        created_at=now,
        expires_at=due.pay_by,
        next_query_at=now + timedelta(seconds=settings.PAYMENT_QUERY_SECONDS[0]),
    )
