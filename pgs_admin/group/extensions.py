"""Extensions of deadlines: an operator names an incident and the minutes, looks at whom it concerns, and asks."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldBooleanWidget

from pgs_admin.adding import AddOnlyAdmin
from pgs_admin.audit import actor_of, note_outcome, record_act
from pgs_data.clock import database_now
from pgs_web.trade.group.models import DeadlineExtension
from pgs_web.trade.group.selectors import count_extended_groups, count_groups_of_incident
from pgs_web.trade.group.services import ask_extension
from pgs_web.trade.group.services.extending import validate_extension

ASKED = ("from_at", "to_at", "activity_id", "minutes", "reason")


class ExtensionForm(forms.ModelForm):
    """The first sending only tells how many groups it concerns; the box sends it for good."""

    seen = forms.BooleanField(
        label=gettext_lazy("I have seen how many groups it concerns"), required=False, widget=UnfoldBooleanWidget
    )

    class Meta:
        model = DeadlineExtension
        fields = ASKED

    def clean(self) -> dict[str, Any]:
        """The rules of the service, then the second look."""
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        asked = {name: cleaned[name] for name in ("from_at", "to_at", "activity_id", "minutes")}
        try:
            validate_extension(**asked, now=database_now("default"))
        except ValidationError as refusal:
            for name, said in refusal.error_dict.items():
                self.add_error(name, said)
            return cleaned
        if not cleaned["seen"]:
            del asked["minutes"]
            text = _("%(groups)d running groups would get %(minutes)d minutes more. Tick the box and send it again.")
            self.add_error("seen", text % {"groups": count_groups_of_incident(**asked), "minutes": cleaned["minutes"]})
        return cleaned


@admin.register(DeadlineExtension)
class ExtensionAdmin(AddOnlyAdmin):
    form = ExtensionForm
    list_display = ("id", "from_at", "to_at", "show_activity", "minutes", "reason", "show_actor", "asked_at", "done_at")
    fields = ("from_at", "to_at", ("activity_id", "minutes"), "reason", "seen")

    @display(description=gettext_lazy("activity"))
    def show_activity(self, row: DeadlineExtension) -> str:
        return _("all") if row.activity_id is None else str(row.activity_id)

    @display(description=gettext_lazy("by"))
    def show_actor(self, row: DeadlineExtension) -> str:
        return row.actor

    @display(description=gettext_lazy("extended groups"))
    def show_groups(self, row: DeadlineExtension) -> str:
        return str(count_extended_groups(row.pk))

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Looked at, it tells what became of it."""
        if obj is None:
            return self.fields
        return (
            ("from_at", "to_at"),
            ("show_activity", "minutes"),
            "reason",
            ("show_actor", "asked_at"),
            "show_groups",
            "done_at",
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return () if obj is None else ("show_activity", "show_actor", "show_groups")

    def save_model(
        self, request: HttpRequest, obj: DeadlineExtension, form: "forms.ModelForm[Any]", change: bool
    ) -> None:
        """Django's hook: the service writes the row, after its audit row."""
        asked = {name: form.cleaned_data[name] for name in ASKED}
        changes = {name: ["", str(value)] for name, value in asked.items() if value is not None}
        entry = record_act(
            request, model=DeadlineExtension, target_id=None, act="add", reason=asked["reason"], changes=changes
        )
        try:
            made = ask_extension(**asked, actor=actor_of(request))
        except ValidationError:
            note_outcome(entry, "refused: invalid")
            raise
        obj.pk = made.pk
        obj.refresh_from_db()
        note_outcome(entry, "done", target_id=made.pk)
