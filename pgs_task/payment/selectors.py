"""Reads of payments and refunds, for their shopper and for the checks."""

from collections.abc import Iterable, Iterator
from itertools import islice

from django.db.models import QuerySet

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.sandbox_gateway.models import SandboxTrade, TradeState
from pgs_task.payment.states import PaymentState
from pgs_web.api.errors import NotFound
from pgs_web.trade.intake.selectors import get_own_order

PAYMENTS_A_QUERY = 500


def get_payment(*, payment_id: int, member_id: int) -> Payment:
    """The member's payment with the database's time as `now`; raises NotFound, also for another member's."""
    payment = Payment.objects.filter(pk=payment_id, member_id=member_id).annotate(now=DatabaseNow()).first()
    if payment is None:
        raise NotFound
    return payment


def unheard_payments(*, limit: int = 20) -> list[int]:
    """Payments that wait although the sandbox gateway has their money: its notice is on its way, or got lost.

    Costs two index reads per 500 waiting payments. Another gateway's trades can't be listed like this.
    """
    unheard: list[int] = []
    for alias in node_aliases():
        waiting = Payment.objects.on_node(alias).filter(state=PaymentState.WAITING, gateway="sandbox")
        for ids in _chunks(waiting.values_list("pk", flat=True).iterator(chunk_size=PAYMENTS_A_QUERY)):
            taken = SandboxTrade.objects.filter(payment_id__in=ids, state=TradeState.TAKEN)
            unheard += taken.values_list("payment_id", flat=True)[: limit - len(unheard)]
            if len(unheard) >= limit:
                return unheard
    return unheard


def refunds_of_order(*, order_id: int, member_id: int) -> QuerySet[Refund]:
    """The refunds of the member's order, none while it isn't written down yet; raises NotFound."""
    get_own_order(member_id=member_id, order_id=order_id)
    return Refund.objects.on_node(alias_of_id(order_id)).filter(order_id=order_id)


def _chunks(ids: Iterable[int]) -> Iterator[list[int]]:
    iterator = iter(ids)
    while chunk := list(islice(iterator, PAYMENTS_A_QUERY)):
        yield chunk
