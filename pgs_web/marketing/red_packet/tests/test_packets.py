"""A red packet over HTTP, from its start to the order that costs less by it; refusals change nothing."""

import pytest

from pgs_data.redis.connections import ledger
from pgs_web.marketing.red_packet.errors import PacketsGone
from pgs_web.marketing.red_packet.ladders import Growth, commit_seed, make_ladder
from pgs_web.marketing.red_packet.models import Envelope, Packet, PacketHelp
from pgs_web.marketing.red_packet.services import (
    count_envelopes,
    end_overdue_packets,
    keep_envelopes,
    redeem_packet,
    settle_ended_packets,
)
from pgs_web.marketing.red_packet.states import CODE
from pgs_web.marketing.red_packet.tests.making import (
    FIRST_HELPER,
    assist,
    begin,
    coupons_of,
    envelope_of,
    let_end,
    make_campaign,
    make_packet,
    make_rules,
    offences,
    random_rules,
    starts_of,
    try_help,
)
from pgs_web.member.models import Member
from pgs_web.plays.errors import BadRules
from pgs_web.plays.services import change_rules, close_campaign, create_campaign, switch_play
from pgs_web.plays.shares import write_share_code
from pgs_web.plays.tests.making import client, forget_helps_of, refused
from pgs_web.trade.coupon.errors import CouponDoesNotFit
from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.coupon.services import expire_coupons
from pgs_web.trade.coupon.tests.making import let_end as let_coupon_end
from pgs_web.trade.order.services import cancel_own_order, use_coupons
from pgs_web.trade.order.tests.making import make_order

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]
ROOT = f"/api/v1/plays/{CODE}/"


def open_one(campaign, member_id: int = 10):
    return client(member_id).post(f"{ROOT}packets/", {"campaign_id": str(campaign.pk)}, format="json")


def ask_help(packet: Packet, member_id: int):
    return client(member_id).post(f"{ROOT}shares/{code_of(packet.pk)}/help/")


def code_of(packet_id: int) -> str:
    return write_share_code(CODE, packet_id)


def test_from_the_start_to_the_order():
    campaign = create_campaign(code=CODE, title="One", rules=random_rules(), author="test", reason="test")
    (offered,) = client(None).get(f"{ROOT}campaigns/").json()["results"]
    assert (offered["campaign_id"], offered["most_helps"]) == (str(campaign.pk), 10)
    started = open_one(campaign)
    assert started.status_code == 201, started.content
    body = started.json()
    assert (body["state"], body["value_fen"], body["coupon_id"]) == ("RUNNING", 100, None)
    assert body["helps_to_next"] == 1
    share = f"{ROOT}shares/{body['share_code']}/"
    hidden = client(None).get(f"{share}proof/").json()
    assert (hidden["commitment"], hidden["seed"], hidden["ladder"]) == (body["commitment"], None, None)
    helper = Member.objects.create(pk=FIRST_HELPER, username="h", password="!", nickname="小明明")
    helped = client(helper.pk).post(f"{share}help/").json()
    assert 50 <= helped["added_fen"] <= 150
    seen = client(None).get(share).json()
    assert (seen["value_fen"], seen["helps"][0]["helper"]) == (100 + helped["added_fen"], "小*明")
    assert {"seed", "ladder"}.isdisjoint(seen)
    assert seen["server_time"] < seen["ends_at"]
    redeemed = client().post(f"{ROOT}packets/{body['packet_id']}/redeem/").json()
    assert redeemed["state"] == "REDEEMED"
    (mine,) = client().get(f"{ROOT}packets/").json()["results"]
    assert (mine["packet_id"], mine["coupon_id"]) == (body["packet_id"], redeemed["coupon_id"])
    proof = client(None).get(f"{share}proof/").json()
    assert commit_seed(proof["seed"]) == body["commitment"]
    growth = Growth(face_fen=100, cap_fen=1000, helps=10, least_fen=50, most_fen=150)
    assert proof["ladder"] == make_ladder(growth, seed=proof["seed"])
    assert proof["ladder"][1] == seen["value_fen"] == redeemed["value_fen"]
    assert offences() == []
    # Only from its threshold on; once; given back when the order is cancelled.
    coupon_id = int(redeemed["coupon_id"])
    small, large = make_order(unit_price_fen=1999), make_order(unit_price_fen=2000)
    with pytest.raises(CouponDoesNotFit):
        use_coupons(member_id=10, order_id=small.pk, coupon_ids=[coupon_id])
    bought = use_coupons(member_id=10, order_id=large.pk, coupon_ids=[coupon_id])
    assert bought.amount_fen == 2000 - redeemed["value_fen"]
    assert figures(campaign)["coupons_used_fen"] == redeemed["value_fen"]
    cancel_own_order(member_id=10, order_id=large.pk)
    assert Coupon.objects.get(pk=coupon_id).state == "ISSUED"


