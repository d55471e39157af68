"""Sets the stage of a replay: a member a customer, an activity a product; kept in a file for the next session."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pgs_data.clock import database_now
from pgs_task.replay.invoice import InvoiceLine
from pgs_task.replay.player import Cast
from pgs_task.shoppers.client import Shopper
from pgs_web.api.errors import OUTAGES
from pgs_web.display.activity.rules import LARGEST_MEMBER_LIMIT, ActivityRules
from pgs_web.display.activity.services import create_activity, submit_for_review
from pgs_web.display.product.models import Sku
from pgs_web.member.services.mass_creation import create_members
from pgs_web.member.tokens import LONGEST_ACCESS, issue_access_token
from pgs_web.trade.stock.errors import SaleBusy
from pgs_web.trade.stock.sales import advance_sales, schedule_sale

ACTOR = "replay"
SALE_LASTS = timedelta(days=2)
SECONDS_BEFORE_TRIES = (1, 5, 6)
WORTH_A_TRY: tuple[type[Exception], ...] = (SaleBusy, *OUTAGES)


@dataclass(frozen=True)
class Offering:
    """How the products are offered: the group price is a share of the normal one, times in seconds."""

    group_size: int = 2
    discount_percent: int = 20
    group_lasts: int = 7200
    pay_within: int = 3600


@dataclass
class Demand:
    """What the lines will ask for: units by product, customers in the order of their first line."""

    units: Counter[str] = field(default_factory=Counter)
    customers: dict[str, None] = field(default_factory=dict)
    taken_back: set[str] = field(default_factory=set)
    lines: int = 0


def measure_demand(lines: Iterable[InvoiceLine]) -> Demand:
    """Reads all lines once; memory grows with products and customers, not with lines."""
    demand = Demand()
    for line in lines:
        demand.lines += 1
        demand.customers.setdefault(line.customer)
        if line.is_cancellation:
            demand.taken_back.add(line.thread_key)
        else:
            demand.units[line.code] += line.quantity
    return demand


def find_skus(merchant_code: str) -> dict[str, Sku]:
    """Product code → its SKU, of one merchant's products on the shelf."""
    skus = Sku.objects.filter(product__merchant__code=merchant_code, is_on_shelf=True).select_related("product")
    return {sku.product.code: sku for sku in skus.order_by("-id").iterator(2000)}


def set_stage(
    *,
    path: Path,
    run: str,
    demand: Demand,
    skus: Mapping[str, Sku],
    offering: Offering,
    on_step: Callable[[str], None],
) -> Cast:
    """Makes members and activities, or takes those of the same run's earlier session from the file.

    Dies in between: what was made stays unused, the next session makes its own.
    """
    known = json.loads(path.read_text()) if path.exists() else {}
    if known.get("run") != run:
        known = {
            "run": run,
            "members": _make_members(run, demand, on_step),
            "activities": _make_activities(demand, skus, offering, on_step),
        }
        path.write_text(json.dumps(known))
    # Tokens live for a day, a replay may take longer: each session signs its own.
    shoppers = {
        customer: Shopper(
            str(member_id), issue_access_token(member_id=member_id, lifetime=LONGEST_ACCESS), str(address_id)
        )
        for customer, (member_id, address_id) in known["members"].items()
    }
    return Cast(shoppers=shoppers, activities=known["activities"], group_size=offering.group_size)


def _make_members(run: str, demand: Demand, on_step: Callable[[str], None]) -> dict[str, tuple[int, int]]:
    members = {}
    created = create_members(count=len(demand.customers), prefix=run)
    for customer, member in zip(demand.customers, created, strict=True):
        members[customer] = (member.member_id, member.address_id)
        on_step("member")
    return members


def _make_activities(
    demand: Demand, skus: Mapping[str, Sku], offering: Offering, on_step: Callable[[str], None]
) -> dict[str, str]:
    starts_at = database_now("default")
    activities = {}
    for code, units in demand.units.items():
        sku = skus[code]
        activity = create_activity(
            sku_id=sku.pk,
            rules=ActivityRules(
                price_fen=max(1, sku.price_fen * (100 - offering.discount_percent) // 100),
                # As many units as the retailer sold: the replay sells the shelves empty.
                stock_total=units,
                starts_at=starts_at,
                ends_at=starts_at + SALE_LASTS,
                group_size=offering.group_size,
                member_limit=min(units, LARGEST_MEMBER_LIMIT),
                group_lasts_seconds=offering.group_lasts,
                pay_within_seconds=offering.pay_within,
            ),
            actor=ACTOR,
        )
        submit_for_review(activity_id=activity.pk, actor=ACTOR)
        put_on_sale(activity.pk, actor=ACTOR)
        activities[code] = str(activity.pk)
        on_step("activity")
    advance_sales()
    return activities


def put_on_sale(activity_id: int, *, actor: str) -> None:
    """Approves an activity; one slow answer of Redis among thousands is no end. Raises the last try's error."""
    for wait in (*SECONDS_BEFORE_TRIES, None):
        try:
            schedule_sale(activity_id=activity_id, actor=actor, allow_same_person=True)
        except WORTH_A_TRY:
            if wait is None:
                raise
            # A try without an answer may have left its lease behind.
            time.sleep(wait)
        else:
            return
