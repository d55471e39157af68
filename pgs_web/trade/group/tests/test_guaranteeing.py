"""The merchant fills the last seats of a group at its deadline, never beyond the activity's cap."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, connections
from django.test.utils import CaptureQueriesContext

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.messaging.models import OutboxMessage
from pgs_data.sharding.slots import alias_of_id
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.services import update_rules, withdraw_activity
from pgs_web.trade.group.errors import CapMovedMeanwhile
from pgs_web.trade.group.models import Group, GroupLog, Guarantee, Seat
from pgs_web.trade.group.services import (
    PaidSeat,
    count_paid_seats,
    fail_expired_groups,
    guaranteeing,
    release_seats,
    settle_guarantees,
)
from pgs_web.trade.group.services.leaving import SeatOfOrder
from pgs_web.trade.group.tests.making import make_group, make_seat
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")
PRICE = 990
OVER = timedelta(minutes=-10)


def make_guaranteed(*, seats: int = 2, cap: int = 10 * PRICE, **rules) -> Activity:
    return make_sale(stock=100, price_fen=PRICE, group_size=5, guaranteed_seats=seats, guarantee_cap_fen=cap, **rules)


def open_group(activity: Activity, *, size: int, paid: int, held: int = 0, slot: int = 0) -> Group:
    """A group that ends a moment after `paid` members have paid and `held` have not."""
    group = make_group(activity_id=activity.pk, size=size, lasts=timedelta(hours=1), slot=slot)
    seats = [make_seat(group, member_id=(10, 260, 510, 760, 1010)[place], after=place) for place in range(paid + held)]
    pay(seats[:paid])
    Group.objects.filter(pk=group.pk).update(deadline=database_now(alias_of_id(group.pk)) + OVER)
    return group


def pay(seats: Sequence[Seat]) -> list[int]:
    payments = [PaidSeat(group_id=one.group_id, order_id=one.order_id, paid_at=one.joined_at) for one in seats]
    return count_paid_seats(payments=payments).refused


def look(*groups: Group) -> list[tuple[str, int]]:
    for group in groups:
        group.refresh_from_db()
    return [(group.state, group.guaranteed_seats) for group in groups]


def used(activity: Activity) -> int:
    activity.refresh_from_db()
    rows = Guarantee.objects.filter(activity_id=activity.pk)
    assert activity.guarantee_used_fen == sum(row.cost_fen for row in rows)
    return activity.guarantee_used_fen


def test_a_group_that_lacks_no_more_than_is_guaranteed_succeeds_at_its_deadline():
    activity = make_guaranteed(seats=2)
    lacks_two, lacks_three = open_group(activity, size=5, paid=3, held=1), open_group(activity, size=5, paid=2, slot=25)
    empty = open_group(activity, size=2, paid=0, held=1)
    assert fail_expired_groups() == 3
    assert look(lacks_two, lacks_three, empty) == [("SUCCEEDED", 2), ("FAILED", 0), ("FAILED", 0)]
    assert (lacks_two.paid_count, lacks_two.reason) == (3, "")
    assert sorted(Seat.objects.filter(group_id=lacks_two.pk).values_list("state", flat=True)) == [
        *["CONFIRMED"] * 3,
        "HELD",
    ], "nobody sits on the merchant's seats"
    log = GroupLog.objects.get(group_id=lacks_two.pk, to_state="SUCCEEDED")
    assert (log.reason, log.actor) == ("guaranteed", "merchant")
    row = Guarantee.objects.get()
    assert (row.pk, row.state, row.seats, row.price_fen) == (lacks_two.pk, "USED", 2, PRICE)
    assert used(activity) == 2 * PRICE
    told = OutboxMessage.objects.on_node(alias_of_id(lacks_two.pk)).get(topic="group.succeeded")
    assert len(told.payload["order_ids"]) == 3
    assert fail_expired_groups() == 0


def test_who_had_not_paid_leaves_and_a_late_payment_is_refused_after_a_guaranteed_success():
    activity = make_guaranteed()
    group = open_group(activity, size=3, paid=1, held=2)
    fail_expired_groups()
    unpaid, late = Seat.objects.filter(group_id=group.pk, state="HELD").order_by("pk")
    release_seats(seats=[SeatOfOrder(group_id=group.pk, order_id=unpaid.order_id)])
    assert pay([late]) == [late.order_id]
    assert look(group) == [("SUCCEEDED", 2)]
    assert group.paid_count == 1


def test_the_cap_is_used_for_as_many_groups_as_it_pays_for():
    activity = make_guaranteed(seats=2, cap=3 * PRICE + 1)
    dear = open_group(activity, size=5, paid=3)
    cheap = [open_group(activity, size=3, paid=2, slot=slot) for slot in (0, 0)]
    later = open_group(activity, size=3, paid=2, slot=50)
    fail_expired_groups()
    assert look(*cheap, later, dear) == [("SUCCEEDED", 1)] * 3 + [("FAILED", 0)]
    assert used(activity) == 3 * PRICE


@pytest.mark.parametrize("why", ["no rule", "older rules", "withdrawn", "cap"])
def test_nothing_is_filled(why):
    activity = make_guaranteed(seats=0 if why == "no rule" else 2, cap=PRICE if why == "cap" else 10 * PRICE)
    if why == "older rules":
        activity = make_sale(stock=100, price_fen=PRICE, group_size=5)
    group = open_group(activity, size=5, paid=3)
    if why == "older rules":
        changes = {"guaranteed_seats": 2, "guarantee_cap_fen": 10 * PRICE}
        update_rules(activity_id=activity.pk, changes=changes, actor="editor")
    if why == "withdrawn":
        withdraw_activity(activity_id=activity.pk, actor="operator:1", reason="recalled")
    fail_expired_groups()
    assert look(group) == [("FAILED", 0)]
    assert used(activity) == 0


def test_a_payment_in_between_makes_it_cheaper_and_the_rest_goes_back(monkeypatch):
    activity = make_guaranteed(seats=2)
    group = open_group(activity, size=4, paid=2, held=1)
    (held,) = Seat.objects.filter(group_id=group.pk, state="HELD")
    real = guaranteeing.reserve_seats

    def reserve_then_pay(lacks):
        reserved = real(lacks)
        assert used(activity) == 2 * PRICE
        in_time = group.opened_at - timedelta(hours=1)
        payment = PaidSeat(group_id=group.pk, order_id=held.order_id, paid_at=in_time)
        assert count_paid_seats(payments=[payment]).refused == []
        return reserved

    monkeypatch.setattr(guaranteeing, "reserve_seats", reserve_then_pay)
    fail_expired_groups()
    assert look(group) == [("SUCCEEDED", 1)]
    assert used(activity) == PRICE


@pytest.mark.parametrize("place", ["_complete_on_node", "settle_reserved"])
def test_a_process_that_dies_in_between_is_gone_on_with(place, monkeypatch):
    activity = make_guaranteed()
    group = open_group(activity, size=3, paid=2)

    def die(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(guaranteeing, place, die)
    with pytest.raises(KeyboardInterrupt):
        fail_expired_groups()
    monkeypatch.undo()
    assert Guarantee.objects.get().state == "RESERVED"
    assert used(activity) == PRICE
    Guarantee.objects.update(reserved_at=DatabaseNow(after=-timedelta(minutes=1)))
    settle_guarantees()
    fail_expired_groups()
    settle_guarantees()
    assert look(group) == [("SUCCEEDED", 1)]
    assert Guarantee.objects.get().state == "USED"
    assert used(activity) == PRICE


def test_a_reservation_of_a_group_that_failed_goes_back_once():
    activity = make_guaranteed()
    group = open_group(activity, size=3, paid=2)
    lacks = guaranteeing.find_lacks(alias_of_id(group.pk), [group.pk])
    assert guaranteeing.reserve_seats(lacks) == guaranteeing.reserve_seats(lacks) == {group.pk: 1}
    assert used(activity) == PRICE
    Group.objects.filter(pk=group.pk).update(state="FAILED")
    for _ in range(2):
        guaranteeing.settle_reserved(alias_of_id(group.pk), [group.pk])
    assert used(activity) == 0


def test_the_cap_is_guarded_by_the_statement_and_by_the_table(monkeypatch):
    """Two who both saw the whole cap: the UPDATE refuses the second; without its condition the table does."""
    activity = make_guaranteed(seats=1, cap=PRICE)
    groups = [open_group(activity, size=3, paid=2) for _ in range(2)]
    lacks = guaranteeing.find_lacks("node0", [group.pk for group in groups])
    assert len(guaranteeing.reserve_seats(lacks[:1])) == 1
    monkeypatch.setattr(guaranteeing, "read_budgets", lambda _ids: {activity.pk: PRICE})
    assert guaranteeing.reserve_seats(lacks[1:]) is None
    assert used(activity) == PRICE

    def take_anyway(costs):
        Activity.objects.filter(pk__in=costs).update(guarantee_used_fen=2 * PRICE)

    with pytest.raises(IntegrityError), guaranteeing.transaction.atomic():
        take_anyway({activity.pk: PRICE})


def test_groups_whose_cap_others_take_from_all_the_while_wait_for_the_next_run(monkeypatch):
    activity = make_guaranteed(seats=1)
    guaranteed, others = open_group(activity, size=3, paid=2), open_group(activity, size=5, paid=3)

    def be_slower(_costs):
        raise CapMovedMeanwhile

    with monkeypatch.context() as patch:
        patch.setattr(guaranteeing, "take_from_caps", be_slower)
        assert fail_expired_groups() == 1
    assert look(guaranteed, others) == [("FORMING", 0), ("FAILED", 0)]
    assert fail_expired_groups() == 1
    assert look(guaranteed) == [("SUCCEEDED", 1)]
    assert used(activity) == PRICE


def test_a_cap_is_not_lowered_below_what_was_used():
    activity = make_guaranteed(seats=2)
    open_group(activity, size=5, paid=3)
    fail_expired_groups()
    with pytest.raises(ValidationError, match="guarantee_cap_fen"):
        update_rules(activity_id=activity.pk, changes={"guarantee_cap_fen": 2 * PRICE - 1}, actor="editor")
    update_rules(activity_id=activity.pk, changes={"guarantee_cap_fen": 2 * PRICE}, actor="editor")
    assert used(activity) == 2 * PRICE


def test_groups_nobody_has_paid_in_fail_while_default_is_away(monkeypatch):
    activity = make_guaranteed()
    paid, unpaid = open_group(activity, size=3, paid=2), open_group(activity, size=3, paid=0, held=2)

    def away(_versions):
        raise OperationalError(2002, "Can't connect")

    monkeypatch.setattr(guaranteeing, "read_group_rules", away)
    with pytest.raises(OperationalError):
        fail_expired_groups()
    assert look(paid, unpaid) == [("FORMING", 0), ("FAILED", 0)]


def test_completing_in_a_batch_costs_a_constant_number_of_queries():
    activity = make_guaranteed(cap=1000 * PRICE)

    def queries(number: int) -> tuple[int, int]:
        groups = [open_group(activity, size=3, paid=2) for _ in range(number)]
        with CaptureQueriesContext(connections["node0"]) as node, CaptureQueriesContext(connections["default"]) as rest:
            fail_expired_groups()
        assert look(*groups) == [("SUCCEEDED", 1)] * number
        return len(node), len(rest)

    assert queries(2) == queries(10)
