"""Compares days with the gateways' statements: one by hand, and each night what is due."""

import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import structlog
from django.conf import settings

from pgs_data.clock import database_now
from pgs_task.payment.gateways.contract import GatewayUnavailable, StatementTooLong
from pgs_task.payment.gateways.statement_days import day_bounds, day_of
from pgs_task.statements.errors import DayNotOver
from pgs_task.statements.models import StatementDay
from pgs_task.statements.services.comparing import compare_statement, first_day
from pgs_task.statements.services.storing import store_comparison, store_failure
from pgs_task.statements.states import DayState

# Notices and refunds of the last minutes of a day still come in.
AFTER_MIDNIGHT = timedelta(minutes=10)
# Days that are looked at again while something in them is open, or that were missed; older ones by hand.
DAYS_BACK = 14
OLDEST_DAYS = 731
# A day with open differences, or whose statement couldn't be had, is compared again after this.
AGAIN_AFTER = timedelta(hours=1)
RUN_SECONDS = 120.0

log = structlog.get_logger(__name__)


def compare_day(*, gateway: str, day: date) -> StatementDay:
    """Fetches and compares a day that is over, and stores what was found; repeatable.

    A statement that can't be had leaves what is known of the day, and the reason in `error`. Raises DayNotOver.
    """
    began_at = database_now("default")
    require_over(day, now=began_at)
    try:
        comparison = compare_statement(day=day, gateway_code=gateway)
    except (GatewayUnavailable, StatementTooLong) as error:
        log.warning("statement_not_compared", gateway=gateway, day=str(day), error=str(error))
        return store_failure(gateway=gateway, day=day, error=str(error) or type(error).__name__, began_at=began_at)
    statement = store_comparison(comparison=comparison, began_at=began_at)
    if statement.state == DayState.DIFFERS:
        log.error("statement_differs", gateway=gateway, day=str(day), differences=statement.difference_count)
    return statement


def compare_due_days() -> int:
    """Compares yesterday and what else is due at each gateway, the oldest first; returns how many days.

    Due are days of the last fourteen that were never compared since they ended, and those with open differences or
    without a statement, an hour after the last try. Costs one query a gateway while nothing is due.
    """
    now = database_now("default")
    stop_at = time.monotonic() + RUN_SECONDS
    compared = 0
    for gateway in settings.PAYMENT_GATEWAYS:
        for day in _due_days(gateway, now):
            if time.monotonic() >= stop_at:
                return compared
            compare_day(gateway=gateway, day=day)
            compared += 1
    return compared


def require_over(day: date, *, now: datetime) -> None:
    """Raises DayNotOver for today, the future, and what is older than two years."""
    # Compared as days: the first day of all has no bounds.
    if not day_of(now - timedelta(days=OLDEST_DAYS)) <= day < day_of(now):
        raise DayNotOver


def _due_days(gateway: str, now: datetime) -> Iterator[date]:
    last = day_of(now - AFTER_MIDNIGHT) - timedelta(days=1)
    days = [last - timedelta(days=back) for back in reversed(range(DAYS_BACK))]
    known = {row.day: row for row in StatementDay.objects.filter(gateway=gateway, day__in=days)}
    missing = [day for day in days if day not in known]
    # Before the first payment there is nothing to compare; asked only while a day is missing.
    began = first_day(gateway_code=gateway) if missing else None
    for day in days:
        row = known.get(day)
        if row is None:
            if began is not None and began <= day:
                yield day
        elif _is_due(row, now):
            yield day


def _is_due(row: StatementDay, now: datetime) -> bool:
    was_whole = row.compared_at >= day_bounds(row.day)[1]
    if was_whole and not row.error and row.state in {DayState.FITS, DayState.EXPLAINED}:
        return False
    # A file that an operator brought isn't compared with a statement that can't be fetched, over and over.
    return not (row.is_uploaded and was_whole) and now - row.tried_at >= AGAIN_AFTER
