"""What is done to an activity's stock in Redis, and the ledger rows that say so in the database."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings

from pgs_data.clock import to_ms
from pgs_data.lua.blobs import LARGEST_EXACT
from pgs_data.redis.connections import KeptElsewhere
from pgs_data.redis.partitions import partition_within, partitions_of, spread_of
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
from pgs_web.trade.stock.lending import gather_units
from pgs_web.trade.stock.limits import return_settled
from pgs_web.trade.stock.messages import (
    FactsReply,
    GateReply,
    PreloadReply,
    SettleMovement,
    SettleReply,
    TotalReply,
)
from pgs_web.trade.stock.models import StockEntry
from pgs_web.trade.stock.selectors import read_holds, read_spreads

# Settlements in one call of the script: about 3 ms of the ledger's time.
SETTLEMENTS_A_CALL = 500
_SETTLED = frozenset({SettleReply.APPLIED, SettleReply.REPEATED})


@dataclass(frozen=True, slots=True)
class Settlement:
    """One order's units move on; the reason is shown to the shopper of a REJECTED order."""

    activity_id: int
    order_id: int
    movement: SettleMovement
    reason: str = ""


def preload_activity(*, activity: Activity) -> None:
    """Loads facts and stock with a closed gate, again until somebody bought; raises StockInUse, PriceTooLarge."""
    facts = {"state": ActivityState.PAUSED.value, **facts_of(activity)}
    if spread_of(activity.pk) == 1:
        replies = [scripts.preload_activity(activity_id=activity.pk, facts=facts, total=activity.stock_total)]
    else:
        # Dying in between leaves a closed gate and buckets of two epochs; the same call again loads them all.
        replies = [
            scripts.preload_activity(activity_id=activity.pk, facts=facts, total=units, bucket=bucket)
            for bucket, units in make_buckets(activity.pk, total=activity.stock_total, units=activity.stock_total)
        ]
    if PreloadReply.EXISTS in replies:
        raise StockInUse()


def make_buckets(activity_id: int, *, total: int, units: int) -> list[tuple[scripts.Bucket, int]]:
    """The buckets of a spread activity that is loaded anew, with `units` divided among them as equally as can be."""
    partitions, epoch = partitions_of(activity_id), uuid.uuid4().hex
    share, rest = divmod(units, len(partitions))
    return [
        (scripts.Bucket(partition, None if number else total, epoch), share + (number < rest))
        for number, partition in enumerate(partitions)
    ]


def update_activity_facts(*, activity: Activity) -> None:
    """Lets the next admissions see the activity's rules as they are now.

    Raises RulesOutdated, PriceTooLarge, KeptElsewhere.
    """
    facts = facts_of(activity)
    check_spread(activity.pk)
    replies = [
        scripts.update_activity_facts(
            activity_id=activity.pk,
            partition=partition,
            facts=facts,
            rules_version=activity.rules_version,
            state_when_new=gate_of(activity.state),
        )
        for partition in partitions_of(activity.pk)
    ]
    if FactsReply.STALE in replies:
        raise RulesOutdated()


def set_activity_gate(*, activity_id: int, state: ActivityState, fence: int = 0) -> None:
    """Lets shoppers in (RUNNING) or keeps them out; raises ActivityOver, StockMissing, GateMovedMeanwhile.

    `fence` is the number of the caller's lease on the sale: a caller whose lease ended long ago is refused.
    KeptElsewhere is raised by a process with another LEDGER_SPREAD, which would close some of the gates.
    """
    check_spread(activity_id)
    replies = [
        scripts.set_activity_gate(activity_id=activity_id, partition=partition, state=gate_of(state), fence=fence)
        for partition in partitions_of(activity_id)
    ]
    if GateReply.OVER in replies:
        raise ActivityOver()
    if GateReply.OUTDATED in replies:
        raise GateMovedMeanwhile()
    if GateReply.MISSING in replies:
        raise StockMissing()


def change_stock_total(*, activity_id: int, difference: int, change_id: str | None = None) -> None:
    """Adds unsold units or takes some out; a repeated change_id does nothing.

    Raises StockTooShort, StockMissing, KeptElsewhere.
    """
    check_spread(activity_id)
    change_id = change_id or uuid.uuid4().hex
    reply = scripts.change_total(activity_id=activity_id, difference=difference, change_id=change_id)
    if reply is TotalReply.SHORT and spread_of(activity_id) > 1:
        # What shall be taken out lies in several buckets. Somebody may buy it while it is brought together.
        gather_units(activity_id, bucket=0, wanted=-difference)
        reply = scripts.change_total(activity_id=activity_id, difference=difference, change_id=change_id)
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
        places[partition_within(settlement.activity_id, settlement.order_id)].append(place)
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
    unknown = {settlements[place].activity_id for place, reply in replies.items() if reply is SettleReply.UNKNOWN}
    if unknown:
        # Looked for in the wrong place? Then the hold is somewhere, and "unknown" would be a lost settlement.
        check_spread(*unknown)
    if settings.LEDGER_SPREAD:
        _return_limits([settlements[place] for place, reply in replies.items() if reply in _SETTLED])
    return [replies[place] for place in range(len(settlements))]


def check_spread(*activity_ids: int) -> None:
    """Raises KeptElsewhere when one was loaded over another number of buckets than LEDGER_SPREAD says here."""
    for activity_id, loaded in read_spreads(activity_ids).items():
        if loaded != (here := spread_of(activity_id)):
            raise KeptElsewhere(
                f"Activity {activity_id} was loaded over {loaded} buckets, LEDGER_SPREAD says {here} here."
            )


def _return_limits(settled: Sequence[Settlement]) -> None:
    """Limits that are counted in another bucket follow. Dying before leaves them to the repetition of the call."""
    away = [
        (one.activity_id, one.order_id)
        for one in settled
        if one.movement is not SettleMovement.CONFIRM and spread_of(one.activity_id) > 1
    ]
    holds = read_holds(away)
    return_settled((activity_id, order_id, holds[order_id]) for activity_id, order_id in away if order_id in holds)


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
    spread = spread_of(activity.pk)
    return {
        # For check_invariants: every process has to know it.
        **({"spread": str(spread)} if spread > 1 else {}),
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
