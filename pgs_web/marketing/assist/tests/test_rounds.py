"""An assist group over HTTP, from its start to the unit; refusals change nothing."""

import pytest

from pgs_data.sharding.slots import alias_of_slot, slot_of_key
from pgs_web.display.activity.models import Activity
from pgs_web.marketing.assist.checks import (
    find_overdue_rounds,
    find_wrong_helps,
    find_wrong_rewards,
    find_wrong_rights,
    find_wrong_starts,
    find_wrong_units,
)
from pgs_web.marketing.assist.models import Round, StartCount, UnitClaim, UnitCount
from pgs_web.marketing.assist.services import end_overdue_rounds
from pgs_web.marketing.assist.states import CODE
from pgs_web.marketing.assist.tests.making import (
    PRICE_FEN,
    assist,
    begin,
    deliver,
    make_assist_sale,
    make_campaign,
    make_round,
    make_rules,
    order_unit,
    units_taken,
)
from pgs_web.plays.eligibility.models import Help
from pgs_web.plays.errors import BadRules
from pgs_web.plays.models import Campaign
from pgs_web.plays.services import change_rules, close_campaign, create_campaign, switch_play
from pgs_web.plays.shares import write_share_code
from pgs_web.plays.switches import forget_switches
from pgs_web.plays.tests.making import client, forget_helps_of, let_end, make_helpers, refused
from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")
ROOT = f"/api/v1/plays/{CODE}/"


def code_of(round_id: int) -> str:
    return write_share_code(CODE, round_id)


def start(campaign, member_id: int = 10):
    return client(member_id).post(f"{ROOT}rounds/", {"campaign_id": str(campaign.pk)}, format="json")


def ask_help(round_: Round, member_id: int):
    return client(member_id).post(f"{ROOT}shares/{code_of(round_.pk)}/help/")


def offences() -> list[str]:
    return [
        *(*find_wrong_helps(), *find_wrong_units(), *find_wrong_rights()),
        *(*find_wrong_rewards(), *find_wrong_starts(), *find_overdue_rounds()),
    ]


def rewards_of(member_id: int) -> list[Coupon]:
    return list(Coupon.objects.on_node(alias_of_slot(slot_of_key(member_id))).filter(member_id=member_id, issuer=CODE))


def test_from_the_start_to_the_unit():
    campaign = make_campaign(is_freight=True)
    (offered,) = client(None).get(f"{ROOT}campaigns/").json()["results"]
    assert (offered["campaign_id"], offered["needed"], offered["units"]) == (str(campaign.pk), 3, 5)
    started = start(campaign)
    assert started.status_code == 201, started.content
    body = started.json()
    assert (body["state"], body["helps_left"], body["coupon_id"]) == ("RUNNING", 3, None)
    assert body["started_at"] <= body["server_time"] < body["ends_at"]
    assert refused(client().post(f"{ROOT}rounds/{body['round_id']}/buy/")) == (409, "assist_not_complete")
    share = f"{ROOT}shares/{body['share_code']}/"
    helpers = make_helpers(3)
    first = client(helpers[0]).post(f"{share}help/").json()
    assert (first["help_count"], first["helps_left"], first["units_left"]) == (1, 2, 5)
    assert first["reward"] == {"amount_fen": 20, "threshold_fen": 500, "days": 7}
    for helper in helpers[1:]:
        last = client(helper).post(f"{share}help/").json()
    assert (last["state"], last["helps_left"], last["units_left"]) == ("SUCCEEDED", 0, 4)
    seen = client(None).get(share).json()
    assert [one["helper"] for one in seen["helps"]] == ["小*明"] * 3
    assert not {"coupon_id", "buy_by", "order_id", "round_id"} & set(seen)
    (mine,) = client().get(f"{ROOT}rounds/").json()["results"]
    assert (mine["round_id"], mine["price_fen"], mine["is_freight"]) == (body["round_id"], PRICE_FEN, True)
    told = client().post(f"{ROOT}rounds/{body['round_id']}/buy/").json()
    assert (told["coupon_id"], told["activity_id"]) == (mine["coupon_id"], mine["activity_id"])
    assert told["server_time"] < told["buy_by"] == mine["buy_by"]
    assert client(20).post(f"{ROOT}rounds/{body['round_id']}/buy/").status_code == 404
    deliver()
    assert [[(one.amount_fen, one.threshold_fen) for one in rewards_of(helper)] for helper in helpers] == [
        [(20, 500)]
    ] * 3
    assert offences() == []
    order = order_unit(Round.objects.get(pk=int(mine["round_id"])))
    order.refresh_from_db()
    assert order.amount_fen == PRICE_FEN


