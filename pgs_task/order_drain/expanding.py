# ruff: noqa: S608 - what is put together here are words of our own enums, and numbers written as numbers
"""On MariaDB a batch travels once, as one line an order, and the server itself makes the rows of all tables from it.

For batches that are new as a whole, which is nearly all of them. Whatever isn't — an order that is there already, a
value that no column takes — makes a statement fail, and nothing of the batch stays: rows.py then judges it row by row.
"""

from collections.abc import Sequence
from functools import lru_cache

from django.db import DataError, connections

from pgs_task.order_drain.facts import OrderFacts
from pgs_task.order_drain.rows import ACTOR
from pgs_web.trade.group.messages import GroupTopic
from pgs_web.trade.group.states import GroupState, SeatState
from pgs_web.trade.order.messages import OrderTopic
from pgs_web.trade.order.models import OrderMode
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.stock.models import Movement

_NO_GROUP = "NULL,NULL,NULL,NULL,NULL,NULL"
# Wide columns: a value that is too large for its table has to arrive there, and be refused there.
_STAGE = """CREATE TEMPORARY TABLE IF NOT EXISTS drain_stage (
    has_order TINYINT NOT NULL, has_seat TINYINT NOT NULL, opens_group TINYINT NOT NULL,
    id BIGINT NOT NULL, member_id BIGINT NOT NULL, activity_id BIGINT NOT NULL, sku_id BIGINT NOT NULL,
    merchant_id BIGINT NOT NULL, quantity BIGINT NOT NULL, unit_price_fen BIGINT NOT NULL, amount_fen BIGINT NOT NULL,
    address_id BIGINT NOT NULL, idempotency_key VARCHAR(200) NOT NULL, rules_version BIGINT NOT NULL,
    accepted_ms BIGINT NOT NULL, pay_by_ms BIGINT NOT NULL, wishes BIGINT NOT NULL,
    group_id BIGINT, leader_member_id BIGINT, size BIGINT, price_fen BIGINT, opened_ms BIGINT, deadline_ms BIGINT
) ENGINE=MEMORY"""


def can_expand(alias: str) -> bool:
    """Whether the node is a MariaDB; elsewhere rows.py writes everything."""
    connection = connections[alias]
    return connection.vendor == "mysql" and bool(connection.mysql_is_mariadb)  # type: ignore[attr-defined]


def expand_rows(alias: str, *, orders: Sequence[OrderFacts], seats: Sequence[OrderFacts]) -> None:
    """Writes the orders' rows and the seats' rows, none of which is there, inside the caller's node transaction.

    Raises IntegrityError when one is there, DataError for a value that doesn't fit; the caller's transaction is then
    good for nothing but a rollback.
    """
    with connections[alias].cursor() as cursor:

        def run(statement: str) -> None:
            cursor.execute(statement)
            # What strict mode refuses in a table of rows, it only warns of in one of memory.
            if cursor.connection.warning_count():
                raise DataError("a value doesn't fit the stage")

        present: set[int] = set()
        group_ids = sorted({facts.group.id for facts in seats if facts.group is not None})
        if group_ids:
            # Who changes a seat has locked its group, in the order of the keys, as lock_groups does.
            marks = ",".join(map(str, group_ids))
            cursor.execute(f"SELECT id FROM trade_group WHERE id IN ({marks}) ORDER BY id FOR UPDATE")  # nosec B608
            present = {group_id for (group_id,) in cursor.fetchall()}
        cursor.execute(_STAGE)
        cursor.execute("DELETE FROM drain_stage")
        lines = _lines(orders, seats, present)
        run("INSERT INTO drain_stage VALUES (" + "),(".join(lines) + ")")
        for statement in _expansions(has_orders=bool(orders), has_seats=bool(seats)):
            run(statement)


def _lines(orders: Sequence[OrderFacts], seats: Sequence[OrderFacts], present: set[int]) -> list[str]:
    seated = {facts.id for facts in seats}
    written = {facts.id for facts in orders}
    opened = set(present)
    lines = []
    for facts in (*orders, *(facts for facts in seats if facts.id not in written)):
        group, has_seat, opens = facts.group, facts.id in seated, 0
        if has_seat and group is not None and group.id not in opened:
            opened.add(group.id)
            opens = 1
        lines.append(f"{facts.id in written:d},{has_seat:d},{opens},{_line(facts)}")
    return lines


def _line(facts: OrderFacts) -> str:
    """Numbers, and the only text in hexadecimal: nothing that a shopper chose is ever read as SQL."""
    group = facts.group
    about_group = (
        _NO_GROUP
        if group is None
        else f"{group.id:d},{group.leader_member_id:d},{group.size:d},{group.price_fen:d},"
        f"{group.opened_ms:d},{group.deadline_ms:d}"
    )
    return (
        f"{facts.id:d},{facts.member_id:d},{facts.activity_id:d},{facts.sku_id:d},{facts.merchant_id:d},"
        f"{facts.quantity:d},{facts.unit_price_fen:d},{facts.amount_fen:d},{facts.address_id:d},"
        f"x'{facts.idempotency_key.encode().hex()}',{facts.rules_version:d},"
        f"{facts.accepted_ms:d},{facts.pay_by_ms:d},{facts.wishes:d},{about_group}"
    )


