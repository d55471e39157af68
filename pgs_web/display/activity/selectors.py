"""Reads of the activities that shoppers may see, and how old the copy of their stock is."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from pgs_data.clock import database_now
from pgs_web.api.errors import NotFound
from pgs_web.display.activity.models import Activity, ActivityStock, RulesVersion, StockSyncPass
from pgs_web.display.activity.rules import GROUP_RULE_FIELDS, GroupRules
from pgs_web.display.activity.states import SHOWN_TO_SHOPPERS, ActivityState

ON_OFFER = frozenset({ActivityState.SCHEDULED, ActivityState.RUNNING, ActivityState.PAUSED})


@dataclass(frozen=True, slots=True)
class Moment:
    """What one answer says about time: the database's clock, and when all stocks were last compared with Redis."""

    now: datetime
    stock_pass_at: datetime | None

    def stock_age_seconds(self, stock: ActivityStock) -> int:
        """How old the copy may be: whole seconds since it, or the last pass over all that changed, was read."""
        as_of = max(stock.synced_at, self.stock_pass_at or stock.synced_at)
        return max(0, int((self.now - as_of).total_seconds()))

    def state_of(self, activity: Activity) -> ActivityState:
        """The state that the clock makes of the stored one, in the second before the timetable stores it."""
        state = ActivityState(activity.state)
        if state in ON_OFFER and self.now >= activity.ends_at:
            return ActivityState.ENDED
        if state == ActivityState.SCHEDULED and self.now >= activity.starts_at:
            return ActivityState.RUNNING
        return state


def read_moment() -> Moment:
    """Two queries, once an answer."""
    last = StockSyncPass.objects.filter(pk=1).values_list("as_of", flat=True).first()
    return Moment(now=database_now("default"), stock_pass_at=last)


def list_activities(
    *,
    states: Collection[ActivityState] = ON_OFFER,
    play: str = "",
    search: str = "",
    product_id: int | None = None,
    category: str = "",
) -> QuerySet[Activity]:
    """Activities with SKU, product, merchant and stock; search ignores case. Read pages of them with take_first."""
    activities = _shown().filter(state__in=set(states) & SHOWN_TO_SHOPPERS)
    if play:
        activities = activities.filter(play=play)
    if product_id is not None:
        activities = activities.filter(sku__product_id=product_id)
    if category:
        activities = activities.filter(sku__product__category=category)
    if search:
        # LOWER on both sides: a binary collation compares case too.
        wanted = search.lower()
        columns = {
            "low_title": "title",
            "low_title_en": "title_en",
            "low_product": "sku__product__title",
            "low_product_en": "sku__product__title_en",
        }
        matches = Q()
        for alias in columns:
            matches |= Q((f"{alias}__contains", wanted))
        activities = activities.alias(**{alias: Lower(column) for alias, column in columns.items()}).filter(matches)
    return activities


def list_by_state(*, states: Collection[ActivityState] = ON_OFFER, **wanted: Any) -> list[QuerySet[Activity]]:
    """What list_activities gives, in one part for each state: only within a state an index has the rows in order."""
    return [list_activities(states={state}, **wanted) for state in sorted(states)]


def take_first(parts: Sequence[QuerySet[Activity]], *, order: Sequence[str], limit: int) -> list[Activity]:
    """The first of all parts together, with SKU, product, merchant and stock; `order` is a column and the id.

    Costs the page in a shop of any size: ids first, each part along an index of one table and no farther than the
    limit. With the SKU's tables in the same query MariaDB may begin with those, and then sorts all activities.
    """
    column = order[0]
    places: list[tuple[Any, int]] = []
    # One query a state, of which there are few.
    for part in parts:
        places += part.select_related(None).order_by(*order).values_list(column.lstrip("-"), "pk")[:limit]
    places.sort(reverse=column.startswith("-"))
    ids = [activity_id for _value, activity_id in places[:limit]]
    rows = {activity.pk: activity for activity in _shown().filter(pk__in=ids)}
    return [rows[activity_id] for activity_id in ids if activity_id in rows]


def get_activity(activity_id: int) -> Activity:
    """One activity that shoppers may see; raises NotFound."""
    activity = _shown().filter(pk=activity_id, state__in=SHOWN_TO_SHOPPERS).first()
    if activity is None:
        raise NotFound()
    return activity


def read_group_rules(versions: Iterable[tuple[int, int]]) -> dict[tuple[int, int], GroupRules]:
    """(activity id, version of its rules) → what it says of groups, for each that was asked; one query.

    A version from before these were kept has the default rules. Raises OperationalError.
    """
    wanted = set(versions)
    if not wanted:
        return {}
    rows = RulesVersion.objects.filter(
        activity_id__in={activity_id for activity_id, _version in wanted},
        rules_version__in={version for _activity_id, version in wanted},
    ).values("activity_id", "rules_version", *GROUP_RULE_FIELDS)
    known = {
        (row["activity_id"], row["rules_version"]): GroupRules(**{name: row[name] for name in GROUP_RULE_FIELDS})
        for row in rows
    }
    return {version: known.get(version, GroupRules()) for version in wanted}


def read_stock_total(activity: Activity) -> int:
    """How many units it has by the newest copy of its stock, and as it was made before there is one; one query."""
    total = ActivityStock.objects.filter(pk=activity.pk).values_list("total", flat=True).first()
    return activity.stock_total if total is None else total


def read_new_seats(activity_ids: Iterable[int]) -> dict[int, int]:
    """Activity → seats of its groups that are for new members, of those that have some; one query.

    Fixed once approved, so it is what every group of it was opened under. Raises OperationalError.
    """
    rows = Activity.objects.filter(pk__in=set(activity_ids), new_seats__gt=0)
    return dict(rows.values_list("pk", "new_seats"))


def find_archived(activity_ids: Iterable[int]) -> set[int]:
    """Those of these activities of which Redis knows nothing any more, because they are archived."""
    rows = ActivityStock.objects.filter(pk__in=set(activity_ids), archived_at__isnull=False)
    return set(rows.values_list("pk", flat=True))


def _shown() -> QuerySet[Activity]:
    return Activity.objects.select_related("sku__product__merchant", "stock")