def test_help_that_is_refused_changes_nothing():
    round_ = make_round()
    helper, other, late = make_helpers(3)
    for code in ("x", "1-", code_of(round_.pk + 1), code_of(round_.pk)[:-1] + "g", f"0{code_of(round_.pk)}"):
        assert client(helper).post(f"{ROOT}shares/{code}/help/").status_code == 404
    tampered = code_of(round_.pk).split("-")[0] + "-" + code_of(round_.pk + 1).split("-")[1]
    foreign = write_share_code("bargain", round_.pk)
    for code in (tampered, foreign):
        assert client(None).get(f"{ROOT}shares/{code}/").status_code == 404
    assert client(None).post(f"{ROOT}shares/{code_of(round_.pk)}/help/").status_code == 401
    unmarked = client(helper)
    mark = unmarked._credentials.pop("HTTP_X_DEVICE")
    assert refused(unmarked.post(f"{ROOT}shares/{code_of(round_.pk)}/help/")) == (409, "device_unknown")
    unmarked._credentials["HTTP_X_DEVICE"] = mark[:-1] + ("A" if mark[-1] != "A" else "B")
    assert refused(unmarked.post(f"{ROOT}shares/{code_of(round_.pk)}/help/")) == (409, "device_unknown")
    assert refused(ask_help(round_, 10)) == (409, "self_help")
    assert ask_help(round_, helper).status_code == 200
    assert refused(ask_help(round_, helper)) == (409, "already_helped")
    Activity.objects.filter(pk=round_.activity_id).update(state="PAUSED")
    assert refused(ask_help(round_, late)) == (409, "assist_not_on_sale")
    Activity.objects.filter(pk=round_.activity_id).update(state="RUNNING")
    let_end(round_, seconds_ago=61)
    assert refused(ask_help(round_, late)) == (409, "assist_over")
    assert len(list(find_overdue_rounds())) == 1
    assert client().get(f"{ROOT}rounds/{round_.pk}/").json()["state"] == "EXPIRED"
    assert (end_overdue_rounds(), end_overdue_rounds()) == (1, 0)
    assert refused(ask_help(round_, other)) == (409, "assist_over")
    assert refused(client().post(f"{ROOT}rounds/{round_.pk}/buy/")) == (409, "assist_over")
    assert Help.objects.filter(round_id=round_.pk).count() == 1
    deliver()
    assert offences() == []


def test_a_complete_group_takes_no_help_and_a_sold_out_one_waits():
    campaign = make_campaign(units=1, needed=2, envelope_fen=900 + 1000 * 2 * 20)
    helpers = make_helpers(4)
    # On another node each.
    winner, loser = begin(campaign, member_id=10), begin(campaign, member_id=260)
    assist(loser, helpers[0])
    assist(winner, *helpers[:2])
    assert refused(ask_help(winner, helpers[3])) == (409, "assist_over")
    # The last help is judged by the unit, one before it by how many are left.
    assert refused(ask_help(loser, helpers[1])) == (409, "assist_sold_out")
    fresh = begin_anyway(campaign, member_id=510)
    assert refused(ask_help(fresh, helpers[1])) == (409, "assist_sold_out")
    assert refused(start(campaign, 760)) == (409, "assist_sold_out")
    assert client(None).get(f"{ROOT}shares/{code_of(loser.pk)}/").json()["units_left"] == 0
    loser.refresh_from_db()
    assert (loser.state, loser.help_count, units_taken(winner.activity_id)) == ("RUNNING", 1, 1)
    assert Help.objects.filter(round_id=fresh.pk).count() == 0
    deliver()
    assert offences() == []


