"""A bargain as the shop's pages show it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from pgs_web.display.money import show_yuan
from pgs_web.marketing.bargain.models import Round
from pgs_web.marketing.bargain.states import CODE, RoundState
from pgs_web.plays.cards import HELPS_SHOWN, Card, CardAct, CardFigure, CardHelp
from pgs_web.plays.rounds import state_now
from pgs_web.plays.shares import write_share_code
from pgs_web.plays.states import Stage

STAGES: Mapping[str, Stage] = {
    RoundState.RUNNING: Stage.OPEN,
    RoundState.REACHED: Stage.WON,
    RoundState.EXPIRED: Stage.OVER,
    RoundState.GIVEN_UP: Stage.OVER,
}


def describe_card(round_: Any, *, helps: Iterable[Mapping[str, Any]] = (), is_own: bool = False) -> Card:
    """The bargain, read with `now`, for everybody or for who started it; `helps` are selectors.describe_helps."""
    state = state_now(round_)
    ends_at, ends_label = _end(round_, state, is_own=is_own)
    return Card(
        play=CODE,
        round_id=round_.pk,
        share_code=write_share_code(CODE, round_.pk),
        title=round_.title,
        activity_id=round_.activity_id,
        stage=STAGES[state],
        headline=_headline(round_, state, is_own=is_own),
        notes=_notes(round_, state),
        figures=_figures(round_),
        done=round_.cut_count,
        goal=round_.cuts,
        ends_at=ends_at,
        ends_label=ends_label,
        helps=[_tell_help(help_) for help_ in list(helps)[::-1][:HELPS_SHOWN]],
        acts=_acts(round_, state, is_own=is_own),
        server_time=round_.now,
    )


def tell_cut(cut_fen: int) -> str:
    """What who has just helped reads."""
    return _("You have cut %(amount)s off the price. Thank you!") % {"amount": show_yuan(cut_fen)}


def _price(round_: Round) -> str:
    return show_yuan(round_.list_price_fen - round_.cut_fen)


def _figures(round_: Round) -> list[CardFigure]:
    return [
        CardFigure(name=_("Price now"), text=_price(round_), kind="now"),
        CardFigure(name=_("Price before"), text=show_yuan(round_.list_price_fen), kind="before"),
        CardFigure(name=_("Lowest price"), text=show_yuan(round_.floor_price_fen)),
    ]


def _headline(round_: Any, state: str, *, is_own: bool) -> str:
    if state == RoundState.RUNNING:
        left = round_.cuts - round_.cut_count
        said = ngettext(
            "%(count)d more help reaches the lowest price", "%(count)d more helps reach the lowest price", left
        )
        return said % {"count": left}
    if state == RoundState.EXPIRED:
        return _("The time of this bargain is over")
    if state == RoundState.GIVEN_UP:
        return _("This bargain was given up")
    if not is_own:
        return _("The price is reached")
    if round_.buy_by <= round_.now:
        return _("The time to buy at this price is over")
    return _("You have a coupon: one unit, bought alone, costs you %(price)s") % {"price": _price(round_)}


def _notes(round_: Round, state: str) -> list[str]:
    if state != RoundState.RUNNING:
        return []
    notes = [_("Every cut was fixed before the first one, and can be verified at the end.")]
    left = -(-(round_.cuts - round_.cut_count) // round_.new_member_cuts)
    if round_.new_member_cuts > 1:
        said = ngettext(
            "%(count)d help of a new member is enough.", "%(count)d helps are enough, if all are new members.", left
        )
        notes.insert(0, said % {"count": left})
    return notes


def _end(round_: Any, state: str, *, is_own: bool) -> tuple[datetime | None, str]:
    if state == RoundState.RUNNING:
        return round_.ends_at, _("Time left")
    if state == RoundState.REACHED and is_own and round_.buy_by > round_.now:
        return round_.buy_by, _("Time left to buy")
    return None, ""


def _tell_help(help_: Mapping[str, Any]) -> CardHelp:
    return CardHelp(who=help_["helper"], what=_("cut %(amount)s off") % {"amount": show_yuan(help_["cut_fen"])})


def _acts(round_: Round, state: str, *, is_own: bool) -> list[CardAct]:
    if state != RoundState.RUNNING:
        return []
    if not is_own:
        return [
            CardAct(
                name=_("Help to cut the price"), path=reverse("bargain:help", args=(write_share_code(CODE, round_.pk),))
            )
        ]
    give_up = CardAct(
        name=_("Give up"),
        path=reverse("bargain:give_up", args=(round_.pk,)),
        question=_("Your friends' cuts will be lost. Give this bargain up?"),
        is_grave=True,
    )
    if not round_.may_buy_early or not round_.cut_fen:
        return [give_up]
    buy = CardAct(
        name=_("Buy for %(price)s now") % {"price": _price(round_)},
        path=reverse("bargain:buy", args=(round_.pk,)),
        question=_("Nobody can cut any more then. Take this price?"),
    )
    return [buy, give_up]
