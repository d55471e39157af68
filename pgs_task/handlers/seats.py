"""Seats of orders that moved into another group, written as the drain writes those of orders that joined one."""

from collections import defaultdict
from collections.abc import Sequence

from pgs_data.clock import to_ms
from pgs_data.messaging.relay import Message
from pgs_data.sharding.slots import alias_of_id
from pgs_task.handlers.batches import Leftovers
from pgs_task.order_drain.facts import GroupFacts, OrderFacts
from pgs_task.order_drain.persisting import Part, write_node
from pgs_web.trade.order.models import Order


def write_new_seats(messages: Sequence[Message], *, later: Leftovers) -> None:
    """Seats of these messages' orders in their new groups, and the groups that aren't there yet; repeatable."""
    by_order = {message.payload["order_id"]: message for message in messages}
    parts: dict[str, list[Part]] = defaultdict(list)
    with later.outages(messages):
        for order in Order.objects.for_ids(by_order):
            facts = _facts_of(order, by_order[order.pk])
            if facts.group is not None:
                parts[facts.group.alias].append(Part(facts, has_order=False, has_seat=True))
    for alias, of_node in parts.items():
        affected = [by_order[part.id] for part in of_node]
        with later.outages(affected):
            outcome = write_node(alias, of_node)
            for part, reason in outcome.put_off:
                later.add([by_order[part.id]], reason)
            for part, error in outcome.poisoned:
                # The order is paid: somebody has to look, and its message has to stay.
                later.add([by_order[part.id]], f"{type(error).__name__}: {error}")


def _facts_of(order: Order, message: Message) -> OrderFacts:
    group_id, group = message.payload["group_id"], message.payload["group"]
    return OrderFacts(
        id=order.pk,
        member_id=order.member_id,
        activity_id=order.activity_id,
        sku_id=order.sku_id,
        merchant_id=order.merchant_id,
        group=GroupFacts(
            id=group_id,
            leader_member_id=group["leader_member_id"],
            size=group["size"],
            price_fen=group["price_fen"],
            opened_ms=group["opened_ms"],
            deadline_ms=group["deadline_ms"],
            alias=alias_of_id(group_id),
        ),
        quantity=order.quantity,
        unit_price_fen=order.unit_price_fen,
        amount_fen=order.amount_fen,
        address_id=order.address_id,
        idempotency_key=order.idempotency_key,
        rules_version=group["rules_version"],
        accepted_ms=to_ms(order.accepted_at),
        pay_by_ms=to_ms(order.pay_by),
        alias=alias_of_id(order.pk),
        wishes=order.wishes,
    )
