"""Payments, their notices and refunds in the back office."""

from contextlib import suppress
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from pgs_admin.acts import ReasonForm, make_act
from pgs_admin.audit import actor_of
from pgs_admin.filters import make_filter
from pgs_admin.payment.raw import show_masked, unmask_notices
from pgs_admin.sharded import ShardedAdmin, is_id
from pgs_admin.story_links import show_story_link
from pgs_admin.tables import ROWS_SHOWN, column, link, link_to, show_table, show_yuan
from pgs_admin.words import coloured, say
from pgs_task.payment.models import Notice, Payment, Refund
from pgs_task.payment.services import claim_paid_by_hand, confirm_paid_by_hand, retry_refund
from pgs_task.payment.services.by_hand import LONGEST_EVIDENCE
from pgs_task.payment.states import ANOMALIES, NoticeOutcome, PaymentState, RefundState
from pgs_web.api.errors import OUTAGES
from pgs_web.trade.order.states import RefundReason

PAYMENT_COLOURS = {
    PaymentState.WAITING.value: "info",
    PaymentState.SUCCEEDED.value: "success",
    PaymentState.LATE.value: "warning",
    PaymentState.CLOSED.value: "danger",
    PaymentState.REFUNDED.value: "warning",
}
REFUND_COLOURS = {
    RefundState.WAITING.value: "info",
    RefundState.PROCESSING.value: "info",
    RefundState.SUCCEEDED.value: "success",
    RefundState.FAILED.value: "warning",
    RefundState.MANUAL.value: "danger",
}

NOTICE_COLOURS = {outcome.value: "danger" for outcome in ANOMALIES}


