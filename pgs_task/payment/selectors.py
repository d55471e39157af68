"""Reads of payments and refunds for their shopper."""

from django.db.models import QuerySet

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import alias_of_id
from pgs_task.payment.models import Payment, Refund
from pgs_web.api.errors import NotFound
from pgs_web.trade.order.errors import WrongState
from pgs_web.trade.order.selectors import get_order


def get_payment(*, payment_id: int, member_id: int) -> Payment:
    """The member's payment with the database's time as `now`; raises NotFound, also for another member's."""
    payment = Payment.objects.filter(pk=payment_id, member_id=member_id).annotate(now=DatabaseNow()).first()
    if payment is None:
        raise NotFound
    return payment


def refunds_of_order(*, order_id: int, member_id: int) -> QuerySet[Refund]:
    """The refunds of the member's order, none while it isn't written down yet; raises NotFound."""
    refunds = Refund.objects.on_node(alias_of_id(order_id))
    try:
        get_order(order_id=order_id, member_id=member_id)
    except WrongState:
        return refunds.none()
    return refunds.filter(order_id=order_id)
