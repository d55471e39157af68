"""A leader's reward is paid once, and undone when an order of the group is refunded before it left."""

from collections import Counter

import pytest

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_task.handlers.tests.making import deliver_all
from pgs_task.payment.services import process_due_refunds
from pgs_task.payment.tests.making import refunds_of
from pgs_task.rescue.tests.making import pay_order, settle
from pgs_task.routes import ROUTES
from pgs_web.marketing.invite_new.checks import find_wrong_rewards
from pgs_web.marketing.invite_new.models import Reward, Round
from pgs_web.marketing.invite_new.play import PLAY
from pgs_web.marketing.invite_new.services import advance_rewards, follow_groups, let_go, rewarding, undo_rewards
from pgs_web.marketing.invite_new.services.counting import note_refunds
from pgs_web.marketing.invite_new.tests.making import buy_in, figures_of, make_forming
from pgs_web.plays.tests.making import make_helpers
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.after_sale.services import RequestWish, approve_request, ask_for_refund, refuse_request
from pgs_web.trade.after_sale.states import RequestCause, RequestKind
from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.coupon.states import CouponState
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_orders, request_refund, use_coupons
from pgs_web.trade.order.states import CancelReason
from pgs_web.trade.order.tests.making import make_order
from tests.races.meeting import meet

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]


def complete(**rules) -> tuple[Round, list[Order]]:
    """A complete group; its orders are about to ship, the leader's first."""
    round_, leader_order = make_forming(**rules)
    payment = pay_order(leader_order)
    orders = [leader_order, *(buy_in(round_, friend) for friend in make_helpers(2, is_new=True))]
    deliver_all(ROUTES)
    round_.refresh_from_db()
    assert round_.state == "SUCCEEDED"
    round_.payment = payment
    return round_, orders


def reward_of(round_: Round) -> Reward:
    return Reward.objects.get(pk=round_.pk)


def played(**more: int) -> Counter[str]:
    """What is counted of a complete group, and what it brought."""
    ended = {"ended.SUCCEEDED": 1}
    return Counter(started=1, helps=2, new_helpers=2, bought=3, new_members=2) + Counter({**ended, **more})


def coupons_of(round_: Round):
    return Coupon.objects.on_node(alias_of_id(round_.pk)).filter(member_id=round_.member_id)


def refund(order: Order) -> None:
    request_refund(member_id=order.member_id, order_id=order.pk)
    deliver_all(ROUTES)
    process_due_refunds()
    deliver_all(ROUTES)
    assert Order.objects.get(pk=order.pk).state == "REFUNDED"


def look_now() -> int:
    for alias in node_aliases():
        Reward.objects.on_node(alias).filter(look_at__isnull=False).update(look_at=DatabaseNow())
    return advance_rewards()


def test_a_coupon_comes_once():
    round_, orders = complete(reward_kind="coupon", reward_fen=300)
    told = {round_.group_id: round_.member_id}
    assert follow_groups(told) == []
    assert look_now() == 0
    coupon = Coupon.objects.get(pk=reward_of(round_).coupon_id)
    assert (coupon.member_id, coupon.amount_fen, coupon.state) == (round_.member_id, 300, "ISSUED")
    assert coupons_of(round_).count() == 1
    assert list(find_wrong_rewards()) == []
    assert figures_of(round_.campaign_id) == played(cost_fen=300, rewards=1)
    assert [(one.value, one.of) for one in PLAY.read_figures([round_.campaign_id])[round_.campaign_id]] == [
        (300, 100_000)
    ]
    refund(orders[1])
    undone = played(returned=1) - Counter(bought=1, new_members=1)
    assert figures_of(round_.campaign_id) == undone
    note_refunds({orders[1].pk: round_.group_id or 0})
    assert figures_of(round_.campaign_id) == undone, "told again it is counted once"
    assert (reward_of(round_).state, Coupon.objects.get(pk=coupon.pk).state) == ("TAKEN_BACK", "WITHDRAWN")
    assert list(find_wrong_rewards()) == []
    # The control: a coupon that came back to life, and a second one.
    Coupon.objects.filter(pk=coupon.pk).update(state=CouponState.ISSUED)
    assert len(list(find_wrong_rewards())) == 1


def test_a_used_coupon_is_owed_until_its_order_comes_to_nothing():
    round_, orders = complete(reward_kind="coupon", reward_fen=300)
    coupon_id = reward_of(round_).coupon_id
    bought = make_order(member_id=round_.member_id, unit_price_fen=2000)
    use_coupons(member_id=round_.member_id, order_id=bought.pk, coupon_ids=[coupon_id or 0])
    refund(orders[2])
    assert (reward_of(round_).state, look_now(), reward_of(round_).state) == ("OWED", 0, "OWED")
    assert list(find_wrong_rewards()) == []
    assert figures_of(round_.campaign_id)["cost_fen"] == 300
    cancel_orders(order_ids=[bought.pk], reason=CancelReason.BY_MEMBER, actor="member:10")
    assert look_now() == 1
    assert (reward_of(round_).state, Coupon.objects.get(pk=coupon_id).state) == ("TAKEN_BACK", "WITHDRAWN")


