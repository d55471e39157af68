"""The document of an admitted order, as admit_orders.lua writes it into the stream and the drain reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

VERSION = 1


class OrderDocument(msgspec.Struct, array_like=True, frozen=True):
    """Complete: whoever has it needs nobody else to write the order's rows. Ids are texts, times milliseconds.

    Fields are only ever added at the end and with a default; a change of meaning gets a new version.
    """

    version: int
    order_id: str
    activity_id: str
    member_id: str
    quantity: int
    mode: str
    # Of the group as it was opened; empty and 0 for an order bought alone.
    group_id: str
    leader_member_id: str
    group_size: int
    group_price_fen: int
    group_opened_ms: int
    group_deadline_ms: int
    rules_version: int
    sku_id: str
    merchant_id: str
    play: str
    unit_price_fen: int
    amount_fen: int
    address_id: str
    idempotency_key: str
    accepted_ms: int
    pay_by_ms: int
    trace_id: str = ""


class UnreadableDocument(ValueError):
    """The bytes are no order document of a version that this program knows; the text says why."""


@dataclass(frozen=True, slots=True)
class UnreadableOrder:
    """An order of an entry that no program here understands; the ids where they could be made out."""

    detail: str
    activity_id: int | None = None
    order_id: int | None = None


@dataclass(frozen=True, slots=True)
class EntryDocuments:
    """The orders of one entry of an intake stream, in the order in which they were admitted."""

    documents: list[OrderDocument]
    unreadable: list[UnreadableOrder]


_decoder = msgspec.msgpack.Decoder(OrderDocument)
_plain_decoder = msgspec.msgpack.Decoder(list[Any])


def read_entry(fields: Mapping[str, bytes]) -> EntryDocuments:
    """The orders of an entry, whichever version of the intake appended it; raises nothing, whatever the bytes are."""
    packed = fields.get("d")
    if packed is None:
        return EntryDocuments([], [UnreadableOrder("the entry has no document")])
    try:
        return EntryDocuments([read_document(packed)], [])
    except UnreadableDocument as error:
        return EntryDocuments([], [UnreadableOrder(str(error), *(read_order_of(packed) or ()))])


def read_document(packed: bytes) -> OrderDocument:
    """The document; raises UnreadableDocument."""
    try:
        document = _decoder.decode(packed)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableDocument(str(error)) from error
    if document.version != VERSION:
        raise UnreadableDocument(f"version {document.version} is not known here")
    return document


def read_order_of(packed: bytes) -> tuple[int, int] | None:
    """(activity id, order id) of a document that can't be read as a whole; None when not even these are there."""
    try:
        _version, order_id, activity_id, *_rest = _plain_decoder.decode(packed)
        return int(activity_id), int(order_id)
    except (msgspec.DecodeError, RecursionError, ValueError, TypeError):
        return None
