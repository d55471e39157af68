"""A member starts an invitation: a pass to open a group, for one order."""

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.ids.errors import IdSourceUnavailable
from pgs_data.ids.snowflake import new_id
from pgs_data.sharding.slots import alias_of_slot, slot_of_key
from pgs_data.sharding.transactions import node_transaction
from pgs_web.api.errors import Unavailable
from pgs_web.display.activity.models import Activity
from pgs_web.marketing.invite_new.errors import LeaderIsNew, RoundLimit, RoundOpen
from pgs_web.marketing.invite_new.forms import reward_of
from pgs_web.marketing.invite_new.models import Round
from pgs_web.marketing.invite_new.selectors import PASS_GRACE, require_on_sale
from pgs_web.marketing.invite_new.services.door import key_to_open
from pgs_web.marketing.invite_new.services.following import notice_on_node
from pgs_web.marketing.invite_new.states import CODE, RoundState
from pgs_web.plays.eligibility.devices import index_device
from pgs_web.plays.eligibility.errors import DeviceUnknown
from pgs_web.plays.figures.names import STARTED
from pgs_web.plays.figures.services import count_figures
from pgs_web.plays.selectors import RulesSnapshot, read_rules_to_start
from pgs_web.plays.switches import require_open
from pgs_web.trade.order.newness import is_new_member

# How old the game's judgement may be when the order comes.
PASS_LASTS = timedelta(minutes=10)


def start_round(*, member_id: int, campaign_id: int, device: str | None) -> int:
    """Starts an invitation under the campaign's present rules and returns its id; nobody joins from `device`.

    Raises PlayDraining, NotFound, CampaignClosed, DeviceUnknown, LeaderIsNew, NotOnSale, RoundOpen, RoundLimit,
    Unavailable, OUTAGES.
    """
    require_open(CODE)
    snapshot = read_rules_to_start(code=CODE, campaign_id=campaign_id)
    if device is None:
        raise DeviceUnknown
    if snapshot.rules["leader_has_paid"] and is_new_member(member_id):
        raise LeaderIsNew
    activity = require_on_sale(rules=snapshot.rules)
    # Its job may come later. An outage here is told before anything is started.
    _notice_overdue(member_id, campaign_id)
    try:
        round_id = new_id(slot=slot_of_key(member_id))
    except IdSourceUnavailable as error:
        raise Unavailable from error
    try:
        with node_transaction(round_id) as alias:
            rounds = Round.objects.on_node(alias).filter(member_id=member_id, campaign_id=campaign_id)
            ordinal = rounds.count() + 1
            if ordinal > snapshot.rules["rounds_a_member"]:
                raise RoundLimit
            # Of two starts at once the constraints refuse one.
            draft = _draft(snapshot, activity, now=database_now(alias))
            started = Round(
                id=round_id,
                member_id=member_id,
                ordinal=ordinal,
                initiator_device=index_device(device),
                opening_key=key_to_open(round_id),
                **draft,
            )
            Round.objects.bulk_create([started])
            count_figures(code=CODE, campaign_id=campaign_id, shard_key=round_id, amounts={STARTED: 1})
    except IntegrityError as error:
        raise RoundOpen from error
    return round_id


def _notice_overdue(member_id: int, campaign_id: int) -> None:
    alias = alias_of_slot(slot_of_key(member_id))
    rounds = Round.objects.on_node(alias).filter(member_id=member_id, running_in=campaign_id)
    notice_on_node(alias, list(rounds.filter(state=RoundState.OPENING, open_by__lte=DatabaseNow(after=-PASS_GRACE))))


def _draft(snapshot: RulesSnapshot, activity: Activity, *, now: datetime) -> dict[str, Any]:
    rules = snapshot.rules
    return {
        "campaign_id": snapshot.campaign_id,
        "rules_version": snapshot.version,
        "running_in": snapshot.campaign_id,
        "activity_id": activity.pk,
        "title": activity.title,
        "group_size": activity.group_size,
        "new_seats": activity.new_seats,
        "price_fen": activity.price_fen,
        "reward_kind": rules["reward_kind"],
        "reward_fen": reward_of(rules, activity),
        "coupon_threshold_fen": rules["coupon_threshold_fen"],
        "coupon_days": rules["coupon_days"],
        "state": RoundState.OPENING,
        "started_at": now,
        "open_by": min(now + PASS_LASTS, activity.ends_at),
    }
