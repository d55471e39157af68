"""After-sale requests in the back office."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from pgs_admin.after_sale import acts
from pgs_admin.filters import make_filter
from pgs_admin.sharded import ShardedAdmin
from pgs_admin.tables import ROWS_SHOWN, column, link_to, show_raw, show_table, show_yuan
from pgs_admin.words import coloured, say
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.after_sale.selectors import request_history
from pgs_web.trade.after_sale.states import RequestKind, RequestState

STATE_COLOURS = {
    RequestState.REQUESTED.value: "warning",
    RequestState.IN_REVIEW.value: "warning",
    RequestState.RETURNING.value: "info",
    RequestState.REFUNDING.value: "info",
    RequestState.DONE.value: "success",
    RequestState.REFUSED.value: "danger",
    RequestState.CANCELLED.value: "danger",
}


@admin.register(AfterSaleRequest)
class AfterSaleAdmin(ShardedAdmin):
    list_display = (
        *("id", "show_state", "order_id", "member_id", "show_kind", "show_cause", "show_amount"),
        *("requested_at", "latest_by"),
    )
    list_filter = (
        make_filter("state", gettext_lazy("state"), list(RequestState)),
        make_filter("kind", gettext_lazy("kind"), list(RequestKind)),
    )
    search_fields = ("id", "order_id", "member_id")
    search_help_text = gettext_lazy("Number of a request, an order or a member")
    actions_detail = ["approve_request", "refuse_request", "receive_goods"]
    fields = (
        ("id", "show_state"),
        ("show_order", "show_member"),
        ("show_kind", "show_cause"),
        ("show_amount", "show_asked"),
        ("quantity", "sequence"),
        "show_text",
        ("opened_by", "endorsed_by"),
        ("approved_by", "answer"),
        ("carrier", "tracking_no"),
        ("requested_at", "latest_by"),
        "show_log",
    )
    approve_request = acts.approve
    refuse_request = acts.refuse
    receive_goods = acts.receive

    show_state = column(gettext_lazy("state"), "state", coloured(STATE_COLOURS))
    show_order = column(gettext_lazy("order"), "order_id", link_to("order_order"))
    show_member = column(gettext_lazy("member"), "member_id", link_to("member_member"))
    show_kind = column(gettext_lazy("kind"), "kind", say)
    show_cause = column(gettext_lazy("cause"), "cause", say)
    show_amount = column(gettext_lazy("amount"), "amount_fen", show_yuan)
    show_asked = column(gettext_lazy("asked for"), "asked", show_yuan)

    @display(description=gettext_lazy("the shopper's words"))
    def show_text(self, request: AfterSaleRequest) -> SafeString | str:
        return show_raw(request.text) if request.text else "-"

    @display(description=gettext_lazy("log"))
    def show_log(self, request: AfterSaleRequest) -> SafeString:
        rows = request_history(request_id=request.pk)[:ROWS_SHOWN]
        return show_table(
            [_("at"), _("from"), _("to"), _("reason"), _("by")],
            ([row.at, say(row.from_state), say(row.to_state), say(row.reason), row.actor] for row in rows),
        )
