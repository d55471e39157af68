"""Orders for an activity that is sold from several buckets: the contract is that of any other."""

import concurrent.futures
import itertools
import time
from collections import Counter

import pytest

from pgs_data.ids.snowflake import new_ids
from pgs_data.redis.connections import KeptElsewhere, ledger
from pgs_data.redis.partitions import bucket_of, partition_within, partitions_of
from pgs_web.api.errors import Unavailable
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.group.selectors import get_group_page
from pgs_web.trade.receiving.tests.asgi_client import OrdersClient, receiving_service
from pgs_web.trade.stock import limits
from pgs_web.trade.stock.keys import activity_key, away_key, away_open_key, stock_key
from pgs_web.trade.stock.limits import sweep_limits
from pgs_web.trade.stock.messages import SettleMovement, SettleReply
from pgs_web.trade.stock.selectors import read_holds, read_stock
from pgs_web.trade.stock.services import Settlement, change_stock_total, set_activity_gate, settle_holds
from pgs_web.trade.stock.tests.making import make_sale
from pgs_web.trade.stock.tests.spreading import limit_used, remains, set_remains, spread_next

pytestmark = pytest.mark.django_db(databases="__all__")

OVER = 4


@pytest.fixture
def spread(settings):
    spread_next(settings, OVER)


@pytest.fixture
def buy(spread, buy):
    """Only once the settings say what is spread."""
    return buy


@pytest.fixture
def api(spread, api):
    return api


@pytest.fixture
def read(spread, read):
    return read


@pytest.fixture
def members(shoppers):
    """Shoppers by bucket: members(0) is one of bucket 0, another each time."""
    made = shoppers(OVER * 4)

    def take(bucket):
        place = next(place for place, one in enumerate(made) if int(one.member_id) % OVER == bucket)
        return made.pop(place)

    return take


def code(response):
    return response.json().get("code", response.status_code)


def give_back(activity, order_id, movement=SettleMovement.RELEASE):
    return settle_holds(settlements=[Settlement(activity.pk, order_id, movement)])


def opened_by(response, read, shopper):
    order = read(shopper, f"/api/v1/orders/{response.json()['order_id']}/").json()
    return order["group_id"]


def test_an_order_is_in_the_members_bucket_and_its_group_too(buy, read, members):
    activity = make_sale(stock=20)
    for bucket in range(OVER):
        buyer = members(bucket)
        response = buy(buyer, activity)
        assert response.status_code == 202
        order_id = int(response.json()["order_id"])
        assert bucket_of(activity.pk, order_id) == bucket
        group_id = opened_by(response, read, buyer)
        assert bucket_of(activity.pk, int(group_id)) == bucket
        assert get_group_page(int(group_id)).member_ids == [int(buyer.member_id)]
    assert remains(activity) == [4, 4, 4, 4]


def test_a_friend_of_another_bucket_joins(buy, read, members):
    activity = make_sale(stock=20, group_size=3, member_limit=2)
    leader, friend = members(0), members(3)
    group_id = opened_by(buy(leader, activity), read, leader)
    response = buy(friend, activity, quantity=2, group_id=group_id)
    assert response.status_code == 202
    order_id = int(response.json()["order_id"])
    assert bucket_of(activity.pk, order_id) == 0
    assert read_holds([(activity.pk, order_id)])[order_id].quantity == 2
    assert limit_used(activity, int(friend.member_id)) == 2
    assert read(friend, f"/api/v1/orders/{order_id}/").json()["group_id"] == group_id
    # The limit is one, wherever they buy.
    assert code(buy(friend, activity, key="second")) == "limit_exceeded"
    # The same key again is the same order.
    again = buy(friend, activity, quantity=2, group_id=group_id)
    assert (again.status_code, again.json()["order_id"]) == (202, str(order_id))
    assert limit_used(activity, int(friend.member_id)) == 2
    assert give_back(activity, order_id) == [SettleReply.APPLIED]
    assert give_back(activity, order_id) == [SettleReply.REPEATED]
    assert limit_used(activity, int(friend.member_id)) == 0
    # And still, though nothing counts any more; its attempt takes nothing of the limit.
    assert buy(friend, activity, quantity=2, group_id=group_id).json()["order_id"] == str(order_id)
    wait_until(lambda: limit_used(activity, int(friend.member_id)) == 0)
    assert buy(friend, activity, key="third", quantity=2).status_code == 202
    assert buy(friend, activity, quantity=2, group_id=group_id).json()["order_id"] == str(order_id)


