"""Seats that need nobody new, a group's deadline that moved, and a reward that fails; rows as they are written."""

from datetime import timedelta
from unittest.mock import patch

import pytest

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_data.sharding.transactions import node_transaction
from pgs_web.marketing.invite_new.cards import describe_card
from pgs_web.marketing.invite_new.models import Reward, Round
from pgs_web.marketing.invite_new.selectors import count_others
from pgs_web.marketing.invite_new.services import joining, rewarding, undo_rewards
from pgs_web.marketing.invite_new.states import CODE, RoundState
from pgs_web.marketing.invite_new.tests.test_following import LEADER, make_round
from pgs_web.plays.figures.selectors import read_counted
from pgs_web.plays.figures.services import fold_figures
from pgs_web.plays.rounds import get_round, own_rounds
from pgs_web.trade.coupon.services import issue_coupon
from pgs_web.trade.coupon.terms import CouponTerms
from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.group.states import SeatState
from pgs_web.trade.group.tests.making import make_group, make_seat

pytestmark = pytest.mark.django_db(databases="__all__")


def test_who_is_not_new_any_more_takes_a_seat_of_the_others():
    group = make_group(leader_member_id=LEADER, size=4)
    round_ = make_round(state=RoundState.FORMING, group_id=group.pk)
    for member_id, is_returning in ((LEADER, None), (11, True), (12, False)):
        seat = make_seat(group, member_id=member_id, state=SeatState.PAID)
        Seat.objects.filter(group_id=group.pk, pk=seat.pk).update(is_returning=is_returning)
    now = database_now(alias_of_id(round_.pk))
    assert count_others(round_, now=now) == 1
    assert count_others(round_, now=now, but_member_id=11) == 0


def test_an_extended_group_is_open_longer():
    group = make_group(leader_member_id=LEADER)
    round_ = make_round(state=RoundState.FORMING, group_id=group.pk)
    alias = alias_of_id(round_.pk)
    type(round_).objects.filter(pk=round_.pk).update(ends_at=DatabaseNow(after=-timedelta(seconds=1)))
    Group.objects.filter(pk=group.pk).update(deadline=DatabaseNow(after=timedelta(minutes=5)))
    deadline = Group.objects.get(pk=group.pk).deadline
    with node_transaction(alias):
        locked, now = joining._lock_open(alias, round_.pk)
    assert joining._pass_until(locked, now=now) == deadline
    assert describe_card(get_round(Round, round_id=round_.pk)).ends_at == deadline
    assert [one.until for one in own_rounds(Round, member_id=LEADER)] == [deadline]


@pytest.mark.parametrize("kind", ["coupon", "refund", "free_order"])
@pytest.mark.parametrize(("state", "undone"), [("DUE", "WITHHELD"), ("PAID", "TAKEN_BACK or OWED")])
def test_every_reward_is_undone_once_when_an_order_is_refunded(kind, state, undone):
    """A coupon is taken back; money that has gone is owed, and costs the campaign what it was."""
    round_ = make_round(state=RoundState.SUCCEEDED, running_in=None)
    now = database_now(alias_of_id(round_.pk))
    terms = CouponTerms(title="t", amount_fen=30, threshold_fen=0, valid_from=now, expires_at=now + timedelta(days=1))
    coupon = issue_coupon(issuer=CODE, reference=str(round_.pk), member_id=LEADER, terms=terms)
    reward = Reward.objects.create(
        round_id=round_.pk,
        member_id=LEADER,
        # The group's id names its node.
        group_id=round_.pk,
        order_id=8,
        kind=kind,
        amount_fen=30,
        order_ids=[8, 9],
        state=state,
        coupon_id=coupon.pk if kind == "coupon" and state == "PAID" else None,
        granted_at=now,
        changed_at=now,
    )
    assert [undo_rewards({order_id: round_.pk}) for order_id in (11, 9, 8)] == [0, 1, 0]
    reward.refresh_from_db()
    assert reward.state == (undone if state == "DUE" else "TAKEN_BACK" if kind == "coupon" else "OWED")
    fold_figures()
    figures = read_counted(code=CODE, campaign_ids=[round_.campaign_id]).of(round_.campaign_id)
    assert figures["rewards_due_fen"] == (-30 if state == "DUE" else 0)
    assert figures["cost_fen"] == (-30 if reward.state == "TAKEN_BACK" else 0)


def test_a_reward_that_fails_holds_up_no_other():
    now = database_now(alias_of_id(make_round().pk))
    fields = {"member_id": LEADER, "order_id": 1, "kind": "coupon", "amount_fen": 1, "order_ids": [], "state": "DUE"}
    moments = {"granted_at": now, "changed_at": now, "look_at": now}
    rounds = [make_round(ordinal=ordinal) for ordinal in (2, 3)]
    rewards = [Reward.objects.create(round_id=one.pk, group_id=one.pk, **fields, **moments) for one in rounds]
    with patch.object(rewarding, "_give_coupon", side_effect=[ValueError("broken"), True]):
        assert rewarding.pay_rewards(rewards) == 1
    assert Reward.objects.get(pk=rewards[0].pk).look_at > now + timedelta(seconds=rewarding.LOOK_SECONDS - 1)
