"""An invitation as the shop's pages show it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from pgs_web.display.money import show_yuan
from pgs_web.marketing.invite_new.models import Round
from pgs_web.marketing.invite_new.selectors import is_pass_over
from pgs_web.marketing.invite_new.states import CODE, OPEN, RewardKind, RoundState
from pgs_web.plays.cards import HELPS_SHOWN, Card, CardAct, CardFigure, CardHelp
from pgs_web.plays.shares import write_share_code
from pgs_web.plays.states import Stage

STAGES: Mapping[str, Stage] = {
    RoundState.OPENING: Stage.OPEN,
    RoundState.FORMING: Stage.OPEN,
    RoundState.SUCCEEDED: Stage.WON,
    RoundState.FAILED: Stage.OVER,
    RoundState.EXPIRED: Stage.OVER,
}


def describe_card(round_: Any, *, progress: Mapping[str, Any] | None = None, is_own: bool = False) -> Card:
    """The invitation, read with `now`, for everybody or for its leader; `progress`: selectors.describe_progress.

    Without progress, in a list, nothing is told of who sits in the group.
    """
    state = round_.state
    ends_at, ends_label = _end(round_)
    seats_left = 0 if progress is None else progress["seats_left"]
    is_told = progress is not None and state == RoundState.FORMING
    members = [] if progress is None else progress["members"]
    return Card(
        play=CODE,
        round_id=round_.pk,
        share_code=write_share_code(CODE, round_.pk),
        title=round_.title,
        activity_id=round_.activity_id,
        stage=STAGES[state],
        headline=_headline(round_, seats_left if is_told else None, is_own=is_own),
        notes=_notes(round_),
        figures=_figures(round_, is_own=is_own),
        done=round_.group_size - seats_left if is_told else 0,
        goal=round_.group_size if is_told else 0,
        ends_at=ends_at,
        ends_label=ends_label,
        helps=[
            CardHelp(who=one["member"], what=_("leads") if one["is_leader"] else _("joined"))
            for one in members[::-1][:HELPS_SHOWN]
        ],
        helps_label=_("In the group"),
        acts=_acts(round_, is_own=is_own),
        server_time=round_.now,
    )


def _figures(round_: Round, *, is_own: bool) -> list[CardFigure]:
    figures = [CardFigure(name=_("Group price"), text=show_yuan(round_.price_fen), kind="now")]
    reward = _reward(round_)
    return [*figures, CardFigure(name=_("Reward of the leader"), text=reward)] if is_own and reward else figures


def _reward(round_: Round) -> str:
    amount = {"amount": show_yuan(round_.reward_fen)}
    return {
        RewardKind.COUPON.value: _("a coupon of %(amount)s") % amount,
        RewardKind.REFUND.value: _("%(amount)s back") % amount,
        RewardKind.FREE_ORDER.value: _("your order for free"),
    }.get(round_.reward_kind, "")


def _headline(round_: Round, seats_left: int | None, *, is_own: bool) -> str:
    state = round_.state
    if is_pass_over(round_):
        return _("The time to open the group is over: only an order in time still opens it")
    if state == RoundState.OPENING:
        return _("Open the group: order with your pass") if is_own else _("The group isn't open yet")
    if state == RoundState.SUCCEEDED:
        return _("The group is complete")
    if state == RoundState.FAILED:
        return _("The group came to nothing")
    if state == RoundState.EXPIRED:
        return _("The time to open the group is over")
    if not seats_left:
        return _("A group for new members")
    said = ngettext(
        "%(count)d more seat, then the group is complete",
        "%(count)d more seats, then the group is complete",
        seats_left,
    )
    return said % {"count": seats_left}


def _notes(round_: Round) -> list[str]:
    if round_.state not in OPEN:
        return []
    said = ngettext(
        "%(count)d of its seats is for a new member.", "%(count)d of its seats are for new members.", round_.new_seats
    )
    return [said % {"count": round_.new_seats}]


def _end(round_: Any) -> tuple[datetime | None, str]:
    if round_.state == RoundState.OPENING and not is_pass_over(round_):
        return round_.open_by, _("Time left to open it")
    if round_.state == RoundState.FORMING:
        return round_.until, _("Time left")
    return None, ""


def _acts(round_: Round, *, is_own: bool) -> list[CardAct]:
    if is_own or round_.state != RoundState.FORMING:
        return []
    path = reverse("invite_new:join", args=(write_share_code(CODE, round_.pk),))
    return [CardAct(name=_("Join"), path=path)]
