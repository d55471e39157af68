"""Writes facts as rows of one node inside the caller's transaction; what is there already is skipped."""

from collections.abc import Sequence

from django.db.models import Q

from pgs_data.clock import from_ms
from pgs_data.messaging.outbox import OutboxDraft, append_messages
from pgs_task.order_drain.facts import GroupFacts, OrderFacts
from pgs_web.trade.group.messages import GroupTopic, describe_group
from pgs_web.trade.group.models import Group, GroupLog, Seat
from pgs_web.trade.group.services.door import lock_groups
from pgs_web.trade.group.states import GroupState, SeatState
from pgs_web.trade.order.messages import OrderTopic, describe_order
from pgs_web.trade.order.models import Order, OrderLog, OrderMode
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.stock.models import Movement, StockEntry
from pgs_web.trade.stock.services import record_movements

ACTOR = "drain"


def write_orders(alias: str, orders: Sequence[OrderFacts]) -> None:
    """Orders with their first two log rows, stock entry and outbox message."""
    known = set(Order.objects.on_node(alias).filter(pk__in=[facts.id for facts in orders]).values_list("pk", flat=True))
    new = [facts for facts in orders if facts.id not in known]
    if not new:
        return
    rows = [_order_row(facts) for facts in new]
    Order.objects.on_node(alias).bulk_create(rows)
    OrderLog.objects.on_node(alias).bulk_create([log for facts in new for log in _order_logs(facts)])
    record_movements(
        StockEntry(
            order_id=facts.id,
            activity_id=facts.activity_id,
            movement=Movement.RESERVE,
            quantity=facts.quantity,
            at=from_ms(facts.accepted_ms),
        )
        for facts in new
    )
    append_messages(
        OutboxDraft(topic=OrderTopic.UNPAID, shard_key=row.pk, payload=describe_order(row, at=row.accepted_at))
        for row in rows
    )


def write_seats(alias: str, orders: Sequence[OrderFacts]) -> list[int]:
    """Seats, and the groups that aren't there yet, whoever's order comes first; returns orders without an active seat.

    Two drains may bring the leader's and a joiner's order at once: the second INSERT of the group fails, and its
    transaction is repeated.
    """
    wanted = [(facts, facts.group) for facts in orders if facts.group is not None]
    if not wanted:
        return []
    # Who changes a seat has locked its group: a group can't be decided or settled beside us.
    present = lock_groups(alias, [group.id for _facts, group in wanted])
    _open_groups(alias, wanted, present=set(present))
    seats = Seat.objects.on_node(alias).filter(
        Q(order_id__in=[facts.id for facts in orders]) | Q(active_member_id__in=[facts.member_id for facts in orders]),
        group_id__in={group.id for _facts, group in wanted},
    )
    known: dict[tuple[int, int], str] = {}
    active: set[tuple[int, int | None]] = set()
    for group_id, order_id, member_id, state in seats.values_list("group_id", "order_id", "active_member_id", "state"):
        known[group_id, order_id] = state
        active.add((group_id, member_id))
    rows: list[Seat] = []
    seatless = [facts.id for facts, group in wanted if known.get((group.id, facts.id)) == SeatState.RELEASED]
    for facts, group in wanted:
        if (group.id, facts.id) in known:
            continue
        # Redis gives a seat away only after the database did: a member with two active seats means that somebody
        # meddled with Redis. The second order must not take the first one's seat, nor wait for one of its own.
        is_free = (group.id, facts.member_id) not in active
        active.add((group.id, facts.member_id))
        known[group.id, facts.id] = SeatState.HELD
        if not is_free:
            seatless.append(facts.id)
        rows.append(
            Seat(
                group_id=group.id,
                order_id=facts.id,
                member_id=facts.member_id,
                active_member_id=facts.member_id if is_free else None,
                state=SeatState.HELD if is_free else SeatState.RELEASED,
                joined_at=from_ms(facts.accepted_ms),
            )
        )
    Seat.objects.on_node(alias).bulk_create(rows)
    return seatless


def _open_groups(alias: str, wanted: Sequence[tuple[OrderFacts, GroupFacts]], *, present: set[int]) -> None:
    rows: dict[int, Group] = {}
    for facts, group in wanted:
        if group.id not in present and group.id not in rows:
            rows[group.id] = _group_row(facts, group)
    if not rows:
        return
    groups = list(rows.values())
    Group.objects.on_node(alias).bulk_create(groups)
    GroupLog.objects.on_node(alias).bulk_create(
        [
            GroupLog(
                group_id=group.pk,
                sequence=1,
                from_state="",
                to_state=GroupState.FORMING,
                actor=ACTOR,
                at=group.opened_at,
            )
            for group in groups
        ]
    )
    append_messages(
        OutboxDraft(topic=GroupTopic.FORMED, shard_key=group.pk, payload=describe_group(group, at=group.opened_at))
        for group in groups
    )


def _order_row(facts: OrderFacts) -> Order:
    return Order(
        id=facts.id,
        member_id=facts.member_id,
        activity_id=facts.activity_id,
        sku_id=facts.sku_id,
        merchant_id=facts.merchant_id,
        group_id=facts.group.id if facts.group else None,
        mode=OrderMode.GROUP if facts.group else OrderMode.ALONE,
        quantity=facts.quantity,
        unit_price_fen=facts.unit_price_fen,
        amount_fen=facts.amount_fen,
        address_id=facts.address_id,
        wishes=facts.wishes,
        idempotency_key=facts.idempotency_key,
        state=OrderState.UNPAID,
        log_count=2,
        accepted_at=from_ms(facts.accepted_ms),
        pay_by=from_ms(facts.pay_by_ms),
    )


def _order_logs(facts: OrderFacts) -> list[OrderLog]:
    moves = [("", OrderState.ACCEPTED), (OrderState.ACCEPTED, OrderState.UNPAID)]
    return [
        OrderLog(
            order_id=facts.id,
            sequence=sequence,
            from_state=from_state,
            to_state=to_state,
            actor=ACTOR,
            at=from_ms(facts.accepted_ms),
        )
        for sequence, (from_state, to_state) in enumerate(moves, start=1)
    ]


def _group_row(facts: OrderFacts, group: GroupFacts) -> Group:
    return Group(
        id=group.id,
        activity_id=facts.activity_id,
        leader_member_id=group.leader_member_id,
        size=group.size,
        price_fen=group.price_fen,
        rules_version=facts.rules_version,
        state=GroupState.FORMING,
        paid_count=0,
        log_count=1,
        opened_at=from_ms(group.opened_ms),
        deadline=from_ms(group.deadline_ms),
    )
