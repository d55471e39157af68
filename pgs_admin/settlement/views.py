"""What merchants are owed: the days' report on a page and as a file."""

import csv
import io
from datetime import date, timedelta
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
from django.views.decorators.http import require_http_methods, require_safe
from unfold.widgets import UnfoldAdminSingleDateWidget

from pgs_admin.acts import say_outage, say_refusal
from pgs_admin.audit import note_outcome, record_act
from pgs_admin.product.exchange import disarm
from pgs_admin.tables import show_yuan
from pgs_data.clock import database_now
from pgs_task.payment.gateways.statement_days import day_bounds, day_of
from pgs_task.settlement.models import SettlementDay
from pgs_task.settlement.selectors import (
    FIGURES,
    MOST_DAYS,
    list_merchant_days,
    missing_days,
    sum_days,
    sum_merchants,
)
from pgs_task.settlement.services import settle_day
from pgs_web.api.errors import OUTAGES, Refusal

MERCHANTS_SHOWN = 200
MONEY = ("paid_fen", "refunded_fen", "fee_fen", "earned_fen", "taken_back_fen", "settlement_fen")


class RangeForm(forms.Form):
    """From one day to another, both of them included."""

    first = forms.DateField(
        label=gettext_lazy("first day"),
        input_formats=["%Y-%m-%d"],
        widget=UnfoldAdminSingleDateWidget(format="%Y-%m-%d"),
    )
    last = forms.DateField(
        label=gettext_lazy("last day"),
        input_formats=["%Y-%m-%d"],
        widget=UnfoldAdminSingleDateWidget(format="%Y-%m-%d"),
    )

    def clean(self) -> dict[str, Any]:
        """Refuses ranges that are empty or longer than a report may be."""
        values: dict[str, Any] = super().clean() or {}
        first, last = values.get("first"), values.get("last")
        if first and last and not 0 <= (last - first).days < MOST_DAYS:
            raise forms.ValidationError(_("A report has 1 to %(most)d days.") % {"most": MOST_DAYS})
        return values


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("settlement.view_merchantday", raise_exception=True)
def show_settlement(request: HttpRequest) -> HttpResponse:
    """The report of a range of days, by default yesterday; a POST computes one day anew."""
    if request.method == "POST":
        return _settle(request)
    form = _read_range(request)
    context: dict[str, Any] = {"form": form, "may_settle": request.user.has_perm("settlement.settle_day")}
    if form.is_valid():
        days = {"first": form.cleaned_data["first"], "last": form.cleaned_data["last"]}
        merchants = sum_merchants(**days, limit=MERCHANTS_SHOWN + 1)
        context |= days | {
            "merchants": [_in_yuan(row) for row in merchants[:MERCHANTS_SHOWN]],
            "has_more": len(merchants) > MERCHANTS_SHOWN,
            "total": _in_yuan(sum_days(**days)),
            "missing": missing_days(**days),
        }
    context |= {**admin.site.each_context(request), "title": _("Settlement")}
    return TemplateResponse(request, "pgs_admin/settlement.html", context)


@require_safe
@permission_required("settlement.view_merchantday", raise_exception=True)
def export_settlement(request: HttpRequest) -> HttpResponse:
    """The merchants' days of a range as CSV, amounts in fen; texts that a spreadsheet would run are disarmed.

    A file that would be too long is refused, back on the page: without its end it would look like all of them.
    """
    form = _read_range(request)
    if not form.is_valid():
        return HttpResponseRedirect(reverse("back_office:settlement"))
    first, last = form.cleaned_data["first"], form.cleaned_data["last"]
    try:
        rows = list_merchant_days(first=first, last=last)
    except Refusal as refusal:
        messages.error(request, say_refusal(refusal))
        return HttpResponseRedirect(f"{reverse('back_office:settlement')}?first={first}&last={last}")
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(["day", "merchant_id", "merchant_code", "merchant_name", *FIGURES])
    for row in rows:
        names = [disarm(row["code"] or ""), disarm(row["name"] or "")]
        writer.writerow([row["day"], row["merchant_id"], *names, *(row[name] for name in FIGURES)])
    # The mark without which some spreadsheet programs take UTF-8 for something else.
    answer = HttpResponse("\ufeff" + written.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="settlement-{first}-{last}.csv"'
    return answer


def _read_range(request: HttpRequest) -> RangeForm:
    yesterday = day_of(database_now("default")) - timedelta(days=1)
    usual = {"first": str(yesterday), "last": str(yesterday)}
    return RangeForm({name: request.GET.get(name, usual[name]) for name in usual})


def _settle(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("settlement.settle_day"):
        raise PermissionDenied
    back = HttpResponseRedirect(reverse("back_office:settlement"))
    try:
        day = date.fromisoformat(request.POST.get("day", ""))
        # The first day of all has none: it begins before what a date can be.
        day_bounds(day)
    except (ValueError, OverflowError):
        messages.error(request, _("Choose a day like 2026-11-11."))
        return back
    row = record_act(request, model=SettlementDay, target_id=None, act="settle_day", reason=str(day))
    try:
        settle_day(day=day)
        note_outcome(row, "done")
        messages.success(request, _("Computed: %(day)s.") % {"day": day})
    except Refusal as refusal:
        messages.error(request, say_refusal(refusal))
        note_outcome(row, f"refused: {refusal.code}")
    except OUTAGES:
        messages.error(request, say_outage())
        note_outcome(row, "outage")
    return HttpResponseRedirect(f"{back.url}?first={day}&last={day}")


def _in_yuan(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **{name.removesuffix("_fen"): show_yuan(row[name]) for name in MONEY}}
