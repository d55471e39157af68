"""A campaign's rules as an operator writes them; what could lose money is refused."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pgs_web.plays.forms import RoundRules
from pgs_web.trade.coupon.terms import LARGEST_FEN

MOST_CUTS = 500


class Rules(RoundRules):
    """Cleaned data is what the campaign keeps."""

    floor_price_fen = forms.IntegerField(label=gettext_lazy("lowest price (fen)"), min_value=1, max_value=LARGEST_FEN)
    cuts = forms.IntegerField(label=gettext_lazy("cuts"), min_value=1, max_value=MOST_CUTS)
    min_cut_fen = forms.IntegerField(label=gettext_lazy("smallest cut (fen)"), min_value=1, max_value=LARGEST_FEN)
    new_member_cuts = forms.IntegerField(label=gettext_lazy("cuts of a new member"), min_value=1, max_value=MOST_CUTS)
    may_buy_early = forms.BooleanField(label=gettext_lazy("can be bought at any price"), required=False)

    def clean(self) -> dict[str, Any]:
        """The rules against each other and the activity's price."""
        cleaned = super().clean() or {}
        if self.errors or self.activity is None:
            return cleaned
        price_fen = self.activity.alone_price_fen
        gap_fen = price_fen - cleaned["floor_price_fen"]
        if gap_fen <= 0:
            said = _("It must be below the price without a group, %(price)d fen.") % {"price": price_fen}
            self.refuse("floor_price_fen", said)
        elif gap_fen < cleaned["cuts"] * cleaned["min_cut_fen"]:
            said = _("%(gap)d fen can't be divided into so many cuts of that size.") % {"gap": gap_fen}
            self.refuse("cuts", said)
        return cleaned
