"""The days of statements: from midnight to midnight in Asia/Shanghai."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """First moment of the day and first moment after it, in UTC."""
    start = datetime.combine(day, time(), tzinfo=SHANGHAI).astimezone(UTC)
    return start, start + timedelta(days=1)


def day_of(moment: datetime) -> date:
    """The day that a moment belongs to."""
    return moment.astimezone(SHANGHAI).date()
