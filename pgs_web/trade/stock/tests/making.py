"""Activities on sale, for tests."""

from datetime import timedelta
from typing import Any

from pgs_data.clock import database_now
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.rules import ActivityRules
from pgs_web.display.activity.services import create_activity, submit_for_review
from pgs_web.trade.stock.sales import advance_sales, schedule_sale
from pgs_web.trade.stock.trial_sku import get_test_sku


def make_sale(
    *,
    stock: int = 10,
    starts_in: timedelta = timedelta(),
    lasts: timedelta = timedelta(hours=1),
    price_fen: int = 1000,
    **rules: Any,
) -> Activity:
    """An activity whose stock is loaded and whose gate is open, RUNNING when its start has come."""
    starts_at = database_now("default") + starts_in
    activity = create_activity(
        sku_id=get_test_sku(price_fen=price_fen).pk,
        rules=ActivityRules(
            price_fen=price_fen, stock_total=stock, starts_at=starts_at, ends_at=starts_at + lasts, **rules
        ),
        actor="writer",
    )
    submit_for_review(activity_id=activity.pk, actor="writer")
    schedule_sale(activity_id=activity.pk, actor="reviewer")
    advance_sales()
    activity.refresh_from_db()
    return activity
