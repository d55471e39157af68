"""Campaigns: operators give members a coupon each, within a number and an envelope, in bounded batches."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from pgs_data.clock import database_now
from pgs_web.api.errors import OUTAGES, NotFound
from pgs_web.member.models import Member
from pgs_web.trade.coupon.errors import SameWriter, refuse_campaign_state
from pgs_web.trade.coupon.models import CouponCampaign
from pgs_web.trade.coupon.services.issuing import issue_coupons
from pgs_web.trade.coupon.states import CAMPAIGN_MOVES, CampaignState
from pgs_web.trade.coupon.terms import CouponTerms, validate_terms

MEMBERS_A_BATCH = 500
CAMPAIGNS_A_RUN = 20
MOST_LISTED = 5_000
LARGEST_ENVELOPE_FEN = 10**12
# Numbers of members are given before their rows are committed: who is younger than this may still be unseen.
COMMITTED_AFTER = timedelta(minutes=1)


def validate_campaign(*, terms: CouponTerms, total_count: int, envelope_fen: int, member_ids: Sequence[int]) -> None:
    """Raises ValidationError by field for a campaign that can't be, or could cost more than its envelope."""
    validate_terms(terms)
    wrong: dict[str, str] = {}
    if total_count < 1:
        wrong["total_count"] = _("Give one coupon at least.")
    if not 0 < envelope_fen <= LARGEST_ENVELOPE_FEN:
        wrong["envelope_fen"] = _("Give an amount of 1 to %(largest)d fen.") % {"largest": LARGEST_ENVELOPE_FEN}
    elif total_count * terms.amount_fen > envelope_fen:
        wrong["envelope_fen"] = _("%(count)d coupons can cost %(liability)d fen, which is more.") % {
            "count": total_count,
            "liability": total_count * terms.amount_fen,
        }
    if len(member_ids) > MOST_LISTED:
        wrong["member_ids"] = _("List up to %(most)d members.") % {"most": MOST_LISTED}
    if wrong:
        raise ValidationError(wrong)


def open_campaign(
    *, terms: CouponTerms, total_count: int, envelope_fen: int, member_ids: Sequence[int], actor: str
) -> CouponCampaign:
    """Writes a campaign down; nothing is issued until it is started. Raises ValidationError."""
    listed = sorted(set(member_ids))
    validate_campaign(terms=terms, total_count=total_count, envelope_fen=envelope_fen, member_ids=listed)
    return CouponCampaign.objects.create(
        total_count=total_count,
        envelope_fen=envelope_fen,
        member_ids=listed,
        opened_by=actor,
        opened_at=database_now("default"),
        **terms.columns(),
    )


def start_campaign(*, campaign_id: int, actor: str) -> CouponCampaign:
    """Lets the clock issue its coupons to who is a member by now; another person than wrote it down.

    Raises NotFound, WrongCampaignState, SameWriter.
    """
    return _move(
        campaign_id,
        from_states=(CampaignState.DRAFT,),
        to_state=CampaignState.RUNNING,
        not_by=actor,
        started_by=actor,
        joined_before=database_now("default") - COMMITTED_AFTER,
    )


def stop_campaign(*, campaign_id: int) -> CouponCampaign:
    """No further coupon is issued; what members have they keep. Raises NotFound, WrongCampaignState."""
    return _move(
        campaign_id,
        from_states=(CampaignState.DRAFT, CampaignState.RUNNING),
        to_state=CampaignState.STOPPED,
        ended_at=database_now("default"),
    )


def issue_campaigns(*, limit: int = MEMBERS_A_BATCH) -> int:
    """Issues up to `limit` coupons of each running campaign; returns how many members were served.

    Every campaign is served before an outage is raised: one whose next members' node is away waits alone.
    """
    running = CouponCampaign.objects.filter(state=CampaignState.RUNNING).order_by("pk")
    campaign_ids = list(running.values_list("pk", flat=True)[:CAMPAIGNS_A_RUN])
    served, outages = 0, []
    for campaign_id in campaign_ids:
        try:
            served += _issue_batch(campaign_id, limit)
        except OUTAGES as error:
            outages.append(error)
    if outages:
        raise outages[0]
    return served


def _issue_batch(campaign_id: int, limit: int) -> int:
    """The nodes commit first, then the campaign's place in its list: dying in between repeats the same members.

    Always the first members of a list that never changes, so as many as the number allows, however often it is
    repeated; the row's lock lets one process at a time do it.
    """
    with transaction.atomic(using="default"):
        rows = CouponCampaign.objects.filter(pk=campaign_id, state=CampaignState.RUNNING)
        campaign = rows.select_for_update().first()
        if campaign is None:
            return 0
        allowed = min(limit, campaign.total_count - campaign.issued_count)
        member_ids = list(_unserved(campaign).order_by("pk").values_list("pk", flat=True)[:allowed])
        if member_ids:
            issue_coupons(
                issuer=campaign.issuer,
                references=dict.fromkeys(member_ids, str(campaign_id)),
                terms=terms_of(campaign),
                allow_default=True,
            )
            rows.update(issued_count=F("issued_count") + len(member_ids), last_member_id=member_ids[-1])
        if len(member_ids) < limit:
            # The number is reached, or nobody is left.
            _move(
                campaign_id,
                from_states=(CampaignState.RUNNING,),
                to_state=CampaignState.DONE,
                ended_at=database_now("default"),
            )
    return len(member_ids)


def _unserved(campaign: CouponCampaign) -> QuerySet[Member]:
    members = Member.objects.filter(pk__gt=campaign.last_member_id, created_at__lt=campaign.joined_before)
    return members.filter(pk__in=campaign.member_ids) if campaign.member_ids else members


def terms_of(campaign: CouponCampaign) -> CouponTerms:
    """What its coupons are worth."""
    return CouponTerms(**{name: getattr(campaign, name) for name in CouponTerms.__dataclass_fields__})


def _move(
    campaign_id: int,
    *,
    from_states: Sequence[CampaignState],
    to_state: CampaignState,
    not_by: str | None = None,
    **changes: Any,
) -> CouponCampaign:
    if any(to_state not in CAMPAIGN_MOVES[state] for state in from_states):
        raise ValueError(f"No campaign goes from {from_states} to {to_state}.")
    rows = CouponCampaign.objects.filter(pk=campaign_id)
    allowed = Q(state__in=from_states) if not_by is None else Q(~Q(opened_by=not_by), state__in=from_states)
    moved = rows.filter(allowed).update(state=to_state, **changes)
    campaign = rows.first()
    if campaign is None:
        raise NotFound
    if not moved:
        if campaign.state in from_states and campaign.opened_by == not_by:
            raise SameWriter
        raise refuse_campaign_state(campaign.state)
    return campaign
