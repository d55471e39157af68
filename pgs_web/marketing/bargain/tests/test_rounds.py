"""A bargain over HTTP, from its start to the order that is bought by it; refusals change nothing."""

from datetime import timedelta

import pytest

from pgs_web.display.activity.models import Activity
from pgs_web.marketing.bargain.checks import find_overdue_rounds, find_wrong_cuts, find_wrong_prices
from pgs_web.marketing.bargain.models import Cutting, Round
from pgs_web.marketing.bargain.schedule import commit_seed, make_cuts
from pgs_web.marketing.bargain.services import buy_early, end_overdue_rounds
from pgs_web.marketing.bargain.states import CODE
from pgs_web.marketing.bargain.tests.making import GAP_FEN, assist, begin, make_campaign, make_round, make_rules
from pgs_web.plays.errors import BadRules, CampaignClosed
from pgs_web.plays.services import change_rules, close_campaign, create_campaign
from pgs_web.plays.shares import write_share_code
from pgs_web.plays.tests.making import client, let_end, make_helpers, refused
from pgs_web.trade.coupon.errors import CouponDoesNotFit
from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.order.services import use_coupons
from pgs_web.trade.order.tests.making import make_order

pytestmark = pytest.mark.django_db(databases="__all__")
ROOT = f"/api/v1/plays/{CODE}/"


def code_of(round_id: int) -> str:
    return write_share_code(CODE, round_id)


def ask_help(round_: Round, member_id: int):
    return client(member_id).post(f"{ROOT}shares/{code_of(round_.pk)}/help/")


def offences() -> list[str]:
    return [*find_wrong_cuts(), *find_wrong_prices(), *find_overdue_rounds()]


def test_from_the_start_to_the_order():
    campaign = make_campaign()
    (offered,) = client(None).get(f"{ROOT}campaigns/").json()["results"]
    assert (offered["campaign_id"], offered["cuts"]) == (str(campaign.pk), 10)
    started = client().post(f"{ROOT}rounds/", {"campaign_id": str(campaign.pk)}, format="json")
    assert started.status_code == 201, started.content
    body = started.json()
    assert (body["state"], body["helps_left"], body["new_helps_left"], body["coupon_id"]) == ("RUNNING", 10, 4, None)
    share = f"{ROOT}shares/{body['share_code']}/"
    hidden = client(None).get(f"{share}proof/").json()
    assert (hidden["commitment"], hidden["seed"], hidden["schedule"]) == (body["commitment"], None, None)
    old, new = make_helpers(4), make_helpers(2, is_new=True)
    first = client(old[0]).post(f"{share}help/").json()
    assert (first["cuts"], first["bargain"]["cut_fen"], first["bargain"]["helps_left"]) == (1, first["cut_fen"], 9)
    # New members cut several times at once, and so more.
    assert [client(helper).post(f"{share}help/").json()["cuts"] for helper in new] == [3, 3]
    seen = client(None).get(share).json()
    assert [one["helper"] for one in seen["helps"]] == ["小*明"] * 3
    assert (seen["helps_left"], seen["price_fen"]) == (3, seen["list_price_fen"] - seen["cut_fen"])
    assert "seed" not in seen
    for helper in old[1:]:
        last = client(helper).post(f"{share}help/").json()
    assert (last["bargain"]["state"], last["bargain"]["cut_fen"]) == ("REACHED", GAP_FEN)
    (mine,) = client().get(f"{ROOT}rounds/").json()["results"]
    assert (mine["round_id"], mine["price_fen"]) == (body["round_id"], mine["floor_price_fen"])
    proof = client(None).get(f"{share}proof/").json()
    assert commit_seed(proof["seed"]) == body["commitment"]
    schedule = make_cuts(
        seed=proof["seed"], gap_fen=proof["gap_fen"], cuts=proof["cuts"], min_cut_fen=proof["min_cut_fen"]
    )
    assert proof["schedule"] == schedule
    assert [sum(schedule[one["first_cut"] :][: one["cuts"]]) for one in proof["helps"]] == [
        one["cut_fen"] for one in proof["helps"]
    ]
    assert offences() == []
    order = make_order(activity_id=int(mine["activity_id"]), unit_price_fen=mine["list_price_fen"])
    bought = use_coupons(member_id=10, order_id=order.pk, coupon_ids=[int(mine["coupon_id"])])
    assert bought.amount_fen == mine["floor_price_fen"]
    other = make_order(activity_id=order.activity_id + 1, unit_price_fen=mine["list_price_fen"])
    use_coupons(member_id=10, order_id=order.pk, coupon_ids=[])
    with pytest.raises(CouponDoesNotFit):
        use_coupons(member_id=10, order_id=other.pk, coupon_ids=[int(mine["coupon_id"])])


