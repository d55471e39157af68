"""Who is a new member: who has never paid an order. Read from the member's orders, which are all on one node."""

from django.db.models import QuerySet

from pgs_data.sharding.slots import alias_of_slot, slot_of_key
from pgs_web.trade.order.models import Order


def is_new_member(member_id: int) -> bool:
    """Whether the member has never paid an order, also none that was refunded; one query on the member's node."""
    return not _paid_orders(member_id).exists()


def is_first_paid_order(*, member_id: int, order_id: int) -> bool:
    """Whether this paid order is the first that the member paid, so that they were new when they paid it.

    Of two that are paid at once exactly one is: the earlier payment, then the smaller number.
    """
    first = _paid_orders(member_id).order_by("paid_at", "id").values_list("pk", flat=True).first()
    return first == order_id


def _paid_orders(member_id: int) -> QuerySet[Order]:
    rows = Order.objects.on_node(alias_of_slot(slot_of_key(member_id)))
    return rows.filter(member_id=member_id, paid_at__isnull=False)