def figures(campaign) -> dict[str, int]:
    Envelope.objects.filter(pk=campaign.pk).update(due_at="2020-01-01T00:00:00Z")
    assert count_envelopes() == 1
    return Envelope.objects.filter(pk=campaign.pk).values().get()


def test_help_that_is_refused_changes_nothing():
    packet = make_packet()
    helper = FIRST_HELPER + 1
    stranger = code_of(packet.pk + 1)
    tampered = f"{packet.pk}-{stranger.split('-')[1]}"
    for code in ("x", "1-", stranger, tampered, code_of(packet.pk)[:-1] + "g", f"0{code_of(packet.pk)}"):
        assert client(helper).post(f"{ROOT}shares/{code}/help/").status_code == 404
        assert client(None).get(f"{ROOT}shares/{code}/").status_code == 404
    assert client(None).post(f"{ROOT}shares/{code_of(packet.pk)}/help/").status_code == 401
    unmarked = client(helper)
    mark = unmarked._credentials.pop("HTTP_X_DEVICE")
    assert refused(unmarked.post(f"{ROOT}shares/{code_of(packet.pk)}/help/")) == (409, "device_unknown")
    assert refused(ask_help(packet, 10)) == (409, "self_help")
    # The initiator's device, by another account.
    foreign = client(helper)
    foreign._credentials["HTTP_X_DEVICE"] = client()._credentials["HTTP_X_DEVICE"]
    assert refused(foreign.post(f"{ROOT}shares/{code_of(packet.pk)}/help/")) == (409, "self_help")
    assert envelope_of(packet.campaign_id) == (100, 1)
    assert mark
    assert ask_help(packet, helper).status_code == 200
    assert refused(ask_help(packet, helper)) == (409, "already_helped")
    for place in ("packets/999/", f"packets/{packet.pk + 1}/", f"packets/{packet.pk}x/"):
        assert client().get(f"{ROOT}{place}").status_code == 404
    assert client(20).get(f"{ROOT}packets/{packet.pk}/").status_code == 404
    assert client(20).post(f"{ROOT}packets/{packet.pk}/redeem/").status_code == 404
    let_end(packet, seconds_ago=61)
    assert refused(ask_help(packet, helper + 1)) == (409, "red_packet_over")
    assert refused(client().post(f"{ROOT}packets/{packet.pk}/redeem/")) == (409, "red_packet_over")
    assert client().get(f"{ROOT}packets/{packet.pk}/").json()["state"] == "EXPIRED"
    assert offences() == [f"packet {packet.pk}: runs past its end"]
    assert (end_overdue_packets(), end_overdue_packets()) == (1, 0)
    assert refused(ask_help(packet, helper + 1)) == (409, "red_packet_over")
    assert PacketHelp.objects.filter(packet_id=packet.pk).count() == 1
    assert not coupons_of(packet).exists()


def test_a_complete_packet_takes_no_help_and_is_redeemed_once():
    packet = make_packet()
    assert [assist(packet, number).added_fen for number in range(3)] == [100, 200, 600]
    assert try_help(packet, 3) == "red_packet_full"
    # Nobody's turns were used for nothing, and nothing is under way.
    assert offences() == []
    redeem = f"{ROOT}packets/{packet.pk}/redeem/"
    answer = client().post(redeem).json()
    assert refused(client().post(redeem)) == (409, "red_packet_over")
    coupon = Coupon.objects.get(pk=int(answer["coupon_id"]))
    assert (coupon.amount_fen, coupon.threshold_fen, coupon.member_id) == (1000, 2000, 10)
    assert try_help(packet, 4) == "red_packet_over"
    assert (offences(), envelope_of(packet.campaign_id)) == ([], (1000, 1))
    # The judge forgets who helped, the packet and its proof don't.
    forget_helps_of(packet.campaign_id)
    proof = client(None).get(f"{ROOT}shares/{code_of(packet.pk)}/proof/").json()
    assert ([help_["added_fen"] for help_ in proof["helps"]], offences()) == ([100, 200, 600], [])


