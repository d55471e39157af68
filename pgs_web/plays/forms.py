"""The part of a campaign's rules that games with helpers have in common."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pgs_web.display.activity.models import Activity
from pgs_web.trade.coupon.terms import LARGEST_FEN

LONGEST_MINUTES = 10_080
MOST_HELPS = 1_000_000


class RoundRules(forms.Form):
    """A promised price of one activity, rounds of some minutes, and the caps of helping; subclasses add their own.

    `activity` is the activity's row once it was found.
    """

    activity: Activity | None = None

    activity_id = forms.IntegerField(label=gettext_lazy("activity"), min_value=1, max_value=2**63 - 1)
    minutes = forms.IntegerField(label=gettext_lazy("minutes that it lasts"), min_value=1, max_value=LONGEST_MINUTES)
    pay_minutes = forms.IntegerField(label=gettext_lazy("minutes to buy"), min_value=1, max_value=LONGEST_MINUTES)
    rounds_a_member = forms.IntegerField(label=gettext_lazy("rounds a member"), min_value=1, max_value=1_000)
    helps_a_helper = forms.IntegerField(label=gettext_lazy("helps a helper and day"), min_value=1, max_value=MOST_HELPS)
    helps_a_device = forms.IntegerField(label=gettext_lazy("helps a device and day"), min_value=1, max_value=MOST_HELPS)
    helps_an_address = forms.IntegerField(
        label=gettext_lazy("helps a network address and day"), min_value=1, max_value=MOST_HELPS
    )

    def clean(self) -> dict[str, Any]:
        """The activity is there, and a coupon can be for it."""
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        activity = Activity.objects.filter(pk=cleaned["activity_id"]).first()
        if activity is None:
            self.refuse("activity_id", _("There is no such activity."))
        elif activity.alone_price_fen > LARGEST_FEN:
            said = _("It costs more than %(largest)d fen without a group: no coupon is for so much.")
            self.refuse("activity_id", said % {"largest": LARGEST_FEN})
        self.activity = activity
        return cleaned

    def refuse(self, field: str, said: str) -> None:
        """The rules can't be used, because of this field."""
        self.add_error(field, ValidationError(said, code="invalid"))
