"""A campaign's rules as an operator writes them; what could lose money is refused, with the sum that is missing."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pgs_web.display.activity.models import Activity
from pgs_web.display.product.models import Product
from pgs_web.marketing.red_packet.ladders import MOST_HELPS, Growth
from pgs_web.trade.coupon.terms import LARGEST_FEN

LONGEST_MINUTES = 10_080
LONGEST_HOURS = 8_784
MOST_PACKETS = 1_000_000
LARGEST_ENVELOPE_FEN = 1_000_000_000_000
MOST_TURNS = 1_000_000
LARGEST_ID = 2**63 - 1


class Rules(forms.Form):
    """Cleaned data is what the campaign keeps."""

    face_fen = forms.IntegerField(label=gettext_lazy("face value (fen)"), min_value=1, max_value=LARGEST_FEN)
    cap_fen = forms.IntegerField(label=gettext_lazy("grows to at most (fen)"), min_value=1, max_value=LARGEST_FEN)
    rungs = forms.CharField(
        label=gettext_lazy("rungs"),
        required=False,
        max_length=400,
        help_text=gettext_lazy("Helps and what the packet is worth from then on, fen: 2:500, 5:1000. Or leave empty…"),
    )
    most_helps = forms.IntegerField(
        label=gettext_lazy("raises at most"),
        required=False,
        min_value=1,
        max_value=MOST_HELPS,
        help_text=gettext_lazy("…and let each help raise it by a random amount between these two."),
    )
    least_fen = forms.IntegerField(
        label=gettext_lazy("smallest raise (fen)"), required=False, min_value=1, max_value=LARGEST_FEN
    )
    most_fen = forms.IntegerField(
        label=gettext_lazy("largest raise (fen)"), required=False, min_value=1, max_value=LARGEST_FEN
    )
    packets = forms.IntegerField(label=gettext_lazy("red packets at most"), min_value=1, max_value=MOST_PACKETS)
    envelope_fen = forms.IntegerField(
        label=gettext_lazy("may cost at most (fen)"), min_value=1, max_value=LARGEST_ENVELOPE_FEN
    )
    reserves_all = forms.BooleanField(
        label=gettext_lazy("reserves the largest worth from the start"),
        required=False,
        help_text=gettext_lazy("Every packet can grow to its end. Otherwise growing ends where the money does."),
    )
    packets_a_member = forms.IntegerField(label=gettext_lazy("red packets a member"), min_value=1, max_value=1_000)
    minutes = forms.IntegerField(label=gettext_lazy("minutes that it lasts"), min_value=1, max_value=LONGEST_MINUTES)
    threshold_fen = forms.IntegerField(
        label=gettext_lazy("usable from an order of (fen)"), min_value=0, max_value=LARGEST_FEN
    )
    coupon_hours = forms.IntegerField(label=gettext_lazy("hours to use it"), min_value=1, max_value=LONGEST_HOURS)
    product_id = forms.IntegerField(
        label=gettext_lazy("only for product"), required=False, min_value=1, max_value=LARGEST_ID
    )
    activity_id = forms.IntegerField(
        label=gettext_lazy("only for activity"), required=False, min_value=1, max_value=LARGEST_ID
    )
    helps_a_helper = forms.IntegerField(label=gettext_lazy("helps a helper and day"), min_value=1, max_value=MOST_TURNS)
    helps_a_device = forms.IntegerField(label=gettext_lazy("helps a device and day"), min_value=1, max_value=MOST_TURNS)
    helps_an_address = forms.IntegerField(
        label=gettext_lazy("helps a network address and day"), min_value=1, max_value=MOST_TURNS
    )
    only_new_helpers = forms.BooleanField(label=gettext_lazy("only new members help"), required=False)

    def clean(self) -> dict[str, Any]:
        """The ladder against its cap, what it can cost against the envelope, and the scope against what there is."""
        cleaned = super().clean() or {}
        if not self.errors:
            self._clean_ladder(cleaned)
        if not self.errors:
            self._clean_money(cleaned)
            self._clean_scope(cleaned)
        return cleaned

    def _clean_ladder(self, rules: dict[str, Any]) -> None:
        if rules["cap_fen"] <= rules["face_fen"]:
            self._refuse("cap_fen", _("It must be above the face value."))
        elif rules["rungs"]:
            self._clean_rungs(rules)
        elif None in {rules["most_helps"], rules["least_fen"], rules["most_fen"]}:
            self._refuse("rungs", _("Give rungs, or number and bounds of the raises."))
        elif rules["least_fen"] > rules["most_fen"]:
            self._refuse("most_fen", _("It must not be below the smallest raise."))
        elif rules["face_fen"] + rules["most_helps"] * rules["least_fen"] > rules["cap_fen"]:
            needed = rules["face_fen"] + rules["most_helps"] * rules["least_fen"]
            self._refuse("cap_fen", _("So many of the smallest raises come to %(needed)d fen.") % {"needed": needed})

    def _clean_rungs(self, rules: dict[str, Any]) -> None:
        if any(rules[name] is not None for name in ("most_helps", "least_fen", "most_fen")):
            self._refuse("rungs", _("Give rungs, or number and bounds of the raises, not both."))
            return
        try:
            top_fen = growth_of(rules).most_worth()
        except ValueError:
            said = _("Write 2:500, 5:1000: rising, up to %(most)d helps.") % {"most": MOST_HELPS}
            self._refuse("rungs", said)
            return
        if top_fen > rules["cap_fen"]:
            self._refuse("rungs", _("The last rung is above %(cap)d fen.") % {"cap": rules["cap_fen"]})
        elif int(rules["rungs"].split(",")[0].split(":")[1]) <= rules["face_fen"]:
            self._refuse("rungs", _("The first rung must be above the face value."))

    def _clean_money(self, rules: dict[str, Any]) -> None:
        """What the campaign promises must fit in: all growth where it reserves it, else the face values."""
        top_fen = growth_of(rules).most_worth()
        promised_fen = top_fen if rules["reserves_all"] else rules["face_fen"]
        needed = max(rules["packets"] * promised_fen, top_fen)
        if needed > rules["envelope_fen"]:
            said = _("%(packets)d red packets of %(fen)d fen, which may come to %(top)d each, need %(needed)d fen.")
            told = {"packets": rules["packets"], "fen": promised_fen, "top": top_fen, "needed": needed}
            self._refuse("envelope_fen", said % told)

    def _clean_scope(self, rules: dict[str, Any]) -> None:
        if rules["product_id"] and not Product.objects.filter(pk=rules["product_id"]).exists():
            self._refuse("product_id", _("There is no such product."))
        if rules["activity_id"] and not Activity.objects.filter(pk=rules["activity_id"]).exists():
            self._refuse("activity_id", _("There is no such activity."))

    def _refuse(self, field: str, said: str) -> None:
        self.add_error(field, ValidationError(said, code="invalid"))


def growth_of(rules: Mapping[str, Any]) -> Growth:
    """How packets of these rules grow."""
    return Growth(
        face_fen=rules["face_fen"],
        cap_fen=rules["cap_fen"],
        rungs=rules["rungs"],
        helps=rules["most_helps"] or 0,
        least_fen=rules["least_fen"] or 0,
        most_fen=rules["most_fen"] or 0,
    )
