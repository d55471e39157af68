"""An activity that a game sells lets in who has its pass, and nobody else, however they try to buy."""

from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import pytest

from pgs_data.clock import database_now
from pgs_web.trade.intake.passes import ENTRY, Entry, issue_pass
from pgs_web.trade.intake.tests.making import documents_of
from pgs_web.trade.order.models import OrderMode
from pgs_web.trade.order.wishes import Wishes
from pgs_web.trade.stock.sales import pause_sale, resume_sale
from pgs_web.trade.stock.selectors import read_stock
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")

PLAY = "some_game"


@pytest.fixture
def sale():
    return make_sale(stock=50, member_limit=5, group_size=3, play=PLAY)


@pytest.fixture
def entry(shoppers, sale):
    return Entry(play=PLAY, activity_id=sale.pk, member_id=0, units=2)


def give(entry, shopper, *, minutes=10, **changes):
    wanted = replace(entry, **{"member_id": shopper.member_id, **changes})
    return issue_pass(wanted, valid_until=database_now("default") + timedelta(minutes=minutes))


def said(response):
    return response.status_code, response.json().get("code")


@pytest.mark.parametrize("mode", ["group", "alone"])
def test_without_a_pass_nobody_comes_in(shoppers, buy, sale, mode):
    (shopper,) = shoppers()
    assert said(buy(shopper, sale, mode=mode)) == (409, "pass_needed")
    assert said(buy(shopper, sale, mode=mode, entry_pass=None)) == (409, "pass_needed")
    assert (read_stock(sale.pk).lock, documents_of(sale)) == (0, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"member_id": 7},
        {"activity_id": 7},
        {"play": "other_game"},
        {"mode": OrderMode.ALONE},
        {"group_id": 7},
        {"units": 1},
        {"idempotency_key": "key-2"},
        {"minutes": -1},
    ],
    ids=str,
)
def test_a_pass_for_something_else_is_none(shoppers, buy, sale, entry, changes):
    (shopper,) = shoppers()
    foreign = give(entry, shopper, **changes)
    assert said(buy(shopper, sale, quantity=2, entry_pass=foreign)) == (409, "pass_not_valid")
    assert read_stock(sale.pk).lock == 0
    assert said(buy(shopper, sale, key="key-3", quantity=2, entry_pass=give(entry, shopper))) == (202, None)


def test_every_letter_of_a_pass_counts(shoppers, buy, sale, entry):
    (shopper,) = shoppers()
    good = give(entry, shopper)
    units, seconds, kind, mark = good.split(".")
    for altered in (
        f"3.{seconds}.{kind}.{mark}",
        f"{units}.{int(seconds) + 1}.{kind}.{mark}",
        f"{units}.{seconds}.k.{mark}",
        f"{units}.{seconds}.{kind}.{mark[:-1]}{'0' if mark[-1] != '0' else '1'}",
    ):
        assert ENTRY.fullmatch(altered)
        assert said(buy(shopper, sale, key=altered, entry_pass=altered)) == (409, "pass_not_valid")
    for malformed in ("", "x", good + "0", "0" + good, good.upper() + " x", good.replace(".", ":")):
        assert buy(shopper, sale, key="malformed", entry_pass=malformed).status_code == 400
    assert read_stock(sale.pk).lock == 0


def test_opens_joins_and_is_the_same_order_again(shoppers, buy, sale, entry):
    leader, friend = shoppers(2)
    first = buy(leader, sale, entry_pass=give(entry, leader))
    assert said(first) == (202, None)
    # Again, with a newer pass, a bad one and none: the order is in.
    for newer in (give(entry, leader, minutes=5), give(entry, leader, minutes=-5), None):
        again = buy(leader, sale, entry_pass=newer)
        assert (again.status_code, again.json()) == (202, first.json())
    group_id = first.json()["group_id"]
    assert said(buy(friend, sale, group_id=group_id, entry_pass=give(entry, friend))) == (409, "pass_not_valid")
    invited = give(entry, friend, group_id=int(group_id))
    assert said(buy(friend, sale, key="key-2", group_id=group_id, entry_pass=invited)) == (202, None)
    # Not for a group of their own, nor alone.
    assert said(buy(friend, sale, key="key-3", entry_pass=invited)) == (409, "pass_not_valid")
    assert said(buy(friend, sale, key="key-4", mode="alone", entry_pass=invited)) == (409, "pass_not_valid")
    wishes = [Wishes.from_code(document.wishes) for document in documents_of(sale)]
    assert wishes == [Wishes(by_pass=True)] * 2


def test_a_pass_for_one_key_makes_one_order(shoppers, buy, sale, entry):
    (shopper,) = shoppers()
    once = give(entry, shopper, idempotency_key="once")
    assert said(buy(shopper, sale, key="once", entry_pass=once)) == (202, None)
    assert said(buy(shopper, sale, key="twice", entry_pass=once)) == (409, "pass_not_valid")
    assert read_stock(sale.pk).lock == 1


def test_a_standard_activity_is_sold_to_everybody(shoppers, buy, entry):
    (shopper,) = shoppers()
    standard = make_sale(stock=5)
    assert said(buy(shopper, standard, entry_pass=give(entry, shopper))) == (202, None)
    assert documents_of(standard)[0].wishes == 0
    with pytest.raises(ValueError, match="Everybody"):
        give(entry, shopper, play="standard")


def test_the_seller_is_remembered_once_its_gate_was_open(shoppers, buy, api, sale):
    (shopper,) = shoppers()
    known = api.service.reception.desk._sellers._known
    pause_sale(activity_id=sale.pk, actor="test")
    assert said(buy(shopper, sale)) == (409, "pass_needed")
    assert sale.pk not in known
    resume_sale(activity_id=sale.pk, actor="test")
    assert said(buy(shopper, sale)) == (409, "pass_needed")
    assert known[sale.pk] == PLAY


def test_the_control_without_the_look_at_passes_everybody_comes_in(shoppers, buy, sale):
    (shopper,) = shoppers()
    with patch("pgs_web.trade.receiving.desk.judge_entry", return_value=None):
        assert said(buy(shopper, sale)) == (202, None)
