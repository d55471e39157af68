"""Activities in the back office: rules through a form, states through buttons, stock live."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.views import ChangeList

from pgs_admin.activity import acts
from pgs_admin.activity.forms import ActivityForm
from pgs_admin.activity.stocks import read_live, show_short, show_stock
from pgs_admin.acts import ButtonsByState, say_outage, say_refusal
from pgs_admin.adding import WithoutTransaction
from pgs_admin.audit import actor_of, changes_of, note_outcome, record_act
from pgs_admin.filters import make_filter
from pgs_admin.tables import ROWS_SHOWN, column, show_table, show_yuan
from pgs_admin.words import coloured, say
from pgs_web.api.errors import OUTAGES, Refusal
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.rules import RULE_FIELDS, ActivityRules
from pgs_web.display.activity.services import create_activity
from pgs_web.display.activity.services.writing import EDITABLE
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.group.selectors import report_guarantees
from pgs_web.trade.stock.sales import change_rules
from pgs_web.trade.stock.selectors import Stock

STATE_COLOURS = {
    ActivityState.IN_REVIEW.value: "warning",
    ActivityState.SCHEDULED.value: "info",
    ActivityState.RUNNING.value: "success",
    ActivityState.PAUSED.value: "warning",
    ActivityState.WITHDRAWN.value: "danger",
}


class ActivityChangeList(ChangeList):
    """Reads the stocks of all rows of the page at once."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        """Django's hook; one round trip a partition beyond it."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        live = read_live(self.result_list)
        for activity in self.result_list:
            activity.live_stock = None if live is None else live.get(activity.pk)
            activity.is_stock_known = live is not None


@admin.register(Activity)
class ActivityAdmin(ButtonsByState, ModelAdmin, WithoutTransaction):
    form = ActivityForm
    list_display = (
        *("id", "title", "show_state", "show_prices", "group_size", "show_live"),
        *("starts_at", "ends_at"),
    )
    list_display_links = ("id", "title")
    list_filter = (make_filter("state", gettext_lazy("state"), list(ActivityState)), "play")
    list_select_related = ("sku",)
    list_per_page = 50
    list_fullwidth = True
    show_full_result_count = False
    search_fields = ("title", "title_en", "sku__code")
    ordering = ("-id",)
    sortable_by = ()
    actions = None
    warn_unsaved_form = True
    autocomplete_fields = ("sku",)
    fieldsets = (
        (None, {"fields": (("sku", "play"), ("title", "title_en"))}),
        (
            gettext_lazy("Prices and units"),
            {"fields": (("price_fen", "alone_price_fen"), ("group_size", "member_limit", "stock_total"))},
        ),
        (
            gettext_lazy("Times"),
            {"fields": ("starts_at", "ends_at", ("group_lasts_seconds", "pay_within_seconds"), "rules_version")},
        ),
        (
            gettext_lazy("Groups"),
            {"fields": (("leader_leaves", "new_seats"), ("guaranteed_seats", "guarantee_cap_fen"))},
        ),
    )
    story = (
        gettext_lazy("Now"),
        {"fields": (("id", "show_state", "submitted_by"), "show_stock", "show_guarantee", "show_log")},
    )
    actions_detail = [
        *("submit", "approve", "send_back", "pause", "resume", "change_stock"),
        {"title": gettext_lazy("More"), "items": ["end", "withdraw"]},
    ]
    submit = acts.submit
    approve = acts.approve
    send_back = acts.send_back
    pause = acts.pause
    resume = acts.resume
    end = acts.end
    withdraw = acts.withdraw
    change_stock = acts.change_stock

    show_state = column(gettext_lazy("state"), "state", coloured(STATE_COLOURS))

    @display(description=gettext_lazy("in a group / alone"))
    def show_prices(self, activity: Activity) -> str:
        return f"{show_yuan(activity.price_fen)} / {show_yuan(activity.alone_price_fen)}"

    @display(description=gettext_lazy("stock now"))
    def show_live(self, activity: Activity) -> SafeString | str:
        if not getattr(activity, "is_stock_known", False):
            return _("not available")
        stock: Stock | None = getattr(activity, "live_stock", None)
        return show_short(stock)

    @display(description=gettext_lazy("stock"))
    def show_stock(self, activity: Activity) -> SafeString:
        return show_stock(activity)

    @display(description=gettext_lazy("guaranteed seats"))
    def show_guarantee(self, activity: Activity) -> SafeString:
        return show_table(
            [_("completed groups"), _("seats"), _("cost"), _("reserved"), _("cap"), _("left of the cap")],
            (
                [
                    report.groups,
                    report.seats,
                    show_yuan(report.cost_fen),
                    show_yuan(report.open_fen),
                    show_yuan(activity.guarantee_cap_fen),
                    show_yuan(report.left_fen),
                ]
                for report in report_guarantees(activity_ids=[activity.pk])
            ),
        )

    @display(description=gettext_lazy("log"))
    def show_log(self, activity: Activity) -> SafeString:
        rows = activity.logs.order_by("-id")[:ROWS_SHOWN]
        return show_table(
            [_("at"), _("from"), _("to"), _("reason"), _("by")],
            ([row.at, say(row.from_state), say(row.to_state), say(row.reason), row.actor] for row in rows),
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ActivityChangeList

    def get_fieldsets(self, request: HttpRequest, obj: Activity | None = None) -> Any:
        """The story of an activity stands above its rules."""
        return self.fieldsets if obj is None else ((self.story), *self.fieldsets)

    def get_readonly_fields(self, request: HttpRequest, obj: Activity | None = None) -> tuple[str, ...]:
        """What is fixed by now; the service has the last word."""
        shown = ("id", "show_state", "submitted_by", "show_stock", "show_guarantee", "show_log")
        if obj is None:
            return shown
        if obj.state == ActivityState.DRAFT:
            return (*shown, "sku")
        return (*shown, "sku", "play", "stock_total", "new_seats")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """As in Django; what the service refuses after the form was content with it is said, and the page read anew."""
        try:
            response: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        except (Refusal, ValidationError) as refusal:
            messages.error(request, say_refusal(refusal))
        except OUTAGES:
            messages.error(request, say_outage())
        else:
            return response
        return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Activity, form: "ModelForm[Any]", change: bool) -> None:
        """Django's hook: the row is written by the services only, after its audit row."""
        assert isinstance(form, ActivityForm)
        entry = record_act(
            request,
            model=Activity,
            target_id=obj.pk if change else None,
            act="change_rules" if change else "add",
            changes=changes_of(form),
        )
        try:
            if change:
                changed = change_rules(
                    activity_id=obj.pk,
                    changes=form.changed_rules(),
                    actor=actor_of(request),
                    rules_version=form.cleaned_data["rules_version"],
                )
            else:
                rules = ActivityRules(**{name: form.cleaned_data[name] for name in RULE_FIELDS})
                changed = create_activity(sku_id=form.cleaned_data["sku"].pk, rules=rules, actor=actor_of(request))
        except (Refusal, ValidationError) as refusal:
            note_outcome(entry, f"refused: {getattr(refusal, 'code', None) or 'invalid'}")
            raise
        obj.pk = changed.pk
        obj.refresh_from_db()
        note_outcome(entry, "done", target_id=obj.pk)

    def has_change_permission(self, request: HttpRequest, obj: Activity | None = None) -> bool:
        is_open = obj is None or obj.state in EDITABLE
        return is_open and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Activity | None = None) -> bool:
        return False

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        raise PermissionDenied
