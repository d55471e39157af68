"""A ledger that the first version filled goes on: what it holds is understood, and nothing is sold twice or lost."""

import time

import pytest

from pgs_data.ids.texts import short_id
from pgs_data.lua.blobs import pack
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_task.order_drain.tests.making import counters, drain
from pgs_web.display.activity.models import Activity
from pgs_web.trade.group.admitted import find_admitted_group
from pgs_web.trade.group.scripts import GroupOfActivity, close_groups
from pgs_web.trade.group.tests.in_ledger import make_old, read_group
from pgs_web.trade.intake import scripts
from pgs_web.trade.intake.keys import claims_key, intake_key
from pgs_web.trade.intake.messages import AdmitReply
from pgs_web.trade.intake.tests.making import admit, documents_of, make_admission
from pgs_web.trade.order.models import Order
from pgs_web.trade.stock.holds import Hold, HoldState
from pgs_web.trade.stock.keys import holds_key
from pgs_web.trade.stock.messages import SettleMovement, SettleReply
from pgs_web.trade.stock.selectors import read_holds, read_stock
from pgs_web.trade.stock.services import Settlement, settle_holds
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def make_hold_old(activity: Activity, order_id: int) -> bytes:
    """Writes the hold as the first version did; the text."""
    client = ledger(partition_of(activity.pk))
    hold = read_holds([(activity.pk, order_id)])[order_id]
    deadline = "" if hold.group_id is None else str(hold.accepted_ms + activity.group_lasts_seconds * 1000)
    values = (
        hold.state.value,
        hold.quantity,
        hold.member_id,
        hold.group_id or "",
        hold.accepted_ms,
        hold.pay_by_ms,
        hold.unit_price_fen,
        hold.amount_fen,
        deadline,
        hold.address_id,
        hold.position,
        hold.eta_seconds,
        hold.reason,
    )
    packed = "|".join(map(str, values)).encode()
    client.hdel(holds_key(activity.pk), short_id(order_id))
    client.hset(holds_key(activity.pk), str(order_id), packed)
    return packed


def test_an_old_hold_is_told_and_settled():
    activity = make_sale(stock=5, member_limit=2)
    order = make_admission(activity, quantity=2)
    (first,) = admit(order)
    make_hold_old(activity, order.order_id)
    (found,) = read_holds([(activity.pk, order.order_id)]).values()
    assert found == first.hold._replace(ticket=0)
    for movement, state in ((SettleMovement.CONFIRM, HoldState.SOLD), (SettleMovement.RETURN, HoldState.GIVEN_BACK)):
        settlement = Settlement(activity_id=activity.pk, order_id=order.order_id, movement=movement)
        assert settle_holds(settlements=[settlement, settlement]) == [SettleReply.APPLIED, SettleReply.REPEATED]
        hold = read_holds([(activity.pk, order.order_id)])[order.order_id]
        assert (hold.state, hold.quantity, hold.amount_fen) == (state, 2, first.hold.amount_fen)
    stock = read_stock(activity.pk)
    assert (stock.remain, stock.lock, stock.sold) == (5, 0, 0)


