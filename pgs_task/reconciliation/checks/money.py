"""M1 to M3 and M5: payments and refunds against orders and each other."""

from collections.abc import Iterator
from heapq import merge
from itertools import groupby
from typing import Any

from django.db.models import BigIntegerField, Case, Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models import When as If
from django.utils.translation import gettext_lazy as _

from pgs_data.sharding.slots import node_aliases
from pgs_data.sharding.spans import key_spans, pages_by_span
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.states import PaymentState, RefundState
from pgs_task.reconciliation.contract import When, make_check
from pgs_web.trade.order.dues import DuePurpose
from pgs_web.trade.order.models import Order, OrderMode
from pgs_web.trade.order.states import OrderState

CHUNK = 2000
TAKEN = frozenset({PaymentState.SUCCEEDED, PaymentState.LATE, PaymentState.REFUNDED})
WORTH_ITS_AMOUNT = frozenset({OrderState.AWAITING_GROUP, OrderState.TO_SHIP, OrderState.SHIPPED, OrderState.COMPLETED})

SHIPPED = frozenset({OrderState.SHIPPED, OrderState.COMPLETED})


def _pages_of_orders(alias: str) -> Iterator[dict[int, tuple[str, int]]]:
    """id → (state, amount), a page at a time."""
    orders = Order.objects.on_node(alias).order_by("id").values_list("id", "state", "amount_fen")
    last_id = 0
    while page := {order_id: (state, amount) for order_id, state, amount in orders.filter(id__gt=last_id)[:CHUNK]}:
        last_id = max(page)
        yield page


def _sums_by_order(rows: QuerySet[Payment] | QuerySet[Refund]) -> dict[int, int]:
    return dict(rows.values_list("order_id").annotate(fen=Sum("amount_fen")).order_by())


@make_check("M1", When.QUIET, _("payments − refunds = what the order is worth in its state"))
def money_matches_state() -> Iterator[str]:
    for alias in node_aliases():
        for page in _pages_of_orders(alias):
            taken = _sums_by_order(Payment.objects.on_node(alias).filter(order_id__in=list(page), state__in=TAKEN))
            # Money of another trade never paid: it is neither taken here nor given back.
            refunds = Refund.objects.on_node(alias).filter(order_id__in=list(page), trade_no=None)
            done = refunds.filter(state=RefundState.SUCCEEDED)
            returned, lessened = _sums_by_order(done), _sums_by_order(done.filter(request_id__isnull=False))
            under_way = set(refunds.exclude(state=RefundState.SUCCEEDED).values_list("order_id", flat=True))
            for order_id, (state, amount_fen) in page.items():
                held = taken.get(order_id, 0) - returned.get(order_id, 0)
                # What after-sale gave back of a shipped order, the order is worth less.
                worth = amount_fen - lessened.get(order_id, 0) if state in WORTH_ITS_AMOUNT else 0
                # Money on its way back: between nothing and all; O7 watches how long.
                is_on_its_way = order_id in under_way and 0 <= held <= taken.get(order_id, 0)
                if held != worth and not is_on_its_way:
                    yield (
                        f"order {order_id} on {alias} is {state} and worth {worth} fen, we hold {held}:"
                        f" {taken.get(order_id, 0)} taken, {returned.get(order_id, 0)} given back"
                    )


@make_check("M2", When.ALWAYS, _("refunds ≤ payment"))
def refunds_within_payment() -> Iterator[str]:
    for alias in node_aliases():
        over = Payment.objects.on_node(alias).filter(refunded_fen__gt=F("amount_fen"))
        for page in pages_by_span(over, size=CHUNK):
            for payment in page:
                yield f"payment {payment.pk} of {payment.amount_fen} fen promised {payment.refunded_fen} fen back"
        # Money of another trade isn't the payment's.
        refunds = Refund.objects.on_node(alias).filter(trade_no=None)
        for span in key_spans(refunds, key="payment_id"):
            sums = refunds.filter(span.of("payment_id")).values_list("payment_id").annotate(fen=Sum("amount_fen"))
            refunded = list(sums.order_by("payment_id"))
            for start in range(0, len(refunded), CHUNK):
                yield from _above_payment(alias, dict(refunded[start : start + CHUNK]))


