"""Reads of invitations, for leaders, for friends, and for everybody with the link."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.marketing.invite_new.errors import NotOnSale
from pgs_web.marketing.invite_new.forms import find_activity_problem, find_money_problems
from pgs_web.marketing.invite_new.models import Join, Reward, Round
from pgs_web.marketing.invite_new.states import CODE, RoundState
from pgs_web.member.selectors import get_masked_names
from pgs_web.plays.selectors import open_campaigns
from pgs_web.trade.group.models import Seat
from pgs_web.trade.group.states import ACTIVE_SEATS
from pgs_web.trade.order.models import Order

# Of a group's members; the counts are of all.
MEMBERS_SHOWN = 50
# An order that was placed with a pass in its last second is written down by then.
PASS_GRACE = timedelta(seconds=120)


def rewards_of(round_ids: list[int]) -> dict[int, Reward]:
    """Invitation → its reward, of invitations of one node; one query."""
    if not round_ids:
        return {}
    rows = Reward.objects.on_node(alias_of_id(round_ids[0])).filter(round_id__in=round_ids)
    return {reward.round_id: reward for reward in rows}


def with_opening_order(alias: str, *, state: RoundState) -> QuerySet[Round]:
    """Invitations of a node in this state under whose key a group's order was written down, by their pass or without.

    Costs an index look-up an invitation in that state.
    """
    opening = Order.objects.on_node(alias).filter(
        member_id=OuterRef("member_id"),
        idempotency_key=OuterRef("opening_key"),
        activity_id=OuterRef("activity_id"),
        group_id__isnull=False,
    )
    return Round.objects.on_node(alias).filter(Exists(opening), state=state)


def is_pass_over(round_: Any) -> bool:
    """Whether an invitation, read with `now`, only waits for an order that was accepted in time."""
    return bool(round_.state == RoundState.OPENING and round_.open_by <= round_.now)


def require_on_sale(*, rules: dict[str, Any]) -> Activity:
    """The activity, which can be bought now and still fits the rules; two queries of `default`. Raises NotOnSale."""
    activity = Activity.objects.filter(pk=rules["activity_id"], state=ActivityState.RUNNING).first()
    if activity is None or activity.ends_at <= database_now("default"):
        raise NotOnSale
    if find_activity_problem(activity) or find_money_problems(rules, activity):
        raise NotOnSale
    return activity


def describe_progress(round_: Round) -> dict[str, Any]:
    """Who sits in the group, masked, and what is left of it; four queries.

    `other_seats_left`: seats for friends who aren't new, less those that somebody has a pass for.
    """
    members: list[int] = []
    if round_.group_id is not None:
        seats = Seat.objects.on_node(alias_of_id(round_.pk)).filter(group_id=round_.group_id, state__in=ACTIVE_SEATS)
        members = list(seats.order_by("joined_at", "pk").values_list("member_id", flat=True)[: round_.group_size])
    names = get_masked_names(members[:MEMBERS_SHOWN])
    is_forming = round_.state == RoundState.FORMING
    others = count_others(round_, now=round_.now) if is_forming else 0  # type: ignore[attr-defined]
    return {
        "members": [
            {"member": names[member_id], "is_leader": member_id == round_.member_id}
            for member_id in members[:MEMBERS_SHOWN]
        ],
        "seats_left": max(round_.group_size - len(members), 0) if is_forming else 0,
        "other_seats_left": max(round_.other_seats - others, 0) if is_forming else 0,
    }


def count_others(round_: Round, *, now: datetime, but_member_id: int | None = None) -> int:
    """Friends who aren't new and sit in the group, or may come any moment; two queries of its node."""
    alias = alias_of_id(round_.pk)
    others = Join.objects.on_node(alias).filter(round_id=round_.pk, is_new_member=False)
    coming = set(others.filter(pass_until__gt=now - PASS_GRACE).values_list("member_id", flat=True))
    # Who was new on joining and has paid elsewhere before paying here sits there as well.
    is_other = Q(is_returning=True) | Q(member_id__in=others.values("member_id"))
    seats = Seat.objects.on_node(alias).filter(is_other, group_id=round_.group_id, state__in=ACTIVE_SEATS)
    return len((coming | set(seats.values_list("member_id", flat=True))) - {but_member_id})


def offered_campaigns() -> list[dict[str, Any]]:
    """Campaigns that take new invitations for an activity on sale, newest first; three queries."""
    campaigns = open_campaigns(code=CODE)
    activities = Activity.objects.filter(state=ActivityState.RUNNING, ends_at__gt=DatabaseNow()).in_bulk(
        [campaign["activity_id"] for campaign in campaigns]
    )
    return [
        {**campaign, "activity": activities[campaign["activity_id"]]}
        for campaign in campaigns
        if campaign["activity_id"] in activities
    ]