def test_help_that_is_refused_changes_nothing():
    round_ = make_round(cuts=3)
    helper, other, late = make_helpers(3)
    stranger = code_of(round_.pk + 1)
    for code in ("x", "1-", stranger, code_of(round_.pk)[:-1] + "g", f"0{code_of(round_.pk)}"):
        assert client(helper).post(f"{ROOT}shares/{code}/help/").status_code == 404
        assert client(None).get(f"{ROOT}shares/{code}/proof/").status_code == 404
    tampered = code_of(round_.pk).split("-")[0] + "-" + code_of(round_.pk + 1).split("-")[1]
    assert client(None).get(f"{ROOT}shares/{tampered}/").status_code == 404
    assert client(None).post(f"{ROOT}shares/{code_of(round_.pk)}/help/").status_code == 401
    unmarked = client(helper)
    del unmarked._credentials["HTTP_X_DEVICE"]
    assert refused(unmarked.post(f"{ROOT}shares/{code_of(round_.pk)}/help/")) == (409, "device_unknown")
    assert refused(ask_help(round_, 10)) == (409, "self_help")
    assert ask_help(round_, helper).status_code == 200
    assert refused(ask_help(round_, helper)) == (409, "already_helped")
    let_end(round_, seconds_ago=61)
    assert refused(ask_help(round_, late)) == (409, "bargain_over")
    assert len(list(find_overdue_rounds())) == 1
    assert client().get(f"{ROOT}rounds/{round_.pk}/").json()["state"] == "EXPIRED"
    assert (end_overdue_rounds(), end_overdue_rounds()) == (1, 0)
    assert refused(ask_help(round_, other)) == (409, "bargain_over")
    assert Cutting.objects.filter(round_id=round_.pk).count() == 1
    # Nobody can cut any more: the seed is told.
    assert client(None).get(f"{ROOT}shares/{code_of(round_.pk)}/proof/").json()["seed"] == round_.seed
    assert offences() == []


def test_a_completed_bargain_takes_no_help_and_gives_one_coupon():
    round_ = make_round(cuts=2, new_member_cuts=5)
    (new,), (late,) = make_helpers(1, is_new=True), make_helpers(1)
    helped = assist(round_, new)
    # Of five cuts that a new member may make two were left.
    assert (helped.cuts, helped.cut_fen) == (2, GAP_FEN)
    assert refused(ask_help(round_, late)) == (409, "bargain_over")
    round_.refresh_from_db()
    coupon = Coupon.objects.get(pk=round_.coupon_id)
    assert (coupon.amount_fen, coupon.mode, coupon.activity_id) == (GAP_FEN, "alone", round_.activity_id)
    assert (coupon.expires_at, coupon.price_fen) == (round_.buy_by, round_.floor_price_fen)


def test_buying_early_only_by_rule_and_with_a_cut():
    strict, (helper,) = make_round(), make_helpers(1)
    assist(strict, helper)
    assert refused(client().post(f"{ROOT}rounds/{strict.pk}/buy/")) == (409, "bargain_not_at_floor")
    free = make_round(may_buy_early=True)
    assert refused(client().post(f"{ROOT}rounds/{free.pk}/buy/")) == (409, "bargain_not_at_floor")
    cut_fen = assist(free, helper).cut_fen
    assert client(20).post(f"{ROOT}rounds/{free.pk}/buy/").status_code == 404
    body = client().post(f"{ROOT}rounds/{free.pk}/buy/").json()
    assert (body["state"], Coupon.objects.get(pk=int(body["coupon_id"])).amount_fen) == ("REACHED", cut_fen)
    assert refused(client().post(f"{ROOT}rounds/{free.pk}/buy/")) == (409, "bargain_over")
    assert offences() == []


