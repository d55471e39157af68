"""What the back office shows of red packets, and of their campaigns' money."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from pgs_data.locks import LeaseLost, LockHeld
from pgs_web.api.errors import Unavailable
from pgs_web.marketing.red_packet.errors import CopyOutdated
from pgs_web.marketing.red_packet.models import Envelope, Packet
from pgs_web.marketing.red_packet.services import recount_envelope
from pgs_web.plays.pages import PlayAct, PlayPage


def _recount(campaign_id: int, _actor: str, _reason: str) -> str:
    try:
        figures = recount_envelope(campaign_id)
    except (LockHeld, LeaseLost, CopyOutdated) as error:
        raise Unavailable from error
    said = _("%(spent)d of %(budget)d fen are given to %(packets)d red packets.")
    return said % {"spent": figures.spent_fen, "budget": figures.budget_fen, "packets": figures.packets}


PAGES = (
    PlayPage(
        model=Envelope,
        columns=(
            *("campaign_id", "title", "budget_fen", "committed_fen", "redeemed_fen", "expired_fen"),
            *("coupons_used_fen", "coupons_expired_fen", "left_fen", "counted_at"),
        ),
        fields=(
            ("campaign_id", "title"),
            ("budget_fen", "left_fen"),
            ("running", "committed_fen"),
            ("redeemed", "redeemed_fen"),
            ("expired", "expired_fen"),
            ("coupons_used_fen", "coupons_expired_fen"),
            ("opened_at", "counted_at"),
        ),
        search=("campaign_id",),
        acts=(
            PlayAct(
                name="recount_envelope",
                title=gettext_lazy("Count its money anew"),
                meaning=gettext_noop("Can count the money of red packets anew"),
                deed=_recount,
                roles=("finance",),
                question=gettext_lazy("Nobody can open or help red packets of this campaign while they are counted."),
            ),
        ),
    ),
    PlayPage(
        model=Packet,
        columns=(*("id", "member_id", "title", "state", "value_fen", "help_count", "steps", "started_at", "ends_at"),),
        fields=(
            ("id", "member_id"),
            ("campaign_id", "rules_version"),
            ("title", "state"),
            ("face_fen", "value_fen", "cap_fen", "base_fen"),
            ("help_count", "steps", "rungs"),
            ("most_helps", "least_fen", "most_fen"),
            ("started_at", "ends_at", "decided_at", "settled_at"),
            ("coupon_id", "threshold_fen", "product_id", "activity_id", "coupon_seconds"),
            "commitment",
        ),
        search=("id", "member_id"),
    ),
)
