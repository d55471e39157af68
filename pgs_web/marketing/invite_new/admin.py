"""What the back office shows of invitations and rewards."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from pgs_web.marketing.invite_new.models import Reward, Round
from pgs_web.marketing.invite_new.services import let_go
from pgs_web.marketing.invite_new.states import RewardState
from pgs_web.plays.pages import PlayAct, PlayPage


def leave_to_leader(round_id: int, actor: str, reason: str) -> str:
    """The desk doesn't ask for it back."""
    return _("The leader keeps it.") if let_go(round_id) else _("This reward isn't owed.")


PAGES = (
    PlayPage(
        model=Round,
        columns=("id", "member_id", "title", "state", "group_size", "new_seats", "reward_kind", "started_at"),
        fields=(
            ("id", "member_id"),
            ("campaign_id", "rules_version", "activity_id"),
            ("title", "state"),
            ("group_size", "new_seats", "price_fen"),
            ("reward_kind", "reward_fen"),
            ("coupon_threshold_fen", "coupon_days"),
            ("order_id", "group_id"),
            ("started_at", "open_by"),
            ("ends_at", "decided_at"),
        ),
        search=("id", "member_id", "group_id"),
    ),
    PlayPage(
        model=Reward,
        columns=("round_id", "member_id", "kind", "amount_fen", "state", "granted_at", "changed_at"),
        fields=(
            ("round_id", "member_id"),
            ("group_id", "order_id"),
            ("kind", "amount_fen", "state"),
            ("coupon_id", "request_id"),
            ("granted_at", "changed_at"),
        ),
        search=("round_id", "member_id", "group_id"),
        acts=(
            PlayAct(
                name="let_invite_reward_go",
                title=gettext_lazy("Leave it to the leader"),
                meaning=gettext_noop("Can let rewards go that were undone too late"),
                deed=leave_to_leader,
                roles=("finance",),
                question=gettext_lazy("The group's success was undone when the reward was used already."),
                states=(RewardState.OWED,),
                is_grave=True,
            ),
        ),
    ),
)