def test_starts_are_limited_and_a_given_up_bargain_counts():
    campaign = make_campaign()

    def start():
        return client().post(f"{ROOT}rounds/", {"campaign_id": str(campaign.pk)}, format="json")

    first = start().json()
    assert refused(start()) == (409, "bargain_round_running")
    given_up = client().post(f"{ROOT}rounds/{first['round_id']}/give-up/").json()
    assert (given_up["state"], given_up["coupon_id"]) == ("GIVEN_UP", None)
    assert refused(client().post(f"{ROOT}rounds/{first['round_id']}/give-up/")) == (409, "bargain_over")
    second = start().json()
    client().post(f"{ROOT}rounds/{second['round_id']}/give-up/")
    assert refused(start()) == (409, "bargain_round_limit")
    assert client(20).post(f"{ROOT}rounds/", {"campaign_id": "999999"}, format="json").status_code == 404
    close_campaign(campaign_id=campaign.pk)
    with pytest.raises(CampaignClosed):
        begin(campaign, member_id=30)
    assert client(None).get(f"{ROOT}campaigns/").json()["results"] == []


def test_nothing_starts_where_nothing_is_sold_and_an_edit_changes_nothing_that_runs():
    campaign = make_campaign()
    round_ = begin(campaign)
    activity_id = round_.activity_id
    change_rules(
        campaign_id=campaign.pk,
        based_on=1,
        rules=make_rules(activity_id=activity_id, cuts=4),
        author="test",
        reason="test",
    )
    assert Round.objects.get(pk=round_.pk).cuts == 10
    assert begin(campaign, member_id=20).cuts == 4
    Activity.objects.filter(pk=activity_id).update(alone_price_fen=round_.floor_price_fen + 5)
    body = {"campaign_id": str(campaign.pk)}
    assert refused(client(30).post(f"{ROOT}rounds/", body, format="json")) == (409, "bargain_not_on_sale")
    Activity.objects.filter(pk=activity_id).update(state="ENDED")
    assert refused(client(30).post(f"{ROOT}rounds/", body, format="json")) == (409, "bargain_not_on_sale")


@pytest.mark.parametrize(
    "wrong",
    [
        {"cuts": 334},
        {"cuts": 0},
        {"cuts": 501},
        {"min_cut_fen": 101},
        {"floor_price_fen": 0},
        {"floor_price_fen": 10**9},
        {"new_member_cuts": 0},
        {"minutes": 0},
        {"pay_minutes": 0},
        {"rounds_a_member": 0},
        {"helps_a_device": 0},
    ],
)
def test_rules_that_lose_money_or_cannot_be_are_refused(wrong):
    with pytest.raises(BadRules):
        create_campaign(code=CODE, title="One", rules={**make_rules(), **wrong}, author="test", reason="test")


def test_rules_of_no_activity_are_refused():
    with pytest.raises(BadRules):
        create_campaign(code=CODE, title="x", rules=make_rules() | {"activity_id": 999_999}, author="t", reason="t")


def test_the_checks_see_damage():
    round_ = make_round(cuts=3, may_buy_early=True)
    (helper,) = make_helpers(1)
    assist(round_, helper)
    rows = Round.objects.filter(pk=round_.pk)
    for damage in ({"cut_fen": 1}, {"cut_count": 2}, {"commitment": "0" * 64}, {"state": "REACHED"}):
        known = rows.values(*damage).get()
        rows.update(**damage)
        assert any(f"round {round_.pk}" in offender for offender in offences()), damage
        rows.update(**known)
    Cutting.objects.filter(round_id=round_.pk).update(cut_fen=1)
    rows.update(cut_fen=1)
    assert any("schedule says otherwise" in offender for offender in offences())
    Cutting.objects.filter(round_id=round_.pk).update(cut_fen=round_.schedule()[0])
    rows.update(cut_fen=round_.schedule()[0])
    buy_early(member_id=10, round_id=round_.pk)
    assert offences() == []
    let_end(round_)
    assert end_overdue_rounds() == 0
    coupons = Coupon.objects.filter(issue_reference=str(round_.pk), pk=rows.get().coupon_id)
    for column, value in (("amount_fen", 1), ("price_fen", 1), ("price_fen", None)):
        known = coupons.values(column).get()
        coupons.update(**{column: value})
        assert any("its coupon is" in offender for offender in offences()), (column, value)
        coupons.update(**known)
    # As it was issued before prices were promised.
    coupons.update(price_fen=None, threshold_fen=round_.list_price_fen)
    assert offences() == []
    assert timedelta(0) < rows.get().buy_by - rows.get().decided_at