def test_an_expired_coupon_is_taken_back_for_good():
    """Left EXPIRED, a late payment of an order that had it would bring it back to life."""
    round_, orders = complete(reward_kind="coupon", reward_fen=300)
    coupons_of(round_).update(state=CouponState.EXPIRED)
    refund(orders[2])
    assert (reward_of(round_).state, coupons_of(round_).get().state) == ("TAKEN_BACK", "WITHDRAWN")


def test_the_desk_lets_go():
    round_, orders = complete(reward_kind="coupon", reward_fen=300)
    assert not let_go(round_.pk)
    bought = make_order(member_id=round_.member_id, unit_price_fen=2000)
    use_coupons(member_id=round_.member_id, order_id=bought.pk, coupon_ids=[reward_of(round_).coupon_id or 0])
    refund(orders[2])
    assert (let_go(round_.pk), let_go(round_.pk), reward_of(round_).state) == (True, False, "LET_GO")
    assert list(find_wrong_rewards()) == []


@pytest.mark.parametrize(("kind", "given_fen"), [("refund", 400), ("free_order", 1000)])
def test_money_comes_when_all_orders_have_left(kind, given_fen):
    round_, orders = complete(reward_kind=kind, reward_fen=400 if kind == "refund" else 0)
    assert (look_now(), reward_of(round_).state) == (0, "DUE")
    assert figures_of(round_.campaign_id) == played(rewards_due_fen=given_fen)
    settle()
    assert {Order.objects.get(pk=order.pk).state for order in orders} == {"SHIPPED"}
    assert (look_now(), look_now()) == (1, 0)
    reward = reward_of(round_)
    assert (reward.state, reward.amount_fen) == ("PAID", given_fen)
    settle()
    assert [(one.amount_fen, one.state) for one in refunds_of(round_.payment)] == [(given_fen, "SUCCEEDED")]
    request = AfterSaleRequest.objects.get(pk=reward.request_id)
    assert (request.cause, request.state, request.order_id) == ("reward", "DONE", round_.order_id)
    assert Order.objects.get(pk=round_.order_id).state == "SHIPPED"
    assert figures_of(round_.campaign_id) == played(cost_fen=given_fen, rewards=1)
    assert list(find_wrong_rewards()) == []
    # The control: another amount than was said.
    Reward.objects.filter(pk=round_.pk).update(amount_fen=given_fen + 1)
    assert len(list(find_wrong_rewards())) == 1


@pytest.mark.parametrize("is_refused", [True, False])
def test_money_waits_for_what_becomes_of_an_open_request(is_refused):
    round_, _orders = complete(reward_kind="free_order")
    settle()
    wish = RequestWish(kind=RequestKind.REFUND_ONLY, cause=RequestCause.DAMAGED, amount_fen=1000)
    request, _is_new = ask_for_refund(member_id=round_.member_id, order_id=round_.order_id or 0, wish=wish)
    assert (look_now(), reward_of(round_).state) == (0, "DUE")
    if is_refused:
        refuse_request(request_id=request.pk, actor="operator:1", answer="no")
    else:
        approve_request(request_id=request.pk, actor="operator:1", answer="yes")
        settle()
    assert (look_now(), reward_of(round_).state) == (1, "PAID" if is_refused else "WITHHELD")


def test_money_is_withheld_when_an_order_is_refunded_before():
    round_, orders = complete(reward_kind="free_order")
    refund(orders[1])
    assert reward_of(round_).state == "WITHHELD"
    settle()
    assert look_now() == 0
    assert refunds_of(round_.payment) == []
    assert figures_of(round_.campaign_id) == played(returned=1) - Counter(bought=1, new_members=1)
    assert list(find_wrong_rewards()) == []


def test_a_free_order_gives_back_no_more_than_was_promised():
    order = make_order(unit_price_fen=99_000)
    reward = Reward(round_id=order.pk, order_id=order.pk, kind="free_order", amount_fen=1000)
    assert rewarding._amount_of(alias_of_id(order.pk), reward) == 1000


@pytest.mark.real
def test_paying_against_undoing():
    """Whoever is first, no coupon outlives the refund."""
    for _ in range(2):
        round_, orders = complete(reward_kind="coupon", reward_fen=300)
        Coupon.objects.filter(pk=reward_of(round_).coupon_id).delete()
        Reward.objects.filter(pk=round_.pk).update(state="DUE", coupon_id=None, look_at=DatabaseNow())
        refunded = {orders[1].pk: round_.group_id}
        meet(advance_rewards, lambda refunded=refunded: undo_rewards(refunded), advance_rewards)
        undo_rewards(refunded)
        assert reward_of(round_).state in {"WITHHELD", "TAKEN_BACK"}
        assert not coupons_of(round_).filter(state="ISSUED", issue_reference=str(round_.pk)).exists()
        assert list(find_wrong_rewards()) == []