def wait_until(happens, *, seconds=30):
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.005)


def test_who_bought_the_limit_cannot_join_elsewhere(buy, read, members):
    activity = make_sale(stock=20, group_size=3, member_limit=2)
    leader, friend = members(1), members(2)
    group_id = opened_by(buy(leader, activity), read, leader)
    assert buy(friend, activity, quantity=2, mode="alone").status_code == 202
    assert code(buy(friend, activity, key="join", group_id=group_id)) == "limit_exceeded"
    assert limit_used(activity, int(friend.member_id)) == 2


def test_a_refused_joiner_gets_the_limit_back(buy, read, members):
    activity = make_sale(stock=20, group_size=2, member_limit=1)
    leader, second, third = members(1), members(1), members(2)
    group_id = opened_by(buy(leader, activity), read, leader)
    assert buy(second, activity, group_id=group_id).status_code == 202
    assert code(buy(third, activity, group_id=group_id)) == "group_full"
    wait_until(lambda: limit_used(activity, int(third.member_id)) == 0)
    assert buy(third, activity, key="own").status_code == 202


def test_the_last_units_are_sold_wherever_they_are_wanted(buy, members):
    activity = make_sale(stock=4, member_limit=4)
    buyer = members(2)
    assert remains(activity) == [1, 1, 1, 1]
    assert code(buy(buyer, activity, key="all", quantity=4)) == 202
    assert remains(activity) == [0, 0, 0, 0]
    assert code(buy(members(0), activity)) == "sold_out"
    assert read_stock(activity.pk).told_sold_out == 0 or read_stock(activity.pk).remain == 0


def test_sold_out_is_remembered_until_any_bucket_has_units(api, buy, members):
    activity = make_sale(stock=2, member_limit=2)
    memory = api.service.reception.desk.sold_out
    order_id = int(buy(members(1), activity, quantity=2).json()["order_id"])
    late = members(3)
    assert code(buy(late, activity)) == "sold_out"
    wait_until(lambda: activity.pk in memory._sales)
    assert code(buy(late, activity, key="again")) == "sold_out"
    give_back(activity, order_id)
    wait_until(lambda: activity.pk not in memory._sales)
    assert buy(late, activity, key="third").status_code == 202


def test_a_rush_sells_exactly_what_there_is(api, buy, shoppers):
    activity = make_sale(stock=37, member_limit=2)
    crowd = shoppers(60)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = Counter(pool.map(lambda buyer: code(buy(buyer, activity)), crowd))
    assert answers == {202: 37, "sold_out": 23}
    assert sum(remains(activity)) == 0
    assert read_stock(activity.pk).lock == 37


def test_whoever_is_refused_while_units_are_elsewhere_was_lied_to(api, buy, members, monkeypatch):
    """The negative control: without lending, a bucket says what isn't true of the activity."""
    activity = make_sale(stock=4)
    set_remains(activity, [4, 0, 0, 0])
    monkeypatch.setattr(api.service.reception.desk, "_spread", {})
    # Without buckets an order goes to the home bucket only; the units of the others are never found.
    set_remains(activity, [0, 4, 0, 0])
    assert code(buy(members(0), activity)) == "sold_out"


def test_a_process_that_died_between_limit_and_admission(buy, members):
    activity = make_sale(stock=20, member_limit=1)
    member = members(2)
    order = limits.make_away_order(
        activity.pk, order_id=make_id(activity, 0), member_id=int(member.member_id), quantity=1
    )
    place = limits.find_limit_place(activity.pk, member_id=order.member_id, part_id=order.order_id)
    limits.run_command(ledger(place), limits.reserve_limits_command(place, [order]))
    assert limit_used(activity, order.member_id) == 1
    assert code(buy(member, activity)) == "limit_exceeded"
    assert sweep_limits() == 0
    assert sweep_limits(bars_after_ms=0) == 1
    assert limit_used(activity, order.member_id) == 0
    assert not ledger(place).exists(away_key(activity.pk, place), away_open_key(place))
    # Its admission may still be on its way, and must not come in beside what they buy now.
    assert read_holds([(activity.pk, order.order_id)])[order.order_id].reason == limits.BARRED
    assert buy(member, activity, key="other").status_code == 202
    assert sweep_limits(bars_after_ms=0) == 0


