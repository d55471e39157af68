"""An invitation over HTTP, from its start to a complete group; refusals change nothing."""

from datetime import timedelta

import pytest

from pgs_data.clock import DatabaseNow
from pgs_task.handlers.tests.making import deliver_all
from pgs_task.order_drain.tests.making import drain
from pgs_task.payment.services import process_due_refunds
from pgs_task.rescue.tests.making import pay_order, place
from pgs_task.routes import ROUTES
from pgs_web.display.activity.models import Activity, ActivityStock
from pgs_web.marketing.invite_new.checks import find_missing_new_members, find_overdue_rounds, find_wrong_rewards
from pgs_web.marketing.invite_new.errors import NotOnSale
from pgs_web.marketing.invite_new.models import Join, Round
from pgs_web.marketing.invite_new.services import notice_openings
from pgs_web.marketing.invite_new.states import CODE
from pgs_web.marketing.invite_new.tests.making import (
    BY_PASS,
    LEADER,
    begin,
    buy_in,
    join,
    make_activity,
    make_campaign,
    make_forming,
    make_rules,
    open_group,
    order_in,
)
from pgs_web.member.services.mass_creation import create_members
from pgs_web.plays.eligibility.models import Help
from pgs_web.plays.errors import BadRules
from pgs_web.plays.models import Campaign
from pgs_web.plays.rounds import own_rounds
from pgs_web.plays.services import change_rules, close_campaign, create_campaign, switch_play
from pgs_web.plays.shares import write_share_code
from pgs_web.plays.switches import forget_switches
from pgs_web.plays.tests.making import client, make_helpers, refused
from pgs_web.trade.intake.tests.making import accept_alone, reject
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_orders
from pgs_web.trade.order.states import CancelReason
from pgs_web.trade.receiving.tests.asgi_client import OrdersClient, receiving_service

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]
ROOT = f"/api/v1/plays/{CODE}/"


def share_of(round_: Round) -> str:
    return f"{ROOT}shares/{write_share_code(CODE, round_.pk)}/"


def ask_join(round_: Round, member_id: int):
    return client(member_id).post(f"{share_of(round_)}join/")


def offences() -> list[str]:
    return [*find_missing_new_members(), *find_wrong_rewards(), *find_overdue_rounds()]


def test_from_the_start_to_the_complete_group():
    campaign = make_campaign(reward_kind="coupon", reward_fen=300, coupon_threshold_fen=500)
    (offered,) = client(None).get(f"{ROOT}campaigns/").json()["results"]
    assert (offered["campaign_id"], offered["group_size"], offered["new_seats"]) == (str(campaign.pk), 3, 1)
    started = client().post(f"{ROOT}rounds/", {"campaign_id": str(campaign.pk)}, format="json")
    assert started.status_code == 201, started.content
    body = started.json()
    entry = body["entry"]
    assert (body["state"], body["group_id"], entry["group_id"], body["reward"]) == ("OPENING", None, None, None)
    round_ = Round.objects.get(pk=int(body["round_id"]))
    activity = Activity.objects.get(pk=round_.activity_id)
    mine = place(activity, member_id=LEADER, wishes=BY_PASS, key=entry["idempotency_key"])
    pay_order(mine)
    notice_openings()
    (old,), (new,) = make_helpers(1), make_helpers(1, is_new=True)
    for friend, is_new in ((old, False), (new, True)):
        joined = ask_join(round_, friend).json()
        assert joined["is_new_member"] is is_new
        assert joined["entry"]["group_id"] == str(mine.group_id)
        key = joined["entry"]["idempotency_key"]
        pay_order(place(activity, member_id=friend, wishes=BY_PASS, key=key, join=mine.group_id))
        shown = client(None).get(share_of(round_)).json()
        assert (shown["seats_left"], shown["other_seats_left"]) == ((1, 0) if friend == old else (0, 0))
    assert [one["is_leader"] for one in shown["members"]] == [True, False, False]
    assert client(None).get(f"/g/{CODE}/{write_share_code(CODE, round_.pk)}/").status_code == 200
    assert client().get(f"{ROOT}rounds/{round_.pk}/").json()["card"]["done"] == 3
    assert shown["members"][1]["member"] == "小*明"
    deliver_all(ROUTES)
    (own,) = client().get(f"{ROOT}rounds/").json()["results"]
    assert (own["state"], own["entry"], own["reward"]["state"]) == ("SUCCEEDED", None, "PAID")
    assert refused(ask_join(round_, LEADER)) == (409, "invite_new_not_open")
    assert client(new).get(f"{ROOT}rounds/{round_.pk}/").status_code == 404
    assert offences() == []


