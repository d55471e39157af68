"""What orders' messages do on other nodes and in the ledger. Every effect is repeatable: states decide, not counters.

A crash anywhere in between leaves the messages in the outbox; the next delivery finds the finished part done.
"""

from collections.abc import Callable, Sequence

from pgs_data.clock import from_ms
from pgs_data.messaging.relay import Message
from pgs_task.handlers.batches import Leftovers, split_by_home, split_by_node
from pgs_task.handlers.newcomers import read_kept_seats
from pgs_task.handlers.seats import write_new_seats
from pgs_task.handlers.stock import settle_stock
from pgs_task.rescue.services import lose_seats
from pgs_web.trade.group.services import (
    PaidSeat,
    SeatOfOrder,
    count_paid_seats,
    hand_over_seats,
    refund_seats,
    release_seats,
)
from pgs_web.trade.intake.unpaid import UnpaidFate, UnpaidOrder, are_counted, forget_unpaid
from pgs_web.trade.order.states import CancelReason, RefundReason
from pgs_web.trade.stock.messages import SettleMovement

SEAT_NOT_WRITTEN = "The seat is not written down on the group's node yet."


def handle_order_paid(messages: Sequence[Message]) -> None:
    """`order.paid`: the seat counts, or the order has lost it; the units are sold."""
    later = Leftovers()
    for of_node in split_by_node(messages, key="group_id").values():
        with later.outages(of_node):
            kept = read_kept_seats(of_node)
            report = count_paid_seats(
                payments=[
                    PaidSeat(
                        group_id=message.payload["group_id"],
                        order_id=message.payload["order_id"],
                        paid_at=from_ms(message.payload["paid_at_ms"]),
                        is_revived=message.payload.get("is_revived", False),
                        **kept.of(message),
                    )
                    for message in of_node
                ]
            )
            later.add(_of_orders(of_node, report.missing), SEAT_NOT_WRITTEN)
            # Dying here: the seat stays as it is in a group that is over, so the next delivery refuses it again.
            lose_seats(
                groups=_groups_of(of_node, report.refused),
                reasons=dict.fromkeys(report.not_new, RefundReason.NOT_NEW_MEMBER),
            )
    settle_stock(messages, SettleMovement.CONFIRM, later=later)
    _forget_unpaid(messages, later=later)
    later.raise_if_any()


def handle_order_cancelled(messages: Sequence[Message]) -> None:
    """`order.cancelled`: the seat is free again, then the units are."""
    _give_back(messages, give_up_seats=release_seats, movement=SettleMovement.RELEASE)


def handle_order_refunded(messages: Sequence[Message]) -> None:
    """`order.refunded`: the seat of an undecided or failed group is given up, then the units are free again."""
    _give_back(messages, give_up_seats=refund_seats, movement=SettleMovement.RETURN)


def _give_back(
    messages: Sequence[Message],
    *,
    give_up_seats: Callable[..., list[int]],
    movement: SettleMovement,
) -> None:
    """The database first, the ledger last: whoever gets the place in the ledger finds it free in the database."""
    later = Leftovers()
    for of_node in split_by_node(messages, key="group_id").values():
        with later.outages(of_node):
            missing = give_up_seats(
                seats=[
                    SeatOfOrder(group_id=message.payload["group_id"], order_id=message.payload["order_id"])
                    for message in of_node
                ]
            )
            later.add(_of_orders(of_node, missing), SEAT_NOT_WRITTEN)
    settle_stock(later.without(messages), movement, later=later)
    if movement is SettleMovement.RELEASE:
        _forget_unpaid(messages, later=later)
    later.raise_if_any()


def handle_order_reseated(messages: Sequence[Message]) -> None:
    """`order.reseated`: the seat in the new group is written down, which its payment waits for; the old one is free."""
    later = Leftovers()
    write_new_seats(messages, later=later)
    _free_lost_seats(later.without(messages), later=later)
    later.raise_if_any()


def handle_order_unseated(messages: Sequence[Message]) -> None:
    """`order.unseated`: it is bought alone; its seat in the group that it lost is free."""
    later = Leftovers()
    _free_lost_seats(messages, later=later)
    later.raise_if_any()


def _free_lost_seats(messages: Sequence[Message], *, later: Leftovers) -> None:
    for of_node in split_by_node(messages, key="lost_group_id").values():
        with later.outages(of_node):
            missing = hand_over_seats(
                seats=[
                    SeatOfOrder(group_id=message.payload["lost_group_id"], order_id=message.payload["order_id"])
                    for message in of_node
                ]
            )
            later.add(_of_orders(of_node, missing), SEAT_NOT_WRITTEN)


def _forget_unpaid(messages: Sequence[Message], *, later: Leftovers) -> None:
    """These orders aren't unpaid any more; after their holds have moved, so that a repetition finds out."""
    if not are_counted():
        return
    for of_partition in split_by_home(later.without(messages)).values():
        with later.outages(of_partition):
            forget_unpaid(
                UnpaidOrder(
                    message.payload["member_id"],
                    message.payload["order_id"],
                    UnpaidFate.RAN_OUT if message.payload["reason"] == CancelReason.UNPAID else UnpaidFate.GONE,
                )
                for message in of_partition
            )


def _groups_of(messages: Sequence[Message], order_ids: Sequence[int]) -> dict[int, int]:
    return {message.payload["order_id"]: message.payload["group_id"] for message in _of_orders(messages, order_ids)}


def _of_orders(messages: Sequence[Message], order_ids: Sequence[int]) -> list[Message]:
    wanted = set(order_ids)
    return [message for message in messages if message.payload["order_id"] in wanted]
