"""Groups that merchants have completed: each of them, and what it cost by activity."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_safe
from unfold.admin import ModelAdmin

from pgs_admin.filters import make_filter
from pgs_admin.tables import column, link, link_to, show_yuan
from pgs_admin.words import coloured
from pgs_web.trade.group.models import Guarantee
from pgs_web.trade.group.selectors import report_guarantees
from pgs_web.trade.group.states import GuaranteeState

STATE_COLOURS = {GuaranteeState.USED.value: "success", GuaranteeState.RESERVED.value: "info"}


@require_safe
@permission_required("group.view_guarantee", raise_exception=True)
def show_guarantees(request: HttpRequest) -> HttpResponse:
    """What guaranteed seats cost, activity by activity."""
    rows = [
        {
            "activity": report.activity,
            "link": link("activity_activity", report.activity.pk),
            "groups": report.groups,
            "seats": report.seats,
            "cost": show_yuan(report.cost_fen),
            "open": show_yuan(report.open_fen),
            "cap": show_yuan(report.activity.guarantee_cap_fen),
            "left": show_yuan(report.left_fen),
        }
        for report in report_guarantees()
    ]
    context = {**admin.site.each_context(request), "title": _("Guaranteed seats"), "rows": rows}
    return TemplateResponse(request, "pgs_admin/guarantees.html", context)


@admin.register(Guarantee)
class GuaranteeAdmin(ModelAdmin):
    """Only the clock makes and settles them."""

    list_display = ("show_group", "show_activity", "show_state", "seats", "show_cost", "reserved_at", "used_at")
    list_display_links = None
    list_filter = (make_filter("state", gettext_lazy("state"), list(GuaranteeState)),)
    search_fields = ("=group_id", "=activity_id")
    search_help_text = gettext_lazy("Number of a group or an activity")
    ordering = ("-reserved_at",)
    sortable_by = ()
    list_per_page = 50
    show_full_result_count = False
    actions = None

    show_group = column(pgettext_lazy("trade", "group"), "group_id", link_to("group_group"))
    show_activity = column(gettext_lazy("activity"), "activity_id", link_to("activity_activity"))
    show_state = column(gettext_lazy("state"), "state", coloured(STATE_COLOURS))
    show_cost = column(gettext_lazy("cost"), "cost_fen", show_yuan)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
