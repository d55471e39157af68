"""The intake's Lua scripts: one function each, of the same name; both take batches of one partition."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from pgs_data.lua.blobs import pack
from pgs_data.lua.loader import Command, Script, run_command
from pgs_data.redis.connections import ledger
from pgs_web.trade.intake.keys import flow_key, intake_key
from pgs_web.trade.intake.messages import Admission, AdmitReply, Admitted, Claim, Claimed, ClaimReply
from pgs_web.trade.stock.holds import Hold
from pgs_web.trade.stock.keys import changed_key

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
    return _claim_keys.command(
        keys={"flow": flow_key(partition)},
        args={
            "claims": pack(
                [[str(one.member_id), one.key, one.digest, str(one.order_id), str(one.activity_id)] for one in claims]
            )
        },
    )


def read_claim_replies(raw: Any) -> list[Claimed]:
    """What the script answered, in the order of the claims."""
    return [Claimed(ClaimReply(word.decode()), int(order_id)) for word, order_id in raw]


def admit_orders(*, partition: int, orders: Sequence[Admission]) -> list[Admitted]:
    """Judges up to 500 orders of activities of the partition, in the order given; raises RedisUnavailable.

    Idempotent by order id. After a timeout they may be in or not: the same orders again bring the true verdicts.
    """
    return read_admit_replies(run_command(ledger(partition), admit_orders_command(partition, orders)))


def admit_orders_command(partition: int, orders: Sequence[Admission]) -> Command:
    """The call of admit_orders, for callers with a connection of their own; read_admit_replies reads the answer."""
    _check_size(orders)
    return _admit_orders.command(
        keys={"intake": intake_key(partition), "flow": flow_key(partition), "changed": changed_key(partition)},
        args={"orders": pack([_row(order) for order in orders]), "ceiling": settings.INTAKE_BACKLOG_CEILING},
    )


def read_admit_replies(raw: Any) -> list[Admitted]:
    """What the script answered, in the order of the orders."""
    return [Admitted(AdmitReply(word.decode()), Hold.unpack(rest[0]) if rest else None) for word, *rest in raw]


def _row(order: Admission) -> list[str | int]:
    return [
        str(order.order_id),
        str(order.activity_id),
        str(order.member_id),
        order.quantity,
        _text(order.join_group_id),
        _text(order.open_group_id),
        str(order.address_id),
        order.idempotency_key,
        order.trace_id,
    ]


def _text(identity: int | None) -> str:
    return "" if identity is None else str(identity)


def _check_size(batch: Sequence[object]) -> None:
    if not 0 < len(batch) <= LARGEST_BATCH:
        raise ValueError(f"A batch has 1 to {LARGEST_BATCH} entries, not {len(batch)}.")
