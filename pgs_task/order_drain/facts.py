"""A document of the stream, checked: what can't become rows is told before a database is asked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from pgs_data.ids.snowflake import InvalidId, parse_id
from pgs_data.sharding.slots import slot_map, slot_of_id, slot_of_key
from pgs_task.order_drain.keys import ONLY
from pgs_web.trade.intake.documents import OrderDocument, read_entry
from pgs_web.trade.order.models import OrderMode
from pgs_web.trade.order.wishes import LARGEST_CODE

LARGEST_INTEGER = 2**31 - 1
LARGEST_AMOUNT = 2**53
KEY = re.compile(r"[!-~]{1,64}")
# 2020 and 2100: a time outside is a unit mistaken for another.
EARLIEST_MS, LATEST_MS = 1_577_836_800_000, 4_102_444_800_000


class RejectReason(StrEnum):
    """Why an accepted order could not become one, as its shopper reads it."""

    UNREADABLE = "unreadable"
    CONTRADICTORY = "contradictory"
    KEY_REUSED = "idempotency_key_reused"
    NOT_WRITABLE = "not_writable"


class UnfitDocument(ValueError):
    """A document whose parts contradict each other; the text is for engineers."""


# Structs, not dataclasses: thousands are made each second, and these are made in C. Times stay the numbers they were.
class GroupFacts(msgspec.Struct, frozen=True):
    """The group as it was opened; every document of its orders says the same."""

    id: int
    leader_member_id: int
    size: int
    price_fen: int
    opened_ms: int
    deadline_ms: int
    alias: str


class OrderFacts(msgspec.Struct, frozen=True):
    """An admitted order; `alias` is its node."""

    id: int
    member_id: int
    activity_id: int
    sku_id: int
    merchant_id: int
    group: GroupFacts | None
    quantity: int
    unit_price_fen: int
    amount_fen: int
    address_id: int
    idempotency_key: str
    rules_version: int
    accepted_ms: int
    pay_by_ms: int
    alias: str
    # A code of trade/order/wishes.py.
    wishes: int = 0


@dataclass(frozen=True, slots=True)
class UnfitOrder:
    """An order of an entry that can't be written; the ids where they could be made out."""

    reason: RejectReason
    detail: str
    activity_id: int | None
    order_id: int | None


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """All orders of one entry: those that can become rows, and those that can't."""

    fit: list[OrderFacts]
    unfit: list[UnfitOrder]


def read_facts(fields: Mapping[str, bytes]) -> EntryFacts:
    """The orders of an entry that are still to be written, checked; raises LaterVersion."""
    entry = read_entry(fields)
    facts = EntryFacts([], [])
    nodes = slot_map()
    for document in entry.documents:
        try:
            facts.fit.append(check_document(document, nodes))
        except (UnfitDocument, InvalidId) as error:
            facts.unfit.append(_describe_unfit(document, error))
    for unreadable in entry.unreadable:
        facts.unfit.append(
            UnfitOrder(RejectReason.UNREADABLE, unreadable.detail, unreadable.activity_id, unreadable.order_id)
        )
    only = fields.get(ONLY)
    return facts if only is None else _select(facts, frozenset(map(int, only.split(b","))))


def _describe_unfit(document: OrderDocument, error: UnfitDocument | InvalidId) -> UnfitOrder:
    detail = str(error) if isinstance(error, UnfitDocument) else f"an id is none: {error}"
    try:
        activity_id, order_id = int(document.activity_id), int(document.order_id)
    except ValueError:
        return UnfitOrder(RejectReason.CONTRADICTORY, detail, None, None)
    return UnfitOrder(RejectReason.CONTRADICTORY, detail, activity_id, order_id)


def _select(facts: EntryFacts, ids: frozenset[int]) -> EntryFacts:
    return EntryFacts([one for one in facts.fit if one.id in ids], [one for one in facts.unfit if one.order_id in ids])


def check_document(document: OrderDocument, nodes: Sequence[str]) -> OrderFacts:
    """The facts of a document whose parts agree with each other; raises UnfitDocument, InvalidId.

    `nodes` is the slot map: looked up once for many documents.
    """
    order_id, member_id = parse_id(document.order_id), parse_id(document.member_id)
    _require(slot_of_id(order_id) == slot_of_key(member_id), "the order id names another slot than the member")
    _require(0 < document.quantity <= LARGEST_INTEGER, "quantity")
    _require(0 < document.amount_fen <= LARGEST_AMOUNT, "amount")
    _require(document.amount_fen == document.quantity * document.unit_price_fen, "amount is not quantity × price")
    _require(EARLIEST_MS < document.accepted_ms < document.pay_by_ms < LATEST_MS, "times")
    _require(KEY.fullmatch(document.idempotency_key) is not None, "idempotency key")
    _require(0 < document.rules_version <= LARGEST_INTEGER, "rules version")
    _require(0 <= document.wishes <= LARGEST_CODE, "wishes")
    return OrderFacts(
        id=order_id,
        member_id=member_id,
        activity_id=parse_id(document.activity_id),
        sku_id=parse_id(document.sku_id),
        merchant_id=parse_id(document.merchant_id),
        group=_check_group(document, nodes),
        quantity=document.quantity,
        unit_price_fen=document.unit_price_fen,
        amount_fen=document.amount_fen,
        address_id=parse_id(document.address_id),
        idempotency_key=document.idempotency_key,
        rules_version=document.rules_version,
        accepted_ms=document.accepted_ms,
        pay_by_ms=document.pay_by_ms,
        alias=nodes[slot_of_id(order_id)],
        wishes=document.wishes,
    )


def _check_group(document: OrderDocument, nodes: Sequence[str]) -> GroupFacts | None:
    if document.mode == OrderMode.ALONE:
        _require(document.group_id == "", "an order bought alone has a group")
        return None
    _require(document.mode == OrderMode.GROUP, "mode")
    _require(0 < document.group_size <= LARGEST_INTEGER, "group size")
    _require(document.group_price_fen == document.unit_price_fen, "price is not the group's")
    # A group may have been opened "after" it was joined: Redis' clock was set back, or a replica's took over.
    _require(EARLIEST_MS < document.group_opened_ms < document.group_deadline_ms < LATEST_MS, "times of the group")
    _require(document.accepted_ms < document.group_deadline_ms, "accepted after the group's deadline")
    group_id = parse_id(document.group_id)
    return GroupFacts(
        id=group_id,
        leader_member_id=parse_id(document.leader_member_id),
        size=document.group_size,
        price_fen=document.group_price_fen,
        opened_ms=document.group_opened_ms,
        deadline_ms=document.group_deadline_ms,
        alias=nodes[slot_of_id(group_id)],
    )


def _require(is_true: bool, what: str) -> None:
    if not is_true:
        raise UnfitDocument(what)
