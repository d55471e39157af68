"""Buttons of the back office: a dialog that asks why, one audit row, one service, a sentence about the outcome.

Only a POST with a CSRF token acts; opening the dialog changes nothing.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import InterfaceError, OperationalError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from pgs_admin.audit import record_act
from pgs_data.redis.connections import RedisUnavailable
from pgs_web.api.errors import Refusal

OUTAGES = (*RedisUnavailable, OperationalError, InterfaceError)


class ReasonForm(BaseDialogForm):
    """Asks why; the audit row keeps the answer."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Kept in the audit log."),
    )


# (request, id of the row, cleaned values of the form) → what to tell the operator.
Deed = Callable[[HttpRequest, int, dict[str, Any]], str]


def make_act(
    *,
    name: str,
    title: Any,
    permission: str,
    model: type[Model],
    deed: Deed,
    form_class: type[BaseDialogForm] = ReasonForm,
    icon: str | None = None,
    question: Any = "",
) -> Callable[..., HttpResponse | None]:
    """A detail action for `actions_detail`; a refusal or an outage is told to the operator, never a 500."""

    def act(admin: Any, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        # Checked here: unfold's own check of dotted names asks the database while the system checks run.
        if not request.user.has_perm(permission):
            raise PermissionDenied
        target_id = int(object_id)
        values = form.cleaned_data
        record_act(request, model=model, target_id=target_id, act=name, reason=values.get("reason", ""))
        try:
            messages.success(request, deed(request, target_id, values))
        except Refusal as refusal:
            messages.error(request, str(refusal.detail))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        except OUTAGES:
            messages.error(request, _("Something that this needs does not answer. Look at it again, then repeat."))
        return _reload(request, model, target_id)

    act.__name__ = name
    return action(
        description=title,
        url_path=name.replace("_", "-"),
        icon=icon,
        dialog={"title": title, "description": question, "form_class": form_class, "form_submit_text": title},
    )(act)


def _reload(request: HttpRequest, model: type[Model], target_id: int) -> HttpResponse:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[target_id])
    if request.headers.get("HX-Request"):
        # A redirect would be followed inside the dialog.
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
