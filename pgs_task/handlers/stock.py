"""What happened to orders, told to their activities' stock in the ledger."""

from collections.abc import Sequence

import structlog

from pgs_data.messaging.relay import Message
from pgs_task.handlers.batches import Leftovers, split_by_partition
from pgs_web.display.activity.services import ask_recounts
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
            archived = _count_archived(of_partition, replies)
            for message, reply in zip(of_partition, replies, strict=True):
                if reply in WAITING:
                    later.add([message], f"The stock answers {reply}.")
                if reply == SettleReply.UNKNOWN and message.payload["activity_id"] in archived:
                    continue
                if reply in UNUSUAL or (reply == SettleReply.REFUSED and movement != SettleMovement.CONFIRM):
                    log.error("stock_not_settled", reply=reply, movement=movement, **_names(message))


def _count_archived(messages: Sequence[Message], replies: Sequence[SettleReply]) -> set[int]:
    """Archived activities of orders without a hold: nobody can buy these units, and they are counted from the orders.

    The order moved before its message was sent: whoever counts after this sees it.
    """
    unknown = {
        int(message.payload["activity_id"])
        for message, reply in zip(messages, replies, strict=True)
        if reply == SettleReply.UNKNOWN
    }
    return ask_recounts(unknown) if unknown else set()


def _names(message: Message) -> dict[str, int]:
    return {"order_id": message.payload["order_id"], "activity_id": message.payload["activity_id"]}
