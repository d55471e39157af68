"""So many unpaid orders a member over all activities: exact, given back once, healed after deaths."""

import itertools
from datetime import datetime

import pytest

from pgs_data.ids.snowflake import new_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import slot_of_key
from pgs_task.handlers.orders import handle_order_cancelled, handle_order_paid
from pgs_task.handlers.tests.making import waiting_messages
from pgs_task.order_drain.tests.making import drain
from pgs_web.trade.intake.keys import unpaid_key
from pgs_web.trade.intake.messages import Claim, ClaimReply
from pgs_web.trade.intake.scripts import claim_keys
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.intake.unpaid import UnpaidFate, UnpaidOrder, forget_unpaid, own_pay_within_ms, sweep_unpaid
from pgs_web.trade.order.services import cancel_orders, mark_paid
from pgs_web.trade.order.states import CancelReason
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)
NEW, SAME, REUSED, TOO_MANY = ClaimReply
MEMBER = 42
HOME = partition_of(MEMBER)
numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _counted(settings):
    settings.UNPAID_ORDERS_A_MEMBER = 2


def claim(*, member_id=MEMBER, key=None, digest="d1", activity_id=5):
    order_id = new_id(slot=slot_of_key(member_id))
    return Claim(member_id, key or f"key-{next(numbers)}", digest, order_id, activity_id)


def send(*claims):
    return claim_keys(partition=HOME, claims=claims)


def words(*claims):
    return [claimed.reply for claimed in send(*claims)]


def forget(order_id, fate=UnpaidFate.GONE, member_id=MEMBER):
    forget_unpaid([UnpaidOrder(member_id, order_id, fate)])


def counted(member_id=MEMBER):
    text = ledger(HOME).hget(unpaid_key(HOME), str(member_id)) or b""
    return text.count(b";")


def test_one_more_is_refused_and_leaves_nothing_behind():
    third = claim()
    other = claim(member_id=MEMBER + 16)
    assert words(claim(), claim(), third, other) == [NEW, NEW, TOO_MANY, NEW]
    assert words(third) == [TOO_MANY]
    assert (counted(), counted(other.member_id)) == (2, 1)


def test_what_is_paid_or_given_up_makes_room_once():
    first, second, third = claim(), claim(), claim()
    send(first, second)
    for _time in range(2):
        forget(first.order_id)
        assert counted() == 1
    assert words(third, claim()) == [NEW, TOO_MANY]


def test_the_same_order_again_is_never_too_many_and_counts_once():
    first, second = claim(key="same"), claim()
    send(first, second)
    assert words(first) == [SAME]
    assert counted() == 2
    # Two attempts are under way: one that is refused doesn't take the other's place away.
    forget(first.order_id, UnpaidFate.REFUSED)
    assert counted() == 2
    forget(first.order_id, UnpaidFate.REFUSED)
    assert counted() == 1
    assert words(claim(key="same", digest="another")) == [REUSED]
    assert counted() == 1


def test_what_an_older_version_counted_is_forgotten_and_swept_too():
    first, second = claim(), claim()
    written_out = "".join(f"{one.order_id}|5|1;" for one in (first, second))
    ledger(HOME).hset(unpaid_key(HOME), str(MEMBER), written_out)
    forget(first.order_id)
    assert counted() == 1
    assert sweep_unpaid(after_ms=-1000) == 1
    assert counted() == 0


def test_nobody_counts_when_it_is_off(settings):
    settings.UNPAID_ORDERS_A_MEMBER = 0
    assert words(*(claim() for _ in range(50))) == [NEW] * 50
    assert not ledger(HOME).exists(unpaid_key(HOME))
    assert sweep_unpaid() == 0


def test_who_lets_orders_run_out_has_less_time(settings):
    settings.UNPAID_ORDERS_A_MEMBER, settings.HOARDER_STRIKES, settings.HOARDER_PAY_SECONDS = 9, 2, 60
    for expected in (0, 1, 2):
        one = claim()
        (claimed,) = send(one)
        assert (claimed.strikes, own_pay_within_ms(claimed.strikes)) == (expected, 60_000 if expected == 2 else 0)
        for _time in range(2):
            forget(one.order_id, UnpaidFate.RAN_OUT)
    (claimed,) = send(claim(member_id=MEMBER + 16))
    assert claimed.strikes == 0
    settings.HOARDER_STRIKES = 0
    assert (send(claim())[0].strikes, own_pay_within_ms(5)) == (0, 0)


def test_the_sweeper_asks_what_became_of_them():
    activity = make_sale(stock=9, member_limit=9)
    admitted = make_admission(activity, member_id=MEMBER, alone=True)
    admit(admitted)
    claims = [
        Claim(MEMBER, f"key-{next(numbers)}", "d", order_id, activity.pk)
        for order_id in (admitted.order_id, new_id(slot=slot_of_key(MEMBER)))
    ]
    assert words(*claims, claim()) == [NEW, NEW, TOO_MANY]
    assert sweep_unpaid() == 0, "an attempt may be under way"
    assert sweep_unpaid(after_ms=-1000) == 1
    assert words(claim()) == [NEW]


@pytest.mark.slow
def test_a_shopper_at_the_limit_pays_or_cancels_and_goes_on(shoppers, buy, settings):
    """Over two activities, through the receiving service, the drain and the messages."""
    settings.HOARDER_STRIKES, settings.HOARDER_PAY_SECONDS = 1, 60
    shopper = shoppers()[0]
    first, second = make_sale(stock=9, member_limit=9), make_sale(stock=9, member_limit=9)
    assert partition_of(first.pk) != partition_of(second.pk)
    placed = [buy(shopper, activity, key=f"k{number}", mode="alone") for number, activity in enumerate((first, second))]
    refused = buy(shopper, second, key="k3", mode="alone")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_unpaid")
    assert buy(shopper, first, key="k0", mode="alone").json() == placed[0].json()
    # A refusal for another reason takes no place.
    for activity in (first, second):
        drain(activity)
    orders = [int(answer.json()["order_id"]) for answer in placed]
    mark_paid(order_id=orders[0], paid_at=datetime.fromisoformat(placed[0].json()["server_time"]))
    handle_order_paid([message for message in waiting_messages() if message.topic == "order.paid"])
    assert buy(shopper, second, key="k4", quantity=9, mode="alone").json()["code"] == "limit_exceeded"
    assert buy(shopper, second, key="k5", mode="alone").status_code == 202
    cancel_orders(order_ids=[orders[1]], reason=CancelReason.UNPAID, actor="clock")
    handle_order_cancelled([message for message in waiting_messages() if message.topic == "order.cancelled"])
    short = buy(shopper, first, key="k6", mode="alone").json()
    told = datetime.fromisoformat(short["pay_by"]) - datetime.fromisoformat(short["server_time"])
    assert told.total_seconds() == 60
