"""The bus between the shop and who ships: a stream on the ledger, at least once, in batches."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import structlog

from pgs_data.ids.snowflake import parse_id
from pgs_data.messaging.errors import RetryLater, is_outage
from pgs_data.messaging.relay import Message
from pgs_data.messaging.streams import Entry, StreamConsumer, unique_consumer_name
from pgs_data.redis.connections import blocking, ledger
from pgs_data.sharding.slots import alias_of_id
from pgs_web.trade.order.services import mark_shipped

log = structlog.get_logger(__name__)

BUS = "bus:logistics"
# Entries that nobody can read, with the reason, for engineers.
ASIDE = "bus:logistics:set_aside"
GROUP = "logistics"
BATCH_SIZE = 500
BLOCK_MS = 1_000
# After so long without an answer an entry is given to another consumer.
CLAIM_IDLE_MS = 10_000


def announce_orders_to_ship(messages: Sequence[Message]) -> None:
    """`order.to_ship`: one entry an order on the bus; ids and numbers only, the address is asked for when it ships."""
    pipeline = ledger().pipeline(transaction=False)
    for message in messages:
        payload = message.payload
        pipeline.xadd(
            BUS, {name: str(payload[name]) for name in ("order_id", "activity_id", "merchant_id", "sku_id", "quantity")}
        )
    # Dying here: some are announced, all come again. Who ships takes an order once, by its state.
    pipeline.execute()


def ship_orders(entries: Sequence[Entry]) -> None:
    """Ships the orders of these entries that are TO_SHIP; others were shipped before, or their money goes back."""
    by_node: dict[str, dict[int, Entry]] = defaultdict(dict)
    for entry in entries:
        order_id = parse_id(entry.fields["order_id"].decode())
        by_node[alias_of_id(order_id)][order_id] = entry
    later: dict[str, str] = {}
    for alias, orders in by_node.items():
        try:
            shipped = mark_shipped(order_ids=orders)
        except Exception as error:
            if not is_outage(error):
                raise
            # A node that is away keeps its own orders waiting, nobody else's.
            later.update((entry.id, f"{alias}: {error}") for entry in orders.values())
        else:
            log.info("orders_shipped", node=alias, shipped=len(shipped), passed_over=len(orders) - len(shipped))
    if later:
        raise RetryLater(next(iter(later.values())), only=list(later))


def set_entry_aside(entry: Entry, reason: str) -> None:
    """Keeps an entry that can't be read, with the reason, beside the bus."""
    fields: dict[Any, Any] = {**entry.fields, "reason": reason, "entry": entry.id}
    ledger().xadd(ASIDE, fields)


def make_consumer(*, block_ms: int = BLOCK_MS) -> StreamConsumer:
    """A consumer of the bus that ships."""
    return StreamConsumer(
        blocking("ledger", block_ms=block_ms),
        BUS,
        GROUP,
        unique_consumer_name("logistics"),
        ship_orders,
        batch_size=BATCH_SIZE,
        block_ms=block_ms,
        claim_idle_ms=CLAIM_IDLE_MS,
        set_aside=set_entry_aside,
    )


def trim_bus() -> int:
    """Removes from the bus what has been shipped, and names of consumers that are gone; returns how many entries."""
    if not ledger().exists(BUS) or not ledger().xinfo_groups(BUS):
        # Nothing was announced, or nobody has read any of it yet.
        return 0
    consumer = make_consumer()
    trimmed = consumer.trim_behind()
    consumer.forget_idle_consumers(idle_ms=CLAIM_IDLE_MS * 60)
    return trimmed
