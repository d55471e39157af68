"""Runs checks and collects verdicts; never stops at the first offender, never keeps all of them."""

import time
from collections.abc import Iterator, Sequence

from pgs_task.reconciliation.checks import events, groups, money, orders, privacy, stock
from pgs_task.reconciliation.contract import OFFENDERS_SHOWN, Check, Verdict, When

ALL_CHECKS: Sequence[Check] = [
    *stock.CHECKS,
    *orders.CHECKS,
    *groups.CHECKS,
    *money.CHECKS,
    *events.CHECKS,
    *privacy.CHECKS,
]


def run_checks(*, only_always: bool = False) -> Iterator[Verdict]:
    """A verdict a check, as it is found; `only_always` leaves out what can only be judged when quiet."""
    for check in ALL_CHECKS:
        if only_always and check.when is not When.ALWAYS:
            continue
        yield judge(check)


def judge(check: Check) -> Verdict:
    """Runs one check to its end."""
    verdict = Verdict(check)
    started = time.perf_counter()
    for offender in check.find_offenders():
        verdict.count += 1
        if len(verdict.offenders) < OFFENDERS_SHOWN:
            verdict.offenders.append(offender)
    verdict.seconds = time.perf_counter() - started
    return verdict
