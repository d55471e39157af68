"""The server's own expansion of a batch and the row by row way write the very same rows, and refuse the same."""

import pytest
from django.db import connections
from msgspec import structs

from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_task.order_drain import persisting
from pgs_task.order_drain.facts import OrderFacts
from pgs_task.order_drain.persisting import persist_orders
from pgs_task.order_drain.tests.making import MEMBERS_ON_THREE_NODES, facts_in_stream
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.wishes import OnLatePayment, OnLostSeat, Wishes
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.real]

TABLES = (
    "trade_order",
    "trade_order_log",
    "trade_stock_entry",
    "outbox_message",
    "trade_group",
    "trade_group_log",
    "trade_seat",
)
# When a row was written, and numbers that the table gives away.
OF_THE_MOMENT = {"created_at", "updated_at", "changed_at", "available_at"}
COUNTED = {"trade_order_log", "trade_stock_entry", "outbox_message", "trade_group_log", "trade_seat"}


def make_orders() -> list[OrderFacts]:
    """Alone and in groups, over all nodes, several units, keys full of signs that mean something somewhere."""
    activity = make_sale(stock=90, group_size=3, member_limit=5, price_fen=1990)
    leader, second, third = MEMBERS_ON_THREE_NODES
    wishes = Wishes(OnLatePayment.RETRY, OnLostSeat.LEAD)
    first = make_admission(activity, member_id=leader, key="plain", wishes=wishes)
    other = make_admission(activity, member_id=third, quantity=5, key=r"""'"\%s%%;--`${}""")
    admit(
        first,
        make_admission(activity, member_id=second, join=first.open_group_id, key="\\'"),
        make_admission(activity, member_id=third, join=first.open_group_id, key="x" * 64),
        other,
        make_admission(activity, member_id=leader + 1, join=other.open_group_id, key="NULL"),
        *(make_admission(activity, member_id=member, alone=True, quantity=2) for member in range(10, 90, 7)),
    )
    return facts_in_stream(activity)


def read_rows() -> dict[str, list[tuple]]:
    """All rows of all tables of all nodes, every column that says something about the order."""
    rows = {}
    for alias in node_aliases():
        for table in TABLES:
            with connections[alias].cursor() as cursor:
                cursor.execute(f"SELECT * FROM {table}")
                names = [column[0] for column in cursor.description]
                left_out = OF_THE_MOMENT | ({"id"} if table in COUNTED else set())
                kept = [place for place, name in enumerate(names) if name not in left_out]
                assert len(kept) >= 5
                found = [tuple(row[place] for place in kept) for row in cursor.fetchall()]
                rows[f"{alias}.{table}"] = sorted(found, key=repr)
    return rows


def empty_tables() -> None:
    for alias in node_aliases():
        for table in TABLES:
            with connections[alias].cursor() as cursor:
                cursor.execute(f"DELETE FROM {table}")


def write_row_by_row(monkeypatch: pytest.MonkeyPatch, facts: list[OrderFacts]) -> None:
    with monkeypatch.context() as without:
        without.setattr(persisting, "can_expand", lambda alias: False)
        assert persist_orders(facts).persisted == {one.id for one in facts}


def write_expanded(monkeypatch: pytest.MonkeyPatch, facts: list[OrderFacts]) -> None:
    with monkeypatch.context() as without:
        without.setattr(persisting, "write_orders", None)
        without.setattr(persisting, "write_seats", None)
        assert persist_orders(facts).persisted == {one.id for one in facts}


def test_every_column_of_every_table_is_the_same(monkeypatch):
    facts = make_orders()
    write_row_by_row(monkeypatch, facts)
    expected = read_rows()
    assert sum(map(len, expected.values())) > 5 * len(facts)
    empty_tables()
    write_expanded(monkeypatch, facts)
    assert read_rows() == expected


def test_times_of_writing_are_now(monkeypatch):
    (one, *_others) = facts = make_orders()
    write_expanded(monkeypatch, facts)
    alias = alias_of_id(one.id)
    with connections[alias].cursor() as cursor:
        for table in ("trade_order", "outbox_message"):
            cursor.execute(
                f"SELECT MAX(ABS(TIMESTAMPDIFF(SECOND, created_at, UTC_TIMESTAMP()))), MIN(MICROSECOND(created_at))"
                f" FROM {table}"
            )
            assert cursor.fetchone()[0] <= 60


def test_in_any_portions_and_again(monkeypatch):
    facts = make_orders()
    write_row_by_row(monkeypatch, facts)
    expected = read_rows()
    empty_tables()
    # Joiners before their leader, one by one, some twice: the second time nothing is written.
    for one in reversed(facts):
        assert persist_orders([one]).persisted == {one.id}
    assert persist_orders(facts[:3]).persisted == {one.id for one in facts[:3]}
    assert persist_orders(facts).persisted == {one.id for one in facts}
    found = read_rows()
    # A group's number of rows and contents don't depend on who came first.
    assert found == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": 2**32},
        {"quantity": 0},
        {"quantity": -1},
        {"amount_fen": 0},
        {"idempotency_key": "k" * 65},
        {"idempotency_key": "k" * 201},
        # The stage is a table of memory, where strict mode only warns: unheeded, it would be bent to 2**63 - 1.
        {"activity_id": 2**63},
    ],
)
def test_a_value_out_of_range_is_blamed_on_its_order_and_never_bent(monkeypatch, changes):
    facts = make_orders()
    bad = structs.replace(facts[8], **changes)
    assert facts[8].group is None
    report = persist_orders([*facts[:8], bad, *facts[9:]])
    assert set(report.poisoned) == {bad.id}
    assert report.persisted == {one.id for one in facts} - {bad.id}
    assert not Order.objects.filter(pk=bad.id).exists()
    for rows in read_rows().values():
        assert not any(bad.id in row for row in rows)


def test_orders_that_come_again_beside_new_ones_leave_these_to_be_expanded(monkeypatch):
    """After a kill, or a wait that was given up, most of a batch may be there already."""
    facts = make_orders()
    assert persist_orders(facts).persisted == {one.id for one in facts}
    expected = read_rows()
    empty_tables()
    persist_orders(facts[::2])
    written: list[tuple[str, int]] = []
    write_rows = persisting.write_rows

    def watch(alias, parts, *, way):
        seatless = write_rows(alias, parts, way=way)
        written.append((way, sum(part.id in again for part in parts) * 100 // len(parts)))
        return seatless

    again = {one.id for one in facts[::2]}
    monkeypatch.setattr(persisting, "write_rows", watch)
    assert persist_orders(facts).persisted == {one.id for one in facts}
    assert read_rows() == expected
    # All of what came again went the one way, all of what is new the other.
    assert {(way, share) for way, share in written} <= {(persisting.ROW_BY_ROW, 100), (persisting.EXPANDED, 0)}
