"""G1 to G6 can fail, each for its own damage, and say what an engineer has to know."""

from datetime import timedelta

import pytest

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_task.reconciliation.tests.damaging import (
    Damage,
    assert_seen,
    copy_row,
    taken_back,
    write_group,
    write_order,
    write_seat,
)
from pgs_task.reconciliation.tests.making import broken
from pgs_web.display.activity.models import Activity
from pgs_web.trade.group.models import Group, GroupLog, Guarantee, Seat

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]


def test_seats(shop):
    group_id = shop.groups["waiting"]
    home = alias_of_id(group_id)
    seat = Seat.objects.get(group_id=group_id, order_id=shop.orders["waiting_joiner"])

    def add_seat(member_id: int) -> None:
        copy_row(
            "trade_seat",
            seat.pk,
            source=home,
            target=home,
            id=seat.pk + 1000,
            order_id=shop.orders["rejected"],
            member_id=member_id,
            active_member_id=None,
        )

    assert_seen(
        Damage("one seat too many", lambda: add_seat(77), "G1 E2", (group_id, home, "3 active seats, its size is 2")),
        Damage("a member twice", lambda: add_seat(11), "G1 E2", (group_id, "member 11 has 2 active seats")),
        Damage(
            "a leader from outside",
            lambda: write_group(shop, "waiting", "leader_member_id = 77"),
            "G1",
            (group_id, home, "leader 77"),
        ),
        Damage(
            "the leader's seat was given up",
            lambda: write_seat(shop, "full", "full_leader", "state = 'RELEASED', active_member_id = NULL"),
            "G1 G2 E2",
            (shop.groups["full"], "its leader 1 has no active seat"),
        ),
    )


def test_success_and_failure(shop):
    full, waiting, failed = shop.groups["full"], shop.groups["waiting"], shop.groups["failed"]
    log = GroupLog.objects.filter(group_id=failed).order_by("-sequence").first()
    assert log is not None

    def decide_again() -> None:
        home = alias_of_id(failed)
        changes = {"id": log.pk + 1000, "sequence": log.sequence + 1, "to_state": "SUCCEEDED"}
        copy_row("trade_group_log", log.pk, source=home, target=home, **changes)

    assert_seen(
        Damage(
            "succeeded with one of two",
            lambda: write_seat(shop, "full", "full_joiner", "state = 'PAID'"),
            "G2 E2",
            (full, "1 confirmed seats", "1 of its seats are still PAID"),
        ),
        Damage(
            "complete and still forming",
            lambda: [
                write_group(shop, "waiting", "paid_count = 2"),
                write_seat(shop, "waiting", "waiting_joiner", "state = 'PAID'"),
            ],
            "G2 E2",
            (waiting, "FORMING with 2 paid seats"),
        ),
        Damage(
            "miscounted",
            lambda: write_group(shop, "waiting", "paid_count = 0"),
            "G2",
            (waiting, "counts 0 paid", "1 of its seats"),
        ),
        Damage(
            "succeeded by hand",
            lambda: write_group(shop, "waiting", "state = 'SUCCEEDED'"),
            "G2 E2",
            (waiting, "SUCCEEDED with 0 confirmed"),
        ),
        Damage(
            "a member's money was kept",
            lambda: write_order(shop, "failed_leader", "state = 'AWAITING_GROUP'"),
            "G3 O4 O5 S2 M1 M5 E2",
            (failed, "SETTLED", f"{shop.orders['failed_leader']} AWAITING_GROUP"),
        ),
        Damage(
            "settled before the money is back",
            lambda: write_order(shop, "failed_leader", "state = 'REFUNDING', refund_by = '2100-01-01 00:00:00'"),
            "G3 O4 O5 S2 E2",
            (failed, "REFUNDING"),
        ),
        Damage("decided twice", decide_again, "G4", (failed, "decided 2 times")),
    )


def test_deadlines_of_groups(shop):
    hour_ago = (database_now("node0") - timedelta(hours=1)).replace(tzinfo=None)
    home = alias_of_id(shop.groups["waiting"])
    assert_seen(
        Damage(
            "nobody ended it",
            lambda: write_group(shop, "waiting", "deadline = %s", hour_ago),
            "G5",
            (shop.groups["waiting"], home, "still FORMING", f"{hour_ago:%F}"),
        ),
        Damage("a decided group has no deadline", lambda: write_group(shop, "full", "deadline = %s", hour_ago), ""),
    )


def test_guaranteed_seats(shop):
    full, failed = shop.groups["full"], shop.groups["failed"]
    activity_id = Group.objects.get(pk=full).activity_id

    def pay_for(group_id: int, *, state: str = "USED", seats: int = 1, used_fen: int = 990) -> None:
        Guarantee.objects.create(
            group_id=group_id,
            activity_id=activity_id,
            seats=seats,
            price_fen=990,
            state=state,
            reserved_at=database_now("default"),
        )
        Activity.objects.filter(pk=activity_id).update(guarantee_cap_fen=5000, guarantee_used_fen=used_fen)

    def fill(seats: int) -> None:
        write_group(shop, "full", f"size = 3, guaranteed_seats = {seats}")

    with taken_back():
        pay_for(full)
        fill(1)
        assert broken() == {}, "two have paid, the merchant filled the third seat"
    assert_seen(
        Damage("a seat that nobody pays for", lambda: fill(1), "G6", (full, "1 guaranteed seats that nobody pays for")),
        Damage("too few seats", lambda: fill(0), "G2", (full, "2 confirmed seats", "0 guaranteed", "its size is 3")),
        Damage("paid for nothing", lambda: pay_for(full), "G6", (full, "0 guaranteed seats, 1 are USED")),
        Damage("another number", lambda: [pay_for(full, seats=2, used_fen=1980), fill(1)], "G6", (full, "2 are USED")),
        Damage("never settled", lambda: pay_for(failed, state="RESERVED"), "G6", (failed, "1 are RESERVED")),
        Damage(
            "counted wrongly",
            lambda: [pay_for(full, used_fen=1000), fill(1)],
            "G6",
            (activity_id, "cost 990 fen, 1000 are counted"),
        ),
    )
