"""A sale is steered: the activity moves in the database, its facts and its gate follow in Redis.

The database decides. Every act marks the activity, moves it in the database, lets Redis follow and takes the mark off;
whoever dies in between leaves the mark, and advance_sales lets Redis follow a second later. One act a sale at a time,
under a lease whose number the gate checks.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog

from pgs_data.locks import FencedLock, Lease, LockHeld
from pgs_data.redis.connections import KeptElsewhere, RedisUnavailable, ledger
from pgs_data.redis.partitions import has_own_redis, partitions_of
from pgs_web.api.errors import NotFound
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.services import (
    approve_activity,
    end_activity,
    end_due_activities,
    pause_activity,
    resume_activity,
    start_due_activities,
    update_rules,
    withdraw_activity,
)
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.stock.errors import ActivityOver, GateMovedMeanwhile, RulesOutdated, SaleBusy, StockMissing
from pgs_web.trade.stock.keys import UNALIGNED_KEY
from pgs_web.trade.stock.selectors import read_gates
from pgs_web.trade.stock.services import gate_of, preload_activity, set_activity_gate, update_activity_facts

log = structlog.get_logger(__name__)

# Longer than the slowest act; whoever dies in one keeps others from this sale for so long.
LEASE_MS = 10_000
# Marked activities that one pass of advance_sales lets Redis follow.
ALIGNED_A_PASS = 200

_NOT_ON_SALE = frozenset({ActivityState.DRAFT, ActivityState.IN_REVIEW})


def schedule_sale(
    *, activity_id: int, actor: str, allow_same_person: bool = False, rules_version: int | None = None
) -> Activity:
    """Loads the stock of an activity in review and approves it; shoppers can buy from its start on. Repeatable.

    Raises what approve_activity raises, StockInUse, SaleBusy.
    """
    with _steering(activity_id) as lease:
        activity = _read(activity_id)
        if activity.state == ActivityState.IN_REVIEW:
            # Behind a closed gate, and before the database says that it is on sale: a running activity has a stock.
            preload_activity(activity=activity)
        approve_activity(
            activity_id=activity_id, actor=actor, allow_same_person=allow_same_person, rules_version=rules_version
        )
        return _follow(activity_id, lease)


def pause_sale(*, activity_id: int, actor: str, reason: str = "") -> Activity:
    """Nobody can buy until it is resumed; paying and groups go on. Repeatable; raises WrongActivityState, SaleBusy."""
    return _steer(activity_id, lambda: pause_activity(activity_id=activity_id, actor=actor, reason=reason))


def resume_sale(*, activity_id: int, actor: str, reason: str = "") -> Activity:
    """Shoppers can buy again, within the window. Repeatable; raises WrongActivityState, SaleBusy."""
    return _steer(activity_id, lambda: resume_activity(activity_id=activity_id, actor=actor, reason=reason))


def end_sale(*, activity_id: int, actor: str, reason: str = "") -> Activity:
    """Ends a running or paused sale before its time, for good. Repeatable; raises WrongActivityState, SaleBusy."""
    return _steer(activity_id, lambda: end_activity(activity_id=activity_id, actor=actor, reason=reason))


def withdraw_sale(*, activity_id: int, actor: str, reason: str) -> Activity:
    """Takes an activity back, for good. Repeatable; raises WrongActivityState, SaleBusy."""
    return _steer(activity_id, lambda: withdraw_activity(activity_id=activity_id, actor=actor, reason=reason))


def stop_sale(*, activity_id: int, actor: str, reason: str = "") -> Activity:
    """Ends a sale that has begun and withdraws one that has not; one that is over stays as it is. Raises SaleBusy."""

    def stop() -> None:
        state = _read(activity_id).state
        if state in {ActivityState.RUNNING, ActivityState.PAUSED}:
            end_activity(activity_id=activity_id, actor=actor, reason=reason)
        elif state not in {ActivityState.ENDED, ActivityState.WITHDRAWN}:
            withdraw_activity(activity_id=activity_id, actor=actor, reason=reason)

    return _steer(activity_id, stop)


def change_rules(
    *, activity_id: int, changes: Mapping[str, Any], actor: str, rules_version: int | None = None
) -> Activity:
    """Changes rules from the next admission on; groups that exist keep theirs. Raises what update_rules raises."""

    def change() -> None:
        update_rules(activity_id=activity_id, changes=changes, actor=actor, rules_version=rules_version)

    return _steer(activity_id, change)


def advance_sales() -> int:
    """Starts and ends what is due and lets Redis follow what lags behind; costs what is due. Returns how many."""
    started, ended = start_due_activities(), end_due_activities()
    # The window in Redis opens and closes by itself: a crash before these lines sells nothing wrong. A gate that is
    # still closed at the start was left so by an act that died, and is marked; see below.
    try:
        gates = read_gates(ended)
    except RedisUnavailable:
        gates = {}
        ledger().sadd(UNALIGNED_KEY, *ended)
    for activity_id in ended:
        if gates.get(activity_id) in {ActivityState.RUNNING, ActivityState.PAUSED}:
            _try_to_align(activity_id)
    marked = ledger().sscan(UNALIGNED_KEY, count=ALIGNED_A_PASS)[1]
    for member in marked:
        _try_to_align(int(member))
    return len(started) + len(ended) + len(marked)


def align_sale(activity_id: int) -> Activity:
    """Lets facts and gate in Redis follow the database now; raises SaleBusy, NotFound."""
    return _steer(activity_id, lambda: None)


def sale_lock(activity_id: int) -> FencedLock:
    """Held by each act on a sale."""
    return FencedLock(f"sale:{activity_id:d}", LEASE_MS)


def _try_to_align(activity_id: int) -> None:
    try:
        align_sale(activity_id)
    except SaleBusy:
        # Whoever is busy with it lets Redis follow, or leaves the mark.
        log.info("sale_busy", activity_id=activity_id)
    except GateMovedMeanwhile:
        # Another process was quicker; or the ledger lost the lock's number, and the gate knows a later one. The mark
        # stays: each pass takes a number more, until it is the later one.
        log.exception("gate_not_moved", activity_id=activity_id)
    except NotFound:
        ledger().srem(UNALIGNED_KEY, activity_id)
    except RedisUnavailable as error:
        if not isinstance(error, KeptElsewhere) and not any(map(has_own_redis, partitions_of(activity_id))):
            raise
        # Its partition's own Redis is away, or only a process with another LEDGER_SPREAD can steer it: the mark stays,
        # and the others are not kept waiting.
        log.warning("sale_not_aligned", activity_id=activity_id, error=repr(error))


def _steer(activity_id: int, act: Callable[[], object]) -> Activity:
    with _steering(activity_id) as lease:
        act()
        return _follow(activity_id, lease)


@contextmanager
def _steering(activity_id: int) -> Iterator[Lease]:
    try:
        with sale_lock(activity_id) as lease:
            ledger().sadd(UNALIGNED_KEY, activity_id)
            # Also when the act is refused: then Redis follows what the database says, and nothing is left to do.
            try:
                yield lease
            except Exception:
                _follow_if_possible(activity_id, lease)
                raise
    except LockHeld as error:
        raise SaleBusy() from error


def _follow_if_possible(activity_id: int, lease: Lease) -> None:
    try:
        _follow(activity_id, lease)
    except Exception as error:  # noqa: BLE001 - the act's own error is what the caller must see; the mark stays
        log.warning("sale_not_aligned", activity_id=activity_id, error=repr(error))


def _follow(activity_id: int, lease: Lease) -> Activity:
    """Facts and gate as the database has them, then the mark goes."""
    activity = _read(activity_id)
    if activity.state not in _NOT_ON_SALE:
        try:
            if activity.state != ActivityState.WITHDRAWN:
                update_activity_facts(activity=activity)
            set_activity_gate(activity_id=activity_id, state=ActivityState(activity.state), fence=lease.fence)
        except RulesOutdated:
            # The rules in Redis are newer than what was read a moment ago: the mark stays for the next pass.
            return activity
        except ActivityOver:
            log.exception("gate_is_over", activity_id=activity_id, state=activity.state, gate=gate_of(activity.state))
        except StockMissing:
            # Withdrawn before anything was loaded.
            log.debug("nothing_to_close", activity_id=activity_id)
    ledger().srem(UNALIGNED_KEY, activity_id)
    return activity


def _read(activity_id: int) -> Activity:
    activity = Activity.objects.select_related("sku__product").filter(pk=activity_id).first()
    if activity is None:
        raise NotFound()
    return activity
