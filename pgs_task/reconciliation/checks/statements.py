"""M4: our books against the gateways' statements."""

from collections.abc import Iterator
from datetime import date, timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from pgs_data.clock import database_now
from pgs_task.payment.gateways.contract import GatewayUnavailable
from pgs_task.payment.gateways.statement_days import day_of
from pgs_task.reconciliation.contract import When, make_check
from pgs_task.statements.comparison import Difference
from pgs_task.statements.models import StatementDay, StatementDifference
from pgs_task.statements.selectors import find_whole_day, unexplained
from pgs_task.statements.services import compare_statement, first_day
from pgs_task.statements.states import DifferenceState

# Days that are compared anew by the check; what older ones said when they were compared counts.
DAYS_COMPARED = 3
# Gateways publish a day's statement in the morning after it; our own bank shows it at any moment.
DAYS_UNTIL_PUBLISHED = 2
PUBLISHED_AT_ONCE = frozenset({"sandbox"})
CHUNK = 500


@make_check("M4", When.QUIET, _("our books = the gateway's statement, both ways, to the fen"))
def books_match_statement() -> Iterator[str]:
    today = day_of(database_now("default"))
    for gateway in settings.PAYMENT_GATEWAYS:
        day = first_day(gateway_code=gateway)
        while day is not None and day <= today:
            yield from _offences_of(gateway, day, today)
            day += timedelta(days=1)


def _offences_of(gateway: str, day: date, today: date) -> Iterator[str]:
    stored = find_whole_day(gateway=gateway, day=day)
    if stored is not None and day < today - timedelta(days=DAYS_COMPARED):
        yield from _offences_of_stored(stored)
        return
    try:
        comparison = compare_statement(day=day, gateway_code=gateway)
    except GatewayUnavailable as error:
        if stored is not None:
            yield from _offences_of_stored(stored)
        elif gateway in PUBLISHED_AT_ONCE or day <= today - timedelta(days=DAYS_UNTIL_PUBLISHED):
            yield f"{gateway} {day}: the statement can't be had ({error}); upload it in the back office"
        return
    for difference in unexplained(comparison):
        yield _tell(gateway, day, difference)
    # The comparison keeps the first differences only; the rest still count.
    for _more in range(comparison.difference_count - len(comparison.differences)):
        yield f"{gateway} {day}: one more difference"


def _offences_of_stored(stored: StatementDay) -> Iterator[str]:
    rows = stored.differences.filter(state=DifferenceState.OPEN).order_by("id")
    for row in rows.iterator(chunk_size=CHUNK):
        yield _tell(stored.gateway, stored.day, row)
    kept = stored.differences.exclude(state=DifferenceState.GONE).count()
    for _more in range(stored.difference_count - kept):
        yield f"{stored.gateway} {stored.day}: one more difference"


def _tell(gateway: str, day: date, found: Difference | StatementDifference) -> str:
    return (
        f"payment {found.payment_id} at {gateway} on {day}: {found.kind} {found.line} {found.number}: ours"
        f" {found.our_fen}, theirs {found.their_fen} fen"
    )


CHECKS = [books_match_statement]
