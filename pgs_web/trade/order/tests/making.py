"""Orders for tests, written as the drain writes them."""

from dataclasses import dataclass
from datetime import timedelta

from pgs_data.clock import database_now
from pgs_data.ids.snowflake import new_id
from pgs_data.sharding.slots import alias_of_id, slot_of_key
from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.group.tests.making import ACTIVITY_ID, make_group, make_seat
from pgs_web.trade.order.models import Order, OrderLog, OrderMode
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.stock.models import Movement, StockEntry

# One member a node of the default map of three nodes: slots 0, 25 and 50.
MEMBERS_ON_THREE_NODES = (1, 251, 501)


def make_order(
    *,
    member_id: int = 10,
    group_id: int | None = None,
    quantity: int = 1,
    unit_price_fen: int = 990,
    activity_id: int = ACTIVITY_ID,
    pay_within: timedelta = timedelta(minutes=15),
    order_id: int | None = None,
    key: str | None = None,
) -> Order:
    """An UNPAID order, in the group or, without one, bought alone."""
    order_id = order_id or new_id(slot=slot_of_key(member_id))
    now = database_now(alias_of_id(order_id))
    order = Order.objects.create(
        id=order_id,
        member_id=member_id,
        activity_id=activity_id,
        sku_id=1,
        merchant_id=1,
        group_id=group_id,
        mode=OrderMode.ALONE if group_id is None else OrderMode.GROUP,
        quantity=quantity,
        unit_price_fen=unit_price_fen,
        amount_fen=unit_price_fen * quantity,
        address_id=1,
        idempotency_key=key or str(order_id),
        state=OrderState.UNPAID,
        log_count=2,
        accepted_at=now,
        pay_by=now + pay_within,
    )
    OrderLog.objects.bulk_create(
        OrderLog(order_id=order_id, sequence=sequence, from_state=old, to_state=new, actor="drain", at=now)
        for sequence, (old, new) in enumerate([("", OrderState.ACCEPTED), (OrderState.ACCEPTED, OrderState.UNPAID)], 1)
    )
    StockEntry.objects.create(
        order_id=order_id, activity_id=activity_id, movement=Movement.RESERVE, quantity=quantity, at=now
    )
    return order


@dataclass(frozen=True, kw_only=True)
class GroupOfOrders:
    """A group whose seats are held by unpaid orders, the leader's first."""

    group: Group
    orders: list[Order]
    seats: list[Seat]

    @property
    def order_ids(self) -> list[int]:
        return [order.pk for order in self.orders]


def make_group_of_orders(
    *,
    size: int = 2,
    taken: int | None = None,
    lasts: timedelta = timedelta(hours=1),
    activity_id: int = ACTIVITY_ID,
    first_member: int = 1,
) -> GroupOfOrders:
    """A FORMING group of unpaid orders on all nodes; `taken` of its seats are held, all by default."""
    members = [first_member + 250 * place for place in range(size if taken is None else taken)]
    group = make_group(size=size, leader_member_id=members[0], lasts=lasts, activity_id=activity_id)
    orders = [
        make_order(member_id=member, group_id=group.pk, activity_id=activity_id, pay_within=lasts) for member in members
    ]
    seats = [
        make_seat(group, member_id=order.member_id, order_id=order.pk, after=place)
        for place, order in enumerate(orders)
    ]
    return GroupOfOrders(group=group, orders=orders, seats=seats)
