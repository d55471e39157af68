"""A hundred friends at once: exactly as many who aren't new are let in as their seats allow."""

import os
from functools import partial
from unittest.mock import patch

import pytest

from pgs_web.api.errors import Refusal
from pgs_web.marketing.invite_new.models import Join, Round
from pgs_web.marketing.invite_new.services import joining
from pgs_web.marketing.invite_new.services.starting import start_round
from pgs_web.marketing.invite_new.tests.making import join, make_activity, make_campaign, make_forming
from pgs_web.plays.tests.making import make_helpers
from tests.races.meeting import meet

FRIENDS = 100
pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow, pytest.mark.timeout(600)]


def try_join(round_: Round, friend: int) -> str:
    try:
        join(round_, friend)
    except Refusal as refusal:
        return refusal.code
    return "joined"


def run_rounds(count: int) -> None:
    friends, activity = make_helpers(FRIENDS), make_activity(stock=10_000)
    for number in range(count):
        round_, _order = make_forming(member_id=10 + number * 1000, activity=activity)
        said = meet(*(partial(try_join, round_, friend) for friend in friends))
        assert sorted(said) == ["invite_new_new_seats_only"] * (FRIENDS - 1) + ["joined"]
        assert Join.objects.filter(round_id=round_.pk).count() == 1


@pytest.mark.real
def test_a_hundred_friends_want_the_last_seat_that_needs_nobody_new():
    run_rounds(1)


@pytest.mark.real
@pytest.mark.alone
def test_a_hundred_friends_want_it_again_and_again():
    run_rounds(int(os.environ.get("PGS_RACE_ROUNDS", "20")))


@pytest.mark.real
def test_one_start_of_ten_at_once():
    campaign = make_campaign()

    def start() -> int:
        try:
            return start_round(member_id=10, campaign_id=campaign.pk, device="device-of-10")
        except Refusal:
            return 0

    assert sum(bool(one) for one in meet(*[start] * 10)) == 1


def test_the_control_without_the_count_behind_the_lock():
    round_, _order = make_forming()
    friends = make_helpers(3)
    with patch.object(joining, "_require_other_seat"):
        assert [try_join(round_, friend) for friend in friends] == ["joined"] * 3
