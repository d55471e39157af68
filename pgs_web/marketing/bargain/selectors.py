"""Reads of bargains, for who started them, for who is asked to help, and for who wants a proof."""

from typing import Any

from django.db.models import F, QuerySet

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import alias_of_id, alias_of_slot, slot_of_id, slot_of_key
from pgs_web.api.errors import NotFound
from pgs_web.marketing.bargain.models import Cutting, Round
from pgs_web.marketing.bargain.schedule import ALGORITHM
from pgs_web.marketing.bargain.states import CODE, RoundState
from pgs_web.member.selectors import get_masked_names
from pgs_web.plays.models import Campaign, CampaignRules

CAMPAIGNS_SHOWN = 50


def get_round(*, round_id: int) -> Round:
    """The bargain with the database's time as `now`; raises NotFound."""
    found = Round.objects.filter(pk=round_id).annotate(now=DatabaseNow()).first()
    if found is None:
        raise NotFound
    return found


def get_own_round(*, member_id: int, round_id: int) -> Round:
    """The member's bargain; raises NotFound, also for another member's."""
    if slot_of_id(round_id) != slot_of_key(member_id):
        raise NotFound
    found = get_round(round_id=round_id)
    if found.member_id != member_id:
        raise NotFound
    return found


def own_rounds(*, member_id: int) -> QuerySet[Round]:
    """A member's bargains, each with `now`; all on the member's node."""
    rows = Round.objects.on_node(alias_of_slot(slot_of_key(member_id))).filter(member_id=member_id)
    return rows.annotate(now=DatabaseNow())


def state_now(round_: Any) -> str:
    """Its state; EXPIRED from the moment that its time is over, whenever the sweep says so."""
    is_over = round_.state == RoundState.RUNNING and round_.ends_at <= round_.now
    return RoundState.EXPIRED.value if is_over else str(round_.state)


def describe_helps(round_: Round) -> list[dict[str, Any]]:
    """Who helped, masked, in the order of the cuts; as many as there are cuts at most."""
    helps = list(
        Cutting.objects.on_node(alias_of_id(round_.pk)).filter(round_id=round_.pk).order_by("first_cut")[: round_.cuts]
    )
    names = get_masked_names(help_.helper_id for help_ in helps)
    return [
        {
            "helper": names.get(help_.helper_id, "*"),
            "first_cut": help_.first_cut,
            "cuts": help_.cuts,
            "cut_fen": help_.cut_fen,
            "helped_at": help_.helped_at,
        }
        for help_ in helps
    ]


def describe_proof(round_: Round) -> dict[str, Any]:
    """What anybody needs in order to verify the cuts; seed and schedule once nobody can cut any more."""
    is_told = state_now(round_) != RoundState.RUNNING
    return {
        "algorithm": ALGORITHM,
        "commitment": round_.commitment,
        "gap_fen": round_.gap_fen,
        "cuts": round_.cuts,
        "min_cut_fen": round_.min_cut_fen,
        "seed": round_.seed if is_told else None,
        "schedule": round_.schedule() if is_told else None,
        "helps": describe_helps(round_),
    }


def open_campaigns() -> list[dict[str, Any]]:
    """Campaigns in which bargains can be started, newest first."""
    campaigns = list(Campaign.objects.filter(code=CODE, closed_at=None).order_by("-pk")[:CAMPAIGNS_SHOWN])
    present = CampaignRules.objects.filter(campaign__in=campaigns, version=F("campaign__version"))
    rules = dict(present.values_list("campaign_id", "rules"))
    return [
        {"campaign_id": campaign.pk, "title": campaign.title, **rules[campaign.pk]}
        for campaign in campaigns
        if campaign.pk in rules
    ]
