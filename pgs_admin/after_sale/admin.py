"""After-sale requests in the back office."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from pgs_admin.after_sale import acts
from pgs_admin.filters import make_filter
from pgs_admin.sharded import ShardedAdmin
from pgs_admin.tables import ROWS_SHOWN, link, show_raw, show_table, show_yuan
from pgs_admin.words import say, show_code
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

    @display(description=gettext_lazy("state"))
    def show_state(self, request: AfterSaleRequest) -> SafeString:
        return show_code(request.state, STATE_COLOURS)

    @display(description=gettext_lazy("order"))
    def show_order(self, request: AfterSaleRequest) -> SafeString:
        return link("order_order", request.order_id)

    @display(description=gettext_lazy("member"))
    def show_member(self, request: AfterSaleRequest) -> SafeString:
        return link("member_member", request.member_id)

    @display(description=gettext_lazy("kind"))
    def show_kind(self, request: AfterSaleRequest) -> str:
        return say(request.kind)

    @display(description=gettext_lazy("cause"))
    def show_cause(self, request: AfterSaleRequest) -> str:
        return say(request.cause)

    @display(description=gettext_lazy("amount"))
    def show_amount(self, request: AfterSaleRequest) -> str:
        return show_yuan(request.amount_fen)

    @display(description=gettext_lazy("asked for"))
    def show_asked(self, request: AfterSaleRequest) -> str:
        return show_yuan(request.asked)

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
