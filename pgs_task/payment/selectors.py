"""Reads of payments and refunds for their shopper."""

from django.db.models import QuerySet

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import alias_of_id
from pgs_task.payment.models import Payment, Refund
from pgs_web.api.errors import NotFound
from pgs_web.trade.intake.selectors import get_own_order


def get_payment(*, payment_id: int, member_id: int) -> Payment:
    """The member's payment with the database's time as `now`; raises NotFound, also for another member's."""
    payment = Payment.objects.filter(pk=payment_id, member_id=member_id).annotate(now=DatabaseNow()).first()
    if payment is None:
        raise NotFound
    return payment


def refunds_of_order(*, order_id: int, member_id: int) -> QuerySet[Refund]:
    """The refunds of the member's order, none while it isn't written down yet; raises NotFound."""
    get_own_order(member_id=member_id, order_id=order_id)
    return Refund.objects.on_node(alias_of_id(order_id)).filter(order_id=order_id)