def begin_anyway(campaign, *, member_id: int) -> Round:
    """A group that was started before the last unit went."""
    counted = UnitCount.objects.get()
    UnitCount.objects.update(taken=0)
    round_ = begin(campaign, member_id=member_id)
    UnitCount.objects.update(taken=counted.taken)
    return round_


def test_starts_are_limited():
    campaign = make_campaign(rounds=3)
    first = start(campaign).json()
    assert refused(start(campaign)) == (409, "assist_round_running")
    given_up = client().post(f"{ROOT}rounds/{first['round_id']}/give-up/").json()
    assert (given_up["state"], given_up["coupon_id"]) == ("GIVEN_UP", None)
    assert refused(client().post(f"{ROOT}rounds/{first['round_id']}/give-up/")) == (409, "assist_over")
    second = start(campaign).json()
    client().post(f"{ROOT}rounds/{second['round_id']}/give-up/")
    assert refused(start(campaign)) == (409, "assist_round_limit")
    # Refused starts were given back.
    assert StartCount.objects.get(pk=campaign.pk).started == 2
    assert start(campaign, 20).status_code == 201
    assert refused(start(campaign, 30)) == (409, "assist_campaign_full")
    assert client(30).post(f"{ROOT}rounds/", {"campaign_id": "999999"}, format="json").status_code == 404
    assert client(30).post(f"{ROOT}rounds/", {"campaign_id": "x"}, format="json").status_code == 400
    unmarked = client(30)
    del unmarked._credentials["HTTP_X_DEVICE"]
    assert client(None).post(f"{ROOT}rounds/", {"campaign_id": str(campaign.pk)}, format="json").status_code == 401
    other = make_campaign()
    assert refused(unmarked.post(f"{ROOT}rounds/", {"campaign_id": str(other.pk)}, format="json")) == (
        409,
        "device_unknown",
    )
    close_campaign(campaign_id=other.pk)
    assert refused(start(other, 30)) == (409, "campaign_closed")
    switch_play(code=CODE, is_draining=True, based_on=0, author="test", reason="test")
    assert refused(start(campaign, 40)) == (409, "play_draining")
    forget_switches()
    assert offences() == []


def test_one_unit_a_member():
    sale = make_assist_sale()
    one, two = make_campaign(activity_id=sale.pk, needed=1), make_campaign(activity_id=sale.pk, needed=1)
    first, second = begin(one), begin(two)
    (helper,) = make_helpers(1)
    assist(first, helper)
    # Begun before: its last help finds the unit of the other.
    # To whom it doesn't say what the other has.
    assert refused(ask_help(second, helper)) == (409, "assist_over")
    assert refused(start(one)) == (409, "assist_won_before")
    assert (Round.objects.get(pk=second.pk).help_count, units_taken(sale.pk)) == (0, 1)
    deliver()
    assert offences() == []


def test_an_edit_changes_nothing_that_runs():
    campaign = make_campaign(envelope_fen=10**6)
    round_ = begin(campaign)
    rules = make_rules(activity_id=round_.activity_id, envelope_fen=10**6, units=6, reward_days=8)
    change_rules(campaign_id=campaign.pk, based_on=1, rules=rules, author="test", reason="test")
    later = begin(campaign, member_id=20)
    assert (later.units, later.reward_days) == (6, 8)
    round_.refresh_from_db()
    assert (round_.units, round_.reward_days) == (5, 7)
    Activity.objects.filter(pk=round_.activity_id).update(alone_price_fen=PRICE_FEN)
    assert refused(start(campaign, 30)) == (409, "assist_not_on_sale")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"needed": 2}, "needed"),
        ({"reward_fen": 10}, "reward_fen"),
        ({"price_fen": 101}, "price_fen"),
        ({"envelope_fen": 10**6 + 1}, "envelope_fen"),
        ({"activity_id": None}, "activity_id"),
        # One less now, and more of the other with the next change.
        ({"units": 4}, "units"),
        ({"rounds": 999}, "rounds"),
    ],
    ids=str,
)
def test_what_a_campaign_may_cost_is_the_same_over_all_its_versions(changes, field):
    rules = make_rules(envelope_fen=10**6)
    campaign = create_campaign(code=CODE, title="x", rules=rules, author="test", reason="test")
    after = rules | changes
    after["activity_id"] = after["activity_id"] or make_assist_sale().pk
    with pytest.raises(BadRules) as refusal:
        change_rules(campaign_id=campaign.pk, based_on=1, rules=after, author="test", reason="test")
    assert [problem.field for problem in refusal.value.errors] == [field]
    campaign.refresh_from_db()
    assert campaign.version == 1


