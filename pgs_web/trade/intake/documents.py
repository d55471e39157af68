"""The documents of admitted orders, as admit_orders.lua appends them and the drain reads them.

Version 2 appends a batch as one entry: `orders` and `rest` are the flat lists that the script was called with, eight
and two values an order; an order's id is a short text, or written out by older programs. `verdicts` has a text an
order, empty for the refused, `A` bought alone, `O` opened its group, or the head of the packed group that it joined;
`facts` lists each activity's facts once; `at` is when. What follows from these is computed here, by the rules of the
script. Version 1 appended one entry an order, the document in `d`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from pgs_data.ids.layout import EPOCH_MS
from pgs_data.ids.texts import read_id
from pgs_web.trade.stock.terms import OwnTerms

VERSION = 1
BATCH_VERSION = 2
ALONE, OPENED = "A", "O"
VALUES_AN_ORDER, OTHER_VALUES_AN_ORDER = 8, 2


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
    # A code of trade/order/wishes.py.
    wishes: int = 0


class UnreadableDocument(ValueError):
    """The bytes are no order document of a version that this program knows; the text says why."""


class LaterVersion(ValueError):
    """An entry that a newer program appended: only a newer one can read it, and what it promises is kept until then."""


class BatchFacts(NamedTuple):
    """Facts of an activity as the script appends them, all texts."""

    activity_id: str
    start_ms: str
    end_ms: str
    price_fen: str
    alone_price_fen: str
    group_size: str
    member_limit: str
    group_lasts_ms: str
    pay_within_ms: str
    sku_id: str
    merchant_id: str
    play: str
    rules_version: str


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
    """The orders of an entry, whatever the bytes are; raises LaterVersion, and nothing else."""
    version = fields.get("version", b"")
    if version.isdigit() and int(version) > BATCH_VERSION:
        raise LaterVersion(f"version {int(version)} of a batch is not known here")
    if "orders" in fields:
        return _read_batch(fields)
    packed = fields.get("d")
    if packed is None:
        return EntryDocuments([], [UnreadableOrder("the entry has no document")])
    try:
        return EntryDocuments([read_document(packed)], [])
    except UnreadableDocument as error:
        if _version_of(packed) > VERSION:
            raise LaterVersion(f"version {_version_of(packed)} of a document is not known here") from error
        return EntryDocuments([], [UnreadableOrder(str(error), *(read_order_of(packed) or ()))])


def _read_batch(fields: Mapping[str, bytes]) -> EntryDocuments:
    rows: list[list[Any]] = []
    try:
        rows = _rows(fields["orders"], VALUES_AN_ORDER)
        others = _rows(fields["rest"], OTHER_VALUES_AN_ORDER)
        verdicts = fields["verdicts"].decode("ascii").split(";")
        facts = {values[0]: BatchFacts(*values) for values in _plain_decoder.decode(fields["facts"])}
        at = int(fields["at"])
        if int(fields["version"]) != BATCH_VERSION or not len(rows) == len(others) == len(verdicts):
            raise UnreadableDocument("of no version, or its parts don't fit together")
    except (msgspec.DecodeError, RecursionError, ValueError, TypeError, KeyError, IndexError) as error:
        detail = f"{type(error).__name__}: {error}"
        return EntryDocuments([], [_unreadable(row, detail) for row in rows] or [UnreadableOrder(detail)])
    found = EntryDocuments([], [])
    for row, (key, trace_id), verdict in zip(rows, others, verdicts, strict=True):
        if verdict:
            try:
                found.documents.append(_make_document(row, facts[row[1]], verdict, at, key, trace_id))
            except (ValueError, TypeError, KeyError) as error:
                found.unreadable.append(_unreadable(row, f"{type(error).__name__}: {error}"))
    return found


def _make_document(row: list[Any], facts: BatchFacts, verdict: str, at: int, key: str, trace_id: str) -> OrderDocument:
    order_id, activity_id, member_id, quantity, joined, opened, brought, _period = row
    if type(quantity) is not int:
        raise TypeError("the quantity is no number")
    terms = OwnTerms.unpack(brought)
    lasts_ms, pay_within_ms = int(facts.group_lasts_ms), terms.shorten(int(facts.pay_within_ms))
    group_id, leader, size, group_price, opened_ms, deadline_ms = "", "", 0, 0, 0, 0
    unit_price, rules_version, pay_by_ms = int(facts.alone_price_fen), int(facts.rules_version), at + pay_within_ms
    if verdict == OPENED:
        group_id, leader, size = opened, member_id, int(facts.group_size)
        opened_ms, deadline_ms, group_price = at, at + lasts_ms, int(facts.price_fen)
        unit_price, pay_by_ms = group_price, at + min(pay_within_ms, lasts_ms)
    elif verdict != ALONE:
        _activity, size, group_price, rules_version, pay_within_ms, leader_id, opened_ms, lasts_ms = map(
            int, verdict.removesuffix("|").split("|")
        )
        pay_within_ms = terms.shorten(pay_within_ms)
        group_id, leader, opened_ms = joined, str(leader_id), EPOCH_MS + opened_ms
        deadline_ms = opened_ms + lasts_ms
        unit_price, pay_by_ms = group_price, min(at + pay_within_ms, deadline_ms)
    return OrderDocument(
        VERSION,
        str(read_id(order_id)),
        activity_id,
        member_id,
        quantity,
        "group" if group_id else "alone",
        group_id,
        leader,
        size,
        group_price,
        opened_ms,
        deadline_ms,
        rules_version,
        facts.sku_id,
        facts.merchant_id,
        facts.play,
        unit_price,
        unit_price * quantity,
        str(terms.address_id),
        key,
        at,
        pay_by_ms,
        trace_id,
        terms.wishes,
    )


def _rows(packed: bytes, width: int) -> list[list[Any]]:
    values = _plain_decoder.decode(packed)
    if len(values) % width:
        raise UnreadableDocument("values are missing")
    return [values[start : start + width] for start in range(0, len(values), width)]


def _unreadable(row: list[Any], detail: str) -> UnreadableOrder:
    try:
        return UnreadableOrder(detail, int(row[1]), read_id(row[0]))
    except (ValueError, TypeError):
        return UnreadableOrder(detail)


def read_document(packed: bytes) -> OrderDocument:
    """The document; raises UnreadableDocument."""
    try:
        document = _decoder.decode(packed)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableDocument(str(error)) from error
    if document.version != VERSION:
        raise UnreadableDocument(f"version {document.version} is not known here")
    return document


def _version_of(packed: bytes) -> int:
    """0 when it says none."""
    try:
        version = _plain_decoder.decode(packed)[0]
    except (msgspec.DecodeError, RecursionError, IndexError):
        return 0
    return version if type(version) is int else 0


def read_order_of(packed: bytes) -> tuple[int, int] | None:
    """(activity id, order id) of a document that can't be read as a whole; None when not even these are there."""
    try:
        _version, order_id, activity_id, *_rest = _plain_decoder.decode(packed)
        return int(activity_id), int(order_id)
    except (msgspec.DecodeError, RecursionError, ValueError, TypeError):
        return None
