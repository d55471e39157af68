"""The page on which a day is compared by hand: with the statement that the gateway gives, or with a file."""

from datetime import date
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminSingleDateWidget

from pgs_admin.acts import say_outage, say_refusal
from pgs_admin.audit import note_outcome, record_act
from pgs_task.statements.models import StatementDay
from pgs_task.statements.services import compare_day, compare_file
from pgs_task.statements.services.uploading import LARGEST_FILE
from pgs_web.api.errors import OUTAGES, Refusal


class DayForm(forms.Form):
    """Which day of which gateway; without a file the statement is fetched."""

    gateway = forms.ChoiceField(label=gettext_lazy("gateway"), widget=UnfoldAdminSelectWidget)
    day = forms.DateField(
        label=gettext_lazy("day"), input_formats=["%Y-%m-%d"], widget=UnfoldAdminSingleDateWidget(format="%Y-%m-%d")
    )
    file = forms.FileField(
        label=gettext_lazy("statement file"),
        required=False,
        max_length=200,
        widget=UnfoldAdminFileFieldWidget,
        help_text=gettext_lazy(
            "As the gateway's own site gives it, up to 20 MB; without one the statement is fetched."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["gateway"].choices = [(code, code) for code in settings.PAYMENT_GATEWAYS]  # type: ignore[attr-defined]

    def clean_file(self) -> Any:
        """Refuses a file that is too long before anything of it is read."""
        file = self.cleaned_data["file"]
        if file is not None and file.size > LARGEST_FILE:
            raise forms.ValidationError(_("A statement file has at most 20 MB."))
        return file


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("statements.compare_day", raise_exception=True)
def compare_statement_day(request: HttpRequest) -> HttpResponse:
    """The form; a POST compares, and goes on to the day."""
    form = DayForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        statement = _compare(request, form.cleaned_data)
        if statement is not None:
            return HttpResponseRedirect(reverse("admin:statements_statementday_change", args=[statement.pk]))
    context = {**admin.site.each_context(request), "title": _("Compare a day"), "form": form}
    return TemplateResponse(request, "pgs_admin/compare_day.html", context)


def _compare(request: HttpRequest, values: dict[str, Any]) -> StatementDay | None:
    day: date = values["day"]
    gateway, file = values["gateway"], values["file"]
    row = record_act(
        request,
        model=StatementDay,
        target_id=None,
        act="compare_day",
        reason=f"{gateway} {day}" + (f": {file.name}"[:150] if file else ""),
    )
    try:
        statement = (
            compare_file(gateway=gateway, day=day, file=file.file, size=file.size)
            if file
            else compare_day(gateway=gateway, day=day)
        )
    except Refusal as refusal:
        messages.error(request, say_refusal(refusal))
        note_outcome(row, f"refused: {refusal.code}")
        return None
    except OUTAGES:
        messages.error(request, say_outage())
        note_outcome(row, "outage")
        return None
    note_outcome(row, "done", target_id=statement.pk)
    return statement