@pytest.mark.parametrize("is_told", [True, False])
def test_an_order_of_an_older_version_is_not_admitted_twice(shoppers, buy, monkeypatch, is_told):
    (shopper,) = shoppers()
    activity = make_sale(stock=5, member_limit=3)
    first = buy(shopper, activity)
    order_id, client = int(first.json()["order_id"]), ledger(partition_of(activity.pk))
    (hold,) = client.hvals(holds_key(activity.pk))
    client.delete(holds_key(activity.pk))
    client.hset(holds_key(activity.pk), str(order_id), hold)
    home, (day,) = ledger(partition_of(shopper.member_id)), {int(time.time()) // 86_400}
    for bucket in (claims_key(shopper.member_id, day), claims_key(shopper.member_id, day - 1)):
        for field, value in home.hgetall(bucket).items():
            home.hset(bucket, field, value.replace(short_id(order_id).encode(), str(order_id).encode()))
    if not is_told:
        monkeypatch.setattr(scripts, "is_written_out", lambda _text: False)
    again = buy(shopper, activity)
    if is_told:
        assert again.json() == first.json()
    # Control: who doesn't know where to look sells it twice.
    assert read_stock(activity.pk).lock == (1 if is_told else 2)


def test_a_hold_of_the_second_version_is_told():
    hold = Hold.unpack(b"L2|42|1001|85932800000|900000|990|7~5|5012|5000|1|")
    assert (hold.ticket, hold.position, hold.pay_by_ms - hold.accepted_ms) == (5012, 12, 900_000)
    packed = hold.pack()
    assert packed == "L2|42|1001|85932800000|900s|990|7~5|+12|5000|1|"
    assert Hold.unpack(packed.encode()) == hold
    odd = hold._replace(pay_by_ms=hold.accepted_ms + 1)
    assert Hold.unpack(odd.pack().encode()) == odd


def test_an_old_rejection_still_says_why():
    assert Hold.unpack(b"X|1|42||1790000000000|1790000900000|990|990||7|3|1|contradictory").reason == "contradictory"


def test_an_old_group_is_joined_filled_and_left():
    activity = make_sale(stock=9, group_size=3)
    leader = make_admission(activity, member_id=1)
    admit(leader)
    key = make_old(activity.pk, leader.open_group_id)
    client = ledger(partition_of(activity.pk))
    client.pexpire(key, 86_400_000)
    found = find_admitted_group(leader.open_group_id)
    assert found is not None
    assert (found.activity_id, found.size, found.member_ids) == (activity.pk, 3, [1])

    # Its leader leaves and comes back while it is as it was.
    leaving = Settlement(activity_id=activity.pk, order_id=leader.order_id, movement=SettleMovement.RELEASE)
    assert settle_holds(settlements=[leaving]) == [SettleReply.APPLIED]
    assert client.hget(key, "held") == b"0"
    (back,) = admit(make_admission(activity, member_id=1, join=leader.open_group_id))
    assert back.reply is AdmitReply.ADMITTED
    assert not client.exists(key), "it has moved"
    joins = [make_admission(activity, member_id=member, join=leader.open_group_id) for member in (2, 3, 4)]
    words = [verdict.reply for verdict in admit(*joins)]
    assert words == [AdmitReply.ADMITTED, AdmitReply.ADMITTED, AdmitReply.GROUP_FULL]
    group = read_group(activity.pk, leader.open_group_id)
    assert (group.held, list(group.seats), group.leader_member_id) == (3, [1, 2, 3], 1)
    assert documents_of(activity)[-1].group_opened_ms == documents_of(activity)[0].group_opened_ms


def test_an_old_group_is_closed():
    activity = make_sale(stock=9, group_size=3)
    leader, other = make_admission(activity, member_id=1), make_admission(activity, member_id=5)
    admit(leader, other)
    make_old(activity.pk, leader.open_group_id)
    groups = [
        GroupOfActivity(activity_id=activity.pk, group_id=group_id)
        for group_id in (leader.open_group_id, other.open_group_id, 1234)
    ]
    assert close_groups(groups=groups) == close_groups(groups=groups) == 2
    joins = [make_admission(activity, member_id=7, join=one.open_group_id) for one in (leader, other)]
    assert [verdict.reply for verdict in admit(*joins)] == [AdmitReply.GROUP_CLOSED] * 2


def test_old_entries_and_new_ones_are_drained_from_one_stream():
    activity = make_sale(stock=50)
    partition = partition_of(activity.pk)
    for start in (10, 20):
        admit(*(make_admission(activity, member_id=member) for member in range(start, start + 5)))
    documents = documents_of(activity)
    client, stream = ledger(partition), intake_key(partition)
    newest = client.xrange(stream)[-1][1]
    client.delete(stream)
    for document in documents[:5]:
        client.xadd(stream, {"d": pack([getattr(document, name) for name in document.__struct_fields__])})
    client.xadd(stream, newest)
    drain(activity)
    assert counters(activity) == {"accepted": 10, "persisted": 10, "rejected": 0, "foreign": 0}
    written = [Order.objects.get(pk=int(document.order_id)).amount_fen for document in documents]
    assert written == [document.amount_fen for document in documents]
