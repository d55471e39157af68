"""Coupons come once for a cause, expire by the database's clock, and campaigns stay within their number."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError, transaction

from pgs_data.sharding.slots import node_aliases, slot_of_id, slot_of_key
from pgs_web.api.errors import NotFound
from pgs_web.member.models import Member
from pgs_web.trade.coupon.errors import CouponNotUsable, SameWriter, WrongCampaignState
from pgs_web.trade.coupon.models import Coupon, CouponCampaign
from pgs_web.trade.coupon.services import (
    campaigns,
    expire_coupons,
    issue_campaigns,
    issue_coupon,
    start_campaign,
    stop_campaign,
    withdraw_coupon,
)
from pgs_web.trade.coupon.services.campaigns import validate_campaign
from pgs_web.trade.coupon.tests.making import issue, let_end, make_campaign, make_terms, promise

pytestmark = pytest.mark.django_db(databases="__all__")


def members_with_coupons(campaign: CouponCampaign) -> list[int]:
    rows = []
    for alias in node_aliases():
        rows += Coupon.objects.on_node(alias).filter(issuer=campaign.issuer).values_list("member_id", flat=True)
    return sorted(rows)


def make_members(count: int) -> list[int]:
    made = [Member.objects.create(username=f"m{number}", password="!").pk for number in range(count)]
    Member.objects.filter(pk__in=made).update(created_at=make_terms().valid_from - timedelta(hours=1))
    return made


def run_to_its_end(campaign: CouponCampaign, *, limit: int) -> None:
    while issue_campaigns(limit=limit):
        pass
    campaign.refresh_from_db()


def test_issued_once_however_often_it_is_told():
    first = issue(member_id=255, reference="packet-7")
    again = issue_coupon(
        issuer="test", reference="packet-7", member_id=255, terms=make_terms(amount_fen=999, title="other")
    )
    assert (again.pk, again.amount_fen) == (first.pk, 100)
    assert slot_of_id(first.pk) == slot_of_key(255)
    assert issue(member_id=1, reference="packet-7").pk != first.pk
    assert issue_coupon(issuer="else", reference="packet-7", member_id=255, terms=make_terms()).pk != first.pk


@pytest.mark.parametrize(
    "terms",
    [
        {"amount_fen": 0},
        {"amount_fen": -5},
        {"amount_fen": 10**9},
        {"threshold_fen": -1},
        {"title": " "},
        {"title": "x" * 81},
        {"mode": "together"},
        {"stack_group": ""},
        {"lasts": timedelta(0)},
    ],
)
def test_impossible_terms_issue_nothing(terms):
    with pytest.raises(ValidationError):
        issue(**terms)
    assert not any(Coupon.objects.on_node(alias).exists() for alias in node_aliases())


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"price_fen": 0}, "price_fen"),
        ({"price_fen": 10**9}, "price_fen"),
        ({"activity_id": None}, "activity_id"),
        ({"stack_group": "shop"}, "stack_group"),
    ],
)
def test_impossible_promises_issue_nothing(wrong, field):
    with pytest.raises(ValidationError) as refusal:
        promise(**{"activity_id": 7, "price_fen": 100, **wrong})
    assert set(refusal.value.error_dict) == {field}


def test_expiry_and_withdrawal():
    over, current, gone = issue(), issue(member_id=255), issue()
    let_end(over)
    assert (expire_coupons(), expire_coupons()) == (1, 0)
    assert withdraw_coupon(coupon_id=gone.pk).state == "WITHDRAWN"
    for coupon in (over, gone):
        with pytest.raises(CouponNotUsable):
            withdraw_coupon(coupon_id=coupon.pk)
    assert [Coupon.objects.get(pk=one.pk).state for one in (over, current, gone)] == ["EXPIRED", "ISSUED", "WITHDRAWN"]
    with pytest.raises(NotFound):
        withdraw_coupon(coupon_id=current.pk + 1)


def test_a_campaign_serves_everybody_in_batches_up_to_its_number():
    ids = make_members(7)
    campaign = make_campaign(total_count=5)
    assert issue_campaigns() == 0
    start_campaign(campaign_id=campaign.pk, actor="other")
    # Joined after the start: not served.
    late = Member.objects.create(username="late", password="!")
    run_to_its_end(campaign, limit=2)
    assert (campaign.state, campaign.issued_count) == ("DONE", 5)
    assert members_with_coupons(campaign) == ids[:5]
    whole = make_campaign(total_count=100)
    start_campaign(campaign_id=whole.pk, actor="other")
    run_to_its_end(whole, limit=3)
    assert members_with_coupons(whole) == ids
    assert late.pk not in ids
    listed = make_campaign(total_count=100, member_ids=(ids[3], ids[1], late.pk))
    start_campaign(campaign_id=listed.pk, actor="other")
    run_to_its_end(listed, limit=100)
    assert members_with_coupons(listed) == [ids[1], ids[3]]


def test_a_batch_that_dies_between_its_commits_is_repeated_for_the_same_members():
    ids = make_members(6)
    campaign = make_campaign(total_count=3)
    start_campaign(campaign_id=campaign.pk, actor="other")
    real_issue = campaigns.issue_coupons

    def issue_and_die(**asked: object) -> None:
        real_issue(**asked)
        raise OperationalError("gone")

    with patch.object(campaigns, "issue_coupons", issue_and_die), pytest.raises(OperationalError), transaction.atomic():
        issue_campaigns(limit=2)
    campaign.refresh_from_db()
    assert (campaign.issued_count, members_with_coupons(campaign)) == (0, ids[:2])
    # Who is blocked meanwhile stays in the list: it never changes, so the number is never exceeded.
    Member.objects.filter(pk=ids[0]).update(state="BLOCKED")
    run_to_its_end(campaign, limit=2)
    assert (campaign.issued_count, members_with_coupons(campaign)) == (3, ids[:3])


def test_a_campaign_whose_members_are_on_a_node_that_is_away_keeps_no_other_waiting():
    first, second = make_members(2)
    stuck, other = make_campaign(member_ids=(first,)), make_campaign(member_ids=(second,))
    for campaign in (stuck, other):
        start_campaign(campaign_id=campaign.pk, actor="other")
    real_issue = campaigns.issue_coupons

    def issue_unless_away(**asked: Any) -> None:
        if first in asked["references"]:
            raise OperationalError("gone")
        real_issue(**asked)

    with patch.object(campaigns, "issue_coupons", issue_unless_away), pytest.raises(OperationalError):
        issue_campaigns()
    assert (members_with_coupons(stuck), members_with_coupons(other)) == ([], [second])
    assert issue_campaigns() == 1
    assert members_with_coupons(stuck) == [first]


def test_who_wrote_a_campaign_does_not_start_it():
    campaign = make_campaign()
    with pytest.raises(SameWriter):
        start_campaign(campaign_id=campaign.pk, actor=campaign.opened_by)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.started_by) == ("DRAFT", "")
    assert start_campaign(campaign_id=campaign.pk, actor="other").state == "RUNNING"
    with pytest.raises(WrongCampaignState):
        start_campaign(campaign_id=campaign.pk, actor=campaign.opened_by)


def test_a_campaign_that_could_cost_more_than_its_envelope_is_refused():
    terms = make_terms(amount_fen=100)
    validate_campaign(terms=terms, total_count=10, envelope_fen=1000, member_ids=[])
    for wrong in (
        {"total_count": 11},
        {"envelope_fen": 999},
        {"envelope_fen": 0},
        {"total_count": 0},
        {"member_ids": list(range(6000))},
    ):
        with pytest.raises(ValidationError):
            validate_campaign(**{"terms": terms, "total_count": 10, "envelope_fen": 1000, "member_ids": [], **wrong})


def test_a_stopped_campaign_issues_nothing_more():
    make_members(4)
    campaign = make_campaign()
    start_campaign(campaign_id=campaign.pk, actor="other")
    assert issue_campaigns(limit=1) == 1
    assert stop_campaign(campaign_id=campaign.pk).state == "STOPPED"
    assert issue_campaigns() == 0
    assert len(members_with_coupons(campaign)) == 1
    for act in (stop_campaign, lambda campaign_id: start_campaign(campaign_id=campaign_id, actor="other")):
        with pytest.raises(WrongCampaignState):
            act(campaign_id=campaign.pk)
    with pytest.raises(NotFound):
        stop_campaign(campaign_id=campaign.pk + 1)
