"""Buttons of the back office: a dialog that asks why, one audit row, one service, a sentence about the outcome.

Only a POST with a CSRF token acts; opening the dialog changes nothing.
"""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from pgs_admin.audit import note_outcome, record_act
from pgs_web.api.errors import OUTAGES, Refusal


class ReasonForm(BaseDialogForm):
    """Asks why; the audit row keeps the answer."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Kept in the audit log."),
    )


# (request, id of the row, cleaned values of the form) → what to tell the operator, or what to show in the dialog.
Deed = Callable[[HttpRequest, int, dict[str, Any]], str | HttpResponse]


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
    states: Collection[str] | None = None,
    is_grave: bool = False,
) -> Callable[..., HttpResponse | None]:
    """A detail action for `actions_detail`; a refusal or an outage is told to the operator, never a 500.

    `states` are those in which `ButtonsByState` shows the button; the service decides whether the act is allowed.
    """

    def act(admin: "ModelAdmin[Any]", request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        try:
            target_id = _find_target(admin, request, object_id)
        except OUTAGES:
            messages.error(request, say_outage())
            return _go_to(request, reverse(_page(model, "changelist")))
        values = form.cleaned_data
        row = record_act(request, model=model, target_id=target_id, act=name, reason=values.get("reason", ""))
        shown: HttpResponse | None = None
        try:
            said = deed(request, target_id, values)
            if isinstance(said, HttpResponse):
                shown = said
            else:
                messages.success(request, said)
            note_outcome(row, "done")
        except (Refusal, ValidationError) as refusal:
            messages.error(request, say_refusal(refusal))
            note_outcome(row, f"refused: {getattr(refusal, 'code', None) or 'invalid'}")
        except OUTAGES:
            # Half of it may have happened: the row says that nobody knows.
            messages.error(request, say_outage())
            note_outcome(row, "outage")
        return shown or _go_to(request, reverse(_page(model, "change"), args=[target_id]))

    act.__name__ = name
    button: Callable[..., HttpResponse | None] = action(
        description=title,
        url_path=name.replace("_", "-"),
        icon=icon,
        variant=ActionVariant.DANGER if is_grave else ActionVariant.DEFAULT,
        dialog={"title": title, "description": question, "form_class": form_class, "form_submit_text": title},
    )(act)

    @wraps(button)
    def guarded(admin: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        # Not by unfold's `permissions=`: its system check would look them up in a database, at every command.
        if not request.user.has_perm(permission):
            raise PermissionDenied
        return button(admin, request, *args, **kwargs)

    guarded.permission, guarded.states = permission, states  # type: ignore[attr-defined]
    return guarded


class ButtonsByState(ModelAdmin):
    """Stands before unfold's ModelAdmin: shows the buttons that the operator may press in the row's state."""

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[UnfoldAction]:
        """Unfold's hook; one query for the state."""
        buttons: list[UnfoldAction] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        allowed = [button for button in buttons if request.user.has_perm(button.method.permission)]
        row = self.get_object(request, object_id) if allowed else None
        return [button for button in allowed if row is not None and _fits(button, row)]


def say_refusal(refusal: Refusal | ValidationError) -> str:
    """The words of a refusal, for a message."""
    return " ".join(refusal.messages) if isinstance(refusal, ValidationError) else str(refusal.detail)


def say_outage() -> str:
    """What an operator reads when a database or Redis is away."""
    return _("A database or Redis that this needs does not answer. Look at the row again, then repeat.")


def _fits(button: UnfoldAction, row: Any) -> bool:
    states = button.method.states
    return states is None or row.state in states


def _find_target(admin: "ModelAdmin[Any]", request: HttpRequest, object_id: str) -> int:
    row = admin.get_object(request, object_id)
    if row is None:
        raise Http404
    return int(row.pk)


def _page(model: type[Model], kind: str) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}"


def _go_to(request: HttpRequest, url: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        # A redirect would be followed inside the dialog.
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
