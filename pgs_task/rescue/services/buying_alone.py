"""Who lost the seat and wished to buy alone is asked for the surcharge; paid, the order ships by itself.

Nothing is taken in the ledger: the units are sold to the order and stay so. The row says ASKING from the transaction on
that asks, and next_try_at is the deadline, so whoever dies leaves it to the next run; the payment itself moves the
order, in the transaction that books the money (payment/services/results.py).
"""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.services import close_open_payments
from pgs_task.rescue.models import Rescue
from pgs_task.rescue.services.ending import end_refused, look_again, move_rescue
from pgs_task.rescue.states import RESCUE_MOVES, RescueCause, RescueState
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.order.models import Order, OrderMode
from pgs_web.trade.order.services import ask_surcharge, buy_alone
from pgs_web.trade.order.wishes import OnLostSeat

OUTCOME = "alone"


def wants_to_buy_alone(rescue: Rescue, order: Order) -> bool:
    """Whether this rescue is one of a lost seat whose shopper wished for no other group."""
    return rescue.cause == RescueCause.LOST_SEAT and order.told.on_lost_seat is OnLostSeat.ALONE


def advance_alone(rescue: Rescue, order: Order) -> RescueState:
    """Goes on with it as far as possible now; returns its state. Raises OUTAGES."""
    if rescue.state == RescueState.OPEN:
        surcharge_fen = _surcharge_of(order)
        if surcharge_fen is None:
            return end_refused(rescue, outcome="withdrawn")
        return _ask(rescue, surcharge_fen=surcharge_fen)
    if rescue.state == RescueState.ASKING:
        return _look_after(rescue, order)
    return RescueState(rescue.state)


def end_bought_alone(*, order_ids: Sequence[int]) -> None:
    """Says of orders of one node, which were bought alone, that their rescue is done; repeatable."""
    if RescueState.DONE not in RESCUE_MOVES[RescueState.ASKING]:
        raise ValueError("No rescue ends so.")
    alias = alias_of_id(order_ids[0])
    with node_transaction(alias):
        asking = Rescue.objects.on_node(alias).filter(order_id__in=order_ids, state=RescueState.ASKING)
        asking.update(state=RescueState.DONE, outcome=OUTCOME, finished_at=database_now(alias))


def _surcharge_of(order: Order) -> int | None:
    """What buying alone costs more today; None when the offer was withdrawn. Raises OperationalError.

    Today's price: the shopper sees it before paying, and who doesn't want it doesn't pay. Never less than nothing: the
    price alone may have been lowered since.
    """
    activity = Activity.objects.filter(pk=order.activity_id).values_list("state", "alone_price_fen").first()
    if activity is None or activity[0] == ActivityState.WITHDRAWN:
        return None
    return max(0, activity[1] - order.unit_price_fen) * order.quantity


def _ask(rescue: Rescue, *, surcharge_fen: int) -> RescueState:
    """Tells the shopper amount and deadline; where there is nothing to pay, the order is bought alone at once."""
    with node_transaction(rescue.order_id) as alias:
        # The order's lock first, as everywhere where its money is decided about.
        Order.objects.select_for_update().get(pk=rescue.order_id)
        pay_before = database_now(alias) + timedelta(seconds=settings.SURCHARGE_WITHIN_SECONDS)
        changes = {"surcharge_fen": surcharge_fen, "decide_by": pay_before, "next_try_at": pay_before}
        if not move_rescue(rescue, to_state=RescueState.ASKING, **changes):
            return RescueState(rescue.state)
        is_asked = ask_surcharge(
            order_id=rescue.order_id,
            lost_group_id=rescue.reference,
            surcharge_fen=surcharge_fen,
            pay_before=pay_before,
        )
        if not is_asked:
            return end_refused(rescue, outcome="order_moved")
        if surcharge_fen == 0 and buy_alone(order_id=rescue.order_id, surcharge_fen=0) is not None:
            move_rescue(rescue, to_state=RescueState.DONE, outcome=OUTCOME, finished_at=database_now(alias))
    return RescueState(rescue.state)


def _look_after(rescue: Rescue, order: Order) -> RescueState:
    now = database_now(alias_of_id(order.pk))
    if order.mode == OrderMode.ALONE:
        end_bought_alone(order_ids=[order.pk])
        return RescueState.DONE
    is_waiting = order.group_id == rescue.reference and order.decide_by is not None
    if not is_waiting:
        return end_refused(rescue, outcome="order_moved")
    if now < rescue.decide_by:
        return RescueState.ASKING
    # As with an unpaid order: closed at the gateway first, so that nobody pays for nothing; whoever had paid, has it.
    report = close_open_payments(order_ids=[order.pk])
    patience = timedelta(seconds=settings.UNPAID_CLOSE_SECONDS)
    if report.paid or (report.unknown and now < rescue.decide_by + patience):
        look_again(rescue)
        return RescueState.ASKING
    # Dying before this leaves the row ASKING and overdue; a payment that comes in between finds the order waiting and
    # has it, one that comes later finds it REFUNDING and goes back.
    return _end_unpaid(rescue)


def _end_unpaid(rescue: Rescue) -> RescueState:
    with node_transaction(rescue.order_id):
        # Under its lock: whoever paid since it was read has bought it.
        order = Order.objects.select_for_update().get(pk=rescue.order_id)
        if order.mode == OrderMode.ALONE:
            end_bought_alone(order_ids=[order.pk])
            return RescueState.DONE
        return end_refused(rescue, outcome="unpaid")
