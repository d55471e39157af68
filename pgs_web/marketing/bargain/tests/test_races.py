"""A hundred helpers at once on the last cuts: each cut is made once, by one helper, and there is one coupon."""

import os
from functools import partial
from unittest.mock import patch

import pytest
from django.db import IntegrityError

from pgs_web.api.errors import Refusal
from pgs_web.marketing.bargain.checks import find_wrong_cuts, find_wrong_prices
from pgs_web.marketing.bargain.models import Cutting, Round
from pgs_web.marketing.bargain.services import buy_early, give_up, helping
from pgs_web.marketing.bargain.tests.making import GAP_FEN, assist, make_round
from pgs_web.plays.tests.making import make_helpers
from pgs_web.trade.coupon.models import Coupon
from tests.races.meeting import meet

HELPERS = 100
pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow, pytest.mark.timeout(300)]


def try_help(round_: Round, helper_id: int) -> int:
    """How often it cut."""
    try:
        return assist(round_, helper_id).cuts
    except Refusal:
        return 0


def judge(round_: Round) -> None:
    assert [*find_wrong_cuts(), *find_wrong_prices()] == []
    round_.refresh_from_db()
    assert (round_.state, round_.cut_count, round_.cut_fen) == ("REACHED", round_.cuts, GAP_FEN)
    coupons = Coupon.objects.filter(pk=round_.coupon_id, member_id=10, amount_fen=GAP_FEN)
    assert coupons.count() == 1


def run_rounds(count: int) -> None:
    helpers = make_helpers(HELPERS)
    for _ in range(count):
        round_ = make_round(cuts=3)
        assert try_help(round_, helpers[0]) + try_help(round_, helpers[1]) == 2
        made = meet(*(partial(try_help, round_, helper) for helper in helpers))
        assert sum(made) == 1
        judge(round_)


@pytest.mark.real
def test_a_hundred_helpers_want_the_last_cut():
    run_rounds(1)


@pytest.mark.real
@pytest.mark.alone
def test_a_hundred_helpers_want_the_last_cut_again_and_again():
    run_rounds(int(os.environ.get("PGS_RACE_ROUNDS", "20")))


@pytest.mark.real
def test_one_helper_in_ten_places_at_once_cuts_once():
    round_, (helper,) = make_round(), make_helpers(1)
    assert sum(meet(*(partial(try_help, round_, helper) for _ in range(10)))) == 1
    assert [*find_wrong_cuts()] == []


@pytest.mark.real
def test_the_last_cut_against_buying_early_and_giving_up():
    helpers = make_helpers(2)
    for _ in range(5):
        round_ = make_round(cuts=2, may_buy_early=True, rounds_a_member=9)
        try_help(round_, helpers[0])

        def attempt(act, round_id=round_.pk):
            try:
                act(member_id=10, round_id=round_id)
            except Refusal:
                return 0
            return 1

        ends = meet(partial(try_help, round_, helpers[1]), partial(attempt, buy_early), partial(attempt, give_up))
        # One end: reached by the last cut, bought before it, or given up; a cut that came first may precede an end.
        assert sum(ends[1:]) <= 1
        assert sum(ends) >= 1
        assert [*find_wrong_cuts(), *find_wrong_prices()] == []


def test_the_judges_see_helpers_who_read_before_they_write():
    """The negative control: without lock and condition two helpers make the same cut; the index stops the second, and
    without that the sums don't add up any more."""
    round_, helpers = make_round(cuts=3), make_helpers(2)
    stale = Round.objects.get(pk=round_.pk)

    def read_stale(*_: object, **__: object):
        return _copy(stale), stale.started_at

    def count_blindly(alias: str, seen: Round, help_: Cutting) -> None:
        Round.objects.filter(pk=seen.pk).update(cut_count=seen.cut_count + 1, cut_fen=seen.cut_fen + help_.cut_fen)

    with patch.object(helping, "lock_round", read_stale), patch.object(helping, "_count", count_blindly):
        assert try_help(round_, helpers[0]) == 1
        with pytest.raises(IntegrityError):
            try_help(round_, helpers[1])
    Cutting.objects.create(
        round_id=round_.pk,
        helper_id=helpers[1],
        first_cut=2,
        cuts=1,
        cut_fen=stale.schedule()[0],
        is_new_member=False,
        helped_at=stale.started_at,
    )
    assert [*find_wrong_cuts()] != []


def _copy(round_: Round) -> Round:
    return Round(**{field.attname: getattr(round_, field.attname) for field in Round._meta.concrete_fields})
