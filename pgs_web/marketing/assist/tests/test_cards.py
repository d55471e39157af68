"""An assist group on the shop's pages: what everybody sees, what its initiator sees, and what each may press."""

import pytest
from django.utils.translation import override

from pgs_web.marketing.assist.cards import describe_card
from pgs_web.marketing.assist.models import Round
from pgs_web.marketing.assist.tests.making import assist, let_time_to_buy_end, make_round
from pgs_web.marketing.assist.tests.test_rounds import ROOT, code_of
from pgs_web.marketing.assist.tests.test_units import settle
from pgs_web.plays.rounds import get_round
from pgs_web.plays.tests.making import client, make_helpers

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture(autouse=True)
def _english():
    with override("en"):
        yield


def test_from_the_link_to_the_unit():
    round_, helpers = make_round(needed=2, is_freight=True), make_helpers(2)
    Round.objects.filter(pk=round_.pk).update(title='<img src=x onerror="alert(1)">')
    share, own = f"{ROOT}shares/{code_of(round_.pk)}/", f"{ROOT}rounds/{round_.pk}/"
    card = client(None).get(share).json()["card"]
    assert (card["stage"], card["headline"], card["done"], card["goal"]) == ("OPEN", "2 more helps are needed", 0, 2)
    assert [(one["name"], one["text"]) for one in card["figures"]] == [
        ("Freight", "¥1.00"),
        ("Price before", "¥10.00"),
        ("Coupon of each helper", "¥0.20"),
    ]
    page = client(None).get(card["page"]).content.decode()
    assert "<img src=x" not in page
    assert card["headline"] in page
    helped = client(helpers[0]).post(card["acts"][0]["path"]).json()
    assert helped["said"] == "Thank you, your help counts! A coupon of ¥0.20 is on its way to you."
    (mine,) = client().get(f"{ROOT}rounds/").json()["results"]
    assert [(act["path"], act["is_grave"]) for act in mine["card"]["acts"]] == [(f"{own}give-up/", True)]
    assist(round_, helpers[1])
    shared, mine = client(None).get(share).json()["card"], client().get(own).json()
    assert (shared["headline"], shared["stage"], shared["acts"], shared["ends_at"]) == (
        "All have helped",
        "WON",
        [],
        None,
    )
    assert mine["card"]["headline"] == "A unit is reserved for you, at ¥1.00"
    assert len(mine["card"]["helps"]) == len(shared["helps"]) == 2
    assert (mine["card"]["ends_at"], mine["card"]["ends_label"]) == (mine["buy_by"], "Time left to buy")
    let_time_to_buy_end(round_ := Round.objects.get(pk=round_.pk))
    settle(round_)
    lapsed = describe_card(get_round(Round, round_id=round_.pk), is_own=True)
    assert (lapsed.stage, lapsed.headline) == ("OVER", "The time to buy is over")
