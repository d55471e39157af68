"""A campaign's rules as an operator writes them; what could lose money is refused."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pgs_web.display.activity.selectors import read_stock_total
from pgs_web.marketing.assist.states import CODE
from pgs_web.plays.forms import RoundRules
from pgs_web.trade.coupon.terms import LARGEST_FEN

MOST_HELPERS = 500
MOST_UNITS = 1_000_000
MOST_ROUNDS = 10_000_000
LONGEST_DAYS = 366
LARGEST_ENVELOPE_FEN = 10**15
# What a unit and a group cost, and all of it together.
KEPT = ("activity_id", "needed", "price_fen", "reward_fen", "envelope_fen")
# So that the newest version's worst case has in it whatever was taken or started under older ones.
GROWING = ("units", "rounds")
OTHER_CAMPAIGN = gettext_lazy("A campaign keeps it, as its envelope was calculated with it. Make another campaign.")
ONLY_MORE = gettext_lazy("A campaign can only be given more of them. Close it, and make another campaign.")


class Rules(RoundRules):
    """Cleaned data is what the campaign keeps."""

    needed = forms.IntegerField(label=gettext_lazy("helps needed"), min_value=1, max_value=MOST_HELPERS)
    price_fen = forms.IntegerField(label=gettext_lazy("assist price (fen)"), min_value=1, max_value=LARGEST_FEN)
    is_freight = forms.BooleanField(label=gettext_lazy("free, the price is the freight"), required=False)
    units = forms.IntegerField(label=gettext_lazy("units"), min_value=1, max_value=MOST_UNITS)
    returns_units = forms.BooleanField(label=gettext_lazy("units that aren't bought come back"), required=False)
    rounds = forms.IntegerField(label=gettext_lazy("assist groups at most"), min_value=1, max_value=MOST_ROUNDS)
    reward_fen = forms.IntegerField(
        label=gettext_lazy("coupon of a helper (fen), 0 for none"), min_value=0, max_value=LARGEST_FEN
    )
    reward_threshold_fen = forms.IntegerField(
        label=gettext_lazy("it is for orders from (fen)"), min_value=0, max_value=LARGEST_FEN
    )
    reward_days = forms.IntegerField(
        label=gettext_lazy("days that it can be used"), min_value=1, max_value=LONGEST_DAYS
    )
    envelope_fen = forms.IntegerField(
        label=gettext_lazy("may cost at most (fen)"), min_value=0, max_value=LARGEST_ENVELOPE_FEN
    )

    def clean(self) -> dict[str, Any]:
        """The rules against each other, the activity's price and its stock."""
        cleaned = super().clean() or {}
        if self.errors or self.activity is None:
            return cleaned
        if self.activity.play != CODE:
            said = _(
                "It is sold to others too: make an activity whose play is %(play)s, so that units can be reserved."
            )
            self.refuse("activity_id", said % {"play": CODE})
        elif self.activity.member_limit != 1:
            self.refuse("activity_id", _("A right is for one unit: make an activity of which a member buys one."))
        price_fen, stock = self.activity.alone_price_fen, read_stock_total(self.activity)
        if cleaned["price_fen"] >= price_fen:
            said = _("It must be below the price without a group, %(price)d fen.") % {"price": price_fen}
            self.refuse("price_fen", said)
        if cleaned["units"] > stock:
            said = _("The activity has %(stock)d units only: what is reserved has to be there.") % {"stock": stock}
            self.refuse("units", said)
        if cleaned["reward_fen"] and cleaned["reward_threshold_fen"] <= cleaned["reward_fen"]:
            said = _("The coupon would make orders free: it must be for orders of more than %(reward)d fen.")
            self.refuse("reward_threshold_fen", said % {"reward": cleaned["reward_fen"]})
        if (
            not self.errors
            and (worst_fen := worst_case_fen(cleaned, list_price_fen=price_fen)) > cleaned["envelope_fen"]
        ):
            said = _("At worst it costs %(worst)d fen: units sold below their price, and a coupon for each help.")
            self.refuse("envelope_fen", said % {"worst": worst_fen})
        return cleaned


def judge_change(*, before: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, str | Promise]:
    """Keeps the worst case of all versions together within the envelope: units and groups count over all of them."""
    kept = {name: OTHER_CAMPAIGN for name in KEPT if before[name] != after[name]}
    return kept | {name: ONLY_MORE for name in GROWING if before[name] > after[name]}


def worst_case_fen(rules: dict[str, Any], *, list_price_fen: int) -> int:
    """What a campaign costs when every unit is bought, every group is started, and every help brings a coupon."""
    units_fen = rules["units"] * (list_price_fen - rules["price_fen"])
    return int(units_fen + rules["rounds"] * rules["needed"] * rules["reward_fen"])
