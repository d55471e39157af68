"""The database's clock: deadlines are set and judged by the machine that stores them, never by a worker."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField, Func
from django.db.models.sql.compiler import SQLCompiler

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DatabaseNow(Func):
    """The database's UTC time when the statement runs, plus `after`, for filters, updates and inserts."""

    output_field = DateTimeField()

    def __init__(self, *, after: timedelta = timedelta()) -> None:
        super().__init__()
        self.after = after

    def as_sql(
        self,
        compiler: SQLCompiler,
        connection: BaseDatabaseWrapper,
        *_args: Any,
        **_context: Any,
    ) -> tuple[str, tuple[str | int, ...]]:
        if connection.vendor == "sqlite":
            # Three digits after the second, as text that compares with what Django stores (it drops ".000000" only).
            return "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'now', %s)", (f"{self.after.total_seconds():+.3f} seconds",)
        # CURRENT_TIMESTAMP would follow the session's time zone; Django stores UTC.
        microseconds = self.after // timedelta(microseconds=1)
        return "TIMESTAMPADD(MICROSECOND, %s, UTC_TIMESTAMP(6))", (microseconds,)


def database_now(alias: str) -> datetime:
    """The clock of one database, aware and in UTC; one round trip, raises OperationalError when it is down."""
    connection = connections[alias]
    sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute("SELECT STRFTIME('%Y-%m-%d %H:%M:%f', 'now')" if sqlite else "SELECT UTC_TIMESTAMP(6)")
        (value,) = cursor.fetchone()
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC)


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970 of an aware moment, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    """The moment, aware and in UTC, that many milliseconds after 1970."""
    return _EPOCH + timedelta(milliseconds=milliseconds)
