"""A round takes the group that its own pass opened, and no other; rows as the drain writes them."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.ids.snowflake import new_id
from pgs_data.sharding.slots import alias_of_id, slot_of_key
from pgs_web.marketing.invite_new.checks import find_overdue_rounds, find_wrong_rewards
from pgs_web.marketing.invite_new.models import Round
from pgs_web.marketing.invite_new.services import following, notice_openings
from pgs_web.marketing.invite_new.services.door import key_to_open
from pgs_web.marketing.invite_new.states import RoundState
from pgs_web.trade.group.models import Group
from pgs_web.trade.group.tests.making import ACTIVITY_ID, make_group
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.tests.making import make_order
from pgs_web.trade.order.wishes import Wishes
from pgs_web.trade.stock.holds import Hold, HoldState

pytestmark = pytest.mark.django_db(databases="__all__")
LEADER = 10
BY_PASS = Wishes(by_pass=True).code
FOREIGN_ID = ACTIVITY_ID + 1


def make_round(*, ordinal: int = 1, **changes: Any) -> Round:
    """An OPENING round of the leader's, for a free order."""
    round_id = new_id(slot=slot_of_key(LEADER))
    now = database_now(alias_of_id(round_id))
    fields = {
        "id": round_id,
        "member_id": LEADER,
        "campaign_id": ordinal,
        "rules_version": 1,
        "running_in": ordinal,
        "ordinal": ordinal,
        "activity_id": ACTIVITY_ID,
        "title": "One",
        "group_size": 3,
        "new_seats": 1,
        "price_fen": 990,
        "reward_kind": "free_order",
        "reward_fen": 990,
        "coupon_threshold_fen": 0,
        "coupon_days": 7,
        "initiator_device": "",
        "opening_key": key_to_open(round_id),
        "state": RoundState.OPENING,
        "started_at": now,
        "open_by": now + timedelta(minutes=10),
    }
    return Round.objects.create(**{**fields, **changes})


def order_for(round_: Round, *, group: Group | None, wishes: int = BY_PASS, activity_id: int = ACTIVITY_ID) -> Order:
    order = make_order(
        member_id=LEADER,
        group_id=group.pk if group else None,
        key=round_.opening_key,
        activity_id=activity_id,
    )
    Order.objects.filter(pk=order.pk).update(wishes=wishes)
    return order


def state_of(round_: Round) -> str:
    round_.refresh_from_db()
    return round_.state


def end_time_to_open(round_: Round) -> None:
    Round.objects.filter(pk=round_.pk).update(open_by=DatabaseNow(after=-timedelta(minutes=5)))


def test_the_group_that_the_pass_opened():
    round_, group = make_round(), make_group(leader_member_id=LEADER)
    order = order_for(round_, group=group)
    assert notice_openings() == 1
    assert (state_of(round_), round_.group_id, round_.order_id) == ("FORMING", group.pk, order.pk)
    assert (round_.group_size, round_.price_fen, round_.ends_at) == (group.size, group.price_fen, group.deadline)


@pytest.mark.parametrize("what", ["activity", "group_of_another_activity", "no_pass", "leader", "alone"])
def test_another_order_under_the_key_is_none_of_the_rounds(what):
    """Whoever orders something else under the round's key gets no foreign group rewarded: the round expires."""
    round_ = make_round()
    group = make_group(
        leader_member_id=LEADER + 1 if what == "leader" else LEADER,
        activity_id=FOREIGN_ID if what in {"activity", "group_of_another_activity"} else ACTIVITY_ID,
        slot=slot_of_key(LEADER),
    )
    order_for(
        round_,
        group=None if what == "alone" else group,
        wishes=0 if what == "no_pass" else BY_PASS,
        activity_id=FOREIGN_ID if what == "activity" else ACTIVITY_ID,
    )
    assert notice_openings() == 0
    end_time_to_open(round_)
    assert notice_openings() == 1
    assert (state_of(round_), round_.group_id, round_.running_in) == ("EXPIRED", None, None)
    assert list(find_overdue_rounds()) == []


