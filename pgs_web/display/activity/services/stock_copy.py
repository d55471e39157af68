"""The database's copy of the stock in Redis: absolute values, never overwritten by older ones or by an old writer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from pgs_web.display.activity.models import ActivityStock, StockSyncPass

# Rows in one UPDATE: SQLite allows an expression a depth of 1000, and each row adds one OR.
COPIES_AN_UPDATE = 250
_FIGURES = ("total", "remain", "lock", "sold", "version")


@dataclass(frozen=True, kw_only=True, slots=True)
class StockCopy:
    """An activity's stock as Redis had it, with Redis's own version of it."""

    activity_id: int
    total: int
    remain: int
    lock: int
    sold: int
    version: int


def record_stock(*, copy: StockCopy, fence: int, read_at: datetime) -> bool:
    """Write one copy, see record_stocks; False when the row holds a later version or a later writer's fence."""
    return record_stocks(copies=[copy], fence=fence, read_at=read_at) == 1


def record_stocks(*, copies: Sequence[StockCopy], fence: int, read_at: datetime) -> int:
    """Write copies read at `read_at` unless the row has a later version or fence; how many were written.

    Repeatable: the same copy again writes the same values. Dying between chunks leaves rows that are older but true;
    their activities are still to be told as changed, because the caller forgets them only after this returns.
    """
    written = 0
    latest = {copy.activity_id: copy for copy in sorted(copies, key=lambda copy: copy.version)}
    chosen = list(latest.values())
    for start in range(0, len(chosen), COPIES_AN_UPDATE):
        written += _record_chunk(chosen[start : start + COPIES_AN_UPDATE], fence=fence, read_at=read_at)
    return written


def _record_chunk(copies: list[StockCopy], *, fence: int, read_at: datetime) -> int:
    statement, values = _update_statement(copies, fence=fence, read_at=read_at)
    with transaction.atomic():
        known = set(
            ActivityStock.objects.filter(pk__in=[copy.activity_id for copy in copies]).values_list("pk", flat=True)
        )
        # A row for who has none, at a version before every real one; the UPDATE below fills it before anybody sees it.
        # Somebody else may make the same row at this moment: then theirs is taken.
        ActivityStock.objects.bulk_create(
            (
                ActivityStock(activity_id=copy.activity_id, total=0, remain=0, version=-1, fence=0, synced_at=read_at)
                for copy in copies
                if copy.activity_id not in known
            ),
            ignore_conflicts=True,
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return int(cursor.rowcount)


def _update_statement(copies: Sequence[StockCopy], *, fence: int, read_at: datetime) -> tuple[str, list[Any]]:
    """One UPDATE for all of them, written by hand: Django's expressions for it took a millisecond an activity."""
    quote = connection.ops.quote_name
    columns = ("activity_id", "version", "fence", "synced_at", "archived_at")
    activity_id, version, own_fence, synced_at, archived_at = map(quote, columns)
    whens = " ".join(["WHEN %s THEN %s"] * len(copies))
    # The columns take constants chosen by activity_id only, so it doesn't matter that MariaDB assigns them from left to
    # right. `version` is judged in WHERE, before any assignment.
    figures = ", ".join(f"{column} = CASE {activity_id} {whens} ELSE {column} END" for column in map(quote, _FIGURES))
    not_older = " OR ".join([f"({activity_id} = %s AND {version} <= %s)"] * len(copies))
    statement = (
        f"UPDATE {quote(ActivityStock._meta.db_table)} SET {own_fence} = %s, {synced_at} = %s, {figures}"  # noqa: S608
        # An archived one is counted from its orders: whoever read Redis before comes too late.
        f" WHERE {own_fence} <= %s AND {archived_at} IS NULL AND ({not_older})"
    )
    constants = [part for figure in _FIGURES for copy in copies for part in (copy.activity_id, getattr(copy, figure))]
    versions = [part for copy in copies for part in (copy.activity_id, copy.version)]
    moment = connection.ops.adapt_datetimefield_value(read_at)
    return statement, [fence, moment, *constants, fence, *versions]


def finish_stock_pass(*, as_of: datetime, fence: int) -> bool:
    """Note that every copy is what Redis had at `as_of`, the unchanged ones too; False when a later writer did.

    It keeps the age of an idle activity's stock small without touching its row.
    """
    StockSyncPass.objects.bulk_create([StockSyncPass(id=1, as_of=as_of, fence=0)], ignore_conflicts=True)
    rows = StockSyncPass.objects.filter(id=1, fence__lte=fence, as_of__lte=as_of)
    return rows.update(as_of=as_of, fence=fence) == 1
