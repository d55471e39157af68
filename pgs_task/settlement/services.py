"""Computes and keeps the daily report of what merchants are owed."""

import time
from dataclasses import asdict
from datetime import date, timedelta

import structlog
from django.db import transaction
from django.db.models import Min

from pgs_data.clock import database_now
from pgs_data.sharding.scatter import scatter_aggregate
from pgs_task.journal.models import JournalEntry
from pgs_task.payment.gateways.statement_days import day_bounds, day_of
from pgs_task.settlement.adding_up import add_up
from pgs_task.settlement.errors import DayNotOver
from pgs_task.settlement.models import MerchantDay, SettlementDay

# Transactions that began before midnight have ended by then.
AFTER_MIDNIGHT = timedelta(minutes=10)
# Missed days are made up for so far back; older ones by hand.
DAYS_BACK = 31
RUN_SECONDS = 120.0

log = structlog.get_logger(__name__)


def settle_day(*, day: date) -> SettlementDay:
    """Computes a day that is over from the nodes' rows, and replaces what was kept of it; raises DayNotOver.

    Repeatable: a day that is over always gives the same. One transaction in `default` keeps it; who computes it at the
    same time waits, and writes the same.
    """
    began_at = database_now("default")
    if day_bounds(day)[1] + AFTER_MIDNIGHT > began_at:
        raise DayNotOver
    merchants = add_up(day=day)
    with transaction.atomic(using="default"):
        SettlementDay.objects.get_or_create(day=day, defaults={"computed_at": began_at})
        report = SettlementDay.objects.select_for_update().get(day=day)
        MerchantDay.objects.filter(day=day).delete()
        MerchantDay.objects.bulk_create(
            (
                MerchantDay(day=day, merchant_id=merchant_id, settlement_fen=sums.settlement_fen, **asdict(sums))
                for merchant_id, sums in sorted(merchants.items())
            ),
            batch_size=500,
        )
        report.computed_at = max(report.computed_at, began_at)
        report.save(update_fields=["computed_at"])
    log.info("day_settled", day=str(day), merchants=len(merchants))
    return report


def settle_due_days() -> int:
    """Computes the days of the last month that have no report yet, the oldest first; returns how many.

    One query while none is missing.
    """
    last = day_of(database_now("default") - AFTER_MIDNIGHT) - timedelta(days=1)
    days = [last - timedelta(days=back) for back in reversed(range(DAYS_BACK))]
    known = set(SettlementDay.objects.filter(day__in=days).values_list("day", flat=True))
    missing = [day for day in days if day not in known]
    began = _first_day() if missing else None
    stop_at = time.monotonic() + RUN_SECONDS
    settled = 0
    for day in missing:
        if began is not None and began <= day and time.monotonic() < stop_at:
            settle_day(day=day)
            settled += 1
    return settled


def _first_day() -> date | None:
    """The day of the first movement in the journal."""
    firsts = scatter_aggregate(JournalEntry, first=Min("recorded_at"))
    moments = [values["first"] for values in firsts.values() if values["first"] is not None]
    return day_of(min(moments)) if moments else None
