"""The ledger as admission leaves it, for orders that tests wrote into the databases."""

from collections import Counter
from collections.abc import Sequence

from pgs_data.clock import to_ms
from pgs_data.ids.texts import short_id
from pgs_data.messaging.errors import RetryLater
from pgs_data.messaging.models import OutboxMessage
from pgs_data.messaging.relay import Handler, Message
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import node_aliases
from pgs_web.trade.group.models import Group
from pgs_web.trade.group.packed import PackedGroup
from pgs_web.trade.group.tests.in_ledger import write_group
from pgs_web.trade.order.models import Order
from pgs_web.trade.stock.holds import Hold, HoldState
from pgs_web.trade.stock.keys import bought_key, holds_key, stock_key
from pgs_web.trade.stock.selectors import Stock, read_holds, read_stock


def load_ledger(*, activity_id: int, orders: Sequence[Order], groups: Sequence[Group] = (), total: int = 100) -> None:
    """Stock with the orders' units locked, their holds, their members' counts, and the groups with their seats."""
    client = ledger(partition_of(activity_id))
    locked = sum(order.quantity for order in orders)
    client.hset(
        stock_key(activity_id),
        mapping={
            "total": total,
            "remain": total - locked,
            "lock": locked,
            "sold": 0,
            "version": 1,
            "told_sold_out": 0,
        },
    )
    for order in orders:
        client.hset(holds_key(activity_id), short_id(order.pk), _hold_of(order).pack())
        client.hincrby(bought_key(activity_id), str(order.member_id), order.quantity)
    for group in groups:
        seats = {order.member_id: order.pk for order in orders if order.group_id == group.pk}
        write_group(
            activity_id,
            group.pk,
            PackedGroup(
                activity_id=activity_id,
                size=group.size,
                price_fen=group.price_fen,
                rules_version=group.rules_version,
                pay_within_ms=900_000,
                leader_member_id=group.leader_member_id,
                opened_ms=to_ms(group.opened_at),
                deadline_ms=to_ms(group.deadline),
                is_closed=False,
                held=len(seats),
                seats=seats,
            ),
        )


def _hold_of(order: Order) -> Hold:
    return Hold(
        state=HoldState.LOCKED,
        quantity=order.quantity,
        member_id=order.member_id,
        group_id=order.group_id,
        accepted_ms=to_ms(order.accepted_at),
        pay_by_ms=to_ms(order.pay_by),
        unit_price_fen=order.unit_price_fen,
        address_id=order.address_id,
        ticket=0,
        position=0,
        eta_seconds=0,
        reason="",
    )


def stock_now(activity_id: int) -> Stock:
    stock = read_stock(activity_id)
    assert stock is not None
    assert stock.is_consistent
    return stock


def hold_states(activity_id: int, orders: Sequence[Order]) -> list[str]:
    holds = read_holds([(activity_id, order.pk) for order in orders])
    return [holds[order.pk].state.value for order in orders]


def waiting_messages() -> list[Message]:
    """Everything in the outboxes, node after node."""
    return [
        Message(
            id=row.pk,
            node=alias,
            topic=row.topic,
            shard_key=row.shard_key,
            payload=row.payload,
            created_at=row.created_at,
            attempts=row.attempts,
        )
        for alias in node_aliases()
        for row in OutboxMessage.objects.on_node(alias).order_by("id")
    ]


def waiting_topics() -> Counter[str]:
    return Counter(message.topic for message in waiting_messages())


def deliver(message: Message, routes: dict[str, Handler], *, keep: bool = False) -> bool:
    """Gives one message to its handler and deletes it, as the relay does; keep=True is a relay that dies in between."""
    try:
        routes[message.topic]([message])
    except RetryLater:
        return False
    if not keep:
        OutboxMessage.objects.on_node(message.node).filter(pk=message.id).delete()
    return True


def deliver_all(routes: dict[str, Handler]) -> None:
    """Gives everything in the outboxes to its handlers, by node and topic, until nothing is left or nothing moves.

    The relay itself closes old connections, which a test inside a transaction would not survive.
    """
    before: list[str] | None = None
    while (messages := waiting_messages()) and before != [message.key for message in messages]:
        before = [message.key for message in messages]
        for (_, topic), batch in by_node_and_topic(messages).items():
            waiting: frozenset[object] = frozenset()
            try:
                routes[topic](batch)
            except RetryLater as later:
                waiting = later.only if later.only is not None else frozenset(message.id for message in batch)
            for message in batch:
                if message.id not in waiting:
                    OutboxMessage.objects.on_node(message.node).filter(pk=message.id).delete()


def by_node_and_topic(messages: Sequence[Message]) -> dict[tuple[str, str], list[Message]]:
    """Batches as a relay makes them: ids of messages count per node."""
    batches: dict[tuple[str, str], list[Message]] = {}
    for message in messages:
        batches.setdefault((message.node, message.topic), []).append(message)
    return batches
