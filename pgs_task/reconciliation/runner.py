"""Runs checks and collects verdicts; never stops at the first offender, never keeps all of them."""

import time
from collections.abc import Collection, Iterator, Sequence

import structlog

from pgs_data.messaging.errors import is_outage
from pgs_task.reconciliation.checks import (
    audit,
    coupons,
    events,
    groups,
    journal,
    money,
    orders,
    privacy,
    statements,
    stock,
)
from pgs_task.reconciliation.contract import SUBJECTS_KEPT, Check, Verdict, When, subject_of
from pgs_task.reconciliation.reach import close_ended_connections, find_unreachable
from pgs_web.plays.registry import all_plays

# The shop lives on while it is looked at: what is over by one of these looks is no offence.
LOOKS = 5
# Longer than a message, a beat of the stock's copy and a shipment take.
SECONDS_BETWEEN_LOOKS = 3.0

log = structlog.get_logger(__name__)

ALL_CHECKS: Sequence[Check] = [
    *stock.CHECKS,
    *orders.CHECKS,
    *groups.CHECKS,
    *coupons.CHECKS,
    *money.CHECKS,
    *statements.CHECKS,
    *journal.CHECKS,
    *events.CHECKS,
    *privacy.CHECKS,
    *audit.CHECKS,
]


def all_checks() -> list[Check]:
    """The shop's checks, and those of the games that are on, called after their game."""
    games = (
        Check(
            id=f"{play.code}.{check.name}",
            when=When.ALWAYS if check.is_always else When.QUIET,
            promise=check.promise,
            find_offenders=check.find_offenders,
        )
        for play in all_plays()
        for check in play.checks
    )
    return [*ALL_CHECKS, *games]


def run_checks(
    *, only_always: bool = False, restless: Sequence[str] = (), looks: int = 1, only: Collection[str] = ()
) -> Iterator[Verdict]:
    """A verdict a check, as it is found; `only_always` leaves out what can only be judged when quiet, `only` all but
    those of these ids.

    With `restless`, what is still on its way, those checks come as unjudged instead. With more `looks` than one, only
    what they find each time counts. Raises nothing: a node or Redis that is away, and a mistake in a check, make that
    check fail and leave the others to be judged.
    """
    for check in all_checks():
        if only and check.id not in only:
            continue
        if check.when is When.ALWAYS:
            yield judge(check)
        elif not (only_always or restless):
            yield judge_again(check, looks=looks)
        elif not only_always:
            verdict = Verdict(check)
            verdict.give_up(f"not judged, because not everything is quiet: {'; '.join(restless)}")
            yield verdict


def judge_again(check: Check, *, looks: int) -> Verdict:
    """Judges what must hold when quiet in a shop that lives on: an order that ends between two reads of one look is
    as it should be in the next, damage is found by all of them."""
    verdict = judge(check)
    while looks > 1 and verdict.is_judged and 0 < verdict.count < SUBJECTS_KEPT:
        time.sleep(SECONDS_BETWEEN_LOOKS)
        verdict = judge(check, among=verdict.subjects)
        looks -= 1
    return verdict


def judge(check: Check, *, among: Collection[str] | None = None) -> Verdict:
    """Runs one check to its end, or until it can't go on: then the verdict is never ok. `among` leaves out offenders
    about other subjects."""
    verdict = Verdict(check)
    started = time.perf_counter()
    # One that ended under the check before would end this one too, and every one after it.
    close_ended_connections()
    try:
        for offender in check.find_offenders():
            if among is None or subject_of(offender) in among:
                verdict.add(offender)
    except Exception as error:
        away = find_unreachable() if is_outage(error) else []
        reason = "; ".join(away) or f"{type(error).__name__}: {error}"
        verdict.give_up(f"not judged to its end: {reason}")
        log.warning("check_not_judged", check=check.id, exc_info=error)
    verdict.seconds = time.perf_counter() - started
    return verdict