def test_the_passes_open_the_intake(db):
    """Start and join by the game, orders by the receiving service: each pass opens what it is for and nothing else."""
    leader, friend, stranger = create_members(count=3, prefix="invited")
    round_ = begin(make_campaign(), member_id=leader.member_id)
    with receiving_service(shares_connections=False) as (thread, service):
        api = OrdersClient(thread, service, raise_request_exception=False)

        def buy(shopper, entry):
            body = {key: entry[key] for key in ("activity_id", "group_id", "entry_pass") if entry[key] is not None}
            return api.post(
                "/api/v1/orders/",
                {**body, "quantity": 1, "address_id": str(shopper.address_id)},
                headers={"Authorization": f"Bearer {shopper.access}", "Idempotency-Key": entry["idempotency_key"]},
            )

        opening = client(leader.member_id).get(f"{ROOT}rounds/{round_.pk}/").json()["entry"]
        assert buy(stranger, opening).json()["code"] == "pass_not_valid"
        assert buy(leader, opening).status_code == 202
        # Accepted in time; the row is late.
        Round.objects.filter(pk=round_.pk).update(open_by=DatabaseNow(after=-timedelta(hours=1)))
        assert notice_openings() == 0
        late = client(leader.member_id).get(f"{ROOT}rounds/{round_.pk}/").json()
        assert (late["state"], late["entry"]) == ("OPENING", None)
        drain(Activity.objects.get(pk=round_.activity_id))
        notice_openings()
        joining = ask_join(round_, friend.member_id).json()["entry"]
        assert buy(stranger, joining).json()["code"] == "pass_not_valid"
        assert buy(friend, joining).status_code == 202
        assert buy(friend, {**joining, "idempotency_key": "another"}).json()["code"] == "pass_not_valid"


def test_joins_that_are_refused_change_nothing():
    round_, _order = make_forming(leader_has_paid=False, joins_a_device=1)
    old, older = make_helpers(2)
    new, newer = make_helpers(2, is_new=True)
    for code in ("x", "1-", write_share_code(CODE, round_.pk + 1), write_share_code("bargain", round_.pk)):
        assert client(new).post(f"{ROOT}shares/{code}/join/").status_code == 404
        assert client(None).get(f"{ROOT}shares/{code}/").status_code == 404
    assert client(None).post(f"{share_of(round_)}join/").status_code == 401
    assert refused(ask_join(round_, LEADER)) == (409, "self_help")
    same_hands = client(new)
    same_hands.credentials(**{**same_hands._credentials, "HTTP_X_DEVICE": client(LEADER)._credentials["HTTP_X_DEVICE"]})
    assert refused(same_hands.post(f"{share_of(round_)}join/")) == (409, "self_help")
    no_device = client(new)
    no_device.credentials(HTTP_AUTHORIZATION=no_device._credentials["HTTP_AUTHORIZATION"])
    assert refused(no_device.post(f"{share_of(round_)}join/")) == (409, "device_unknown")
    assert (Join.objects.filter(round_id=round_.pk).count(), Help.objects.filter(round_id=round_.pk).count()) == (0, 0)
    join(round_, old)
    assert refused(ask_join(round_, older)) == (409, "invite_new_new_seats_only")
    shared = client(newer)
    shared.credentials(**{**shared._credentials, "HTTP_X_DEVICE": client(new)._credentials["HTTP_X_DEVICE"]})
    assert ask_join(round_, new).status_code == 200
    assert refused(shared.post(f"{share_of(round_)}join/")) == (429, "device_cap")
    assert Join.objects.filter(round_id=round_.pk).count() == 2
    # Another round of the same leader: who joined one may not join the next.
    Round.objects.filter(pk=round_.pk).update(running_in=None)
    again = begin_again(round_)
    assert refused(ask_join(again, new)) == (409, "already_helped")


