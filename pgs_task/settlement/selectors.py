"""Reads of the daily report."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.db.models import IntegerField, OuterRef, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from pgs_task.settlement.errors import FileTooLong
from pgs_task.settlement.models import MerchantDay, SettlementDay
from pgs_web.display.product.models import Merchant

# Days of one report at most, and rows of one file.
MOST_DAYS = 92
MOST_ROWS = 50_000
FIGURES = (
    *("paid_count", "paid_fen", "refund_count", "refunded_fen", "fee_fen"),
    *("shipped_count", "earned_fen", "taken_back_fen", "settlement_fen"),
)


def sum_merchants(*, first: date, last: date, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` merchants with the sums of their days, the largest settlement first; one query."""
    # The annotations have computed names, which no type tells.
    days: Any = MerchantDay.objects.filter(day__range=(first, last)).values("merchant_id")
    summed = days.annotate(**{f"sum_{name}": Sum(name) for name in FIGURES}, **_names())
    rows = summed.order_by("-sum_settlement_fen", "merchant_id")[:limit]
    return [
        {
            "merchant_id": row["merchant_id"],
            "code": row["code"],
            "name": row["name"],
            **{name: row[f"sum_{name}"] for name in FIGURES},
        }
        for row in rows
    ]


def sum_days(*, first: date, last: date) -> dict[str, int]:
    """The sums of all merchants."""
    sums = {name: Coalesce(Sum(name), Value(0), output_field=IntegerField()) for name in FIGURES}
    return MerchantDay.objects.filter(day__range=(first, last)).aggregate(**sums)


def list_merchant_days(*, first: date, last: date) -> list[dict[str, Any]]:
    """The days of merchants one by one, by day and merchant: what a file has; above 50,000 raises FileTooLong."""
    days = MerchantDay.objects.filter(day__range=(first, last)).annotate(**_names())
    rows = days.order_by("day", "merchant_id").values("day", "merchant_id", "code", "name", *FIGURES)[: MOST_ROWS + 1]
    if len(rows) > MOST_ROWS:
        raise FileTooLong
    return list(rows)


def missing_days(*, first: date, last: date) -> Sequence[date]:
    """Days of the range that have no report."""
    known = set(SettlementDay.objects.filter(day__range=(first, last)).values_list("day", flat=True))
    days = (first + timedelta(days=count) for count in range((last - first).days + 1))
    return [day for day in days if day not in known]


def _names() -> dict[str, Subquery]:
    # No foreign key: a report outlives its merchant.
    merchant = Merchant.objects.filter(pk=OuterRef("merchant_id"))
    return {"code": Subquery(merchant.values("code")), "name": Subquery(merchant.values("name"))}
