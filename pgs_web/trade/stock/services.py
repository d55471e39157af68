"""What is done to an activity's stock in Redis, and the ledger rows that say so in the database."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pgs_data.clock import to_ms
from pgs_data.lua.blobs import LARGEST_EXACT
from pgs_data.redis.partitions import partition_of
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.stock import scripts
from pgs_web.trade.stock.errors import (
    ActivityOver,
    GateMovedMeanwhile,
    PriceTooLarge,
    RulesOutdated,
    StockInUse,
    StockMissing,
    StockTooShort,
)
from pgs_web.trade.stock.messages import (
    FactsReply,
    GateReply,
    PreloadReply,
    SettleMovement,
    SettleReply,
    TotalReply,
)
from pgs_web.trade.stock.models import StockEntry

# Settlements in one call of the script: about 3 ms of the ledger's time.
SETTLEMENTS_A_CALL = 500


@dataclass(frozen=True, slots=True)
class Settlement:
    """One order's units move on; the reason is shown to the shopper of a REJECTED order."""

    activity_id: int
    order_id: int
    movement: SettleMovement
    reason: str = ""


def preload_activity(*, activity: Activity) -> None:
    """Loads facts and stock with a closed gate, again until somebody bought; raises StockInUse, PriceTooLarge."""
    reply = scripts.preload_activity(
        activity_id=activity.pk,
        facts={"state": ActivityState.PAUSED.value, **facts_of(activity)},
        total=activity.stock_total,
    )
    if reply is PreloadReply.EXISTS:
        raise StockInUse()


def update_activity_facts(*, activity: Activity) -> None:
    """Lets the next admissions see the activity's rules as they are now; raises RulesOutdated, PriceTooLarge."""
    reply = scripts.update_activity_facts(
        activity_id=activity.pk,
        facts=facts_of(activity),
        rules_version=activity.rules_version,
        state_when_new=gate_of(activity.state),
    )
    if reply is FactsReply.STALE:
        raise RulesOutdated()


def set_activity_gate(*, activity_id: int, state: ActivityState, fence: int = 0) -> None:
    """Lets shoppers in (RUNNING) or keeps them out; raises ActivityOver, StockMissing, GateMovedMeanwhile.

    `fence` is the number of the caller's lease on the sale: a caller whose lease ended long ago is refused.
    """
    reply = scripts.set_activity_gate(activity_id=activity_id, state=gate_of(state), fence=fence)
    if reply is GateReply.OVER:
        raise ActivityOver()
    if reply is GateReply.OUTDATED:
        raise GateMovedMeanwhile()
    if reply is GateReply.MISSING:
        raise StockMissing()


def change_stock_total(*, activity_id: int, difference: int, change_id: str | None = None) -> None:
    """Adds unsold units or takes some out; a repeated change_id does nothing. Raises StockTooShort, StockMissing."""
    reply = scripts.change_total(
        activity_id=activity_id, difference=difference, change_id=change_id or uuid.uuid4().hex
    )
    if reply is TotalReply.SHORT:
        raise StockTooShort()
    if reply is TotalReply.MISSING:
        raise StockMissing()


def settle_holds(*, settlements: Sequence[Settlement]) -> list[SettleReply]:
    """Moves the units of these orders on, once each however often it is called; replies in the order given.

    One call of the script a partition and 500; a crash in between leaves the rest for the repetition. Raises
    RedisUnavailable: then some may be applied, and the same call again is right.
    """
    places: dict[int, list[int]] = defaultdict(list)
    for place, settlement in enumerate(settlements):
        places[partition_of(settlement.activity_id)].append(place)
    replies: dict[int, SettleReply] = {}
    for partition, held in places.items():
        for start in range(0, len(held), SETTLEMENTS_A_CALL):
            chunk = held[start : start + SETTLEMENTS_A_CALL]
            given = [settlements[place] for place in chunk]
            answers = scripts.settle_holds(
                partition=partition,
                settlements=[(one.activity_id, one.order_id, one.movement, one.reason) for one in given],
            )
            replies.update(zip(chunk, answers, strict=True))
    return [replies[place] for place in range(len(settlements))]


def record_movements(entries: Iterable[StockEntry]) -> None:
    """Writes ledger rows of one node in few statements, inside the caller's node transaction."""
    StockEntry.objects.bulk_create(list(entries), batch_size=1000)


def gate_of(state: str) -> str:
    """What an activity's state means at the gate: before its start only the window keeps shoppers out."""
    if state in {ActivityState.SCHEDULED, ActivityState.RUNNING}:
        return ActivityState.RUNNING.value
    if state in {ActivityState.ENDED, ActivityState.WITHDRAWN}:
        return ActivityState(state).value
    return ActivityState.PAUSED.value


def facts_of(activity: Activity) -> dict[str, str]:
    """The facts that admissions need, as texts; times in milliseconds since 1970. Raises PriceTooLarge."""
    if max(activity.price_fen, activity.alone_price_fen) * activity.member_limit > LARGEST_EXACT:
        raise PriceTooLarge()
    return {
        "start_ms": str(to_ms(activity.starts_at)),
        "end_ms": str(to_ms(activity.ends_at)),
        "price_fen": str(activity.price_fen),
        "alone_price_fen": str(activity.alone_price_fen),
        "group_size": str(activity.group_size),
        "member_limit": str(activity.member_limit),
        "group_lasts_ms": str(activity.group_lasts_seconds * 1000),
        "pay_within_ms": str(activity.pay_within_seconds * 1000),
        "sku_id": str(activity.sku_id),
        "merchant_id": str(activity.sku.product.merchant_id),
        "play": activity.play,
        "rules_version": str(activity.rules_version),
    }
