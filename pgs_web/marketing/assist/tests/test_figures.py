"""What operators are told of assist groups: figures that are exact, and a preview of the rules."""

from collections import Counter

import pytest
from django.utils.translation import override

from pgs_web.marketing.assist.models import Round
from pgs_web.marketing.assist.play import PLAY
from pgs_web.marketing.assist.services import end_overdue_rounds, give_up
from pgs_web.marketing.assist.states import CODE, RoundState
from pgs_web.marketing.assist.tests.making import (
    assist,
    begin,
    deliver,
    let_time_to_buy_end,
    make_campaign,
    make_rules,
    order_unit,
)
from pgs_web.marketing.assist.tests.test_rounds import rewards_of
from pgs_web.marketing.assist.tests.test_units import now_of, settle
from pgs_web.plays.figures.names import ending
from pgs_web.plays.figures.selectors import read_counted
from pgs_web.plays.figures.services import fold_figures
from pgs_web.plays.tests.making import let_end, make_helpers
from pgs_web.trade.order.services import finish_refund, mark_paid, start_refund, use_coupons
from pgs_web.trade.order.states import RefundReason
from pgs_web.trade.order.tests.making import make_order

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def test_each_fact_is_counted_once():
    campaign, helpers = make_campaign(needed=1), make_helpers(2)
    bought, lapsed, given_up, late = (begin(campaign, member_id=member_id) for member_id in (10, 501, 20, 30))
    bought, lapsed = assist(bought, helpers[0]), assist(lapsed, helpers[1])
    give_up(member_id=20, round_id=given_up.pk)
    let_end(late)
    assert (end_overdue_rounds(), end_overdue_rounds()) == (1, 0)
    order = order_unit(bought)
    mark_paid(order_id=order.pk, paid_at=now_of(bought))
    let_time_to_buy_end(lapsed)
    for round_, state in ((bought, RoundState.BOUGHT), (lapsed, RoundState.LAPSED)):
        assert settle(round_).state == state
    while fold_figures():
        pass
    played = Counter(started=4, helps=2, rewards_fen=40, lapsed=1, bought=1, new_members=1, cost_fen=900)
    played.update({ending(RoundState.SUCCEEDED): 2, ending(RoundState.EXPIRED): 1, ending(RoundState.GIVEN_UP): 1})
    assert +read_counted(code=CODE, campaign_ids=[campaign.pk]).of(campaign.pk) == played
    assert [(one.value, one.of) for one in PLAY.read_figures([campaign.pk])[campaign.pk]] == [(1, 5), (4, 1000)]
    assert Round.objects.get(pk=bought.pk).order_id == order.pk


def test_what_helpers_buy_costs_and_may_win_members_but_is_no_unit():
    campaign, (helper,) = make_campaign(needed=1), make_helpers(1, is_new=True)
    assist(begin(campaign), helper)
    deliver()
    order = make_order(member_id=helper, unit_price_fen=1000)
    use_coupons(member_id=helper, order_id=order.pk, coupon_ids=[rewards_of(helper)[0].pk])
    mark_paid(order_id=order.pk, paid_at=order.accepted_at)
    deliver()

    def counted() -> dict[str, int]:
        while fold_figures():
            pass
        told = read_counted(code=CODE, campaign_ids=[campaign.pk]).of(campaign.pk)
        return {name: told[name] for name in ("reward_orders", "cost_fen", "new_members", "bought", "returned")}

    assert counted() == {"reward_orders": 1, "cost_fen": 20, "new_members": 1, "bought": 0, "returned": 0}
    start_refund(order_id=order.pk, reason=RefundReason.BY_MEMBER, actor="test")
    finish_refund(order_id=order.pk)
    deliver()
    assert not any(counted().values())


def test_rules_are_previewed():
    rules = make_rules(is_freight=True)
    with override("en"):
        told = {str(line.title): line.text for line in PLAY.preview(rules)}
        assert "Assist price" in {str(line.title) for line in PLAY.preview({**rules, "is_freight": False})}
    assert (told["Price before"], told["Freight"], told["Helps needed"]) == ("¥10.00", "¥1.00", "3")
    assert told["Coupon of each helper"] == "¥0.20 for an order from ¥5.00 on, for 7 days"
    assert told["Costs the shop"] == "up to ¥645.00 of ¥645.00"
    assert PLAY.preview({**rules, "activity_id": 999_999}) == []
