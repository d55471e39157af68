"""The form of an activity's rules: errors stand at their fields; what somebody else changed meanwhile is kept."""

import re
import uuid
from dataclasses import asdict
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldBooleanWidget

from pgs_admin.acts import ReasonForm, say_outage
from pgs_web.api.errors import OUTAGES
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.rules import (
    RULE_FIELDS,
    STANDARD_PLAY,
    ActivityRules,
    complete_rules,
    rules_of,
    validate_rules,
)
from pgs_web.plays.registry import all_plays
from pgs_web.trade.group.selectors import count_running_groups

LARGEST_DIFFERENCE = 100_000_000


class ActivityForm(forms.ModelForm):
    """Judges the rules as the services will; title and price without a group may be left to the SKU."""

    # What the editor saw: the service refuses an edit of rules that changed since.
    rules_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Activity
        fields = ("sku", *sorted(RULE_FIELDS))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("title", "alone_price_fen"):
            if name in self.fields:
                self.fields[name].required = False
        if "play" in self.fields:
            self.fields["play"] = forms.ChoiceField(
                label=self.fields["play"].label, choices=self._plays, widget=UnfoldAdminSelectWidget
            )
        if "rules_version" in self.fields:
            self.initial["rules_version"] = self.instance.rules_version if self.instance.pk else None

    def _plays(self) -> list[tuple[str, Any]]:
        """Who can sell it; a game that was taken out since stays the row's."""
        sellers: dict[str, Any] = {STANDARD_PLAY: _("the shop, to everybody")}
        sellers |= {play.code: play.title for play in all_plays() if play.issues_passes}
        if self.instance.pk:
            sellers.setdefault(self.instance.play, self.instance.play)
        return list(sellers.items())

    def clean(self) -> dict[str, Any]:
        """All the rules against each other and the SKU."""
        cleaned = super().clean() or {}
        if not self.errors:
            self._judge(cleaned)
        return cleaned

    def changed_rules(self) -> dict[str, Any]:
        """Rule → new value of what the operator changed."""
        return {name: self.cleaned_data[name] for name in self.changed_data if name in RULE_FIELDS}

    def _judge(self, cleaned: dict[str, Any]) -> None:
        given = {name: cleaned[name] for name in RULE_FIELDS if name in cleaned}
        # Fields that are fixed by now aren't in the form: their values are the row's.
        stored = self.instance if self.instance.pk else None
        sku = cleaned.get("sku") or (stored.sku if stored else None)
        if sku is None:
            return
        rules = {**{name: getattr(rules_of(stored), name) for name in RULE_FIELDS}, **given} if stored else given
        try:
            validate_rules(rules=complete_rules(ActivityRules(**rules), sku), sku=sku)
        except ValidationError as error:
            for name, messages in error.error_dict.items():
                self.add_error(name if name in self.fields else None, messages)


class ApproveForm(BaseDialogForm):
    """Carries the rules that the reviewer has seen: approving others is refused."""

    rules_version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["rules_version"].initial = (
            Activity.objects.filter(pk=_number_of(self.object_id)).values_list("rules_version", flat=True).first()
        )


class GoOnForm(ReasonForm):
    """Says how many groups go on to their own deadlines."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        running = _say_running(self.object_id, _("%(groups)d running groups go on to their deadlines."))
        self.fields["reason"].help_text = f"{running} {self.fields['reason'].help_text}"


class WithdrawForm(ReasonForm):
    """A second look at whom it hits."""

    seen = forms.BooleanField(widget=UnfoldBooleanWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen"].label = _say_running(
            self.object_id,
            _(
                "I have seen it: %(groups)d running groups end at once; %(paid)d members are refunded,"
                " %(unpaid)d unpaid orders are cancelled."
            ),
        )


def _say_running(activity_id: Any, text: Any) -> str:
    try:
        return str(text) % asdict(count_running_groups(_number_of(activity_id)))
    except OUTAGES:
        return say_outage()


def _number_of(activity_id: Any) -> int:
    # What stands in an address may be anything; 0 is no activity, and has no groups.
    return int(activity_id) if re.fullmatch("[0-9]{1,18}", str(activity_id)) else 0


class StockForm(ReasonForm):
    """How many units come or go; sent twice it counts once."""

    difference = forms.IntegerField(
        label=_("Units to add"),
        min_value=-LARGEST_DIFFERENCE,
        max_value=LARGEST_DIFFERENCE,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("A negative number takes unsold units out."),
    )
    change_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    field_order = ["difference", "reason"]