def test_an_expired_packet_gives_its_money_back_once_and_unused_coupons_are_told():
    campaign = make_campaign(envelope_fen=1200, packets=2, reserves_all=False)
    first, second = begin(campaign), begin(campaign, member_id=20)
    for number in range(3):
        assist(first, number)
    assert envelope_of(campaign.pk) == (1100, 2)
    # 100 fen are left: the second grows by one step and no further, and keeps what it has.
    assert [try_help(second, number) for number in range(2)] == ["TAKEN", "red_packet_envelope_empty"]
    let_end(first)
    assert end_overdue_packets() == 1
    assert (settle_ended_packets(), settle_ended_packets()) == (1, 0)
    assert envelope_of(campaign.pk) == (200, 2)
    Packet.objects.filter(pk=first.pk).update(settled_at=None)
    assert settle_ended_packets() == 1
    assert envelope_of(campaign.pk) == (200, 2)
    assert [try_help(second, number) for number in (1, 2, 3)] == ["TAKEN", "TAKEN", "red_packet_full"]
    coupon_id = redeem_packet(member_id=20, packet_id=second.pk)
    let_coupon_end(Coupon.objects.get(pk=coupon_id))
    expire_coupons()
    told = figures(campaign)
    assert (told["budget_fen"], told["committed_fen"], told["left_fen"]) == (1200, 0, 200)
    assert (told["redeemed_fen"], told["expired_fen"], told["coupons_expired_fen"]) == (1000, 1000, 1000)
    assert (told["running"], told["redeemed"], told["expired"]) == (0, 1, 1)
    assert offences() == []
    # Closed, and nothing runs: the ledger forgets it, and rows bring it back.
    close_campaign(campaign_id=campaign.pk)
    figures(campaign)
    assert envelope_of(campaign.pk) == (-1, -1)
    assert offences() == []


def test_starts_are_limited_by_member_number_and_money():
    campaign = make_campaign(packets=3, envelope_fen=1000)
    first = open_one(campaign).json()
    assert refused(open_one(campaign)) == (409, "red_packet_running")
    client().post(f"{ROOT}packets/{first['packet_id']}/redeem/")
    second = open_one(campaign).json()
    client().post(f"{ROOT}packets/{second['packet_id']}/redeem/")
    assert refused(open_one(campaign)) == (409, "red_packet_limit")
    assert open_one(campaign, 20).status_code == 201
    assert refused(open_one(campaign, 30)) == (409, "red_packets_gone")
    assert not starts_of(30).exists()
    tight = make_campaign(packets=10, envelope_fen=1000)
    third = begin(tight)
    assert [try_help(third, number) for number in range(3)] == ["TAKEN"] * 3
    with pytest.raises(PacketsGone):
        begin(tight, member_id=20)
    assert (envelope_of(tight.pk), offences()) == ((1000, 1), [])
    unmarked = client(40)
    del unmarked._credentials["HTTP_X_DEVICE"]
    body = {"campaign_id": str(tight.pk)}
    assert refused(unmarked.post(f"{ROOT}packets/", body, format="json")) == (409, "device_unknown")
    for wrong in ({"campaign_id": "999999"}, {"campaign_id": str(2**63)}, {"campaign_id": "x"}, {}):
        assert client(40).post(f"{ROOT}packets/", wrong, format="json").status_code in {400, 404}
    close_campaign(campaign_id=tight.pk)
    assert refused(open_one(tight, 40)) == (409, "campaign_closed")


def test_where_all_is_reserved_from_the_start_every_packet_grows_to_its_end():
    campaign = make_campaign(reserves_all=True, packets=2, envelope_fen=2000)
    first, second = begin(campaign), begin(campaign, member_id=20)
    assert envelope_of(campaign.pk) == (2000, 2)
    assert [try_help(first, number) for number in range(3)] == ["TAKEN"] * 3
    assist(second, 0)
    # What it doesn't keep is the envelope's again.
    redeem_packet(member_id=20, packet_id=second.pk)
    assert (envelope_of(campaign.pk), offences()) == ((1200, 2), [])


