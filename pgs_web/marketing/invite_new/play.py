"""Invite-new group (邀新团): the one object that the registry takes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from pgs_web.marketing.invite_new.cards import describe_card
from pgs_web.marketing.invite_new.checks import find_missing_new_members, find_overdue_rounds, find_wrong_rewards
from pgs_web.marketing.invite_new.figures import OWN_FIGURES, preview_rules, read_figures
from pgs_web.marketing.invite_new.forms import Rules, judge_change
from pgs_web.marketing.invite_new.models import Round
from pgs_web.marketing.invite_new.selectors import describe_progress
from pgs_web.marketing.invite_new.services import advance_rewards, follow_groups, notice_openings, undo_rewards
from pgs_web.marketing.invite_new.services.counting import complete_groups, note_refunds
from pgs_web.marketing.invite_new.services.rewarding import pay_rewards
from pgs_web.marketing.invite_new.states import CODE, RoundState
from pgs_web.marketing.invite_new.story import InviteNewStory
from pgs_web.plays.cards import Card
from pgs_web.plays.contract import Play, PlayCheck, PlayJob
from pgs_web.plays.figures.names import ending
from pgs_web.plays.rounds import get_round
from pgs_web.plays.shares import read_share_code
from pgs_web.plays.telling import Figure, PreviewLine

if TYPE_CHECKING:
    from pgs_data.messaging.relay import Message


class InviteNew(Play):
    code = CODE
    title = _("Invite-new group")
    summary = _("Members open a group, new members fill it; a complete group brings its leader a reward.")
    issues_passes = True
    urls = "pgs_web.marketing.invite_new.urls"
    jobs = (
        PlayJob(name="notice_openings", run=notice_openings, every_seconds=2),
        PlayJob(name="advance_rewards", run=advance_rewards, every_seconds=5),
    )
    checks = (
        PlayCheck(
            name="new_members",
            promise=_("no invited group seats more who aren't new than its rules say"),
            find_offenders=find_missing_new_members,
            is_always=True,
        ),
        PlayCheck(
            name="rewards",
            promise=_("a complete invited group rewards its leader once, and not at all once an order was refunded"),
            find_offenders=find_wrong_rewards,
        ),
        PlayCheck(
            name="overdue",
            promise=_("no invitation waits past its time or for a decided group, or is over though its group is there"),
            find_offenders=find_overdue_rounds,
        ),
    )
    rule_form = Rules
    story = InviteNewStory()
    endings = {
        RoundState.SUCCEEDED: _("groups complete"),
        RoundState.FAILED: _("groups came to nothing"),
        RoundState.EXPIRED: _("not opened in time"),
    }
    # Each complete group is some orders.
    converts_by = ending(RoundState.SUCCEEDED)
    own_figures = OWN_FIGURES

    def entrance(self) -> str:
        """Which invitations there are."""
        return "campaigns/"

    def judge_change(self, *, before: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, str | Promise]:
        """The envelope holds what was promised under every version of the rules."""
        return judge_change(before=before, after=after)

    def preview(self, rules: Mapping[str, Any]) -> Sequence[PreviewLine]:
        """Prices, seats, who may invite, the reward, and what all of it can cost."""
        return preview_rules(rules)

    def read_figures(self, campaign_ids: Sequence[int]) -> Mapping[int, Sequence[Figure]]:
        """Rewards, those that are due included, of the envelope."""
        return read_figures(campaign_ids)

    def read_shared(self, share_code: str) -> Card:
        """The invitation with who sits in its group."""
        round_ = get_round(Round, round_id=read_share_code(CODE, share_code))
        return describe_card(round_, progress=describe_progress(round_))

    def on_group_succeeded(self, messages: "Sequence[Message]") -> None:
        """The round is complete, and its reward due; a coupon comes at once."""
        pay_rewards(follow_groups(_leaders(messages)))

    def on_group_failed(self, messages: "Sequence[Message]") -> None:
        """The round has failed."""
        follow_groups(_leaders(messages))

    def on_order_refunded(self, messages: "Sequence[Message]") -> None:
        """The reward of a group whose success is undone goes back; the order counts no longer."""
        refunded = {
            message.payload["order_id"]: message.payload["group_id"]
            for message in messages
            # Nobody sits in an invited group without a pass; nearly no order has one.
            if message.payload["group_id"] is not None and message.payload.get("by_pass")
        }
        if refunded:
            # It may be told before its group's success.
            follow_groups(complete_groups(sorted(set(refunded.values()))))
            note_refunds(refunded)
            undo_rewards(refunded)


def _leaders(messages: "Sequence[Message]") -> dict[int, int]:
    return {message.payload["group_id"]: message.payload["leader_member_id"] for message in messages}


PLAY = InviteNew()
