"""Campaigns of coupons: one operator writes down what they may cost, another one starts them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from pgs_admin.acts import ButtonsByState, make_act
from pgs_admin.adding import AddOnlyAdmin
from pgs_admin.audit import actor_of, note_outcome, record_act
from pgs_admin.filters import make_filter
from pgs_admin.tables import column, show_yuan
from pgs_admin.words import coloured
from pgs_web.api.ids import LARGEST_ID
from pgs_web.trade.coupon.models import CouponCampaign
from pgs_web.trade.coupon.services import open_campaign, start_campaign, stop_campaign
from pgs_web.trade.coupon.services.campaigns import validate_campaign
from pgs_web.trade.coupon.states import CampaignState
from pgs_web.trade.coupon.terms import CouponTerms

TERMS = tuple(CouponTerms.__dataclass_fields__)
STATE_COLOURS = {
    CampaignState.DRAFT.value: "warning",
    CampaignState.RUNNING.value: "info",
    CampaignState.DONE.value: "success",
    CampaignState.STOPPED.value: "danger",
}


class CampaignForm(forms.ModelForm):
    """The first sending only tells what it can cost; the box sends it for good."""

    members = forms.CharField(
        label=gettext_lazy("Members"),
        required=False,
        widget=UnfoldAdminTextareaWidget,
        help_text=gettext_lazy("Numbers of members with spaces between; empty for all."),
    )
    seen = forms.BooleanField(
        label=gettext_lazy("I have seen what it can cost"), required=False, widget=UnfoldBooleanWidget
    )

    class Meta:
        model = CouponCampaign
        fields = (*TERMS, "total_count", "envelope_fen")

    def clean_members(self) -> list[int]:
        words = self.cleaned_data["members"].split()
        if not all(word.isascii() and word.isdigit() and len(word) < 20 and int(word) <= LARGEST_ID for word in words):
            raise ValidationError(_("Give numbers of members with spaces between."))
        return sorted({int(word) for word in words})

    def clean(self) -> dict[str, Any]:
        """The rules of the service, then the second look."""
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            validate_campaign(**self.asked())
        except ValidationError as refusal:
            for name, said in refusal.error_dict.items():
                self.add_error("members" if name == "member_ids" else name, said)
            return cleaned
        if not cleaned["seen"]:
            text = _("%(count)d coupons can cost up to %(cost)s. Tick the box and send it again.")
            cost = show_yuan(cleaned["total_count"] * cleaned["amount_fen"])
            self.add_error("seen", text % {"count": cleaned["total_count"], "cost": cost})
        return cleaned

    def asked(self) -> dict[str, Any]:
        """What the service is asked for."""
        cleaned = self.cleaned_data
        return {
            "terms": CouponTerms(**{name: cleaned[name] for name in TERMS}),
            "total_count": cleaned["total_count"],
            "envelope_fen": cleaned["envelope_fen"],
            "member_ids": cleaned["members"],
        }


def _start(request: HttpRequest, campaign_id: int, values: dict[str, Any]) -> str:
    start_campaign(campaign_id=campaign_id, actor=actor_of(request))
    return _("Started; members get their coupons in the next minutes.")


def _stop(request: HttpRequest, campaign_id: int, values: dict[str, Any]) -> str:
    stop_campaign(campaign_id=campaign_id)
    return _("Stopped; what members have they keep.")


@admin.register(CouponCampaign)
class CampaignAdmin(ButtonsByState, AddOnlyAdmin):
    form = CampaignForm
    list_display = (
        *("id", "title", "show_state", "show_amount", "issued_count", "total_count", "show_liability"),
        "show_envelope",
    )
    list_filter = (make_filter("state", gettext_lazy("state"), list(CampaignState)),)
    actions_detail = ["start_campaign", "stop_campaign"]
    fields = (
        ("title", "stack_group"),
        ("amount_fen", "threshold_fen"),
        ("product_id", "activity_id", "mode"),
        # A date and a time each: two of them beside each other leave the page.
        "valid_from",
        "expires_at",
        ("total_count", "envelope_fen"),
        "members",
        "seen",
    )
    start_campaign = make_act(
        name="start_campaign",
        title=gettext_lazy("Start"),
        permission="coupon.start_campaign",
        model=CouponCampaign,
        deed=_start,
        icon="play_arrow",
        question=gettext_lazy("Members get coupons that can't be taken back all at once."),
        states={CampaignState.DRAFT},
    )
    stop_campaign = make_act(
        name="stop_campaign",
        title=gettext_lazy("Stop"),
        permission="coupon.start_campaign",
        model=CouponCampaign,
        deed=_stop,
        icon="stop",
        states={CampaignState.DRAFT, CampaignState.RUNNING},
        is_grave=True,
    )

    show_state = column(gettext_lazy("state"), "state", coloured(STATE_COLOURS))
    show_amount = column(gettext_lazy("takes off"), "amount_fen", show_yuan)
    show_liability = column(gettext_lazy("can cost"), "liability_fen", show_yuan)
    show_envelope = column(gettext_lazy("may cost"), "envelope_fen", show_yuan)

    @display(description=gettext_lazy("members"))
    def show_members(self, campaign: CouponCampaign) -> str:
        return " ".join(map(str, campaign.member_ids[:50])) or _("all")

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Looked at, it tells what became of it."""
        if obj is None:
            return self.fields
        return (
            ("title", "show_state"),
            ("show_amount", "threshold_fen", "stack_group"),
            *self.fields[2:5],
            ("issued_count", "total_count"),
            ("show_liability", "show_envelope"),
            "show_members",
            ("opened_by", "opened_at"),
            ("started_by", "ended_at"),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        shown = ("show_state", "show_amount", "show_liability", "show_envelope", "show_members")
        return () if obj is None else shown

    def save_model(self, request: HttpRequest, obj: CouponCampaign, form: "forms.ModelForm[Any]", change: bool) -> None:
        """Django's hook: the service writes the row, after its audit row."""
        asked = form.asked()  # type: ignore[attr-defined]
        told = {**asked["terms"].columns(), "total_count": asked["total_count"], "envelope_fen": asked["envelope_fen"]}
        changes = {name: ["", str(value)] for name, value in told.items() if value not in {None, ""}}
        entry = record_act(request, model=CouponCampaign, target_id=None, act="add", changes=changes)
        try:
            made = open_campaign(**asked, actor=actor_of(request))
        except ValidationError:
            note_outcome(entry, "refused: invalid")
            raise
        obj.pk = made.pk
        obj.refresh_from_db()
        note_outcome(entry, "done", target_id=made.pk)