def test_who_sends_a_barred_order_again_is_told_to_order_anew(api, buy, read, members, monkeypatch):
    activity = make_sale(stock=20, group_size=3, member_limit=1)
    leader, friend = members(0), members(3)
    group_id = opened_by(buy(leader, activity), read, leader)
    desk = api.service.reception.desk
    with monkeypatch.context() as dying:
        # Its process died between limit and admission.
        for lane in desk._lanes.values():
            dying.setattr(lane, "_on_reserved", lambda passage, _reply: desk._finish(passage, Unavailable()))
        assert code(buy(friend, activity, group_id=group_id)) == "unavailable"
    assert sweep_limits(bars_after_ms=0) == 1
    assert code(buy(friend, activity, group_id=group_id)) == "idempotency_key_reused"
    wait_until(lambda: limit_used(activity, int(friend.member_id)) == 0)
    assert buy(friend, activity, key="anew", group_id=group_id).status_code == 202
    # Now it has no room in the limit, and isn't judged.
    assert code(buy(friend, activity, group_id=group_id)) == "idempotency_key_reused"


def make_id(activity, bucket):
    return next(one for one in new_ids(slot=3, count=64) if bucket_of(activity.pk, one) == bucket)


def test_a_process_that_died_after_the_admission(buy, read, members):
    activity = make_sale(stock=20, group_size=3, member_limit=1)
    leader, friend = members(0), members(3)
    group_id = opened_by(buy(leader, activity), read, leader)
    order_id = int(buy(friend, activity, group_id=group_id).json()["order_id"])
    place = partition_within(activity.pk, int(friend.member_id))
    assert ledger(place).zcard(away_open_key(place)) == 1
    assert sweep_limits() == 0
    assert ledger(place).zcard(away_open_key(place)) == 0
    assert limit_used(activity, int(friend.member_id)) == 1
    give_back(activity, order_id)
    assert limit_used(activity, int(friend.member_id)) == 0


def test_what_waits_for_a_bucket_that_is_away_keeps_no_other_limit_open(spread, settings, monkeypatch):
    """The oldest entries are of the bucket that is away, more of them than a page."""
    monkeypatch.setattr(limits, "SWEPT_A_PAGE", 4)
    activity = make_sale(stock=20, member_limit=50)
    home, away, *_others = partitions_of(activity.pk)
    member_id, ids = 1002, new_ids(slot=3, count=64)
    wanted = [
        limits.make_away_order(activity.pk, order_id=order_id, member_id=member_id, quantity=1)
        for bucket in (1, 0)
        for order_id in [one for one in ids if bucket_of(activity.pk, one) == bucket][:6]
    ]
    place = limits.find_limit_place(activity.pk, member_id=member_id, part_id=wanted[0].order_id)
    assert place not in {home, away}
    limits.run_command(ledger(place), limits.reserve_limits_command(place, wanted))
    settings.LEDGER_PARTITION_URLS = {away: "redis://127.0.0.1:1/0"}
    assert sweep_limits(bars_after_ms=-1) == 6
    assert limit_used(activity, member_id) == 6
    settings.LEDGER_PARTITION_URLS = {}
    assert sweep_limits(bars_after_ms=-1) == 6
    assert limit_used(activity, member_id) == 0


def test_two_attempts_of_one_order(spread):
    """Whoever of them is refused leaves the units to the other one."""
    activity = make_sale(stock=20, member_limit=1)
    member_id, order_id = 1002, make_id(activity, 0)
    place = limits.find_limit_place(activity.pk, member_id=member_id, part_id=order_id)
    attempts = [
        limits.make_away_order(activity.pk, order_id=order_id, member_id=member_id, quantity=1) for _ in range(2)
    ]

    def run(command):
        return limits.run_command(ledger(place), command)

    for attempt in attempts:
        # Sent twice, as a connection that dies does.
        for _ in range(2):
            reply = limits.read_limit_replies(run(limits.reserve_limits_command(place, [attempt])))
            assert reply == [limits.LimitReply.RESERVED]
    refused = limits.LimitReturn(activity.pk, order_id, attempts[0].attempt)
    for _ in range(2):
        run(limits.return_limits_command(place, [refused]))
    assert limit_used(activity, member_id) == 1
    run(limits.return_limits_command(place, [limits.LimitReturn(activity.pk, order_id, attempts[1].attempt)]))
    assert limit_used(activity, member_id) == 0


