"""G1 to G5 can fail, each for its own damage, and say what an engineer has to know."""

from datetime import timedelta

import pytest

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_task.reconciliation.tests.damaging import (
    Damage,
    assert_seen,
    copy_row,
    write_group,
    write_order,
    write_seat,
)
from pgs_web.trade.group.models import GroupLog, Seat

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
