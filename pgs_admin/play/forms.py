"""Forms of the games' pages; a game's own rule form is shown in them."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from pgs_web.plays.models import Campaign
from pgs_web.plays.services import find_change_problems

_WIDGETS: dict[type[forms.Field], type[forms.Widget]] = {
    forms.IntegerField: UnfoldAdminIntegerFieldWidget,
    forms.CharField: UnfoldAdminTextInputWidget,
    forms.BooleanField: UnfoldBooleanSwitchWidget,
}


class SwitchForm(forms.Form):
    """Which game, what the operator saw of it, what it shall be, and why."""

    code = forms.CharField(max_length=31, widget=forms.HiddenInput)
    based_on = forms.IntegerField(min_value=0, max_value=2**31 - 2, widget=forms.HiddenInput)
    is_draining = forms.TypedChoiceField(
        choices=[("yes", "yes"), ("no", "no")], coerce=lambda word: word == "yes", widget=forms.HiddenInput
    )
    reason = forms.CharField(label=_("Reason"), max_length=200, widget=UnfoldAdminTextInputWidget)


class CampaignForm(forms.Form):
    """A campaign's name, the version of its rules that the operator saw, and why they are changed."""

    title = forms.CharField(label=_("title"), max_length=80, widget=UnfoldAdminTextInputWidget)
    based_on = forms.IntegerField(min_value=0, max_value=2**31 - 2, widget=forms.HiddenInput)
    reason = forms.CharField(label=_("Reason"), max_length=200, widget=UnfoldAdminTextInputWidget)


def judge_rules(form: forms.Form, *, code: str, campaign: Campaign | None, based_on: int | None = None) -> bool:
    """Whether the rules are good by themselves and, for a campaign, as what comes after those of version `based_on`
    (its present one, without); else the form's errors say why not. Raises PlayMoved, and outages."""
    if not form.is_valid() or campaign is None:
        return form.is_valid()
    problems = find_change_problems(
        code=code, campaign_id=campaign.pk, based_on=based_on or campaign.version, rules=form.cleaned_data
    )
    for field, said in problems.items():
        form.add_error(field, str(said))
    return not problems


def make_rule_form(form_class: type[forms.Form], data: Any, rules: dict[str, Any] | None) -> forms.Form:
    """A game's form as the back office draws it; its fields are sent with the prefix `rules`."""
    form = form_class(data, prefix="rules", initial=rules)
    for field in form.fields.values():
        widget = _WIDGETS.get(type(field))
        if widget is not None:
            fresh = widget()
            fresh.attrs.update(field.widget.attrs)
            fresh.is_required = field.required
            field.widget = fresh
    return form