def _above_payment(alias: str, refunds: dict[int, int]) -> Iterator[str]:
    amounts = dict(Payment.objects.on_node(alias).filter(id__in=list(refunds)).values_list("id", "amount_fen"))
    for payment_id, fen in refunds.items():
        if fen > amounts.get(payment_id, 0):
            paid = amounts.get(payment_id)
            yield f"payment {payment_id} on {alias}: refunds of {fen} fen, paid were {'none' if paid is None else paid}"


@make_check("M3", When.ALWAYS, _("(gateway, trade number) and (gateway, refund number) are unique over all nodes"))
def numbers_are_unique() -> Iterator[str]:
    trades = [_numbers(Payment.objects.on_node(alias), "trade_no") for alias in node_aliases()]
    refunds = [_numbers(Refund.objects.on_node(alias), "gateway_refund_no") for alias in node_aliases()]
    for nodes in (trades, refunds):
        # All nodes in one order, side by side: equal numbers follow each other, and none has to be remembered.
        for (gateway, number), same in groupby(merge(*nodes)):
            if (count := sum(1 for _one in same)) > 1:
                yield f"{gateway} number {number} stands {count} times in our books"


def _numbers(rows: Any, column: str) -> Iterator[tuple[str, str]]:
    """(gateway, number) of a node in the order of their index, which is that of their bytes and of Python's texts."""
    numbers = rows.filter(**{f"{column}__isnull": False}).order_by("gateway", column, "id")
    after = Q()
    while page := list(numbers.filter(after).values_list("gateway", column, "id")[:CHUNK]):
        yield from ((gateway, number) for gateway, number, _id in page)
        gateway, number, last_id = page[-1]
        after = (
            Q(gateway__gt=gateway)
            | Q(**{"gateway": gateway, f"{column}__gt": number})
            | Q(**{"gateway": gateway, column: number, "id__gt": last_id})
        )


@make_check("M5", When.ALWAYS, _("no order counts as paid without payments of exactly its amount, in its currency"))
def paid_means_paid() -> Iterator[str]:
    for alias in node_aliases():
        # Bought alone after all, an order has two payments: of what it was before, and of the surcharge.
        surcharged = Q(mode=OrderMode.ALONE, surcharge_fen__gt=0)
        less = F("amount_fen") - F("surcharge_fen")
        as_placed = Case(If(surcharged, then=less), default=F("amount_fen"), output_field=BigIntegerField())
        for span in key_spans(Order.objects.on_node(alias)):
            counting = Order.objects.on_node(alias).filter(span.of("id"), state__in=WORTH_ITS_AMOUNT)
            yield from _unpaid(alias, counting.annotate(fen=as_placed), DuePurpose.ORDER)
            extra = counting.filter(surcharged).annotate(fen=F("surcharge_fen"))
            yield from _unpaid(alias, extra, DuePurpose.SURCHARGE)


def _unpaid(alias: str, orders: Any, purpose: DuePurpose) -> Iterator[str]:
    """`orders` are those of one span, annotated with `fen`, which no type tells."""
    # One statement sees one moment: an order and its payment may both move on meanwhile.
    paid = Payment.objects.on_node(alias).filter(
        order_id=OuterRef("id"), currency="CNY", amount_fen=OuterRef("fen"), purpose=purpose
    )
    held = paid.filter(state=PaymentState.SUCCEEDED)
    # After-sale may have given all of it back.
    spent = paid.filter(state=PaymentState.REFUNDED).exclude(paid_order_id=None, surcharge_order_id=None)
    unpaid = orders.filter(~Exists(held)).exclude(Exists(spent), state__in=SHIPPED).order_by("id")
    for order_id, state, fen in unpaid.values_list("id", "state", "fen"):
        yield f"order {order_id} on {alias} is {state}, no payment of {fen} fen CNY for its {purpose} succeeded"


CHECKS = [money_matches_state, refunds_within_payment, numbers_are_unique, paid_means_paid]
