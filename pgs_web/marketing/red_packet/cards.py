"""A red packet as the shop's pages show it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from pgs_web.display.money import show_yuan
from pgs_web.marketing.red_packet.ladders import read_rungs
from pgs_web.marketing.red_packet.models import Packet
from pgs_web.marketing.red_packet.selectors import next_rise
from pgs_web.marketing.red_packet.states import CODE, PacketState
from pgs_web.plays.cards import HELPS_SHOWN, Card, CardAct, CardFigure, CardHelp
from pgs_web.plays.rounds import state_now
from pgs_web.plays.shares import write_share_code
from pgs_web.plays.states import Stage

STAGES: Mapping[str, Stage] = {
    PacketState.RUNNING: Stage.OPEN,
    PacketState.REDEEMED: Stage.WON,
    PacketState.EXPIRED: Stage.OVER,
}


def describe_card(packet: Any, *, helps: Iterable[Mapping[str, Any]] = (), is_own: bool = False) -> Card:
    """The packet, read with `now`, for everybody or for who opened it; `helps` are selectors.describe_helps."""
    state = state_now(packet)
    ends_at, ends_label = _end(packet, state)
    return Card(
        play=CODE,
        round_id=packet.pk,
        share_code=write_share_code(CODE, packet.pk),
        title=packet.title,
        activity_id=packet.activity_id,
        stage=STAGES[state],
        headline=_headline(packet, state, is_own=is_own),
        notes=_notes(packet, state),
        figures=[
            CardFigure(name=_("Worth now"), text=show_yuan(packet.value_fen), kind="now"),
            CardFigure(name=_("Can grow to"), text=show_yuan(packet.cap_fen)),
        ],
        done=packet.help_count,
        goal=packet.steps,
        ends_at=ends_at,
        ends_label=ends_label,
        helps=[_tell_help(help_) for help_ in list(helps)[::-1][:HELPS_SHOWN]],
        acts=_acts(packet, state, is_own=is_own),
        server_time=packet.now,
    )


def tell_growth(added_fen: int) -> str:
    """What who has just helped reads."""
    if not added_fen:
        # A rung that needs more than one help.
        return _("Your help counts. Thank you!")
    return _("It has grown by %(amount)s. Thank you!") % {"amount": show_yuan(added_fen)}


def _headline(packet: Packet, state: str, *, is_own: bool) -> str:
    if state == PacketState.EXPIRED:
        return _("The time of this red packet is over")
    if state == PacketState.REDEEMED and is_own:
        return _("You have a coupon of %(amount)s") % {"amount": show_yuan(packet.value_fen)}
    if state == PacketState.REDEEMED:
        return _("This red packet is redeemed")
    helps = next_rise(packet)
    if helps is None:
        return _("This red packet is as large as it can be")
    said = ngettext("%(count)d more help makes it larger", "%(count)d more helps make it larger", helps)
    return said % {"count": helps}


def _notes(packet: Packet, state: str) -> list[str]:
    """What its coupon is good for, and how it grows."""
    notes = []
    if packet.threshold_fen:
        notes.append(_("For orders of %(amount)s or more.") % {"amount": show_yuan(packet.threshold_fen)})
    if state == PacketState.RUNNING and packet.rungs:
        notes += [
            ngettext("%(amount)s with %(count)d help", "%(amount)s with %(count)d helps", helps)
            % {"amount": show_yuan(fen), "count": helps}
            for helps, fen in read_rungs(packet.rungs)
        ]
    elif state == PacketState.RUNNING:
        notes.append(_("Every raise was fixed before the first one, and can be verified at the end."))
    return notes


def _end(packet: Packet, state: str) -> tuple[datetime | None, str]:
    return (packet.ends_at, _("Time left")) if state == PacketState.RUNNING else (None, "")


def _tell_help(help_: Mapping[str, Any]) -> CardHelp:
    return CardHelp(who=help_["helper"], what=_("added %(amount)s") % {"amount": show_yuan(help_["added_fen"])})


def _acts(packet: Packet, state: str, *, is_own: bool) -> list[CardAct]:
    if state != PacketState.RUNNING:
        return []
    if is_own:
        redeem = CardAct(
            name=_("Redeem for %(amount)s now") % {"amount": show_yuan(packet.value_fen)},
            path=reverse("red_packet:redeem", args=(packet.pk,)),
            question=_("It becomes a coupon and grows no more. Redeem it?"),
        )
        return [redeem]
    if packet.help_count >= packet.steps:
        return []
    code = write_share_code(CODE, packet.pk)
    return [CardAct(name=_("Help it grow"), path=reverse("red_packet:help", args=(code,)))]