def accepted_as(round_: Round, what: str):
    """What the ledger says of the order under the round's key."""
    hold = Hold(HoldState.LOCKED, 1, LEADER, 7, 0, 0, 990, 1, 0, 0, 0, "", BY_PASS)
    told = {
        "its order": (ACTIVITY_ID, hold),
        "another activity": (FOREIGN_ID, hold),
        "alone": (ACTIVITY_ID, hold._replace(group_id=None)),
        "no pass": (ACTIVITY_ID, hold._replace(wishes=0)),
    }
    return {(LEADER, round_.opening_key): told[what]} if what in told else {}


@pytest.mark.parametrize("what", ["its order", "another activity", "alone", "no pass", "nothing"])
def test_time_alone_ends_no_invitation_whose_order_was_accepted(what):
    """Its row comes later than the time to open; the control is every other answer of the ledger."""
    round_ = make_round()
    end_time_to_open(round_)
    with patch.object(following, "find_accepted", return_value=accepted_as(round_, what)):
        assert notice_openings() == (0 if what == "its order" else 1)
    assert state_of(round_) == ("OPENING" if what == "its order" else "EXPIRED")
    if what == "its order":
        order_for(round_, group=make_group(leader_member_id=LEADER))
        assert (notice_openings(), state_of(round_)) == (1, "FORMING")


def test_the_check_finds_invitations_that_are_over_though_their_group_is_there():
    round_ = make_round(state=RoundState.EXPIRED, running_in=None)
    order_for(round_, group=make_group(leader_member_id=LEADER))
    assert len(list(find_overdue_rounds())) == 1


def test_nothing_expires_while_the_ledger_is_away():
    late, opened = make_round(), make_round(ordinal=2)
    end_time_to_open(late)
    order_for(opened, group=make_group(leader_member_id=LEADER))
    away = patch.object(following, "find_accepted", side_effect=RedisConnectionError)
    with away, pytest.raises(RedisConnectionError):
        notice_openings()
    assert (state_of(late), state_of(opened)) == ("OPENING", "FORMING")


@pytest.mark.parametrize("alone", [True, False])
def test_orders_that_open_nothing_keep_no_round_waiting(alone):
    """Of one round a run, the one behind is served."""
    stuck, behind = make_round(), make_round(ordinal=2)
    Round.objects.filter(pk=behind.pk).update(open_by=DatabaseNow(after=timedelta(minutes=20)))
    foreign = None if alone else make_group(leader_member_id=LEADER, activity_id=FOREIGN_ID)
    order_for(stuck, group=foreign, activity_id=ACTIVITY_ID if alone else FOREIGN_ID)
    order_for(behind, group=make_group(leader_member_id=LEADER))
    assert notice_openings(limit=1) == 1
    assert (state_of(stuck), state_of(behind)) == ("OPENING", "FORMING")


def test_a_group_that_another_round_has_stops_nobody_else():
    group = make_group(leader_member_id=LEADER)
    make_round(state=RoundState.SUCCEEDED, group_id=group.pk, running_in=None)
    clashing, next_one = make_round(ordinal=2), make_round(ordinal=3)
    order_for(clashing, group=group)
    order_for(next_one, group=make_group(leader_member_id=LEADER))
    assert notice_openings() == 1
    assert (state_of(clashing), state_of(next_one)) == ("OPENING", "FORMING")
    end_time_to_open(clashing)
    assert (notice_openings(), state_of(clashing)) == (1, "EXPIRED")
    assert not any("opened group" in one for one in find_overdue_rounds())


@pytest.mark.parametrize(("changes", "found"), [({}, 0), ({"activity_id": 1}, 1), ({"leader_member_id": 1}, 1)])
def test_the_check_finds_groups_that_are_none_of_the_rounds(changes, found):
    group = make_group(**{"leader_member_id": LEADER, **changes}, slot=slot_of_key(LEADER))
    make_round(state=RoundState.FORMING, group_id=group.pk, order_id=1)
    assert len(list(find_wrong_rewards())) == found