def test_draining_lets_running_packets_go_on():
    packet = make_packet()
    switch_play(code=CODE, is_draining=True, based_on=0, author="test", reason="test")
    campaign = make_campaign()
    assert refused(open_one(campaign, 20)) == (409, "play_draining")
    assert try_help(packet, 1) == "TAKEN"
    assert redeem_packet(member_id=10, packet_id=packet.pk)
    assert offences() == []


def test_an_edit_changes_nothing_that_runs_and_leaves_the_envelope():
    packet = make_packet()

    def change(**changes):
        change_rules(
            campaign_id=packet.campaign_id, based_on=1, rules=make_rules(**changes), author="test", reason="test"
        )

    with pytest.raises(BadRules) as refusal:
        change(envelope_fen=6000)
    assert [problem.field for problem in refusal.value.errors] == ["envelope_fen"]
    change(rungs="1:150")
    assert assist(packet, 1).added_fen == 100
    later = Packet.objects.get(pk=open_one_id(packet.campaign_id))
    assert (later.steps, later.rules_version) == (1, 2)


def open_one_id(campaign_id: int) -> int:
    answer = client(20).post(f"{ROOT}packets/", {"campaign_id": str(campaign_id)}, format="json")
    return int(answer.json()["packet_id"])


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"rungs": "1:200, 2:1001"}, "rungs"),
        ({"rungs": "1:100"}, "rungs"),
        ({"rungs": "2:500, 1:900"}, "rungs"),
        ({"rungs": "x"}, "rungs"),
        ({"rungs": ""}, "rungs"),
        ({"most_helps": 3}, "rungs"),
        ({"cap_fen": 100}, "cap_fen"),
        ({"envelope_fen": 999}, "envelope_fen"),
        ({"packets": 51}, "envelope_fen"),
        ({"packets": 6, "reserves_all": True}, "envelope_fen"),
        ({"face_fen": 0}, "face_fen"),
        ({"face_fen": -1}, "face_fen"),
        ({"packets": 0}, "packets"),
        ({"threshold_fen": -1}, "threshold_fen"),
        ({"coupon_hours": 0}, "coupon_hours"),
        ({"product_id": 999_999}, "product_id"),
        ({"activity_id": 999_999}, "activity_id"),
        ({"rungs": "", "most_helps": 10, "least_fen": 91, "most_fen": 100}, "cap_fen"),
        ({"rungs": "", "most_helps": 10, "least_fen": 60, "most_fen": 50}, "most_fen"),
        ({"rungs": "", "most_helps": 201, "least_fen": 1, "most_fen": 1}, "most_helps"),
    ],
)
def test_rules_that_lose_money_or_cannot_be_are_refused(wrong, field):
    with pytest.raises(BadRules) as refusal:
        make_campaign(**wrong)
    assert {problem.field for problem in refusal.value.errors} == {field}


def test_the_checks_see_damage():
    packet = make_packet()
    assist(packet, 1)
    rows = Packet.objects.filter(pk=packet.pk)
    for damage in (
        {"value_fen": 300},
        {"help_count": 2},
        {"commitment": "0" * 64},
        {"state": "REDEEMED"},
        {"state": "EXPIRED"},
    ):
        known = rows.values(*damage).get()
        rows.update(**damage)
        assert any(f"packet {packet.pk}" in offender for offender in offences()), damage
        rows.update(**known)
    assert offences() == []
    envelopes = Envelope.objects.filter(pk=packet.campaign_id)
    envelopes.update(budget_fen=199)
    assert any("may cost 200 of 199" in offender for offender in offences())
    envelopes.update(budget_fen=5000)
    (name,) = ledger().keys(f"*:{CODE}:{packet.campaign_id}:envelope")
    ledger().hincrby(name, "spent", 1)
    assert any("the ledger says" in offender for offender in offences())
    ledger().hincrby(name, "spent", -1)
    assert (keep_envelopes(), offences()) == (0, [])
