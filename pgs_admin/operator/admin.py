"""Operators, their roles, and the log of what they did."""

import json
from typing import Any

from auditlog.models import LogEntry
from django.contrib import admin
from django.contrib.admin import ModelAdmin as DjangoModelAdmin
from django.contrib.auth.admin import GroupAdmin as DjangoRoleAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group as Role
from django.contrib.auth.models import User
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from pgs_admin.audit import changes_of, note_outcome, record_act
from pgs_admin.tables import show_table
from pgs_admin.words import say, say_outcome

for _model in (User, Role, LogEntry):
    admin.site.unregister(_model)

ACTION_COLOURS = {"create": "success", "update": "info", "delete": "danger", "access": "warning"}


class _Audited(DjangoModelAdmin):
    """Who may do what changes with an audit row; nobody is deleted: their acts name them.

    Stands before Django's own pages, and those before unfold's, which would empty the form for a new operator.
    """

    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Any]", change: bool) -> None:
        entry = record_act(
            request,
            model=self.model,
            target_id=obj.pk if change else None,
            act="change" if change else "add",
            changes=changes_of(form),
        )
        super().save_model(request, obj, form, change)
        note_outcome(entry, "done", target_id=obj.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class OperatorAdmin(_Audited, DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "show_roles", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser", "groups")
    list_fullwidth = True

    @display(description=gettext_lazy("roles"))
    def show_roles(self, user: User) -> str:
        return ", ".join(role.name for role in user.groups.all()) or "-"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Django's page for setting another operator's password."""
        if request.method == "POST" and id.isdigit() and self.has_change_permission(request):
            record_act(request, model=User, target_id=int(id), act="change_password")
        response: HttpResponse = super().user_change_password(request, id, form_url)
        return response


@admin.register(Role)
class RoleAdmin(_Audited, DjangoRoleAdmin, ModelAdmin):
    list_display = ("name",)
    filter_horizontal = ()
    autocomplete_fields = ()


@admin.register(LogEntry)
class AuditAdmin(ModelAdmin):
    list_display = ("timestamp", "show_actor", "show_action", "show_act", "show_target", "show_reason", "show_outcome")
    list_filter = ("action",)
    list_select_related = ("actor", "content_type")
    list_per_page = 50
    list_fullwidth = True
    show_full_result_count = False
    search_fields = ("=object_id", "=actor__username")
    search_help_text = gettext_lazy("Number of what was touched, or an operator's name")
    ordering = ("-id",)
    sortable_by = ()
    actions = None
    fields = (
        ("timestamp", "show_actor", "remote_addr"),
        ("show_action", "show_act", "show_outcome"),
        ("show_target", "show_trace"),
        "show_reason",
        "show_changes",
    )
    readonly_fields = tuple(name for line in fields for name in ((line,) if isinstance(line, str) else line))

    @display(description=gettext_lazy("operator"))
    def show_actor(self, entry: LogEntry) -> str:
        return entry.actor.get_username() if entry.actor else "-"

    @display(description=gettext_lazy("kind"), label=ACTION_COLOURS)
    def show_action(self, entry: LogEntry) -> str:
        return entry.get_action_display()

    @display(description=gettext_lazy("act"))
    def show_act(self, entry: LogEntry) -> str:
        return say(_told(entry, "act"))

    @display(description=gettext_lazy("outcome"))
    def show_outcome(self, entry: LogEntry) -> str:
        return say_outcome(_told(entry, "outcome"))

    @display(description=gettext_lazy("reason"))
    def show_reason(self, entry: LogEntry) -> str:
        return _told(entry, "reason")

    @display(description=gettext_lazy("trace id"))
    def show_trace(self, entry: LogEntry) -> str:
        return _told(entry, "trace_id")

    @display(description=gettext_lazy("what was touched"))
    def show_target(self, entry: LogEntry) -> SafeString | str:
        kind = entry.content_type
        model = kind.model_class()
        # Written in the language of who did it; shown in the language of who looks.
        target = f"{model._meta.verbose_name} {entry.object_id or ''}" if model else entry.object_repr
        try:
            url = reverse(f"admin:{kind.app_label}_{kind.model}_change", args=[entry.object_id])
        except NoReverseMatch:
            return target
        return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, target)

    @display(description=gettext_lazy("changes"))
    def show_changes(self, entry: LogEntry) -> SafeString:
        return show_table(
            [gettext_lazy("field"), gettext_lazy("before"), gettext_lazy("after")],
            ([name, *_both(values)] for name, values in (entry.changes or {}).items()),
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: LogEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: LogEntry | None = None) -> bool:
        return False


def _told(entry: LogEntry, name: str) -> str:
    return str((entry.additional_data or {}).get(name) or "-")


def _both(values: Any) -> list[str]:
    """Before and after; other writers of the log put other shapes there."""
    return [str(one) for one in values] if isinstance(values, list) and len(values) == 2 else ["", json.dumps(values)]
