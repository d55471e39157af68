"""Reads of after-sale requests."""

from collections.abc import Sequence

from django.db.models import QuerySet

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import alias_of_slot, slot_of_id, slot_of_key
from pgs_web.api.errors import NotFound
from pgs_web.trade.after_sale.models import AfterSaleLog, AfterSaleRequest


def get_request(*, request_id: int) -> AfterSaleRequest:
    """The request; raises NotFound."""
    request = AfterSaleRequest.objects.filter(pk=request_id).first()
    if request is None:
        raise NotFound
    return request


def get_own_request(*, member_id: int, request_id: int) -> AfterSaleRequest:
    """The member's request with the database's time as `now`; raises NotFound, also for another member's."""
    if slot_of_id(request_id) != slot_of_key(member_id):
        # Nobody has to be asked about another member's.
        raise NotFound
    rows = AfterSaleRequest.objects.filter(pk=request_id, member_id=member_id)
    request = rows.annotate(now=DatabaseNow()).first()
    if request is None:
        raise NotFound
    return request


def own_requests(*, member_id: int, order_id: int | None = None) -> QuerySet[AfterSaleRequest]:
    """A member's requests, of one order when one is given; all on the member's node, each with `now`."""
    rows = AfterSaleRequest.objects.on_node(alias_of_slot(slot_of_key(member_id))).filter(member_id=member_id)
    if order_id is not None:
        rows = rows.filter(order_id=order_id)
    return rows.annotate(now=DatabaseNow())


def request_history(*, request_id: int) -> Sequence[AfterSaleLog]:
    """Every move of a request, oldest first."""
    return AfterSaleLog.objects.filter(request_id=request_id).order_by("sequence")
