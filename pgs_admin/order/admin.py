"""Orders and shipments in the back office."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.decorators import display

from pgs_admin.acts import make_act
from pgs_admin.after_sale.acts import AskForm, ask_for_shopper
from pgs_admin.audit import actor_of
from pgs_admin.filters import make_filter
from pgs_admin.order.colours import STATE_COLOURS
from pgs_admin.sharded import ShardedAdmin
from pgs_admin.story_links import show_story_link
from pgs_admin.tables import column, link, link_to, show_table, show_yuan
from pgs_admin.words import coloured, say
from pgs_task.payment.models import Payment, Refund
from pgs_web.trade.after_sale.services.asking import SENT
from pgs_web.trade.coupon.selectors import uses_of_order
from pgs_web.trade.delivery.models import Shipment
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.selectors import order_history
from pgs_web.trade.order.services import cancel_order, start_refund
from pgs_web.trade.order.services.refunding import REFUNDABLE_BY_OPERATOR
from pgs_web.trade.order.states import CancelReason, OrderState, RefundReason
from pgs_web.trade.stock.models import StockEntry


def _cancel(request: HttpRequest, order_id: int, values: dict[str, Any]) -> str:
    cancel_order(order_id=order_id, reason=CancelReason.BY_OPERATOR, actor=actor_of(request))
    return _("The order is cancelled; its stock and seat go back in a moment.")


def _refund(request: HttpRequest, order_id: int, values: dict[str, Any]) -> str:
    moved = start_refund(order_id=order_id, reason=RefundReason.BY_OPERATOR, actor=actor_of(request))
    if moved is None:
        return _("Nothing to do: the order is not in a state that can be refunded here.")
    return _("The refund is on its way.")


@admin.register(Order)
class OrderAdmin(ShardedAdmin):
    list_display = (
        "id",
        "show_state",
        "member_id",
        "activity_id",
        "group_id",
        "quantity",
        "show_amount",
        "accepted_at",
    )
    list_filter = (make_filter("state", gettext_lazy("state"), list(OrderState)), "mode")
    search_fields = ("id", "member_id", "group_id", "activity_id")
    search_help_text = gettext_lazy("Number of an order, member, group or activity")
    actions_detail = ["cancel_order", "refund_order", "ask_after_sale"]
    fields = (
        ("id", "show_state"),
        ("show_reason", "show_member"),
        ("show_activity", "show_group"),
        ("mode", "quantity"),
        ("show_amount", "show_discount"),
        ("accepted_at", "pay_by"),
        ("paid_at", "refund_by"),
        "show_log",
        "show_ledger",
        "show_coupons",
        "show_payments",
        "show_refunds",
        "show_story",
        "show_shipment",
    )

    cancel_order = make_act(
        name="cancel_order",
        title=gettext_lazy("Cancel the order"),
        permission="order.cancel_order",
        model=Order,
        deed=_cancel,
        icon="cancel",
        states={OrderState.UNPAID},
        question=gettext_lazy("Only an unpaid order can be cancelled."),
    )
    refund_order = make_act(
        name="refund_order",
        title=gettext_lazy("Refund"),
        permission="order.refund_order",
        model=Order,
        deed=_refund,
        icon="currency_exchange",
        states=REFUNDABLE_BY_OPERATOR,
        question=gettext_lazy("All of the money goes back the way it came."),
    )

    ask_after_sale = make_act(
        name="ask_after_sale",
        title=gettext_lazy("After-sale request"),
        permission="order.refund_order",
        model=Order,
        deed=ask_for_shopper,
        form_class=AskForm,
        icon="assignment_return",
        states=SENT,
        question=gettext_lazy("For a shopper who called. Somebody else has to approve it."),
    )

    show_state = column(gettext_lazy("state"), "state", coloured(STATE_COLOURS))
    show_amount = column(gettext_lazy("amount"), "amount_fen", show_yuan)
    show_discount = column(gettext_lazy("discount"), "discount_fen", show_yuan)
    show_group = column(pgettext_lazy("trade", "group"), "group_id", link_to("group_group"))
    show_member = column(gettext_lazy("member"), "member_id", link_to("member_member"))
    show_activity = column(gettext_lazy("activity"), "activity_id", link_to("activity_activity"))

    @display(description=gettext_lazy("reason"))
    def show_reason(self, order: Order) -> str:
        return say(order.reason) or "-"

    @display(description=gettext_lazy("log"))
    def show_log(self, order: Order) -> SafeString:
        rows = order_history(order_id=order.pk)
        return show_table(
            [_("at"), _("from"), _("to"), _("reason"), _("by")],
            ([row.at, say(row.from_state), say(row.to_state), say(row.reason), row.actor] for row in rows),
        )

    @display(description=gettext_lazy("stock ledger"))
    def show_ledger(self, order: Order) -> SafeString:
        rows = StockEntry.objects.filter(order_id=order.pk).order_by("id")
        return show_table(
            [_("at"), _("movement"), _("units")], ([row.at, row.get_movement_display(), row.quantity] for row in rows)
        )

    @display(description=gettext_lazy("coupons"))
    def show_coupons(self, order: Order) -> SafeString:
        rows = uses_of_order(order_id=order.pk)
        return show_table(
            [_("coupon"), _("takes off"), _("used at"), _("given back at")],
            (
                [link("coupon_coupon", row.coupon_id), show_yuan(row.discount_fen), row.used_at, row.ended_at]
                for row in rows
            ),
        )

    @display(description=gettext_lazy("payments"))
    def show_payments(self, order: Order) -> SafeString:
        rows = Payment.objects.using(order._state.db).filter(order_id=order.pk).order_by("id")
        return show_table(
            [_("payment"), _("for"), _("gateway"), _("amount"), _("state"), _("trade number"), _("paid at")],
            (
                [
                    link("payment_payment", row.pk),
                    say(row.purpose),
                    row.gateway,
                    show_yuan(row.amount_fen),
                    say(row.state),
                    row.trade_no,
                    row.paid_at,
                ]
                for row in rows
            ),
        )

    @display(description=gettext_lazy("refunds"))
    def show_refunds(self, order: Order) -> SafeString:
        rows = Refund.objects.using(order._state.db).filter(order_id=order.pk).order_by("id")
        return show_table(
            [_("number"), _("amount"), _("state"), _("reason"), _("tries"), _("latest by"), _("finished at")],
            (
                [
                    row.refund_no,
                    show_yuan(row.amount_fen),
                    say(row.state),
                    say(row.reason),
                    row.attempts,
                    row.latest_by,
                    row.finished_at,
                ]
                for row in rows
            ),
        )

    show_story = column(gettext_lazy("money"), "pk", show_story_link)

    @display(description=gettext_lazy("shipment"))
    def show_shipment(self, order: Order) -> SafeString:
        rows = Shipment.objects.filter(order_id=order.pk)
        return show_table(
            [_("carrier"), _("tracking number"), _("shipped at")],
            ([row.carrier, row.tracking_no, row.shipped_at] for row in rows),
        )


@admin.register(Shipment)
class ShipmentAdmin(ShardedAdmin):
    list_display = ("order_id", "carrier", "tracking_no", "shipped_at")
    search_fields = ("order_id",)
    search_help_text = gettext_lazy("Number of an order")
