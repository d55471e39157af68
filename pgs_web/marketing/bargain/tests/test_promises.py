"""What a bargain promises holds: its price, the time to buy, who may help, and what strangers are told."""

from datetime import timedelta

import pytest
from django.db.models import JSONField
from django.utils.translation import override

from pgs_data.clock import database_now
from pgs_web.display.activity.models import Activity
from pgs_web.marketing.bargain.errors import NotOnSale
from pgs_web.marketing.bargain.models import Round
from pgs_web.marketing.bargain.states import CODE
from pgs_web.marketing.bargain.tests.making import assist, begin, make_campaign, make_round, make_rules
from pgs_web.marketing.bargain.tests.test_rounds import ROOT, ask_help, code_of, offences
from pgs_web.plays.eligibility.models import Help
from pgs_web.plays.errors import BadRules
from pgs_web.plays.selectors import open_campaigns
from pgs_web.plays.services import change_rules
from pgs_web.plays.tests.making import client, let_end, make_helpers, refused
from pgs_web.trade.coupon.errors import CouponDoesNotFit, CouponsDontStack
from pgs_web.trade.coupon.terms import LARGEST_FEN
from pgs_web.trade.coupon.tests.making import issue
from pgs_web.trade.order.services import use_coupons
from pgs_web.trade.order.tests.making import make_order
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")


def edit_activity(activity_id: int, **changes) -> None:
    Activity.objects.filter(pk=activity_id).update(**changes)


def test_the_price_holds_whatever_becomes_of_the_activitys():
    round_, (helper,) = make_round(cuts=1), make_helpers(1)
    assist(round_, helper)
    round_.refresh_from_db()
    coupon_id = round_.coupon_id or 0

    def buy(unit_price_fen: int, *, quantity: int = 1, beside: tuple[int, ...] = ()) -> int:
        order = make_order(activity_id=round_.activity_id, unit_price_fen=unit_price_fen, quantity=quantity)
        paid = use_coupons(member_id=10, order_id=order.pk, coupon_ids=[coupon_id, *beside]).amount_fen
        assert offences() == []
        use_coupons(member_id=10, order_id=order.pk, coupon_ids=[])
        return paid

    # Lowered below what a threshold of the price before would allow, and raised by more than was cut.
    for edited_fen in (round_.list_price_fen, round_.list_price_fen - 500, round_.list_price_fen + 5_000):
        assert buy(edited_fen) == round_.floor_price_fen
    for unit_price_fen, quantity in ((round_.list_price_fen, 2), (round_.floor_price_fen, 1)):
        with pytest.raises(CouponDoesNotFit):
            buy(unit_price_fen, quantity=quantity)
    with pytest.raises(CouponsDontStack):
        buy(round_.list_price_fen, beside=(issue(stack_group="red").pk,))


def test_nobody_cuts_for_what_nobody_can_buy():
    round_, helpers = make_round(may_buy_early=True), make_helpers(2)
    assist(round_, helpers[0])
    now = database_now("default")
    for away in ({"state": "PAUSED"}, {"state": "WITHDRAWN"}, {"state": "RUNNING", "ends_at": now}):
        edit_activity(round_.activity_id, **away)
        assert refused(ask_help(round_, helpers[1])) == (409, "bargain_not_on_sale")
        assert refused(client().post(f"{ROOT}rounds/{round_.pk}/buy/")) == (409, "bargain_not_on_sale")
    assert Help.objects.filter(round_id=round_.pk).count() == 1
    assert Round.objects.get(pk=round_.pk).cut_count == 1


def test_the_time_to_buy_is_within_the_sale():
    sale, (helper,) = make_sale(lasts=timedelta(hours=1)), make_helpers(1)
    campaign = make_campaign(activity_id=sale.pk, cuts=1, minutes=60, pay_minutes=20)
    round_ = begin(campaign)
    # Whoever reaches the price in the last moment has all the time to buy.
    assert round_.ends_at == sale.ends_at - timedelta(minutes=20)
    sooner = sale.starts_at + timedelta(minutes=15)
    edit_activity(sale.pk, ends_at=sooner)
    with pytest.raises(NotOnSale) as refusal:
        begin(campaign, member_id=20)
    # Translated when it is read, not when it is raised.
    with override("en"):
        assert "too soon" in str(refusal.value.detail)
    assist(round_, helper)
    round_.refresh_from_db()
    assert (round_.state, round_.buy_by) == ("REACHED", sooner)
    assert offences() == []


def test_nobody_helps_from_where_it_was_started():
    campaign, (helper,) = make_campaign(), make_helpers(1)
    body = {"campaign_id": str(campaign.pk)}
    unmarked = client()
    mark = unmarked._credentials.pop("HTTP_X_DEVICE")
    assert refused(unmarked.post(f"{ROOT}rounds/", body, format="json")) == (409, "device_unknown")
    started = client().post(f"{ROOT}rounds/", body, format="json").json()
    other_account = client(helper)
    other_account._credentials["HTTP_X_DEVICE"] = mark
    help_url = f"{ROOT}shares/{started['share_code']}/help/"
    assert refused(other_account.post(help_url)) == (409, "self_help")
    assert client(helper).post(help_url).status_code == 200
    assert "device" not in str(client(None).get(f"{ROOT}shares/{started['share_code']}/").json())


def test_goods_that_no_coupon_is_for_are_refused_before_the_last_cut():
    sale = make_sale()
    campaign = make_campaign(activity_id=sale.pk)
    edit_activity(sale.pk, alone_price_fen=LARGEST_FEN + 1)
    with pytest.raises(BadRules):
        make_campaign(activity_id=sale.pk)
    with pytest.raises(NotOnSale):
        begin(campaign)


def test_who_sees_a_bargain_expired_can_start_the_next():
    campaign = make_campaign()
    first = begin(campaign)
    let_end(first)
    assert client().get(f"{ROOT}rounds/{first.pk}/").json()["state"] == "EXPIRED"
    # Before the job has come.
    assert client().post(f"{ROOT}rounds/", {"campaign_id": str(campaign.pk)}, format="json").status_code == 201
    first.refresh_from_db()
    assert (first.state, first.running_in) == ("EXPIRED", None)
    assert first.decided_at is not None


def test_strangers_are_not_told_who_has_ever_paid():
    round_, (helper,) = make_round(new_member_cuts=1), make_helpers(1, is_new=True)
    assist(round_, helper)
    share = f"{ROOT}shares/{code_of(round_.pk)}/"
    for page in (share, f"{share}proof/"):
        (told,) = client(None).get(page).json()["helps"]
        assert set(told) == {"helper", "first_cut", "cuts", "cut_fen", "helped_at"}


def test_the_list_reads_the_present_rules_only(monkeypatch):
    campaign = make_campaign()
    activity_id = open_campaigns(code=CODE)[0]["activity_id"]
    for version in (1, 2):
        rules = make_rules(activity_id=activity_id, cuts=20 + version)
        change_rules(campaign_id=campaign.pk, based_on=version, rules=rules, author="test", reason="test")
    read, real = [], JSONField.from_db_value

    def count(field, value, *rest):
        read.append(value)
        return real(field, value, *rest)

    monkeypatch.setattr(JSONField, "from_db_value", count)
    assert [one["cuts"] for one in open_campaigns(code=CODE)] == [22]
    assert len(read) == 1
