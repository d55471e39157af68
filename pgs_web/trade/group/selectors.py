"""Reads of groups and their seats."""

from collections import defaultdict
from collections.abc import Iterable

from pgs_web.trade.group.models import Seat
from pgs_web.trade.group.states import ACTIVE_SEATS


def orders_with_active_seats(alias: str, group_ids: Iterable[int]) -> dict[int, list[int]]:
    """Group id → ids of the orders that hold its seats, for groups of one node; one query."""
    seats = Seat.objects.on_node(alias).filter(group_id__in=list(group_ids), state__in=ACTIVE_SEATS)
    orders: dict[int, list[int]] = defaultdict(list)
    for group_id, order_id in seats.order_by("pk").values_list("group_id", "order_id"):
        orders[group_id].append(order_id)
    return orders