def test_a_member_everywhere_at_once_stays_within_the_limit(buy, read, members):
    activity = make_sale(stock=100, group_size=9, member_limit=3)
    groups = []
    for bucket in range(OVER):
        leader = members(bucket)
        groups.append(opened_by(buy(leader, activity), read, leader))
    greedy = members(1)

    def join(number):
        return code(buy(greedy, activity, key=f"k{number}", group_id=groups[number % OVER]))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = Counter(pool.map(join, range(16)))
    assert answers[202] <= 3
    assert read_stock(activity.pk).lock == OVER + answers[202]
    # Refused attempts of the rush held units for a moment; in quiet the rest can be bought.
    wait_until(lambda: limit_used(activity, int(greedy.member_id)) == answers[202])
    for number in range(3 - answers[202]):
        assert buy(greedy, activity, key=f"rest{number}", mode="alone").status_code == 202
    assert code(buy(greedy, activity, key="beyond", mode="alone")) == "limit_exceeded"


def test_without_one_place_for_the_limit_it_would_be_exceeded(api, buy, read, members, monkeypatch):
    """The negative control: buckets that each count for themselves admit the limit once each."""
    activity = make_sale(stock=100, group_size=9, member_limit=1)
    groups = []
    for bucket in range(OVER):
        leader = members(bucket)
        groups.append(opened_by(buy(leader, activity), read, leader))
    monkeypatch.setattr("pgs_web.trade.receiving.desk.find_limit_place", lambda *_args, **_named: None)
    greedy = members(1)
    answers = Counter(code(buy(greedy, activity, key=f"k{group}", group_id=group)) for group in groups)
    assert answers[202] == OVER


def test_partitions_are_apart(spread):
    activity = make_sale(stock=20)
    partitions = partitions_of(activity.pk)
    assert len(set(partitions)) == OVER
    assert {(second - first) % 16 for first, second in itertools.pairwise(partitions)} == {4}


def test_a_joiner_whose_own_bucket_is_lost(buy, read, members):
    activity = make_sale(stock=20, group_size=4)
    leader, early, late = members(0), members(1), members(1)
    group_id = opened_by(buy(leader, activity), read, leader)
    order_id = buy(early, activity, group_id=group_id).json()["order_id"]
    own = partition_within(activity.pk, int(early.member_id))
    for keys in ([stock_key(activity.pk, own)], [activity_key(activity.pk, own), away_key(activity.pk, own)]):
        ledger(own).delete(*keys)
        assert code(buy(late, activity, group_id=group_id)) == "paused"
        assert buy(early, activity, group_id=group_id).json()["order_id"] == order_id
    assert limit_used(activity, int(late.member_id)) == 0


@pytest.mark.parametrize("wrong", [{}, OVER // 2, OVER * 2], ids=["not", "less", "more"])
def test_a_process_with_another_spread_sells_and_moves_nothing(buy, members, settings, wrong):
    """It would count limits, and look for orders, where nobody else does: check S7 only tells it."""
    activity = make_sale(stock=20, member_limit=1)
    buyer, others = members(1), [members(bucket) for bucket in range(OVER)]
    order_id = int(buy(buyer, activity).json()["order_id"])
    known = settings.LEDGER_SPREAD
    settings.LEDGER_SPREAD = wrong and dict.fromkeys(known, wrong)
    with receiving_service() as (thread, service):
        elsewhere = OrdersClient(thread, service, headers={"Accept-Language": "en"})
        for other in others:
            body = {"activity_id": str(activity.pk), "quantity": 1, "address_id": str(other.address_id)}
            headers = {"Authorization": f"Bearer {other.access}", "Idempotency-Key": "elsewhere"}
            answer = elsewhere.post("/api/v1/orders/", body, headers=headers, format="json")
            # A bucket that it takes for one has no facts: as if the sale were not loaded there.
            assert code(answer) in {"unavailable", "paused"}
    for act in (
        lambda: set_activity_gate(activity_id=activity.pk, state=ActivityState.PAUSED),
        lambda: change_stock_total(activity_id=activity.pk, difference=5),
        lambda: give_back(activity, order_id),
    ):
        with pytest.raises(KeptElsewhere):
            act()
    settings.LEDGER_SPREAD = known
    assert (read_stock(activity.pk).remain, read_stock(activity.pk).lock) == (19, 1)
    for other in others:
        assert buy(other, activity).status_code == 202
