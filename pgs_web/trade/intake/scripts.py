"""The intake's Lua scripts: one function each, of the same name; both take batches of one partition."""

from collections.abc import Sequence
from itertools import repeat
from typing import Any

from django.conf import settings

from pgs_data.ids.texts import is_written_out, read_id, short_id
from pgs_data.lua.blobs import pack
from pgs_data.lua.loader import Command, Script, run_command
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import spread_of
from pgs_web.trade.group.keys import period_of_group
from pgs_web.trade.intake.keys import claim_bucket, digest_of_key, flow_key, intake_key
from pgs_web.trade.intake.messages import Admission, AdmitReply, Admitted, Claim, Claimed, ClaimReply
from pgs_web.trade.stock.holds import Hold
from pgs_web.trade.stock.keys import changed_key
from pgs_web.trade.stock.terms import OwnTerms

# A look-up costs a fifth of AdmitReply(word).
_CLAIM_REPLIES = {reply.value: reply for reply in ClaimReply}
_ADMIT_REPLIES = {reply.value: reply for reply in AdmitReply}

_PACKAGE = "pgs_web.trade.intake"
_claim_keys = Script.load(_PACKAGE, "claim_keys")
_admit_orders = Script.load(_PACKAGE, "admit_orders")

# Lua unpacks lists of some thousand values at most; and nobody else is served while a batch runs (about 5 ms).
LARGEST_BATCH = 500


def claim_keys(*, partition: int, claims: Sequence[Claim]) -> list[Claimed]:
    """Binds up to 500 keys of members whose home is the partition; in the order given. Raises RedisUnavailable.

    After a timeout the keys may be bound or not: the same claims again are right, and bring the true order ids.
    """
    return read_claim_replies(run_command(ledger(partition), claim_keys_command(partition, claims)))


def claim_keys_command(partition: int, claims: Sequence[Claim]) -> Command:
    """The call of claim_keys, for callers with a connection of their own; read_claim_replies reads the answer."""
    _check_size(claims)
    values: list[str] = []
    for one in claims:
        values += (
            str(one.member_id),
            str(claim_bucket(one.member_id)),
            digest_of_key(one.key),
            one.key,
            one.digest,
            short_id(one.order_id),
            str(one.activity_id),
        )
    return _claim_keys.command(
        keys={"flow": flow_key(partition)},
        args={
            "claims": pack(values),
            "most_unpaid": settings.UNPAID_ORDERS_A_MEMBER,
            "hours": settings.HOARDER_HOURS if settings.HOARDER_STRIKES else 0,
        },
    )


def read_claim_replies(raw: Any) -> list[Claimed]:
    """What the script answered, in the order of the claims."""
    words, order_ids, strikes = raw
    replies = zip(words.decode().split(), order_ids, strikes or repeat(0, len(order_ids)), strict=True)
    return [
        Claimed(_CLAIM_REPLIES[word], read_id(order_id), count, is_written_out(order_id))
        for word, order_id, count in replies
    ]


def admit_orders(*, partition: int, orders: Sequence[Admission]) -> list[Admitted]:
    """Judges up to 500 orders of activities of the partition, in the order given; raises RedisUnavailable.

    Idempotent by order id, but for what an older version admitted: when a claim is old, ask read_holds first. After a
    timeout they may be in or not: the same orders again bring the true verdicts.
    """
    return read_admit_replies(run_command(ledger(partition), admit_orders_command(partition, orders)))


def admit_orders_command(partition: int, orders: Sequence[Admission]) -> Command:
    """The call of admit_orders, for callers with a connection of their own; read_admit_replies reads the answer."""
    _check_size(orders)
    judged: list[str | int] = []
    passed_on: list[str] = []
    for order in orders:
        group_id = order.join_group_id or order.open_group_id
        judged += (
            short_id(order.order_id),
            str(order.activity_id),
            str(order.member_id),
            order.quantity,
            str(order.join_group_id or ""),
            str(order.open_group_id or ""),
            OwnTerms(order.address_id, order.wishes, order.pay_within_ms).pack(),
            "" if group_id is None else str(period_of_group(group_id)),
        )
        passed_on += (order.idempotency_key, order.trace_id)
    return _admit_orders.command(
        keys={"intake": intake_key(partition), "flow": flow_key(partition), "changed": changed_key(partition)},
        args={
            "orders": pack(judged),
            "rest": pack(passed_on),
            "ceiling": settings.INTAKE_BACKLOG_CEILING,
            "unwritten": settings.INTAKE_UNWRITTEN_CEILING,
            "spreads": _spreads_of(orders) if settings.LEDGER_SPREAD else "",
        },
    )


def _spreads_of(orders: Sequence[Admission]) -> bytes | str:
    spread = {order.activity_id for order in orders if order.activity_id in settings.LEDGER_SPREAD}
    return pack([text for one in spread for text in (str(one), str(spread_of(one)))]) if spread else ""


def read_admit_replies(raw: Any) -> list[Admitted]:
    """What the script answered, in the order of the orders."""
    words, holds = raw
    return [
        Admitted(_ADMIT_REPLIES[word], Hold.unpack(hold) if hold else None)
        for word, hold in zip(words.decode().split(), holds, strict=True)
    ]


def _check_size(batch: Sequence[object]) -> None:
    if not 0 < len(batch) <= LARGEST_BATCH:
        raise ValueError(f"A batch has 1 to {LARGEST_BATCH} entries, not {len(batch)}.")
