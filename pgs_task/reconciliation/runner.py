"""Runs checks and collects verdicts; never stops at the first offender, never keeps all of them."""

import time
from collections.abc import Iterator, Sequence

import structlog

from pgs_data.messaging.errors import is_outage
from pgs_task.reconciliation.checks import audit, events, groups, money, orders, privacy, stock
from pgs_task.reconciliation.contract import Check, Verdict, When
from pgs_task.reconciliation.reach import find_unreachable

log = structlog.get_logger(__name__)

ALL_CHECKS: Sequence[Check] = [
    *stock.CHECKS,
    *orders.CHECKS,
    *groups.CHECKS,
    *money.CHECKS,
    *events.CHECKS,
    *privacy.CHECKS,
    *audit.CHECKS,
]


def run_checks(*, only_always: bool = False, restless: Sequence[str] = ()) -> Iterator[Verdict]:
    """A verdict a check, as it is found; `only_always` leaves out what can only be judged when quiet.

    With `restless`, what is still on its way, those checks come as unjudged instead. Raises nothing: a node or Redis
    that is away, and a mistake in a check, make that check fail and leave the others to be judged.
    """
    for check in ALL_CHECKS:
        if check.when is When.ALWAYS or not (only_always or restless):
            yield judge(check)
        elif not only_always:
            verdict = Verdict(check)
            verdict.give_up(f"not judged, because not everything is quiet: {'; '.join(restless)}")
            yield verdict


def judge(check: Check) -> Verdict:
    """Runs one check to its end, or until it can't go on: then the verdict is never ok."""
    verdict = Verdict(check)
    started = time.perf_counter()
    try:
        for offender in check.find_offenders():
            verdict.add(offender)
    except Exception as error:
        away = find_unreachable() if is_outage(error) else []
        reason = "; ".join(away) or f"{type(error).__name__}: {error}"
        verdict.give_up(f"not judged to its end: {reason}")
        log.warning("check_not_judged", check=check.id, exc_info=error)
    verdict.seconds = time.perf_counter() - started
    return verdict
