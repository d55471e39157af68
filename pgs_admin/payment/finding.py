"""Finds the order that a number of a payment, refund, trade, request or anomaly belongs to."""

import re

from django.conf import settings

from pgs_data.ids.layout import InvalidId, parse_id
from pgs_data.sharding.slots import node_aliases
from pgs_task.payment.anomalies.models import Anomaly
from pgs_task.payment.models import GatewayNumber, Payment, Refund
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.order.models import Order

LONGEST_NUMBER = 64
# R<payment>, with -<which part> of a part, or X<hash of the trade> of money that paid no order.
OUR_REFUND = re.compile(r"R([1-9][0-9]{0,18})(?:[-X].{1,40})?")


def find_order_of(text: str) -> int | None:
    """The order's id; at most one index read a kind of number, and one a node for a gateway's refund number."""
    text = text.strip()
    if not 0 < len(text) <= LONGEST_NUMBER:
        return None
    ours = OUR_REFUND.fullmatch(text)
    number = _read_id(ours[1] if ours else text)
    if number is not None:
        return _order_of_payment(number) if ours else _order_of_id(number)
    return _order_of_gateway_number(text)


def _read_id(text: str) -> int | None:
    try:
        return parse_id(text)
    except InvalidId:
        return None


def _order_of_id(number: int) -> int | None:
    if Order.objects.filter(pk=number).exists():
        return number
    return (
        _order_of_payment(number)
        or AfterSaleRequest.objects.filter(pk=number).values_list("order_id", flat=True).first()
        or Anomaly.objects.filter(pk=number).values_list("order_id", flat=True).first()
        # A gateway's number may look like an id.
        or _order_of_gateway_number(str(number))
    )


def _order_of_payment(payment_id: int) -> int | None:
    return Payment.objects.filter(pk=payment_id).values_list("order_id", flat=True).first()


def _order_of_gateway_number(text: str) -> int | None:
    gateways = list(settings.PAYMENT_GATEWAY_ADAPTERS)
    claim = GatewayNumber.objects.filter(
        gateway__in=gateways, kind__in=GatewayNumber.Kind.values, number=text
    ).values_list("payment_id", flat=True)
    payment_id = claim.first()
    if payment_id is not None:
        return _order_of_payment(payment_id)
    for alias in node_aliases():
        refunds = Refund.objects.on_node(alias).filter(gateway__in=gateways, gateway_refund_no=text)
        order_id = refunds.values_list("order_id", flat=True).first()
        if order_id is not None:
            return order_id
    return None
