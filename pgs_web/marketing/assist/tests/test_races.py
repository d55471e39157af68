"""A hundred at once on the last help, and on the last unit: one success, one unit, one coupon a help."""

import os
from functools import partial
from unittest.mock import patch

import pytest

from pgs_data.sharding.slots import slot_of_id
from pgs_web.api.errors import Refusal
from pgs_web.marketing.assist.checks import find_wrong_helps, find_wrong_rights, find_wrong_units
from pgs_web.marketing.assist.models import Round, UnitCount
from pgs_web.marketing.assist.services import give_up, helping, units
from pgs_web.marketing.assist.tests.making import assist, begin, deliver, make_campaign, units_taken
from pgs_web.marketing.assist.tests.test_rounds import offences
from pgs_web.plays.tests.making import make_helpers
from pgs_web.trade.coupon.models import Coupon
from tests.races.meeting import meet

HELPERS = 100
INITIATORS = 30
pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow, pytest.mark.timeout(300)]


def try_help(round_: Round, helper_id: int) -> int:
    """How often it counted."""
    try:
        assist(round_, helper_id)
    except Refusal:
        return 0
    return 1


def run_last_helps(rounds: int) -> None:
    helpers = make_helpers(HELPERS)
    for _ in range(rounds):
        round_ = begin(make_campaign())
        assist(round_, *helpers[:2])
        assert sum(meet(*(partial(try_help, round_, helper) for helper in helpers))) == 1
        round_.refresh_from_db()
        assert (round_.state, round_.help_count, units_taken(round_.activity_id)) == ("SUCCEEDED", 3, 1)
        assert Coupon.objects.filter(pk=round_.coupon_id, member_id=10).count() == 1
        deliver()
        assert offences() == []


def run_last_units(rounds: int) -> None:
    """Groups of all nodes, each a help away from its end, and two units."""
    helpers = make_helpers(INITIATORS)
    for _ in range(rounds):
        campaign = make_campaign(units=2, needed=1)
        groups = [begin(campaign, member_id=10 + 100 * number) for number in range(INITIATORS)]
        assert len({slot_of_id(round_.pk) for round_ in groups}) > INITIATORS // 3
        made = meet(*(partial(try_help, *pair) for pair in zip(groups, helpers, strict=True)))
        assert sum(made) == 2
        assert units_taken(groups[0].activity_id) == 2
        states = [Round.objects.get(pk=round_.pk).state for round_ in groups]
        assert [state == "SUCCEEDED" for state in states] == [bool(counted) for counted in made]
        deliver()
        assert offences() == []


@pytest.mark.real
def test_a_hundred_helpers_want_to_be_the_last():
    run_last_helps(1)


@pytest.mark.real
def test_many_groups_want_the_last_units():
    run_last_units(1)


@pytest.mark.real
@pytest.mark.alone
def test_the_last_help_again_and_again():
    run_last_helps(int(os.environ.get("PGS_RACE_ROUNDS", "20")))


@pytest.mark.real
@pytest.mark.alone
def test_the_last_units_again_and_again():
    run_last_units(int(os.environ.get("PGS_RACE_ROUNDS", "20")))


@pytest.mark.real
def test_the_last_help_against_giving_up():
    (helper,) = make_helpers(1)
    campaign = make_campaign(needed=1, rounds_a_member=9)
    for number in range(3):
        round_ = begin(campaign, member_id=10 + 100 * number)

        def try_to_give_up(round_=round_) -> int:
            try:
                give_up(member_id=round_.member_id, round_id=round_.pk)
            except Refusal:
                return 0
            return 1

        assert sum(meet(partial(try_help, round_, helper), try_to_give_up)) == 1
    deliver()
    assert offences() == []


def test_the_judges_see_helpers_who_read_before_they_write():
    """The negative control: without lock and condition two helps count as one."""
    (round_, helpers) = begin(make_campaign()), make_helpers(2)
    stale = Round.objects.get(pk=round_.pk)

    def count_blindly(alias: str, seen: Round, _now: object) -> None:
        Round.objects.on_node(alias).filter(pk=seen.pk).update(help_count=stale.help_count + 1)

    with patch.object(helping, "_add", count_blindly):
        assert [try_help(round_, helper) for helper in helpers] == [1, 1]
    assert [*find_wrong_helps()] == [f"round {round_.pk}: 2 helped, it says 1"]


def test_the_judges_see_groups_that_take_units_without_looking():
    """The negative control: who reads the count before, and writes what it should be, gives one unit to two."""
    campaign, helpers = make_campaign(units=1, needed=1), make_helpers(2)
    groups = [begin(campaign, member_id=member_id) for member_id in (10, 260)]

    def take_blindly(round_: Round) -> None:
        UnitCount.objects.filter(pk=round_.activity_id).update(taken=1)

    with patch.object(units, "_take", take_blindly):
        assert [try_help(*pair) for pair in zip(groups, helpers, strict=True)] == [1, 1]
    assert [*find_wrong_units()] == [f"activity {groups[0].activity_id}: 1 units are counted, groups have others"]
    assert [*find_wrong_rights()] == []