WRONG = (
    ({"price_fen": 1000}, "price_fen"),
    ({"price_fen": 0}, "price_fen"),
    ({"units": 101}, "units"),
    ({"units": 0}, "units"),
    ({"needed": 0}, "needed"),
    ({"needed": 501}, "needed"),
    ({"rounds": 0}, "rounds"),
    ({"reward_threshold_fen": 20}, "reward_threshold_fen"),
    ({"reward_days": 0}, "reward_days"),
    ({"reward_fen": -1}, "reward_fen"),
    # A fen less than the worst case.
    ({"envelope_fen": 5 * 900 + 1000 * 3 * 20 - 1}, "envelope_fen"),
    ({"units": 6}, "envelope_fen"),
    ({"rounds": 1001}, "envelope_fen"),
    ({"minutes": 0}, "minutes"),
    ({"activity_id": 999_999}, "activity_id"),
)


def test_rules_that_lose_money_or_cannot_be_are_refused():
    good = make_rules()
    for wrong, field in WRONG:
        with pytest.raises(BadRules) as refusal:
            create_campaign(code=CODE, title="x", rules=good | wrong, author="t", reason="t")
        assert [problem.field for problem in refusal.value.errors] == [field], wrong
    assert create_campaign(code=CODE, title="x", rules=good, author="t", reason="t").version == 1


@pytest.mark.parametrize("sale", [{}, {"play": CODE, "member_limit": 2}], ids=["to others too", "two a member"])
def test_an_activity_of_which_more_is_sold_than_by_rights_is_refused(sale):
    with pytest.raises(BadRules) as refusal:
        make_campaign(activity_id=make_sale(stock=100, alone_price_fen=1000, **sale).pk)
    assert [problem.field for problem in refusal.value.errors] == ["activity_id"]


def test_the_checks_see_damage():
    round_ = assist(make_round(needed=1), *make_helpers(1))
    deliver()
    assert offences() == []
    rounds = Round.objects.filter(pk=round_.pk)
    for rows, damage in (
        (rounds, {"help_count": 0}),
        (rounds, {"state": "RUNNING"}),
        (rounds, {"state": "BOUGHT"}),
        (rounds, {"state": "LAPSED"}),
        (rounds, {"units": 0}),
        (rounds, {"reward_fen": 21}),
        (rounds, {"coupon_id": 1}),
        (rounds, {"look_at": round_.started_at.replace(year=2020)}),
        (UnitCount.objects, {"taken": 2}),
        (UnitClaim.objects, {"returned_at": round_.started_at}),
        (StartCount.objects, {"started": 0}),
        (Coupon.objects.filter(pk=round_.coupon_id), {"price_fen": 1}),
    ):
        known = rows.values(*damage).get()
        rows.update(**damage)
        assert offences() != [], damage
        rows.update(**known)
    assert offences() == []
    # Long after its campaign was closed its helps are gone, and nobody asks for them.
    forget_helps_of(round_.campaign_id)
    assert (Help.objects.filter(round_id=round_.pk).count(), offences()) == (0, [])
    Campaign.objects.update(closed_at=None)
    assert any("for a help that isn't there" in offender for offender in offences())
    assert any("0 helped, it says 1" in offender for offender in offences())
