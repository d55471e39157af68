"""A member starts a bargain: the schedule of its cuts is drawn, and its seed's hash is told."""

from datetime import timedelta
from typing import Any

from django.db import IntegrityError

from pgs_data.clock import database_now
from pgs_data.ids.errors import IdSourceUnavailable
from pgs_data.ids.snowflake import new_id
from pgs_data.sharding.slots import slot_of_key
from pgs_data.sharding.transactions import node_transaction
from pgs_web.api.errors import Unavailable
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.marketing.bargain.errors import NotOnSale, RoundLimit, RoundRunning
from pgs_web.marketing.bargain.models import Round
from pgs_web.marketing.bargain.schedule import commit_seed, draw_seed
from pgs_web.marketing.bargain.states import CODE, RoundState
from pgs_web.plays.selectors import RulesSnapshot, read_rules_to_start
from pgs_web.plays.switches import require_open
from pgs_web.trade.coupon.models import LONGEST_TITLE


def start_round(*, member_id: int, campaign_id: int) -> int:
    """Starts a bargain under the campaign's present rules and returns its id.

    Raises PlayDraining, NotFound, CampaignClosed, NotOnSale, RoundRunning, RoundLimit, Unavailable.
    """
    require_open(CODE)
    snapshot = read_rules_to_start(code=CODE, campaign_id=campaign_id)
    activity = _require_on_sale(snapshot.rules)
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
            draft = _draft(round_id, snapshot, activity, ordinal=ordinal, now=database_now(alias))
            Round.objects.bulk_create([Round(member_id=member_id, **draft)])
    except IntegrityError as error:
        raise RoundRunning from error
    return round_id


def _require_on_sale(rules: dict[str, Any]) -> Activity:
    activity = Activity.objects.filter(pk=rules["activity_id"], state=ActivityState.RUNNING).first()
    if activity is None or activity.ends_at <= database_now("default"):
        raise NotOnSale
    if activity.alone_price_fen - rules["floor_price_fen"] < rules["cuts"] * rules["min_cut_fen"]:
        # The activity's price was lowered since the rules were made.
        raise NotOnSale
    return activity


def _draft(round_id: int, snapshot: RulesSnapshot, activity: Activity, *, ordinal: int, now: Any) -> dict[str, Any]:
    rules, seed = snapshot.rules, draw_seed()
    return {
        "id": round_id,
        "campaign_id": snapshot.campaign_id,
        "rules_version": snapshot.version,
        "running_in": snapshot.campaign_id,
        "ordinal": ordinal,
        "activity_id": activity.pk,
        "title": activity.title[:LONGEST_TITLE],
        "list_price_fen": activity.alone_price_fen,
        "floor_price_fen": rules["floor_price_fen"],
        "cuts": rules["cuts"],
        "min_cut_fen": rules["min_cut_fen"],
        "new_member_cuts": rules["new_member_cuts"],
        "may_buy_early": rules["may_buy_early"],
        "pay_seconds": rules["pay_minutes"] * 60,
        "seed": seed,
        "commitment": commit_seed(seed),
        "state": RoundState.RUNNING,
        "started_at": now,
        "ends_at": min(now + timedelta(minutes=rules["minutes"]), activity.ends_at),
    }