def begin_again(round_: Round) -> Round:
    again = begin(Campaign.objects.get(pk=round_.campaign_id))
    open_group(again)
    return again


def test_a_pass_is_given_again_and_another_try_has_another_key():
    round_, _order = make_forming()
    (new,) = make_helpers(1, is_new=True)
    first, second = ask_join(round_, new).json()["entry"], ask_join(round_, new).json()["entry"]
    assert first["idempotency_key"] == second["idempotency_key"]
    order = order_in(round_, new)
    assert refused(ask_join(round_, new)) == (409, "invite_new_already_joined")
    cancel_orders(order_ids=[order.pk], reason=CancelReason.BY_MEMBER, actor=f"member:{new}")
    deliver_all(ROUTES)
    third = ask_join(round_, new).json()["entry"]["idempotency_key"]
    assert third != first["idempotency_key"]
    # No database takes the next order: it has no row, and its key brings nothing else.
    activity = Activity.objects.get(pk=round_.activity_id)
    reject(activity, accept_alone(activity, member_id=new, key=third))
    assert ask_join(round_, new).json()["entry"]["idempotency_key"] not in {third, first["idempotency_key"]}
    assert Help.objects.filter(round_id=round_.pk).count() == 1


def test_groups_of_new_members_only():
    round_, _order = make_forming(activity=make_activity(group_size=2))
    (old,), (new,) = make_helpers(1), make_helpers(1, is_new=True)
    assert refused(ask_join(round_, old)) == (409, "not_new_member")
    assert ask_join(round_, new).status_code == 200


def test_who_was_new_on_joining_and_is_not_on_paying_loses_the_seat():
    round_, leader_order = make_forming(activity=make_activity(group_size=3, new_seats=2))
    pay_order(leader_order)
    new, newer, newest = make_helpers(3, is_new=True)
    mine = order_in(round_, new)
    # Meanwhile another order of theirs is paid.
    elsewhere = place(make_activity(play="standard", new_seats=0), member_id=new, alone=True)
    pay_order(elsewhere)
    pay_order(mine)
    deliver_all(ROUTES)
    process_due_refunds()
    deliver_all(ROUTES)
    mine.refresh_from_db()
    assert (mine.state, mine.reason) == ("REFUNDED", "not_new_member")
    # The seat is free for somebody new.
    for friend in (newer, newest):
        buy_in(round_, friend)
    deliver_all(ROUTES)
    round_.refresh_from_db()
    assert round_.state == "SUCCEEDED"
    assert Order.objects.get(pk=elsewhere.pk).state in {"TO_SHIP", "SHIPPED"}
    assert offences() == []


