"""Groups in the back office."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from pgs_admin.filters import make_filter
from pgs_admin.sharded import ShardedAdmin
from pgs_admin.tables import ROWS_SHOWN, column, link, link_to, show_table, show_yuan
from pgs_admin.words import coloured, say
from pgs_web.trade.group.models import Group, GroupLog, Seat
from pgs_web.trade.group.states import GroupState

STATE_COLOURS = {
    GroupState.FORMING.value: "info",
    GroupState.SUCCEEDED.value: "success",
    GroupState.FAILED.value: "danger",
    GroupState.SETTLED.value: "warning",
}


@admin.register(Group)
class GroupAdmin(ShardedAdmin):
    list_display = ("id", "show_state", "activity_id", "leader_member_id", "show_seats", "opened_at", "deadline")
    list_filter = (make_filter("state", gettext_lazy("state"), list(GroupState)),)
    search_fields = ("id", "activity_id", "leader_member_id")
    search_help_text = gettext_lazy("Number of a group, an activity or a leader")
    fields = (
        ("id", "show_state"),
        ("show_reason", "decided_at"),
        ("show_activity", "show_leader"),
        ("show_seats", "show_price"),
        ("opened_at", "deadline"),
        "show_members",
        "show_log",
    )

    show_state = column(gettext_lazy("state"), "state", coloured(STATE_COLOURS))

    @display(description=gettext_lazy("paid / size"))
    def show_seats(self, group: Group) -> str:
        filled = _(" + %(seats)d by the merchant") % {"seats": group.guaranteed_seats} if group.guaranteed_seats else ""
        return f"{group.paid_count}{filled} / {group.size}"

    show_price = column(gettext_lazy("group price"), "price_fen", show_yuan)
    show_activity = column(gettext_lazy("activity"), "activity_id", link_to("activity_activity"))
    show_leader = column(gettext_lazy("leader"), "leader_member_id", link_to("member_member"))

    @display(description=gettext_lazy("reason"))
    def show_reason(self, group: Group) -> str:
        return say(group.reason) or "-"

    @display(description=gettext_lazy("seats"))
    def show_members(self, group: Group) -> SafeString:
        rows = Seat.objects.filter(group_id=group.pk).order_by("id")[:ROWS_SHOWN]
        return show_table(
            [_("order"), _("member"), _("state"), _("joined at")],
            (
                [link("order_order", row.order_id), link("member_member", row.member_id), say(row.state), row.joined_at]
                for row in rows
            ),
        )

    @display(description=gettext_lazy("log"))
    def show_log(self, group: Group) -> SafeString:
        rows = GroupLog.objects.filter(group_id=group.pk).order_by("sequence")[:ROWS_SHOWN]
        return show_table(
            [_("at"), _("from"), _("to"), _("reason"), _("by")],
            ([row.at, say(row.from_state), say(row.to_state), say(row.reason), row.actor] for row in rows),
        )
