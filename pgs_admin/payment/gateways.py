"""The payment gateways' switches, the versions that there were, and which process runs with which of them."""

from dataclasses import asdict
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from pgs_admin.acts import say_outage, say_refusal
from pgs_admin.audit import actor_of, note_outcome, record_act
from pgs_data.redis.connections import RedisUnavailable
from pgs_task.payment.configuration.memory import read_newest
from pgs_task.payment.configuration.models import ConfigurationVersion
from pgs_task.payment.configuration.processes import RunningProcess, list_processes
from pgs_task.payment.configuration.services import change_configuration
from pgs_task.payment.configuration.switches import (
    LARGEST_FEE_BASIS_POINTS,
    LARGEST_LIMIT_FEN,
    Configuration,
    GatewaySwitches,
)
from pgs_web.api.errors import OUTAGES, Refusal

VERSIONS_SHOWN = 20
CONFIGURE = "payment_configuration.configure_gateways"


class SwitchesForm(forms.Form):
    """The switches of one gateway; `place` orders them."""

    place = forms.IntegerField(
        label=gettext_lazy("place"), min_value=1, max_value=99, widget=UnfoldAdminIntegerFieldWidget
    )
    is_open = forms.BooleanField(
        label=gettext_lazy("takes new payments"), required=False, widget=UnfoldBooleanSwitchWidget
    )
    fee_basis_points = forms.IntegerField(
        label=gettext_lazy("fee (basis points)"),
        min_value=0,
        max_value=LARGEST_FEE_BASIS_POINTS,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    largest_fen = forms.IntegerField(
        label=gettext_lazy("largest payment (fen)"),
        min_value=1,
        max_value=LARGEST_LIMIT_FEN,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
    )


class WhyForm(forms.Form):
    """Which version the operator looked at, and why it is changed."""

    based_on = forms.IntegerField(min_value=0, max_value=2**31 - 2, widget=forms.HiddenInput)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, widget=UnfoldAdminTextInputWidget)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("payment_configuration.view_configurationversion", raise_exception=True)
def show_gateways(request: HttpRequest) -> HttpResponse:
    """The page; a POST makes the next version."""
    try:
        newest = read_newest()
        if request.method == "POST":
            if not request.user.has_perm(CONFIGURE):
                raise PermissionDenied
            why = WhyForm(request.POST)
            rows = _bind(newest, request.POST)
            if why.is_valid() and all(form.is_valid() for _code, form in rows):
                _change(request, newest, why.cleaned_data, rows)
                return HttpResponseRedirect(reverse("back_office:gateways"))
        else:
            why, rows = WhyForm(initial={"based_on": newest.version}), _bind(newest, None)
        versions = list(ConfigurationVersion.objects.order_by("-version")[:VERSIONS_SHOWN])
    except OUTAGES:
        messages.error(request, say_outage())
        return HttpResponseRedirect(reverse("admin:index"))
    context = {
        **admin.site.each_context(request),
        "title": _("Gateways"),
        "newest": newest.version,
        "rows": rows,
        "why": why,
        "versions": versions,
        "processes": _read_processes(),
        "may_change": request.user.has_perm(CONFIGURE),
    }
    return TemplateResponse(request, "pgs_admin/gateways.html", context)


def _bind(newest: Configuration, data: Any) -> list[tuple[str, SwitchesForm]]:
    return [
        (switches.code, SwitchesForm(data, prefix=switches.code, initial={**asdict(switches), "place": place}))
        for place, switches in enumerate(newest.installed(), start=1)
    ]


def _change(
    request: HttpRequest, newest: Configuration, why: dict[str, Any], rows: list[tuple[str, SwitchesForm]]
) -> None:
    wanted = sorted(
        ((form.cleaned_data["place"], code, form.cleaned_data) for code, form in rows), key=lambda row: row[0]
    )
    gateways = [
        GatewaySwitches(
            code=code,
            is_open=values["is_open"],
            fee_basis_points=values["fee_basis_points"],
            largest_fen=values["largest_fen"],
        )
        for _place, code, values in wanted
    ]
    # A gateway that the environment has switched off for now keeps what was set for it.
    shown = {switches.code for switches in gateways}
    gateways += [switches for switches in newest.gateways if switches.code not in shown]
    changes = {
        f"{code}.{name}": [str(form.initial.get(name)), str(form.cleaned_data[name])]
        for code, form in rows
        for name in form.changed_data
    }
    row = record_act(
        request,
        model=ConfigurationVersion,
        target_id=None,
        act="configure_gateways",
        reason=why["reason"],
        changes=changes,
    )
    try:
        version = change_configuration(
            based_on=why["based_on"], gateways=gateways, author=actor_of(request), reason=why["reason"]
        )
        note_outcome(row, "done", target_id=version)
        messages.success(request, _("Version %(version)s is being told to every process.") % {"version": version})
    except Refusal as refusal:
        messages.error(request, say_refusal(refusal))
        note_outcome(row, f"refused: {refusal.code}")


def _read_processes() -> list[RunningProcess] | None:
    try:
        return list_processes()
    except RedisUnavailable:
        return None