def test_starts_that_are_refused():
    campaign = make_campaign(leader_has_paid=True, rounds_a_member=1)
    (old,), (new,) = make_helpers(1), make_helpers(1, is_new=True)

    def start(member_id):
        return client(member_id).post(f"{ROOT}rounds/", {"campaign_id": str(campaign.pk)}, format="json")

    assert refused(start(new)) == (409, "invite_new_leader_is_new")
    no_device = client(old)
    no_device.credentials(HTTP_AUTHORIZATION=no_device._credentials["HTTP_AUTHORIZATION"])
    body = {"campaign_id": str(campaign.pk)}
    assert refused(no_device.post(f"{ROOT}rounds/", body, format="json")) == (409, "device_unknown")
    assert client(old).post(f"{ROOT}rounds/", {"campaign_id": str(2**40)}, format="json").status_code == 404
    assert start(old).status_code == 201
    assert refused(start(old)) in {(409, "invite_new_round_limit"), (409, "invite_new_round_open")}
    round_ = own_rounds(Round, member_id=old).get()
    Round.objects.filter(pk=round_.pk).update(open_by=DatabaseNow(after=-timedelta(hours=1)))
    assert client(old).get(f"{ROOT}rounds/{round_.pk}/").json()["entry"] is None
    assert notice_openings() == 1
    assert client(old).get(f"{ROOT}rounds/{round_.pk}/").json()["state"] == "EXPIRED"
    assert refused(start(old)) == (409, "invite_new_round_limit")
    switch_play(code=CODE, is_draining=True, based_on=0, author="test", reason="test")
    assert refused(start(old)) == (409, "play_draining")
    switch_play(code=CODE, is_draining=False, based_on=1, author="test", reason="test")
    forget_switches()
    close_campaign(campaign_id=campaign.pk)
    assert refused(start(old)) == (409, "campaign_closed")


def test_an_edit_changes_nothing_that_runs():
    activity = make_activity()
    campaign = make_campaign(activity=activity, reward_kind="coupon", reward_fen=100)
    round_ = begin(campaign)
    rules = make_rules(activity=activity, reward_kind="none")
    change_rules(campaign_id=campaign.pk, based_on=1, rules=rules, author="test", reason="test")
    open_group(round_)
    round_.refresh_from_db()
    assert (round_.reward_kind, round_.reward_fen, round_.state) == ("coupon", 100, "FORMING")


def test_a_group_that_fails():
    round_, order = make_forming()
    cancel_orders(order_ids=[order.pk], reason=CancelReason.BY_MEMBER, actor="member:10")
    deliver_all(ROUTES)
    round_.refresh_from_db()
    assert (round_.state, round_.running_in) == ("FAILED", None)
    assert offences() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"activity_id": 7}, "activity_id"),
        ({"activity_id": 2**63}, "activity_id"),
        ({"reward_kind": "car"}, "reward_kind"),
        ({"reward_kind": "refund"}, "reward_fen"),
        ({"reward_kind": "refund", "reward_fen": 1001}, "reward_fen"),
        ({"reward_kind": "coupon", "reward_fen": 1001}, "reward_fen"),
        ({"reward_kind": "coupon", "reward_fen": 500, "coupon_threshold_fen": 500}, "coupon_threshold_fen"),
        ({"reward_kind": "free_order", "envelope_fen": 9_999}, "envelope_fen"),
        ({"rounds_a_member": 0}, "rounds_a_member"),
        ({"reward_fen": -1}, "reward_fen"),
        ({"coupon_days": 0}, "coupon_days"),
    ],
    ids=str,
)
def test_rules_that_lose_money_or_mean_nothing(changes, field):
    rules = make_rules(**{key: value for key, value in changes.items() if key != "activity_id"})
    with pytest.raises(BadRules) as refusal:
        create_campaign(code=CODE, title="One", rules={**rules, **changes}, author="test", reason="test")
    assert field in {error.field for error in refusal.value.errors}


def test_stock_that_was_added_can_bring_rewards_too():
    activity = make_activity()
    rules = {"activity": activity, "reward_kind": "free_order", "envelope_fen": 10_000}
    campaign = make_campaign(**rules)
    ActivityStock.objects.update_or_create(
        activity=activity, defaults={"total": 33, "remain": 33, "synced_at": DatabaseNow()}
    )
    with pytest.raises(BadRules) as refusal:
        make_campaign(**rules)
    assert [error.field for error in refusal.value.errors] == ["envelope_fen"]
    with pytest.raises(NotOnSale):
        begin(campaign)


def test_activities_that_no_invitation_is_about():
    for activity in (
        make_activity(play="standard", new_seats=0),
        make_activity(new_seats=0),
        make_activity(guaranteed_seats=1, guarantee_cap_fen=5_000),
    ):
        with pytest.raises(BadRules):
            make_campaign(activity=activity)
