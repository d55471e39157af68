"""The whole story of an order's money: every row about it that lies on its node, read once each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from pgs_admin.payment.raw import show_masked
from pgs_admin.tables import ROWS_SHOWN, link, show_table, show_yuan
from pgs_admin.words import say
from pgs_data.sharding.slots import alias_of_id
from pgs_task.journal.models import JournalEntry
from pgs_task.payment.anomalies.models import Anomaly
from pgs_task.payment.models import GatewayCall, Notice, Payment, Refund
from pgs_task.payment.states import TAKEN, RefundState
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.order.models import Order, OrderLog


@dataclass(frozen=True, kw_only=True)
class Story:
    """Newest rows of each kind, ROWS_SHOWN of them at most; `is_cut` says that there are more."""

    order: Order
    logs: Sequence[OrderLog]
    payments: Sequence[Payment]
    notices: Sequence[Notice]
    calls: Sequence[GatewayCall]
    refunds: Sequence[Refund]
    entries: Sequence[JournalEntry]
    anomalies: Sequence[Anomaly]
    requests: Sequence[AfterSaleRequest]
    is_cut: bool

    @property
    def taken_fen(self) -> int:
        """What payments of the order have taken; money of other trades is among the anomalies."""
        return sum(payment.amount_fen for payment in self.payments if payment.state in TAKEN)

    @property
    def returned_fen(self) -> int:
        own = [refund for refund in self.refunds if refund.trade_no is None]
        return sum(refund.amount_fen for refund in own if refund.state == RefundState.SUCCEEDED)

    @property
    def promised_fen(self) -> int:
        """On its way back and not there yet."""
        return sum(payment.refunded_fen for payment in self.payments) - self.returned_fen


def read_story(order_id: int) -> Story | None:
    """Nine index reads on the order's node; None when the order isn't written down there."""
    alias = alias_of_id(order_id)
    order = Order.objects.on_node(alias).filter(pk=order_id).first()
    if order is None:
        return None
    payments = _newest(Payment.objects.on_node(alias).filter(order_id=order_id))
    ids = [payment.pk for payment in payments]
    parts: dict[str, list[Any]] = {
        "logs": _newest(OrderLog.objects.on_node(alias).filter(order_id=order_id)),
        "payments": payments,
        "notices": _newest(Notice.objects.on_node(alias).filter(payment_id__in=ids)),
        "calls": _newest(GatewayCall.objects.on_node(alias).filter(payment_id__in=ids)),
        "refunds": _newest(Refund.objects.on_node(alias).filter(order_id=order_id)),
        "entries": _newest(JournalEntry.objects.on_node(alias).filter(order_id=order_id)),
        "anomalies": _newest(Anomaly.objects.on_node(alias).filter(payment_id__in=ids)),
        "requests": _newest(AfterSaleRequest.objects.on_node(alias).filter(order_id=order_id)),
    }
    return Story(order=order, is_cut=any(len(rows) >= ROWS_SHOWN for rows in parts.values()), **parts)


def show_sections(story: Story) -> list[tuple[str, SafeString]]:
    """(title, table) of every kind of row, those without rows left out."""
    sections = [
        (_("Payments"), _show_payments(story.payments)),
        (_("Refunds"), _show_refunds(story.refunds)),
        (_("After-sale requests"), _show_requests(story.requests)),
        (_("Anomalies"), _show_anomalies(story.anomalies)),
        (_("Notices"), _show_notices(story.notices)),
        (_("Questions to gateways"), _show_calls(story.calls)),
        (_("Journal"), _show_entries(story.entries)),
        (_("The order's log"), _show_logs(story.logs)),
    ]
    return [(title, table) for title, table in sections if table != "-"]


def _newest(rows: Any) -> list[Any]:
    # The newest when there are too many, in the order in which they happened.
    return list(rows.order_by("-pk")[:ROWS_SHOWN])[::-1]


def _show_payments(payments: Iterable[Payment]) -> SafeString:
    return show_table(
        [
            *(_("payment"), _("for"), _("gateway"), _("state"), _("amount"), _("refunded"), _("trade number")),
            *(_("created at"), _("expires at"), _("paid at")),
        ],
        (
            [
                *(link("payment_payment", row.pk), say(row.purpose), row.gateway, say(row.state)),
                *(
                    show_yuan(row.amount_fen),
                    show_yuan(row.refunded_fen),
                    row.trade_no,
                    row.created_at,
                    row.expires_at,
                    row.paid_at,
                ),
            ]
            for row in payments
        ),
    )


def _show_refunds(refunds: Iterable[Refund]) -> SafeString:
    return show_table(
        [
            *(_("number"), _("state"), _("amount"), _("reason"), _("tries"), _("last error"), _("evidence")),
            *(_("gateway"), _("gateway's number"), _("created at"), _("latest by"), _("next try at")),
            _("finished at"),
        ],
        (
            [
                *(row.refund_no, say(row.state), show_yuan(row.amount_fen), say(row.reason), row.attempts),
                *(row.last_error, _evidence(row), row.gateway, row.gateway_refund_no),
                *(row.created_at, row.latest_by, _next_try(row), row.finished_at),
            ]
            for row in refunds
        ),
    )


def _next_try(refund: Refund) -> datetime | None:
    return None if refund.state in {RefundState.SUCCEEDED, RefundState.MANUAL} else refund.next_try_at


def _evidence(refund: Refund) -> str:
    if refund.evidence is None:
        return ""
    return " · ".join(filter(None, [refund.evidence, refund.claimed_by, refund.approved_by]))


def _show_requests(requests: Iterable[AfterSaleRequest]) -> SafeString:
    return show_table(
        [
            *(_("after-sale request"), _("kind"), _("cause"), _("state"), _("amount"), _("opened by")),
            *(_("endorsed by"), _("approved by"), _("requested at"), _("latest by")),
        ],
        (
            [
                *(link("after_sale_aftersalerequest", row.pk), say(row.kind), say(row.cause), say(row.state)),
                *(show_yuan(row.amount_fen), row.opened_by, row.endorsed_by, row.approved_by),
                *(row.requested_at, row.latest_by),
            ]
            for row in requests
        ),
    )


def _show_anomalies(anomalies: Iterable[Anomaly]) -> SafeString:
    return show_table(
        [
            *(_("anomaly"), _("kind"), _("state"), _("amount"), _("trade number"), _("refund number"), _("note")),
            *(_("created at"), _("settled at"), _("raw text")),
        ],
        (
            [
                *(link("anomalies_anomaly", row.pk), say(row.kind), say(row.state)),
                *(f"{show_yuan(row.amount_fen)} {row.currency}", row.trade_no, row.refund_no, row.note),
                *(row.created_at, row.settled_at, show_masked(row.raw)),
            ]
            for row in anomalies
        ),
    )


def _show_notices(notices: Iterable[Notice]) -> SafeString:
    return show_table(
        [_("received at"), _("gateway"), _("status"), _("amount"), _("outcome"), _("trade number"), _("raw text")],
        (
            [
                *(row.received_at, row.gateway, say(row.status), show_yuan(row.amount_fen), say(row.outcome)),
                *(row.trade_no, show_masked(row.raw)),
            ]
            for row in notices
        ),
    )


def _show_calls(calls: Iterable[GatewayCall]) -> SafeString:
    return show_table(
        [_("answered at"), _("question"), _("refund number"), _("asked by"), _("answer"), _("detail")],
        ([row.answered_at, say(row.kind), row.refund_no, row.asked_by, say(row.answer), row.detail] for row in calls),
    )


def _show_entries(entries: Iterable[JournalEntry]) -> SafeString:
    return show_table(
        [_("moved at"), _("cause"), _("reference"), _("account"), _("debit"), _("credit")],
        (
            [
                *(row.at, row.get_cause_display(), row.reference, row.account),
                *(
                    show_yuan(row.debit_fen) if row.debit_fen else "",
                    show_yuan(row.credit_fen) if row.credit_fen else "",
                ),
            ]
            for row in entries
        ),
    )


def _show_logs(logs: Iterable[OrderLog]) -> SafeString:
    return show_table(
        [_("at"), _("from"), _("to"), _("reason"), _("by")],
        ([row.at, say(row.from_state), say(row.to_state), say(row.reason), row.actor] for row in logs),
    )
