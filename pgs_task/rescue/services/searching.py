"""Where an order that lost its place may find another one."""

from pgs_data.ids.snowflake import new_ids
from pgs_data.redis.partitions import bucket_of, spread_of
from pgs_data.sharding.slots import slot_of_id
from pgs_task.rescue.models import Rescue
from pgs_task.rescue.states import RescueCause
from pgs_web.trade.group.selectors import list_joinable_groups
from pgs_web.trade.intake.places import PlaceWish
from pgs_web.trade.order.models import Order, OrderMode
from pgs_web.trade.order.wishes import OnLostSeat
from pgs_web.trade.stock.limits import find_limit_place

# Groups that the script looks at: those that need the fewest members, among them those that end first.
MOST_CANDIDATES = 20


def make_wish(rescue: Rescue, order: Order) -> PlaceWish | None:
    """What the ledger is asked for; None when it can't give it. Raises OperationalError, IdSourceUnavailable.

    Costs one query a node for who wants to move.
    """
    is_late = rescue.cause == RescueCause.LATE_PAYMENT
    if is_late and find_limit_place(order.activity_id, member_id=order.member_id, part_id=order.pk) is not None:
        # The units would have to be taken from a limit in another bucket first, and given back after every refusal.
        return None
    is_alone = order.mode == OrderMode.ALONE
    # Who came by a pass gets the own place again, or none.
    wish = order.told.on_lost_seat if order.told.may_take_another_place else OnLostSeat.REFUND
    joins: list[int] = []
    if order.group_id is not None and is_late:
        joins.append(order.group_id)
    if wish is OnLostSeat.MOVE and not is_alone:
        joins += _candidates(order)
    return PlaceWish(
        activity_id=order.activity_id,
        order_id=order.pk,
        quantity=order.quantity,
        wants_units=is_late,
        lost_group_id=order.group_id,
        joins=joins,
        opens=_new_group_id(order) if wish is OnLostSeat.LEAD and not is_alone else None,
    )


def _candidates(order: Order) -> list[int]:
    groups = list_joinable_groups(order.activity_id)
    bucket = bucket_of(order.activity_id, order.pk)
    near = [
        group.pk
        for group in groups
        if group.pk != order.group_id
        # The order keeps its price: neither the shopper nor the merchant is asked for a difference.
        and group.price_fen == order.unit_price_fen
        and bucket_of(order.activity_id, group.pk) == bucket
    ]
    return near[:MOST_CANDIDATES]


def _new_group_id(order: Order) -> int | None:
    """On the order's own node and in its bucket; one that isn't used is nobody's."""
    spread = spread_of(order.activity_id)
    bucket = bucket_of(order.activity_id, order.pk)
    # Sequence numbers count up within a millisecond: twice as many as there are buckets surely hold one of each.
    ids = new_ids(slot=slot_of_id(order.pk), count=1 if spread == 1 else 2 * spread)
    return next((one for one in ids if one % spread == bucket), None)
