"""Activities to sell and how far their orders are; import it only when the shop is there."""

import time
from datetime import timedelta

from benchmarks.harness.shop import PrivateShop
from pgs_data.clock import database_now
from pgs_data.locks import LockHeld
from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_data.redis.partitions import partition_count
from pgs_task.reconciliation.quiet import find_restless
from pgs_task.stock_sync.services import sync_stocks
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.rules import ActivityRules
from pgs_web.display.activity.services import create_activity, submit_for_review
from pgs_web.trade.intake.keys import flow_key
from pgs_web.trade.stock.sales import advance_sales, schedule_sale
from pgs_web.trade.stock.trial_sku import get_test_sku

PRICE_FEN = 1000
PASSING: tuple[type[Exception], ...] = (*RedisUnavailable, LockHeld)


def make_activity(
    *,
    stock: int = 100_000_000,
    group_size: int = 2,
    member_limit: int = 100_000,
    pay_within_seconds: int = 6 * 86_400,
    group_lasts_seconds: int = 20 * 86_400,
    alone_price_fen: int | None = None,
) -> Activity:
    """One running activity, made as operators do; nothing of it is due within days unless asked for."""
    starts_at = database_now("default")
    rules = ActivityRules(
        price_fen=PRICE_FEN,
        alone_price_fen=alone_price_fen,
        stock_total=stock,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(days=30),
        group_size=group_size,
        member_limit=member_limit,
        pay_within_seconds=pay_within_seconds,
        group_lasts_seconds=group_lasts_seconds,
    )
    activity = create_activity(sku_id=get_test_sku(price_fen=PRICE_FEN).pk, rules=rules, actor="writer")
    submit_for_review(activity_id=activity.pk, actor="writer")
    schedule_sale(activity_id=activity.pk, actor="reviewer")
    advance_sales()
    activity.refresh_from_db()
    return activity


def count_waiting_orders() -> int:
    """Admitted orders that are in no database yet."""
    pipeline = ledger().pipeline(transaction=False)
    for partition in range(partition_count()):
        pipeline.hmget(flow_key(partition), ["accepted", "persisted", "rejected"])
    counters = [[int(counter or 0) for counter in counters] for counters in pipeline.execute()]
    return sum(accepted - persisted - rejected for accepted, persisted, rejected in counters)


def count_accepted() -> int:
    """Orders that the ledger has ever accepted, all partitions together."""
    return sum(
        int(ledger(partition).hget(flow_key(partition), "accepted") or 0) for partition in range(partition_count())
    )


def rest(shop: PrivateShop, *, seconds: float) -> None:
    """Until every order is written, every message handled and every stock copied; raises TimeoutError.

    Drain and relay have to run.
    """
    deadline = time.monotonic() + seconds
    restless = ["nobody has looked yet"]
    while restless:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no rest: {restless[:5]}\n{shop.logs()}")
        try:
            sync_stocks()
            restless = find_restless()
        except PASSING as error:
            # Its disk is busy with what we have just asked of it; the lease of a pass that met that ends by itself.
            restless = [repr(error)]
        if restless:
            time.sleep(0.2)
