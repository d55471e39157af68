"""What games read of their campaigns."""

from dataclasses import dataclass, replace
from typing import Any

from django.db.models import F

from pgs_web.api.errors import NotFound
from pgs_web.plays.errors import CampaignClosed
from pgs_web.plays.models import Campaign, CampaignRules

CAMPAIGNS_SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class RulesSnapshot:
    """One version of a campaign's rules: a round keeps both numbers, and lives by these rules to its end."""

    campaign_id: int
    version: int
    rules: dict[str, Any]
    # Of the game, where a round is being started.
    code: str = ""


def read_rules_to_start(*, code: str, campaign_id: int) -> RulesSnapshot:
    """The present rules, for what starts now; raises NotFound for another game's campaign, CampaignClosed."""
    campaign = Campaign.objects.filter(pk=campaign_id, code=code).first()
    if campaign is None:
        raise NotFound
    if campaign.closed_at is not None:
        raise CampaignClosed
    return replace(read_rules(campaign_id=campaign_id, version=campaign.version), code=code)


def read_rules(*, campaign_id: int, version: int) -> RulesSnapshot:
    """The rules that something was started under; raises NotFound."""
    row = CampaignRules.objects.filter(campaign_id=campaign_id, version=version).first()
    if row is None:
        raise NotFound
    return RulesSnapshot(campaign_id=campaign_id, version=version, rules=row.rules)


def open_campaigns(*, code: str) -> list[dict[str, Any]]:
    """A game's campaigns in which rounds can be started, newest first: id, title, and the present rules."""
    campaigns = list(Campaign.objects.filter(code=code, closed_at=None).order_by("-pk")[:CAMPAIGNS_SHOWN])
    present = CampaignRules.objects.filter(campaign__in=campaigns, version=F("campaign__version"))
    rules = dict(present.values_list("campaign_id", "rules"))
    return [
        {"campaign_id": campaign.pk, "title": campaign.title, **rules[campaign.pk]}
        for campaign in campaigns
        if campaign.pk in rules
    ]
