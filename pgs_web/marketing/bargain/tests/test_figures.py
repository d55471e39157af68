"""What operators are told of bargains: figures that are exact, and a preview of the rules."""

from collections import Counter
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils.translation import override

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_web.display.activity.models import Activity
from pgs_web.marketing.bargain.forms import Rules
from pgs_web.marketing.bargain.models import Round
from pgs_web.marketing.bargain.play import PLAY
from pgs_web.marketing.bargain.previews import CUTS_SHOWN
from pgs_web.marketing.bargain.services import buy_early, end_overdue_rounds, give_up
from pgs_web.marketing.bargain.states import CODE, RoundState
from pgs_web.marketing.bargain.tests.making import assist, begin, make_campaign, make_rules
from pgs_web.plays.figures.names import ending
from pgs_web.plays.figures.selectors import read_counted
from pgs_web.plays.figures.services import fold_figures
from pgs_web.plays.tests.making import let_end, make_helpers
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import use_coupons
from pgs_web.trade.order.tests.making import make_order
from tests.races.meeting import meet

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def figures(campaign) -> Counter[str]:
    while fold_figures():
        pass
    return +read_counted(code=CODE, campaign_ids=[campaign.pk]).of(campaign.pk)


def pay(round_: Round) -> Order:
    """Its member pays an order at the price that was reached."""
    order = make_order(member_id=round_.member_id, activity_id=round_.activity_id, unit_price_fen=round_.list_price_fen)
    assert round_.coupon_id is not None
    use_coupons(member_id=round_.member_id, order_id=order.pk, coupon_ids=[round_.coupon_id])
    Order.objects.filter(pk=order.pk).update(paid_at=database_now(alias_of_id(order.pk)))
    return order


def test_each_fact_is_counted_once():
    campaign = make_campaign(cuts=3, may_buy_early=True, rounds_a_member=9)
    reached, given_up, late = (begin(campaign, member_id=member_id) for member_id in (10, 501, 20))
    old, new = make_helpers(1)[0], make_helpers(1, is_new=True)[0]
    assist(late, old)
    # All three cuts at once.
    assist(reached, new)
    give_up(member_id=501, round_id=given_up.pk)
    let_end(late)
    assert (end_overdue_rounds(), end_overdue_rounds()) == (1, 0)
    played = Counter({"started": 3, "helps": 2, "new_helpers": 1})
    played.update(ending(state) for state in (RoundState.REACHED, RoundState.GIVEN_UP, RoundState.EXPIRED))
    assert figures(campaign) == played
    early = begin(campaign, member_id=11)
    assist(early, old)
    buy_early(member_id=11, round_id=early.pk)
    reached.refresh_from_db()
    message: Any = SimpleNamespace(payload={"order_id": pay(reached).pk, "member_id": 10})
    for _ in range(2):
        PLAY.on_order_paid([message])
    played.update({"started": 1, "helps": 1, ending(RoundState.REACHED): 1})
    played.update({"bought": 1, "new_members": 1, "cost_fen": reached.cut_fen})
    assert figures(campaign) == played
    PLAY.on_order_refunded([message])
    assert figures(campaign) == played - Counter(bought=1, new_members=1, cost_fen=reached.cut_fen) + Counter(
        returned=1
    )


@pytest.mark.real
def test_runs_that_end_the_same_bargains_at_once_count_them_once():
    campaign = make_campaign()
    for member_id in range(10, 20):
        let_end(begin(campaign, member_id=member_id))
    assert sum(meet(*(partial(end_overdue_rounds) for _ in range(4)))) == 10
    assert figures(campaign)[ending(RoundState.EXPIRED)] == 10


def preview(**changes) -> dict[str, str]:
    rules = {**make_rules(**changes)}
    form = Rules(rules)
    assert form.is_valid(), form.errors
    with override("en"):
        return {str(line.title): line.text for line in PLAY.preview(form.cleaned_data)}


def test_rules_are_previewed():
    told = preview(minutes=1_530)
    assert (told["Price before"], told["Lowest price"]) == ("¥15.00", "¥5.00")
    assert told["Helpers"] == "10 members, or 4 if all of them are new"
    assert told["Time to bargain"] == "1 d 1 h 30 min"
    assert told["The price then"].endswith("¥5.00")
    assert len(told["Cuts, for example"].split(", ")) == 10
    assert told["Can be bought"] == "at the lowest price only"
    many = preview(cuts=200)
    assert len(many["Cuts, for example"].split("¥")) == CUTS_SHOWN + 1
    rules = make_rules()
    Activity.objects.filter(pk=rules["activity_id"]).update(state="PAUSED")
    assert "not on sale now" in preview(activity_id=rules["activity_id"])["For"]
    assert PLAY.preview({**rules, "activity_id": 999_999}) == []
