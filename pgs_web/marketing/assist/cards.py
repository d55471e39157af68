"""An assist group as the shop's pages show it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from pgs_web.display.money import show_yuan
from pgs_web.marketing.assist.models import Round
from pgs_web.marketing.assist.states import CODE, RoundState
from pgs_web.plays.cards import HELPS_SHOWN, Card, CardAct, CardFigure, CardHelp
from pgs_web.plays.rounds import state_now
from pgs_web.plays.shares import write_share_code
from pgs_web.plays.states import Stage

STAGES: Mapping[str, Stage] = {
    RoundState.RUNNING: Stage.OPEN,
    RoundState.SUCCEEDED: Stage.WON,
    RoundState.BOUGHT: Stage.WON,
    RoundState.LAPSED: Stage.OVER,
    RoundState.EXPIRED: Stage.OVER,
    RoundState.GIVEN_UP: Stage.OVER,
}


def describe_card(round_: Any, *, helps: Iterable[Mapping[str, Any]] = (), is_own: bool = False) -> Card:
    """The group, read with `now`, for everybody or for who started it; `helps` are selectors.describe_helps."""
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
        done=round_.help_count,
        goal=round_.needed,
        ends_at=ends_at,
        ends_label=ends_label,
        helps=[CardHelp(who=help_["helper"], what=_("helped")) for help_ in list(helps)[::-1][:HELPS_SHOWN]],
        acts=_acts(round_, state, is_own=is_own),
        server_time=round_.now,
    )


def tell_help(round_: Round) -> str:
    """What who has just helped reads."""
    if not round_.reward_fen:
        return _("Thank you, your help counts!")
    said = _("Thank you, your help counts! A coupon of %(amount)s is on its way to you.")
    return said % {"amount": show_yuan(round_.reward_fen)}


def _figures(round_: Round) -> list[CardFigure]:
    name = _("Freight") if round_.is_freight else _("Assist price")
    figures = [
        CardFigure(name=name, text=show_yuan(round_.price_fen), kind="now"),
        CardFigure(name=_("Price before"), text=show_yuan(round_.list_price_fen), kind="before"),
    ]
    if round_.reward_fen:
        figures.append(CardFigure(name=_("Coupon of each helper"), text=show_yuan(round_.reward_fen)))
    return figures


def _headline(round_: Any, state: str, *, is_own: bool) -> str:
    if state == RoundState.RUNNING:
        left = round_.needed - round_.help_count
        return ngettext("%(count)d more help is needed", "%(count)d more helps are needed", left) % {"count": left}
    if state == RoundState.EXPIRED:
        return _("The time of this assist group is over")
    if state == RoundState.GIVEN_UP:
        return _("This assist group was given up")
    if state == RoundState.BOUGHT:
        return _("The unit is bought")
    is_over = round_.buy_by is None or round_.buy_by <= round_.now
    if state == RoundState.LAPSED or (is_own and is_over):
        return _("The time to buy is over")
    if not is_own:
        return _("All have helped")
    return _("A unit is reserved for you, at %(price)s") % {"price": show_yuan(round_.price_fen)}


def _notes(round_: Round, state: str) -> list[str]:
    if state != RoundState.RUNNING:
        return []
    notes = [_("Units are limited: one is reserved when the last friend has helped.")]
    if round_.is_freight:
        notes.insert(0, _("The goods are free, the price is their freight."))
    return notes


def _end(round_: Any, state: str, *, is_own: bool) -> tuple[datetime | None, str]:
    if state == RoundState.RUNNING:
        return round_.ends_at, _("Time left")
    if state == RoundState.SUCCEEDED and is_own and round_.buy_by > round_.now:
        return round_.buy_by, _("Time left to buy")
    return None, ""


def _acts(round_: Round, state: str, *, is_own: bool) -> list[CardAct]:
    if state != RoundState.RUNNING:
        return []
    if not is_own:
        path = reverse("assist:help", args=(write_share_code(CODE, round_.pk),))
        return [CardAct(name=_("Help"), path=path)]
    return [
        CardAct(
            name=_("Give up"),
            path=reverse("assist:give_up", args=(round_.pk,)),
            question=_("Your friends' helps will be lost. Give this assist group up?"),
            is_grave=True,
        )
    ]
