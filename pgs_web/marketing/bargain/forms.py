"""A campaign's rules as an operator writes them; what could lose money is refused."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pgs_web.display.activity.models import Activity
from pgs_web.trade.coupon.terms import LARGEST_FEN

MOST_CUTS = 500
LONGEST_MINUTES = 10_080
MOST_HELPS = 1_000_000


class Rules(forms.Form):
    """Cleaned data is what the campaign keeps."""

    activity_id = forms.IntegerField(label=gettext_lazy("activity"), min_value=1, max_value=2**63 - 1)
    floor_price_fen = forms.IntegerField(label=gettext_lazy("lowest price (fen)"), min_value=1, max_value=LARGEST_FEN)
    cuts = forms.IntegerField(label=gettext_lazy("cuts"), min_value=1, max_value=MOST_CUTS)
    min_cut_fen = forms.IntegerField(label=gettext_lazy("smallest cut (fen)"), min_value=1, max_value=LARGEST_FEN)
    new_member_cuts = forms.IntegerField(label=gettext_lazy("cuts of a new member"), min_value=1, max_value=MOST_CUTS)
    minutes = forms.IntegerField(label=gettext_lazy("minutes that it lasts"), min_value=1, max_value=LONGEST_MINUTES)
    pay_minutes = forms.IntegerField(label=gettext_lazy("minutes to buy"), min_value=1, max_value=LONGEST_MINUTES)
    rounds_a_member = forms.IntegerField(label=gettext_lazy("bargains a member"), min_value=1, max_value=1_000)
    helps_a_helper = forms.IntegerField(label=gettext_lazy("helps a helper and day"), min_value=1, max_value=MOST_HELPS)
    helps_a_device = forms.IntegerField(label=gettext_lazy("helps a device and day"), min_value=1, max_value=MOST_HELPS)
    helps_an_address = forms.IntegerField(
        label=gettext_lazy("helps a network address and day"), min_value=1, max_value=MOST_HELPS
    )
    may_buy_early = forms.BooleanField(label=gettext_lazy("can be bought at any price"), required=False)

    def clean(self) -> dict[str, Any]:
        """The rules against each other and the activity's price."""
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        activity = Activity.objects.filter(pk=cleaned["activity_id"]).first()
        if activity is None:
            self.add_error("activity_id", ValidationError(_("There is no such activity."), code="invalid"))
            return cleaned
        if activity.alone_price_fen > LARGEST_FEN:
            said = _("It costs more than %(largest)d fen without a group: no coupon is for so much.")
            self.add_error("activity_id", ValidationError(said % {"largest": LARGEST_FEN}, code="invalid"))
            return cleaned
        gap_fen = activity.alone_price_fen - cleaned["floor_price_fen"]
        if gap_fen <= 0:
            said = _("It must be below the price without a group, %(price)d fen.") % {"price": activity.alone_price_fen}
            self.add_error("floor_price_fen", ValidationError(said, code="invalid"))
        elif gap_fen < cleaned["cuts"] * cleaned["min_cut_fen"]:
            said = _("%(gap)d fen can't be divided into so many cuts of that size.") % {"gap": gap_fen}
            self.add_error("cuts", ValidationError(said, code="invalid"))
        return cleaned
