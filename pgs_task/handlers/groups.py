"""What groups' messages do to the orders on their nodes and to the group's hash in the ledger."""

from collections.abc import Iterator, Sequence

from pgs_data.messaging.relay import Message
from pgs_data.sharding.slots import alias_of_id
from pgs_task.handlers.batches import Leftovers, split_by_node, split_by_partition, split_ids_by_node
from pgs_task.rescue.services import lose_seats
from pgs_web.trade.group.admitted import read_packed_groups
from pgs_web.trade.group.scripts import GroupOfActivity, close_groups, extend_groups
from pgs_web.trade.group.selectors import orders_with_active_seats, orders_with_seats
from pgs_web.trade.group.services import settle_groups
from pgs_web.trade.order.services import cancel_orders, mark_to_ship, start_refunds
from pgs_web.trade.order.states import CancelReason, RefundReason

# Seats read at once; a group has at most 1000.
SEATS_A_READ = 5_000
SEATS_NOT_WRITTEN = "Orders that were admitted into the group are not written down yet."


def handle_group_succeeded(messages: Sequence[Message]) -> None:
    """`group.succeeded`: nobody joins any more, and every order ships."""
    later = Leftovers()
    _close_in_ledger(messages, later=later)
    ids_of_messages = [(message, message.payload["order_ids"]) for message in messages]
    for order_ids, of_node in split_ids_by_node(ids_of_messages).values():
        with later.outages(of_node):
            mark_to_ship(order_ids=order_ids)
    later.raise_if_any()


def handle_group_failed(messages: Sequence[Message]) -> None:
    """`group.failed`: nobody joins any more; unpaid orders are cancelled, paid ones have lost their seat.

    An order that was admitted and is not in its database yet is waited for: this comes again until it is there, and
    the group isn't settled before. Nobody is admitted after the group was closed in the ledger.
    """
    later = Leftovers()
    _close_in_ledger(messages, later=later)
    for chunk in _chunks(messages):
        for of_node in split_by_node(chunk, key="group_id").values():
            with later.outages(of_node):
                _end_orders(of_node, later=later)
                _put_off_unwritten(of_node, later=later)
                # A group that nobody is left in has nobody whose leaving would settle it.
                settle_groups(group_ids=[message.payload["group_id"] for message in later.without(of_node)])
    later.raise_if_any()


def handle_group_extended(messages: Sequence[Message]) -> None:
    """`group.extended`: shoppers may join until the new deadline."""
    later = Leftovers()
    for of_partition in split_by_partition(messages, key="group_id").values():
        with later.outages(of_partition):
            deadlines: dict[GroupOfActivity, int] = {}
            for message in of_partition:
                known = message.payload
                group = GroupOfActivity(activity_id=known["activity_id"], group_id=known["group_id"])
                # Two extensions of one group: the later deadline has both.
                deadlines[group] = max(known["deadline_ms"], deadlines.get(group, 0))
            extend_groups(deadlines=deadlines)
    later.raise_if_any()


def handle_seat_left(messages: Sequence[Message]) -> None:
    """`seat.left`: a paid member left before the group was complete; the money goes back."""
    later = Leftovers()
    for of_node in split_by_node(messages, key="order_id").values():
        with later.outages(of_node):
            start_refunds(
                order_ids=[message.payload["order_id"] for message in of_node],
                reason=RefundReason.BY_MEMBER,
                actor="group",
            )
    later.raise_if_any()


def _end_orders(messages: Sequence[Message], *, later: Leftovers) -> None:
    """Ends the orders that hold seats of these groups of one node; each order's node may be away on its own."""
    alias = alias_of_id(messages[0].payload["group_id"])
    orders = orders_with_active_seats(alias, [message.payload["group_id"] for message in messages])
    ids_of_messages = [(message, orders.get(message.payload["group_id"], ())) for message in messages]
    groups = {order_id: group_id for group_id, order_ids in orders.items() for order_id in order_ids}
    for order_ids, of_node in split_ids_by_node(ids_of_messages).values():
        with later.outages(of_node):
            cancel_orders(order_ids=order_ids, reason=CancelReason.GROUP_FAILED, actor="group")
            # After the cancellations: an order that was paid in between is AWAITING_GROUP and has lost its seat here,
            # and one that is paid later is not UNPAID any more.
            lose_seats(groups={order_id: groups[order_id] for order_id in order_ids})


def _put_off_unwritten(messages: Sequence[Message], *, later: Leftovers) -> None:
    """Puts off the messages of groups that hold seats in the ledger which aren't written down on their node."""
    alias = alias_of_id(messages[0].payload["group_id"])
    admitted = read_packed_groups((message.payload["activity_id"], message.payload["group_id"]) for message in messages)
    written = orders_with_seats(alias, admitted)
    waiting = {group_id for group_id, group in admitted.items() if set(group.seats.values()) - written[group_id]}
    later.add([one for one in messages if one.payload["group_id"] in waiting], SEATS_NOT_WRITTEN)


def _close_in_ledger(messages: Sequence[Message], *, later: Leftovers) -> None:
    for of_partition in split_by_partition(messages, key="group_id").values():
        with later.outages(of_partition):
            close_groups(
                groups=[
                    GroupOfActivity(activity_id=message.payload["activity_id"], group_id=message.payload["group_id"])
                    for message in of_partition
                ]
            )


def _chunks(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Messages whose groups have no more than SEATS_A_READ seats together."""
    chunk: list[Message] = []
    seats = 0
    for message in messages:
        if chunk and seats + message.payload["size"] > SEATS_A_READ:
            yield chunk
            chunk, seats = [], 0
        chunk.append(message)
        seats += message.payload["size"]
    if chunk:
        yield chunk
