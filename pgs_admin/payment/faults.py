"""How often the sandbox gateway misbehaves, for drills and demos; there is no such page where it is off."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from pgs_admin.acts import say_outage
from pgs_admin.audit import note_outcome, record_act
from pgs_task.payment.sandbox_gateway.faults import NASTY, PER_MILLE, read_fault_rates, set_fault_rates
from pgs_task.payment.sandbox_gateway.models import FaultKind, SandboxFault
from pgs_web.api.errors import OUTAGES


class RatesForm(forms.Form):
    """One rate a fault, per mille."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for word, kind in NASTY.items():
            self.fields[word] = forms.IntegerField(
                label=kind.label, min_value=0, max_value=PER_MILLE, widget=UnfoldAdminIntegerFieldWidget
            )


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("sandbox_gateway.set_sandbox_faults", raise_exception=True)
def show_faults(request: HttpRequest) -> HttpResponse:
    """The rates; a POST sets them."""
    if "sandbox" not in settings.PAYMENT_GATEWAYS:
        raise Http404
    try:
        rates = read_fault_rates()
        before = {word: rates[kind] for word, kind in NASTY.items()}
        form = RatesForm(request.POST if request.method == "POST" else None, initial=before)
        if request.method == "POST" and form.is_valid():
            _set(request, form, before)
            return HttpResponseRedirect(reverse("back_office:sandbox_faults"))
    except OUTAGES:
        messages.error(request, say_outage())
        return HttpResponseRedirect(reverse("admin:index"))
    context = {**admin.site.each_context(request), "title": _("Sandbox faults"), "form": form}
    return TemplateResponse(request, "pgs_admin/sandbox_faults.html", context)


def _set(request: HttpRequest, form: RatesForm, before: dict[str, int]) -> None:
    after: dict[str, int] = form.cleaned_data
    changes = {word: [str(before[word]), str(after[word])] for word in NASTY if after[word] != before[word]}
    row = record_act(request, model=SandboxFault, target_id=None, act="set_sandbox_faults", changes=changes)
    wanted: dict[FaultKind, int] = {kind: after[word] for word, kind in NASTY.items()}
    set_fault_rates(wanted)
    note_outcome(row, "done")
    messages.success(request, _("Every process follows within a second."))
