"""A red packet on the shop's pages: what everybody sees, what its initiator sees, and what each may press."""

import pytest
from django.utils.translation import override

from pgs_web.marketing.red_packet.cards import describe_card
from pgs_web.marketing.red_packet.models import Packet
from pgs_web.marketing.red_packet.services import redeem_packet
from pgs_web.marketing.red_packet.states import CODE
from pgs_web.marketing.red_packet.tests.making import assist, let_end, make_packet, random_rules
from pgs_web.plays.rounds import get_round
from pgs_web.plays.shares import write_share_code
from pgs_web.plays.tests.making import client

pytestmark = pytest.mark.django_db(databases="__all__")
ROOT = f"/api/v1/plays/{CODE}/"


@pytest.fixture(autouse=True)
def _english():
    with override("en"):
        yield


def names(card: dict) -> list[str]:
    return [act["name"] for act in card["acts"]]


def test_from_the_link_to_the_coupon():
    packet = make_packet(rungs="2:200, 3:1000")
    share, own = f"{ROOT}shares/{write_share_code(CODE, packet.pk)}/", f"{ROOT}packets/{packet.pk}/"
    card = client(None).get(share).json()["card"]
    assert (card["stage"], card["done"], card["goal"], names(card)) == ("OPEN", 0, 3, ["Help it grow"])
    assert card["headline"] == "2 more helps make it larger"
    assert card["notes"] == ["For orders of ¥20.00 or more.", "¥2.00 with 2 helps", "¥10.00 with 3 helps"]
    assert names(client().get(own).json()["card"]) == ["Redeem for ¥1.00 now"]
    said = [client(100_000 + number).post(card["acts"][0]["path"]).json()["said"] for number in range(3)]
    assert said[:2] == ["Your help counts. Thank you!", "It has grown by ¥1.00. Thank you!"]
    full = client(None).get(share).json()["card"]
    assert (full["headline"], full["acts"]) == ("This red packet is as large as it can be", [])
    assert full["helps"][0]["what"] == "added ¥8.00"
    page = client(None).get(card["page"])
    assert (page.status_code, full["headline"] in page.content.decode()) == (200, True)
    (mine,) = client().get(f"{ROOT}packets/").json()["results"]
    redeemed = client().post(mine["card"]["acts"][0]["path"]).json()["card"]
    assert (redeemed["stage"], redeemed["headline"]) == ("WON", "You have a coupon of ¥10.00")
    assert client(None).get(share).json()["card"]["headline"] == "This red packet is redeemed"


def test_how_it_ends_without():
    packet = make_packet(**random_rules())
    assist(packet, 1)
    assert any("verified" in note for note in describe_card(get_round(Packet, round_id=packet.pk)).notes)
    let_end(packet)
    card = describe_card(get_round(Packet, round_id=packet.pk), is_own=True)
    assert (card.stage, card.headline, card.acts) == ("OVER", "The time of this red packet is over", [])
    other = make_packet(member_id=20, threshold_fen=0)
    redeem_packet(member_id=20, packet_id=other.pk)
    assert describe_card(get_round(Packet, round_id=other.pk)).notes == []
