"""Who is a new member: who has never paid an order. Read from the member's orders, which are all on one node."""

from collections.abc import Mapping

from django.db.models import OuterRef, QuerySet, Subquery

from pgs_data.sharding.slots import alias_of_slot, ids_by_node, slot_of_key
from pgs_data.sharding.transactions import node_transaction
from pgs_web.trade.order.models import FirstPayment, Order


def is_new_member(member_id: int) -> bool:
    """Whether the member has never paid an order, also none that was refunded; one query on the member's node."""
    rows = Order.objects.on_node(alias_of_slot(slot_of_key(member_id)))
    return not rows.filter(member_id=member_id, paid_at__isnull=False).exists()


def claim_first_payments(orders: Mapping[int, int]) -> set[int]:
    """Those of these paid orders (order → member) that are the first which their member paid; the same for ever.

    Of two that are paid at once exactly one is: the earlier payment, then the smaller number, unless the other one was
    asked for while this one's payment wasn't committed yet. The row of who was asked for first decides. One transaction
    and four statements a node; dying between two nodes leaves the rest to the repetition.
    """
    first: set[int] = set()
    for alias, order_ids in ids_by_node(orders).items():
        members = {orders[order_id] for order_id in order_ids}
        with node_transaction(alias):
            said = FirstPayment.objects.on_node(alias).filter(member_id__in=members)
            unasked = members - set(said.values_list("member_id", flat=True))
            FirstPayment.objects.on_node(alias).bulk_create(
                [
                    FirstPayment(member_id=member_id, order_id=order_id)
                    for member_id, order_id in _earliest(alias, unasked)
                ],
                ignore_conflicts=True,
            )
            first |= set(said.filter(order_id__in=order_ids).values_list("order_id", flat=True))
    return first


def _earliest(alias: str, member_ids: set[int]) -> QuerySet[Order, tuple[int, int]]:
    paid = Order.objects.on_node(alias).filter(paid_at__isnull=False)
    of_member = paid.filter(member_id=OuterRef("member_id")).order_by("paid_at", "pk")
    rows = paid.filter(member_id__in=member_ids, pk=Subquery(of_member.values("pk")[:1]))
    return rows.values_list("member_id", "pk")
