"""What happened to orders, told to their activities' stock in the ledger."""

from collections.abc import Sequence

import structlog

from pgs_data.messaging.relay import Message
from pgs_task.handlers.batches import Leftovers, split_by_partition
from pgs_web.trade.stock.messages import SettleMovement, SettleReply
from pgs_web.trade.stock.services import Settlement, settle_holds

log = structlog.get_logger(__name__)

# The stock has to be rebuilt, or somebody has to look at it: the movement waits, it must not be lost.
WAITING = frozenset({SettleReply.NO_STOCK, SettleReply.INCONSISTENT})
# No hold to move, or none that can move this way. (A CONFIRM that its RETURN overtook is refused, which is usual.)
UNUSUAL = frozenset({SettleReply.UNKNOWN, SettleReply.INCONSISTENT})


def settle_stock(messages: Sequence[Message], movement: SettleMovement, *, later: Leftovers) -> None:
    """Moves the units of these messages' orders, one script a partition; what can't be moved now comes again."""
    for of_partition in split_by_partition(messages, key="order_id").values():
        with later.outages(of_partition):
            settlements = [
                Settlement(
                    activity_id=message.payload["activity_id"], order_id=message.payload["order_id"], movement=movement
                )
                for message in of_partition
            ]
            replies = settle_holds(settlements=settlements)
            for message, reply in zip(of_partition, replies, strict=True):
                if reply in WAITING:
                    later.add([message], f"The stock answers {reply}.")
                if reply in UNUSUAL or (reply == SettleReply.REFUSED and movement != SettleMovement.CONFIRM):
                    log.error("stock_not_settled", reply=reply, movement=movement, **_names(message))


def _names(message: Message) -> dict[str, int]:
    return {"order_id": message.payload["order_id"], "activity_id": message.payload["activity_id"]}
