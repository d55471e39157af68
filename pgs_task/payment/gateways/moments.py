"""Moments that gateways write without an offset: the wall clock of Asia/Shanghai."""

import re
from datetime import UTC, datetime

from pgs_task.payment.gateways.statement_days import SHANGHAI

WRITTEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")


def write_shanghai(moment: datetime) -> str:
    """The moment to the second, without what is left of it."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def read_shanghai(text: object) -> datetime:
    """The moment in UTC; raises ValueError, also for a day that doesn't exist."""
    if not isinstance(text, str) or not WRITTEN.fullmatch(text):
        raise ValueError("A moment is written as 2026-11-11 00:00:00.")
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("A moment is a day and a time that exist.") from error
