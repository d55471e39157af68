"""Rows that tests of activities need."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from pgs_data.clock import database_now
from pgs_web.display.activity.models import Activity, ActivityStock
from pgs_web.display.activity.rules import ActivityRules
from pgs_web.display.activity.services import create_activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.display.product.models import Merchant, Product, Sku

_numbers = itertools.count(1)
NOON = datetime(2030, 5, 1, 12, tzinfo=UTC)


def make_sku(*, price_fen: int = 10_000, title: str = "水蜜桃", title_en: str = "Peaches", **product: Any) -> Sku:
    merchant, _is_new = Merchant.objects.get_or_create(code="m", defaults={"name": "果园", "name_en": "Orchard"})
    code = f"p{next(_numbers)}"
    row = Product.objects.create(merchant=merchant, code=code, title=title, title_en=title_en, **product)
    return Sku.objects.create(product=row, code=f"s-{code}", price_fen=price_fen)


def rules(**changes: Any) -> ActivityRules:
    values: dict[str, Any] = {
        "title": "两人团",
        "title_en": "For two",
        "price_fen": 6_000,
        "stock_total": 10,
        "starts_at": NOON,
        "ends_at": NOON + timedelta(hours=2),
    }
    return ActivityRules(**{**values, **changes})


def make_activity(*, state: ActivityState = ActivityState.DRAFT, sku: Sku | None = None, **changes: Any) -> Activity:
    """An activity put into a state directly, as if it had got there long ago."""
    sku = sku or make_sku()
    activity = create_activity(sku_id=sku.pk, rules=rules(**changes), actor="author")
    if state != ActivityState.DRAFT:
        Activity.objects.filter(pk=activity.pk).update(state=state, submitted_by="author")
        activity.refresh_from_db()
    return activity


def make_running(**changes: Any) -> Activity:
    """On sale now, by the database's clock."""
    now = database_now("default")
    window = {"starts_at": now - timedelta(minutes=1), "ends_at": now + timedelta(hours=1)}
    return make_activity(state=ActivityState.RUNNING, **{**window, **changes})


def give_stock(activity: Activity, *, age_seconds: float = 0, **figures: int) -> ActivityStock:
    values = {"total": 10, "remain": 7, "lock": 2, "sold": 1, "version": 5, "fence": 1, **figures}
    read_at = database_now("default") - timedelta(seconds=age_seconds)
    return ActivityStock.objects.create(activity=activity, synced_at=read_at, **values)
