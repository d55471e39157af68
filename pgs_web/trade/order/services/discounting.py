"""An unpaid order takes its shopper's coupons, as long as nobody has begun to pay for it."""

from collections.abc import Sequence

from pgs_data.clock import database_now
from pgs_data.sharding.transactions import node_transaction
from pgs_web.trade.coupon.services import replace_coupons
from pgs_web.trade.order.errors import PriceFixed, TimeToPayOver, refuse_state
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.money import has_begun_payment
from pgs_web.trade.order.selectors import describe_purchase, get_order
from pgs_web.trade.order.services.door import require_moved
from pgs_web.trade.order.states import OrderState


def use_coupons(*, member_id: int, order_id: int, coupon_ids: Sequence[int]) -> Order:
    """Lets a member's own UNPAID order have just these coupons, none of them for an empty list; returns it.

    All of it is one transaction on the member's node: coupons, their uses and the order's amount, or nothing. Raises
    NotFound, WrongState, TimeToPayOver, PriceFixed, and what replace_coupons raises.
    """
    purchase = describe_purchase(get_order(order_id=order_id, member_id=member_id))
    with node_transaction(order_id) as alias:
        # The lock under which payments are opened and orders are cancelled, too: each sees the other's end.
        order = Order.objects.on_node(alias).select_for_update().get(pk=order_id)
        if order.state != OrderState.UNPAID:
            raise refuse_state(order.state)
        now = database_now(alias)
        if order.pay_by <= now:
            raise TimeToPayOver
        if has_begun_payment(order):
            raise PriceFixed
        uses = replace_coupons(alias=alias, purchase=purchase, coupon_ids=coupon_ids, now=now)
        discount_fen = sum(use.discount_fen for use in uses)
        changes = {"discount_fen": discount_fen, "amount_fen": purchase.sum_fen - discount_fen, "updated_at": now}
        rows = Order.objects.on_node(alias).filter(
            pk=order_id, state=OrderState.UNPAID, discount_fen=order.discount_fen
        )
        require_moved(rows.update(**changes), expected=1)
    for field, value in changes.items():
        setattr(order, field, value)
    return order
