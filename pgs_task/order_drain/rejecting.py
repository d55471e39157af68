"""An entry can't become an order: its units and seat go back, and its shopper can read why."""

import structlog

from pgs_data.messaging.errors import RetryLater
from pgs_data.sharding.slots import slot_of_id
from pgs_task.order_drain.facts import OrderFacts, RejectReason, UnfitOrder
from pgs_task.order_drain.persisting import Part, write_node
from pgs_web.trade.group.services import SeatOfOrder, release_seats
from pgs_web.trade.order.models import Order
from pgs_web.trade.stock.messages import SettleMovement, SettleReply
from pgs_web.trade.stock.services import Settlement, settle_holds

log = structlog.get_logger(__name__)

_TRY_AGAIN = frozenset({SettleReply.NO_STOCK, SettleReply.INCONSISTENT})


def reject_unfit(unfit: UnfitOrder) -> int | None:
    """Rejects an order that can't be read; its id, None when nothing was ever admitted under it. Raises as below."""
    if unfit.activity_id is None or unfit.order_id is None:
        return None
    try:
        slot_of_id(unfit.order_id)
    except ValueError:
        return None
    return _give_back(unfit.activity_id, unfit.order_id, unfit.reason)


def reject_order(facts: OrderFacts, *, reason: RejectReason) -> int | None:
    """Rejects an order that no database takes; its id, None when it wasn't admitted. Repeatable.

    Raises RetryLater, and OperationalError while a node is away: then nothing is lost and the same call is right.
    """
    if facts.group is not None:
        # Others may join the group, or have: it needs its row, and the order's seat must be given up in it, so that
        # the leader's place passes on. Database first, Redis last, as with every seat.
        outcome = write_node(facts.group.alias, [Part(facts, has_order=False, has_seat=True)])
        if not outcome.done:
            raise RetryLater(f"the seat of order {facts.id} can't be written and given back now")
        release_seats(seats=[SeatOfOrder(group_id=facts.group.id, order_id=facts.id)])
    return _give_back(facts.activity_id, facts.id, reason)


def why_refused(facts: OrderFacts) -> RejectReason:
    """The reason that a shopper can understand for an order that its database refuses."""
    same_key = Order.objects.on_node(facts.alias).filter(
        member_id=facts.member_id, idempotency_key=facts.idempotency_key
    )
    # The ledger remembers a key for a day or two, the database for good.
    return RejectReason.KEY_REUSED if same_key.exclude(pk=facts.id).exists() else RejectReason.NOT_WRITABLE


def _give_back(activity_id: int, order_id: int, reason: RejectReason) -> int | None:
    if Order.objects.filter(pk=order_id).exists():
        # It can be paid: giving its units away would sell them twice.
        raise RetryLater(f"order {order_id} is written down, it can't be rejected")
    (reply,) = settle_holds(
        settlements=[
            Settlement(activity_id=activity_id, order_id=order_id, movement=SettleMovement.REJECT, reason=reason.value)
        ]
    )
    if reply in _TRY_AGAIN:
        raise RetryLater(f"the hold of order {order_id} can't be settled: {reply.value}")
    log.error("order_rejected", order_id=order_id, activity_id=activity_id, reason=reason.value, settled=reply.value)
    return None if reply is SettleReply.UNKNOWN else order_id
