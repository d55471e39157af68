"""The body of an order: read in one step when it is what clients of ours send, else judged slowly and exactly."""

import re
from typing import Literal

import msgspec
from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, UnsupportedMediaType, ValidationError

from pgs_web.api.ids import read_id
from pgs_web.api.parsers import parse_object
from pgs_web.trade.intake.passes import ENTRY
from pgs_web.trade.intake.serializers import LARGEST_QUANTITY, OrderRequestSerializer
from pgs_web.trade.intake.services import OrderRequest
from pgs_web.trade.intake.views import KEY_HEADER
from pgs_web.trade.order.models import OrderMode
from pgs_web.trade.order.wishes import LATE_PAYMENT_BITS, LOST_SEAT_BITS

# Visible ASCII, as the header's definition asks; it becomes part of a field in Redis, never of a key.
KEY_PATTERN = re.compile(r"[!-~]{1,64}")
JSON = b"application/json"


class OrderBody(msgspec.Struct, forbid_unknown_fields=True):
    """An order as most clients send it."""

    activity_id: str
    address_id: str
    quantity: int
    group_id: str | msgspec.UnsetType | None = msgspec.UNSET
    mode: Literal["group", "alone"] | msgspec.UnsetType = msgspec.UNSET
    on_late_payment: Literal["refund", "retry"] | msgspec.UnsetType = msgspec.UNSET
    on_lost_seat: Literal["refund", "move", "lead", "alone"] | msgspec.UnsetType = msgspec.UNSET
    entry_pass: str | msgspec.UnsetType | None = msgspec.UNSET


_decoder = msgspec.json.Decoder(OrderBody)


def read_at_once(body: bytes, content_type: bytes, key: str, member_id: int, trace_id: str) -> OrderRequest | None:
    """The order as most clients send it; None for whatever isn't certain to be good: read_exactly judges that."""
    if content_type != JSON and content_type.partition(b";")[0].strip().lower() != JSON:
        return None
    # Escapes could hide a key that is there twice, NULs and halves of surrogate pairs.
    if b"\\" in body or not body.isascii() or not KEY_PATTERN.fullmatch(key):
        return None
    try:
        said = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    group, mode = said.group_id, said.mode
    # Without escapes the good values hold no colon, so one too many is a key that is there twice.
    keys, wishes = 3 + (group is not msgspec.UNSET) + (mode is not msgspec.UNSET), 0
    if said.on_late_payment is not msgspec.UNSET:
        keys, wishes = keys + 1, LATE_PAYMENT_BITS[said.on_late_payment]
    if said.on_lost_seat is not msgspec.UNSET:
        keys, wishes = keys + 1, wishes | LOST_SEAT_BITS[said.on_lost_seat]
    entry_pass = ""
    if said.entry_pass is not msgspec.UNSET:
        keys, entry_pass = keys + 1, said.entry_pass or ""
        if said.entry_pass is not None and not ENTRY.fullmatch(entry_pass):
            return None
    if body.count(b":") != keys or not 1 <= said.quantity <= LARGEST_QUANTITY:
        return None
    activity_id, address_id = read_id(said.activity_id), read_id(said.address_id)
    if activity_id is None or address_id is None:
        return None
    is_alone = mode == "alone"
    group_id = None
    if isinstance(group, str) and ((group_id := read_id(group)) is None or is_alone):
        return None
    return OrderRequest(
        member_id=member_id,
        activity_id=activity_id,
        quantity=said.quantity,
        address_id=address_id,
        group_id=group_id,
        mode=OrderMode.ALONE if is_alone else OrderMode.GROUP,
        idempotency_key=key,
        trace_id=trace_id,
        wishes=wishes,
        entry_pass=entry_pass,
    )


def read_exactly(body: bytes, *, content_type: bytes, key: str, member_id: int, trace_id: str) -> OrderRequest:
    """The order; raises ValidationError, ParseError, UnsupportedMediaType, in the active language."""
    if body and content_type.partition(b";")[0].strip().lower() != JSON:
        raise UnsupportedMediaType(content_type.decode("latin-1"))
    wanted = OrderRequestSerializer(data=parse_object(body) if body else {})
    is_valid = wanted.is_valid()
    errors = dict(wanted.errors) if not is_valid else {}
    if not KEY_PATTERN.fullmatch(key):
        errors[KEY_HEADER] = [ErrorDetail(_("Send this header with 1 to 64 visible ASCII characters."), code="invalid")]
    if errors:
        raise ValidationError(errors)
    order = wanted.validated_data
    return OrderRequest(
        member_id=member_id,
        activity_id=order["activity_id"],
        quantity=order["quantity"],
        address_id=order["address_id"],
        group_id=order["group_id"],
        mode=OrderMode(order["mode"]),
        idempotency_key=key,
        trace_id=trace_id,
        wishes=LATE_PAYMENT_BITS[order["on_late_payment"]] | LOST_SEAT_BITS[order["on_lost_seat"]],
        entry_pass=order["entry_pass"] or "",
    )
