"""A group's page works from the answer 202 on, before the drain has written anything."""

import pytest
from rest_framework.test import APIClient

from pgs_web.member.models import Member
from pgs_web.trade.group.models import Group
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.stock.tests.making import make_sale


@pytest.mark.django_db(databases="__all__")
def test_a_group_that_was_accepted_and_is_not_drained_yet():
    activity = make_sale(stock=100, price_fen=990, group_size=3, leader_leaves="close")
    Member.objects.create(id=10, username="member-10", nickname="王小明")
    opening = make_admission(activity, member_id=10)
    joining = make_admission(activity, member_id=260, join=opening.open_group_id)
    admit(opening)
    admit(joining)
    assert not Group.objects.filter(pk=opening.open_group_id).exists()
    body = APIClient().get(f"/api/v1/groups/{opening.open_group_id}/").json()
    assert (body["state"], body["size"], body["seats_left"], body["members_count"]) == ("FORMING", 3, 1, 2)
    assert [member["is_leader"] for member in body["members"]] == [True, False]
    assert body["members"][0]["name"] == "王*明"
    assert body["leader_leaves"] == "close"
    assert (body["price_fen"], body["activity"]["id"]) == (990, str(activity.pk))