@lru_cache(maxsize=4)
def _expansions(*, has_orders: bool, has_seats: bool) -> tuple[str, ...]:
    """Statements in the order in which rows.py writes; the words are the same enums'."""
    now = "UTC_TIMESTAMP(6)"
    of_orders = (
        f"""INSERT INTO trade_order (id, member_id, activity_id, sku_id, merchant_id, group_id, mode, quantity,
            unit_price_fen, discount_fen, amount_fen, address_id, idempotency_key, state, reason, log_count,
            accepted_at, pay_by, paid_at, refund_by, wishes, created_at, updated_at)
        SELECT id, member_id, activity_id, sku_id, merchant_id, group_id,
            IF(group_id IS NULL, '{OrderMode.ALONE}', '{OrderMode.GROUP}'), quantity, unit_price_fen, 0, amount_fen,
            address_id, idempotency_key, '{OrderState.UNPAID}', '', 2, {_time("accepted_ms")}, {_time("pay_by_ms")},
            NULL, NULL, wishes, {now}, {now}
        FROM drain_stage WHERE has_order""",
        *(
            f"""INSERT INTO trade_order_log (order_id, sequence, from_state, to_state, reason, actor, at)
            SELECT id, {sequence}, '{from_state}', '{to_state}', '', '{ACTOR}', {_time("accepted_ms")}
            FROM drain_stage WHERE has_order"""
            for sequence, (from_state, to_state) in enumerate(
                [("", OrderState.ACCEPTED), (OrderState.ACCEPTED, OrderState.UNPAID)], start=1
            )
        ),
        f"""INSERT INTO trade_stock_entry (order_id, activity_id, movement, quantity, at)
        SELECT id, activity_id, '{Movement.RESERVE}', quantity, {_time("accepted_ms")}
        FROM drain_stage WHERE has_order""",
        _message(
            OrderTopic.UNPAID,
            "id",
            {
                "order_id": "id",
                "group_id": "COALESCE(group_id, 'null')",
                "member_id": "member_id",
                "activity_id": "activity_id",
                "sku_id": "sku_id",
                "merchant_id": "merchant_id",
                "quantity": "quantity",
                "amount_fen": "amount_fen",
                "state": f"'\"{OrderState.UNPAID}\"'",
                "reason": "'\"\"'",
                "at_ms": "accepted_ms",
                "paid_at_ms": "'null'",
            },
            "has_order",
        ),
    )
    of_seats = (
        # In the order of the keys: two drains that open the same groups wait for each other instead of deadlocking.
        f"""INSERT INTO trade_group (id, activity_id, leader_member_id, size, price_fen, rules_version, state, reason,
            paid_count, log_count, opened_at, deadline, decided_at)
        SELECT group_id, activity_id, leader_member_id, size, price_fen, rules_version, '{GroupState.FORMING}', '',
            0, 1, {_time("opened_ms")}, {_time("deadline_ms")}, NULL
        FROM drain_stage WHERE opens_group ORDER BY group_id""",
        f"""INSERT INTO trade_group_log (group_id, sequence, from_state, to_state, reason, actor, at)
        SELECT group_id, 1, '', '{GroupState.FORMING}', '', '{ACTOR}', {_time("opened_ms")}
        FROM drain_stage WHERE opens_group""",
        _message(
            GroupTopic.FORMED,
            "group_id",
            {
                "group_id": "group_id",
                "activity_id": "activity_id",
                "leader_member_id": "leader_member_id",
                "size": "size",
                "state": f"'\"{GroupState.FORMING}\"'",
                "reason": "'\"\"'",
                "order_ids": "'[]'",
                "at_ms": "opened_ms",
            },
            "opens_group",
        ),
        f"""INSERT INTO trade_seat (group_id, order_id, member_id, active_member_id, state, joined_at, changed_at)
        SELECT group_id, id, member_id, member_id, '{SeatState.HELD}', {_time("accepted_ms")}, {now}
        FROM drain_stage WHERE has_seat""",
    )
    return (of_orders if has_orders else ()) + (of_seats if has_seats else ())


def _message(topic: str, shard_key: str, payload: dict[str, str], condition: str) -> str:
    """An outbox row a line; `payload` has SQL of each value, joined to the text that Python's json would write."""
    parts = ", ', ', ".join(f"'\"{name}\": ', {value}" for name, value in payload.items())
    return f"""INSERT INTO outbox_message (shard_key, topic, payload, created_at, available_at, attempts, last_error)
        SELECT {shard_key}, '{topic}', CONCAT('{{', {parts}, '}}'), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), 0, ''
        FROM drain_stage WHERE {condition}"""


def _time(column: str) -> str:
    return f"TIMESTAMPADD(MICROSECOND, {column} * 1000, TIMESTAMP'1970-01-01 00:00:00.000000')"