class DeskForm(ReasonForm):
    """Which refund; the first one on the desk is proposed."""

    refund_no = forms.CharField(label=gettext_lazy("Refund number"), max_length=64, widget=UnfoldAdminTextInputWidget)

    field_order = ["refund_no", "evidence", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_id(str(self.object_id)):
            return
        on_desk = Refund.objects.filter(payment_id=int(self.object_id), state=RefundState.MANUAL)
        # Who pressed while the node is away is told so by the button.
        with suppress(*OUTAGES):
            self.fields["refund_no"].initial = on_desk.order_by("id").values_list("refund_no", flat=True).first()


class EvidenceForm(DeskForm):
    evidence = forms.CharField(
        label=gettext_lazy("Evidence"),
        max_length=LONGEST_EVIDENCE,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("How, when and where it was paid, such as the bank's number of the transfer."),
    )


def _retry(request: HttpRequest, payment_id: int, values: dict[str, Any]) -> str:
    refund = retry_refund(payment_id=payment_id, refund_no=values["refund_no"])
    return _("%(number)s will be tried again now.") % {"number": refund.refund_no}


def _claim(request: HttpRequest, payment_id: int, values: dict[str, Any]) -> str:
    claim_paid_by_hand(
        payment_id=payment_id,
        refund_no=values["refund_no"],
        evidence=values["evidence"],
        actor=actor_of(request),
    )
    return _("Noted; somebody else has to confirm it.")


def _confirm(request: HttpRequest, payment_id: int, values: dict[str, Any]) -> str:
    refund = confirm_paid_by_hand(payment_id=payment_id, refund_no=values["refund_no"], actor=actor_of(request))
    return _("%(number)s is done.") % {"number": refund.refund_no}


@admin.register(Payment)
class PaymentAdmin(ShardedAdmin):
    list_display = ("id", "show_state", "order_id", "member_id", "gateway", "show_amount", "trade_no", "created_at")
    list_filter = (
        make_filter("state", gettext_lazy("state"), list(PaymentState)),
        make_filter("gateway", gettext_lazy("gateway"), settings.PAYMENT_GATEWAYS),
    )
    search_fields = ("id", "order_id", "member_id")
    search_help_text = gettext_lazy("Number of a payment, an order or a member")
    actions_detail = ["retry_refund", "claim_by_hand", "confirm_by_hand", "unmask_notices"]
    fields = (
        ("id", "show_state"),
        ("show_order", "show_member"),
        ("show_amount", "show_refunded"),
        ("gateway", "trade_no"),
        ("created_at", "paid_at"),
        ("expires_at", "currency"),
        "show_refunds",
        "show_notices",
        "show_story",
    )

    retry_refund = make_act(
        name="retry_refund",
        title=gettext_lazy("Try the refund again"),
        permission="payment.retry_refund",
        model=Payment,
        deed=_retry,
        form_class=DeskForm,
        icon="replay",
        question=gettext_lazy("For a refund on the desk (MANUAL): the gateway is asked about the earlier tries first."),
    )

    claim_by_hand = make_act(
        name="claim_by_hand",
        title=gettext_lazy("Paid by hand"),
        permission="payment.settle_by_hand",
        model=Payment,
        deed=_claim,
        form_class=EvidenceForm,
        icon="account_balance",
        question=gettext_lazy("For a refund on the desk (MANUAL) that was paid outside of the gateway."),
    )
    confirm_by_hand = make_act(
        name="confirm_by_hand",
        title=gettext_lazy("Confirm payment by hand"),
        permission="payment.settle_by_hand",
        model=Payment,
        deed=_confirm,
        form_class=DeskForm,
        icon="task_alt",
        question=gettext_lazy("Not by who said that it was paid. Look at the evidence first."),
        is_grave=True,
    )

    unmask_notices = make_act(
        name="unmask_notices",
        title=gettext_lazy("Show raw notices"),
        permission="payment.unmask_notice",
        model=Payment,
        deed=unmask_notices,
        icon="visibility",
        question=gettext_lazy("Shown once. Who saw what, when and why is kept."),
    )

    show_state = column(gettext_lazy("state"), "state", coloured(PAYMENT_COLOURS))
    show_amount = column(gettext_lazy("amount"), "amount_fen", show_yuan)
    show_refunded = column(gettext_lazy("refunded"), "refunded_fen", show_yuan)
    show_order = column(gettext_lazy("order"), "order_id", link_to("order_order"))
    show_member = column(gettext_lazy("member"), "member_id", link_to("member_member"))

    @display(description=gettext_lazy("refunds"))
    def show_refunds(self, payment: Payment) -> SafeString:
        rows = Refund.objects.filter(payment_id=payment.pk).order_by("id")[:ROWS_SHOWN]
        return show_table(
            [
                *(_("number"), _("amount"), _("state"), _("reason"), _("tries"), _("last error"), _("evidence")),
                *(_("claimed by"), _("finished at")),
            ],
            (
                [
                    row.refund_no,
                    show_yuan(row.amount_fen),
                    say(row.state),
                    say(row.reason),
                    row.attempts,
                    row.last_error,
                    row.evidence,
                    row.claimed_by,
                    row.finished_at,
                ]
                for row in rows
            ),
        )

    @display(description=gettext_lazy("notices"))
    def show_notices(self, payment: Payment) -> SafeString:
        rows = Notice.objects.filter(payment_id=payment.pk).order_by("id")[:ROWS_SHOWN]
        return show_table(
            [_("received at"), _("status"), _("amount"), _("outcome"), _("raw text")],
            (
                [row.received_at, say(row.status), show_yuan(row.amount_fen), say(row.outcome), show_masked(row.raw)]
                for row in rows
            ),
        )

    show_story = column(gettext_lazy("money"), "order_id", show_story_link)


class _PartOfPayment(ShardedAdmin):
    """A list whose rows lead to their payment; they have no page of their own."""

    list_display_links = None

    @display(description=gettext_lazy("payment"))
    def show_payment(self, row: Notice | Refund) -> SafeString:
        return link("payment_payment", row.payment_id)

    @display(description=gettext_lazy("amount"))
    def show_amount(self, row: Notice | Refund) -> str:
        return show_yuan(row.amount_fen)


@admin.register(Refund)
class RefundAdmin(_PartOfPayment):
    made_at = "created_at"
    list_display = (
        *("refund_no", "show_state", "show_payment", "order_id", "show_amount", "show_reason", "attempts"),
        *("latest_by", "last_error"),
    )
    list_filter = (
        make_filter("state", gettext_lazy("state"), list(RefundState)),
        make_filter("reason", gettext_lazy("reason"), list(RefundReason)),
    )
    search_fields = ("payment_id", "order_id")
    search_help_text = gettext_lazy("Number of a payment or an order")

    show_state = column(gettext_lazy("state"), "state", coloured(REFUND_COLOURS))

    @display(description=gettext_lazy("reason"))
    def show_reason(self, refund: Refund) -> str:
        return say(refund.reason) or "-"


@admin.register(Notice)
class NoticeAdmin(_PartOfPayment):
    made_at = "received_at"
    list_display = ("notice_id", "show_payment", "show_status", "show_outcome", "show_amount", "received_at")
    list_filter = (make_filter("outcome", gettext_lazy("outcome"), list(NoticeOutcome)),)
    search_fields = ("payment_id",)
    search_help_text = gettext_lazy("Number of a payment")

    show_status = column(gettext_lazy("status"), "status", say)
    show_outcome = column(gettext_lazy("outcome"), "outcome", coloured(NOTICE_COLOURS))
