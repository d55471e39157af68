"""GET /groups/{id}/ and GET /activities/{id}/groups/."""

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from pgs_data.ids.snowflake import new_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import node_aliases
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.member.models import Member
from pgs_web.trade.group.keys import groups_key, old_group_key
from pgs_web.trade.group.models import Group
from pgs_web.trade.group.services import PaidSeat, SeatOfOrder, count_paid_seats, fail_group, release_seats
from pgs_web.trade.group.states import FailReason, SeatState
from pgs_web.trade.group.tests.making import make_group, make_seat
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")


def get(path: str):
    api = APIClient(raise_request_exception=False, headers={"Accept-Language": "en"})
    return api.get(f"/api/v1/{path}")


def make_member(number: int, nickname: str) -> Member:
    return Member.objects.create(id=number, username=f"member-{number}", nickname=nickname)


@pytest.fixture
def activity() -> Activity:
    return make_sale(stock=100, price_fen=990, group_size=3)


def open_group(activity: Activity, **options) -> Group:
    return make_group(activity_id=activity.pk, **options)


def test_the_page_behind_a_shared_link(activity):
    make_member(10, "王小明")
    make_member(260, "Ada")
    group = open_group(activity, size=3)
    make_seat(group, member_id=10)
    make_seat(group, member_id=260, after=3)
    answer = get(f"groups/{group.pk}/")
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["id"], body["state"], body["reason"]) == (str(group.pk), "FORMING", "")
    assert (body["price_fen"], body["size"], body["seats_left"], body["members_count"]) == (990, 3, 1, 2)
    assert body["members"] == [{"name": "王*明", "is_leader": True}, {"name": "A*a", "is_leader": False}]
    assert body["product"]["title"]
    assert (body["activity"]["id"], body["activity"]["state"]) == (str(activity.pk), "RUNNING")
    assert body["leader_leaves"] == "succession"
    assert body["opened_at"] <= body["server_time"] <= body["deadline"]
    assert body["deadline"].endswith("Z")
    assert "王小明" not in answer.content.decode()


def test_a_complete_group_and_a_failed_one(activity):
    done = open_group(activity, size=1)
    seat = make_seat(done, member_id=10)
    count_paid_seats(payments=[PaidSeat(group_id=done.pk, order_id=seat.order_id, paid_at=done.opened_at)])
    body = get(f"groups/{done.pk}/").json()
    assert (body["state"], body["seats_left"], body["members_count"]) == ("SUCCEEDED", 0, 1)

    failed = open_group(activity, size=3)
    make_seat(failed, member_id=10)
    fail_group(group_id=failed.pk, reason=FailReason.TIMEOUT, actor="test")
    body = get(f"groups/{failed.pk}/").json()
    assert (body["state"], body["reason"], body["seats_left"]) == ("FAILED", "timeout", 0)


def test_seats_that_the_merchant_filled_are_shown_as_such(activity):
    make_member(10, "王小明")
    group = open_group(activity, size=3, leader_member_id=10)
    make_seat(group, member_id=10, state=SeatState.CONFIRMED)
    Group.objects.filter(pk=group.pk).update(state="SUCCEEDED", paid_count=1, guaranteed_seats=2)
    body = get(f"groups/{group.pk}/").json()
    assert (body["state"], body["size"], body["guaranteed_seats"], body["members_count"]) == ("SUCCEEDED", 3, 2, 1)
    assert [member["name"] for member in body["members"]] == ["王*明"], "nobody is invented"


def test_a_group_of_a_withdrawn_activity_is_still_shown(activity):
    group = open_group(activity)
    Activity.objects.filter(pk=activity.pk).update(state=ActivityState.WITHDRAWN)
    assert get(f"groups/{group.pk}/").json()["activity"]["state"] == "WITHDRAWN"


@pytest.mark.parametrize("group_id", ["0", "01", "-1", "1.5", "9223372036854775808", "%7Bp00%7D", "１２", "1%00", "x"])
def test_an_id_that_is_none_is_404(group_id):
    assert get(f"groups/{group_id}/").status_code == 404


def test_an_unknown_group_is_404_and_an_old_id_is_not_looked_for_in_the_ledger():
    assert get(f"groups/{new_id(slot=1)}/").status_code == 404
    with patch("pgs_web.trade.group.admitted.ledger") as asked:
        assert get(f"groups/{2**40}/").status_code == 404
        assert get(f"groups/{2**62}/").status_code == 404
    assert not asked.called


def test_what_is_no_group_in_the_ledger_is_404(activity):
    group_id = new_id(slot=1)
    client = ledger(partition_of(activity.pk))
    client.hset(old_group_key(activity_id=activity.pk, group_id=group_id), mapping={"closed": 1})
    assert get(f"groups/{group_id}/").status_code == 404
    client.hset(groups_key(activity_id=activity.pk, group_id=group_id), str(group_id), "5|nonsense")
    assert get(f"groups/{group_id}/").status_code == 404


