"""What a campaign's rules will mean, for operators while they write them."""

import hashlib
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from pgs_web.marketing.red_packet.forms import growth_of
from pgs_web.marketing.red_packet.ladders import make_ladder
from pgs_web.plays.telling import PreviewLine, say_fen

# The same at every key that is pressed, so that only what was changed changes.
EXAMPLE_SEED = hashlib.sha256(b"an example").hexdigest()
WORTHS_SHOWN = 12


def preview_rules(rules: Mapping[str, Any]) -> list[PreviewLine]:
    """How a packet grows, what its coupon is good for, and what the campaign can cost at most; asks no database."""
    growth = growth_of(rules)
    ladder = make_ladder(growth, seed=EXAMPLE_SEED)
    top_fen, helps = growth.most_worth(), len(ladder) - 1
    most_fen = rules["packets"] * top_fen
    title = _("Worth after each help") if growth.rungs else _("Worth after each help, for example")
    return [
        PreviewLine(title=_("Face value"), text=say_fen(growth.face_fen)),
        PreviewLine(title=title, text=_say_some([say_fen(worth) for worth in ladder[1:]])),
        PreviewLine(title=_("Largest worth"), text=say_fen(top_fen)),
        PreviewLine(
            title=_("Helpers"), text=ngettext("%(count)d member", "%(count)d members", helps) % {"count": helps}
        ),
        PreviewLine(
            title=_("Its coupon"),
            text=_("from an order of %(threshold)s, for %(hours)d hours")
            % {"threshold": say_fen(rules["threshold_fen"]), "hours": rules["coupon_hours"]},
        ),
        PreviewLine(
            title=_("All packets at their largest"),
            text=_("%(packets)d × %(top)s = %(sum)s")
            % {"packets": rules["packets"], "top": say_fen(top_fen), "sum": say_fen(most_fen)},
        ),
        PreviewLine(title=_("Costs the shop"), text=_say_cost(rules, most_fen)),
    ]


def _say_cost(rules: Mapping[str, Any], most_fen: int) -> str:
    envelope_fen = rules["envelope_fen"]
    if most_fen <= envelope_fen:
        return _("up to %(sum)s; the envelope of %(envelope)s is never used up") % {
            "sum": say_fen(most_fen),
            "envelope": say_fen(envelope_fen),
        }
    said = _("up to the envelope, %(envelope)s: then packets stop growing, and keep their worth")
    return said % {"envelope": say_fen(envelope_fen)}


def _say_some(texts: list[str]) -> str:
    if len(texts) <= WORTHS_SHOWN:
        return ", ".join(texts)
    return f"{', '.join(texts[: WORTHS_SHOWN - 1])} … {texts[-1]}"
