"""A bargain on the shop's pages: what everybody sees, what its initiator sees, and what each may press."""

import pytest
from django.utils.translation import override

from pgs_web.marketing.bargain.cards import describe_card
from pgs_web.marketing.bargain.models import Round
from pgs_web.marketing.bargain.services import buy_early, give_up
from pgs_web.marketing.bargain.states import CODE
from pgs_web.marketing.bargain.tests.making import assist, make_round
from pgs_web.marketing.bargain.tests.test_rounds import ROOT, ask_help
from pgs_web.member.models import Member
from pgs_web.plays.rounds import get_round
from pgs_web.plays.shares import write_share_code
from pgs_web.plays.tests.making import client, let_end, make_helpers

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture(autouse=True)
def _english():
    with override("en"):
        yield


def names(card: dict) -> list[str]:
    return [act["name"] for act in card["acts"]]


def test_from_the_link_to_the_price():
    round_ = make_round(cuts=3, may_buy_early=True)
    Round.objects.filter(pk=round_.pk).update(title='<img src=x onerror="alert(1)">')
    share, own = f"{ROOT}shares/{write_share_code(CODE, round_.pk)}/", f"{ROOT}rounds/{round_.pk}/"
    card = client(None).get(share).json()["card"]
    assert card["page"] == f"/g/bargain/{write_share_code(CODE, round_.pk)}/"
    assert (card["stage"], card["round_id"], card["done"], card["goal"]) == ("OPEN", str(round_.pk), 0, 3)
    assert (card["headline"], names(card)) == ("3 more helps reach the lowest price", ["Help to cut the price"])
    assert names(client().get(own).json()["card"]) == ["Give up"]
    helpers = make_helpers(3)
    Member.objects.filter(pk=helpers[0]).update(nickname="<b>Bobby</b>")
    helped = client(helpers[0]).post(card["acts"][0]["path"]).json()
    amount = f"¥{helped['cut_fen'] // 100}.{helped['cut_fen'] % 100:02d}"
    assert helped["said"] == f"You have cut {amount} off the price. Thank you!"
    (help_,) = client(None).get(share).json()["card"]["helps"]
    assert help_["what"] == f"cut {amount} off"
    page = client(None).get(card["page"]).content.decode()
    assert "<img src=x" not in page
    assert "<b>Bobby" not in page
    assert f">{card['headline'].replace('3', '2')}</p>" in page
    (mine,) = client().get(f"{ROOT}rounds/").json()["results"]
    assert [(act["path"], act["is_grave"]) for act in mine["card"]["acts"]] == [
        (f"{own}buy/", False),
        (f"{own}give-up/", True),
    ]
    for helper in helpers[1:]:
        assert ask_help(round_, helper).status_code == 200
    shared, mine = client(None).get(share).json(), client().get(own).json()
    assert (shared["card"]["stage"], shared["card"]["acts"], shared["card"]["ends_at"]) == ("WON", [], None)
    # When it has to be bought is told to who may buy it.
    assert (mine["card"]["ends_at"], mine["card"]["ends_label"]) == (mine["buy_by"], "Time left to buy")
    assert [one["who"] for one in shared["card"]["helps"]][:2] == ["小*明"] * 2
    # Who started it looks at this address only.
    assert mine["card"]["helps"] == shared["card"]["helps"]


def test_how_it_ends():
    (helper,) = make_helpers(1)
    gone, late, bought = (
        make_round(member_id=10),
        make_round(member_id=20),
        make_round(member_id=30, may_buy_early=True),
    )
    give_up(member_id=10, round_id=gone.pk)
    let_end(late)
    assist(bought, helper)
    buy_early(member_id=30, round_id=bought.pk)
    cards = [describe_card(get_round(Round, round_id=round_.pk), is_own=True) for round_ in (gone, late, bought)]
    assert [card.stage for card in cards] == ["OVER", "OVER", "WON"]
    assert [card.headline.partition(":")[0] for card in cards] == [
        "This bargain was given up",
        "The time of this bargain is over",
        "You have a coupon",
    ]
    seen = get_round(Round, round_id=bought.pk)
    seen.buy_by = seen.now  # type: ignore[attr-defined]
    assert describe_card(seen, is_own=True).headline == "The time to buy at this price is over"


def test_new_members_are_counted_as_the_rules_say():
    notes = describe_card(get_round(Round, round_id=make_round(cuts=10, new_member_cuts=3).pk)).notes
    assert notes[0] == "4 helps are enough, if all are new members."
    assert len(describe_card(get_round(Round, round_id=make_round(member_id=20, new_member_cuts=1).pk)).notes) == 1