def test_the_page_costs_the_same_for_few_and_many_members(activity):
    def queries(members: int) -> int:
        group = open_group(activity, size=200)
        for number in range(members):
            make_seat(group, member_id=10 + 10 * number, after=number)
        captured = [CaptureQueriesContext(connections[alias]) for alias in ("default", *node_aliases())]
        for context in captured:
            context.__enter__()
        body = get(f"groups/{group.pk}/").json()
        for context in captured:
            context.__exit__(None, None, None)
        assert body["members_count"] == members
        assert len(body["members"]) == min(members, 50)
        return sum(len(context) for context in captured)

    assert queries(2) == queries(60)


def test_groups_to_join_the_fullest_first_then_the_soonest_to_end(activity):
    make_member(10, "王小明")
    slots = (0, 25, 50)  # a node each
    empty_soon = open_group(activity, size=3, lasts=timedelta(minutes=5), slot=slots[0])
    half_late = open_group(activity, size=3, lasts=timedelta(minutes=50), slot=slots[1])
    half_soon = open_group(activity, size=3, lasts=timedelta(minutes=10), slot=slots[2])
    nearly_full = open_group(activity, size=3, lasts=timedelta(minutes=55), slot=slots[0])
    full = open_group(activity, size=3, slot=slots[1])
    over = open_group(activity, size=3, lasts=timedelta(seconds=-1), slot=slots[2])
    failed = open_group(activity, size=3, slot=slots[2])
    of_another_activity = make_group(activity_id=activity.pk + 1, size=3)
    for group, members in (
        (half_late, 1),
        (half_soon, 1),
        (nearly_full, 2),
        (full, 3),
        (over, 1),
        (of_another_activity, 1),
    ):
        for number in range(members):
            make_seat(group, member_id=10 + 250 * number, after=number)
    fail_group(group_id=failed.pk, reason=FailReason.RISK, actor="test")

    answer = get(f"activities/{activity.pk}/groups/")
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert [row["id"] for row in body["results"]] == [
        str(group.pk) for group in (nearly_full, half_soon, half_late, empty_soon)
    ]
    assert [row["seats_left"] for row in body["results"]] == [1, 2, 2, 3]
    assert body["results"][0]["leader"] == "王*明"
    assert (body["next"], body["previous"]) == (None, None)
    assert body["server_time"].endswith("Z")


def test_a_place_that_was_given_back_can_be_taken(activity):
    group = open_group(activity, size=2)
    make_seat(group, member_id=10)
    leaving = make_seat(group, member_id=260)
    assert get(f"activities/{activity.pk}/groups/").json()["results"] == []
    release_seats(seats=[SeatOfOrder(group_id=group.pk, order_id=leaving.order_id)])
    (row,) = get(f"activities/{activity.pk}/groups/").json()["results"]
    assert row["seats_left"] == 1


def test_groups_come_in_pages(activity):
    made = [open_group(activity, size=3, lasts=timedelta(minutes=10 + number)) for number in range(5)]
    first = get(f"activities/{activity.pk}/groups/?page_size=2").json()
    second = APIClient().get(first["next"]).json()
    third = APIClient().get(second["next"]).json()
    seen = [row["id"] for page in (first, second, third) for row in page["results"]]
    assert seen == [str(group.pk) for group in made]
    assert third["next"] is None
    assert [row["id"] for row in APIClient().get(third["previous"]).json()["results"]] == seen[2:4]


@pytest.mark.parametrize(
    "query", ["page_size=0", "page_size=101", "page_size=x", "cursor=p-1", "cursor=%00", "cursor=p99999"]
)
def test_a_made_up_page_is_400(activity, query):
    answer = get(f"activities/{activity.pk}/groups/?{query}")
    assert answer.status_code == 400


def test_no_groups_to_join_while_the_activity_is_not_on_sale(activity):
    open_group(activity)
    for state in (ActivityState.PAUSED, ActivityState.ENDED):
        Activity.objects.filter(pk=activity.pk).update(state=state)
        assert get(f"activities/{activity.pk}/groups/").json()["results"] == []
    Activity.objects.filter(pk=activity.pk).update(state=ActivityState.WITHDRAWN)
    assert get(f"activities/{activity.pk}/groups/").status_code == 404
    assert get("activities/999999/groups/").status_code == 404


def test_the_list_costs_the_same_for_few_and_many_groups(activity):
    def queries() -> int:
        captured = [CaptureQueriesContext(connections[alias]) for alias in ("default", *node_aliases())]
        for context in captured:
            context.__enter__()
        get(f"activities/{activity.pk}/groups/")
        for context in captured:
            context.__exit__(None, None, None)
        return sum(len(context) for context in captured)

    open_group(activity)
    few = queries()
    for _ in range(15):
        open_group(activity)
    assert queries() == few
