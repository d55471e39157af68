"""Money that paid nothing: the list, and the desk of those that the gateway's answer doesn't settle."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from pgs_admin.acts import make_act
from pgs_admin.filters import make_filter
from pgs_admin.payment.raw import show_masked
from pgs_admin.sharded import ShardedAdmin
from pgs_admin.tables import column, link_to, show_yuan
from pgs_admin.words import coloured, say
from pgs_task.payment.anomalies.models import Anomaly
from pgs_task.payment.anomalies.states import AnomalyKind, AnomalyState
from pgs_task.payment.services import explain_anomaly, refund_anomaly, trace_again

STATE_COLOURS = {
    AnomalyState.OPEN.value: "info",
    AnomalyState.MANUAL.value: "danger",
    AnomalyState.REFUNDING.value: "warning",
    AnomalyState.REFUNDED.value: "success",
    AnomalyState.EXPLAINED.value: "success",
}
SETTLE = "anomalies.settle_anomaly"


def _refund(request: HttpRequest, anomaly_id: int, values: dict[str, Any]) -> str:
    number = refund_anomaly(anomaly_id=anomaly_id, note=values["reason"])
    return _("The refund %(number)s is on its way.") % {"number": number}


def _explain(request: HttpRequest, anomaly_id: int, values: dict[str, Any]) -> str:
    explain_anomaly(anomaly_id=anomaly_id, note=values["reason"])
    return _("The anomaly is explained.")


def _trace_again(request: HttpRequest, anomaly_id: int, values: dict[str, Any]) -> str:
    trace_again(anomaly_id=anomaly_id)
    return _("The gateway will be asked again now.")


@admin.register(Anomaly)
class AnomalyAdmin(ShardedAdmin):
    list_display = ("id", "show_state", "show_kind", "payment_id", "gateway", "trade_no", "show_amount", "created_at")
    list_filter = (
        make_filter("state", gettext_lazy("state"), list(AnomalyState)),
        make_filter("kind", gettext_lazy("kind"), list(AnomalyKind)),
    )
    search_fields = ("id", "payment_id")
    search_help_text = gettext_lazy("Number of an anomaly or a payment")
    actions_detail = ["refund_anomaly", "explain_anomaly", "trace_anomaly"]
    fields = (
        ("id", "show_state"),
        ("show_kind", "gateway"),
        ("show_payment", "show_order"),
        ("show_amount", "currency"),
        ("trade_no", "refund_no"),
        ("paid_at", "created_at"),
        ("settled_at", "note"),
        "show_raw",
    )

    refund_anomaly = make_act(
        name="refund_anomaly",
        title=gettext_lazy("Send the money back"),
        permission=SETTLE,
        model=Anomaly,
        deed=_refund,
        icon="currency_exchange",
        question=gettext_lazy(
            "Only when you have seen the money under this trade number at the gateway: it goes back by a refund of its"
            " own. The payment's own money isn't touched."
        ),
        states=(AnomalyState.MANUAL,),
        is_grave=True,
    )
    explain_anomaly = make_act(
        name="explain_anomaly",
        title=gettext_lazy("Explain"),
        permission=SETTLE,
        model=Anomaly,
        deed=_explain,
        icon="task_alt",
        question=gettext_lazy("Say where the money is, or that there is none. Nothing is sent."),
        states=(AnomalyState.MANUAL,),
    )
    trace_anomaly = make_act(
        name="trace_anomaly",
        title=gettext_lazy("Ask the gateway again"),
        permission=SETTLE,
        model=Anomaly,
        deed=_trace_again,
        icon="replay",
        states=(AnomalyState.MANUAL,),
    )

    show_state = column(gettext_lazy("state"), "state", coloured(STATE_COLOURS))
    show_kind = column(gettext_lazy("kind"), "kind", say)
    show_amount = column(gettext_lazy("amount"), "amount_fen", show_yuan)
    show_payment = column(gettext_lazy("payment"), "payment_id", link_to("payment_payment"))
    show_order = column(gettext_lazy("order"), "order_id", link_to("order_order"))

    @display(description=gettext_lazy("raw text"))
    def show_raw(self, anomaly: Anomaly) -> SafeString:
        return show_masked(anomaly.raw)
