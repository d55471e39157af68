"""An order that lost its place takes another one in the ledger: exactly, once, and nothing after it was given up."""

import pytest

from pgs_data.ids.snowflake import new_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import slot_of_id
from pgs_web.trade.group.scripts import GroupOfActivity, close_groups
from pgs_web.trade.group.tests.in_ledger import change_group, read_group
from pgs_web.trade.intake.messages import AdmitReply
from pgs_web.trade.intake.places import PlaceReply, PlaceWish, take_place
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.stock.holds import HoldState
from pgs_web.trade.stock.keys import activity_key, bought_key, stock_key
from pgs_web.trade.stock.messages import SettleMovement, SettleReply
from pgs_web.trade.stock.selectors import read_holds, read_stock
from pgs_web.trade.stock.services import Settlement, settle_holds
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")
CONFIRM, RELEASE, RETURN, _REJECT, FORGO = SettleMovement


@pytest.fixture
def activity():
    return make_sale(stock=10, group_size=2, member_limit=2)


def order(activity, *movements, **wanted):
    made = make_admission(activity, **wanted)
    (verdict,) = admit(made)
    assert verdict.reply is AdmitReply.ADMITTED
    settle(activity, made.order_id, *movements)
    return made


def settle(activity, order_id, *movements):
    settlements = [Settlement(activity_id=activity.pk, order_id=order_id, movement=one) for one in movements]
    return settle_holds(settlements=settlements) if settlements else []


def group_of(made):
    return made.join_group_id or made.open_group_id


def late(made, **changes):
    """What an order asks for whose payment came too late."""
    group_id = group_of(made)
    wanted = {"wants_units": True, "lost_group_id": group_id, "joins": [group_id] if group_id else [], **changes}
    return PlaceWish(activity_id=made.activity_id, order_id=made.order_id, quantity=made.quantity, **wanted)


def unseated(made, **changes):
    """What an order asks for whose group came to nothing."""
    return late(made, **{"wants_units": False, "joins": [], **changes})


def figures(activity):
    stock = read_stock(activity.pk)
    assert stock.is_consistent
    return stock.remain, stock.lock, stock.sold


def test_units_and_seat_are_taken_again_once(activity):
    leader = order(activity, member_id=1)
    made = order(activity, RELEASE, member_id=2, quantity=2, join=leader.open_group_id)
    assert figures(activity) == (9, 1, 0)
    for _time in range(2):
        place = take_place(late(made))
        assert (place.reply, place.group_id) == (PlaceReply.TAKEN, leader.open_group_id)
        assert place.group == read_group(activity.pk, leader.open_group_id)
        assert figures(activity) == (7, 1, 2)
    assert place.group.seats == {1: leader.order_id, 2: made.order_id}
    assert (place.group.held, place.group.size) == (2, 2)
    assert ledger(partition_of(activity.pk)).hget(bought_key(activity.pk), "2") == b"2"
    hold = read_holds([(activity.pk, made.order_id)])[made.order_id]
    assert (hold.state, hold.quantity, hold.address_id, hold.reason) == (HoldState.SOLD, 2, 7, "")
    # The message of its payment, and of a cancellation that is told once more.
    assert settle(activity, made.order_id, CONFIRM, RELEASE) == [SettleReply.REPEATED, SettleReply.REFUSED]
    assert settle(activity, made.order_id, RETURN) == [SettleReply.APPLIED]
    assert figures(activity) == (9, 1, 0)
    assert take_place(late(made)).reply is PlaceReply.BARRED


@pytest.mark.parametrize("movements", [[RELEASE, FORGO], [FORGO, RELEASE], [CONFIRM, RETURN], [CONFIRM, FORGO]])
def test_what_was_given_up_takes_nothing_any_more(activity, movements):
    made = order(activity, *movements, alone=True)
    assert figures(activity) == (10, 0, 0)
    assert take_place(late(made)).reply is PlaceReply.BARRED
    assert settle(activity, made.order_id, FORGO)[0] in {SettleReply.APPLIED, SettleReply.REPEATED}
    assert figures(activity) == (10, 0, 0)


def test_what_is_still_locked_waits_and_is_barred_when_given_up(activity):
    made = order(activity, alone=True)
    assert take_place(late(made)).reply is PlaceReply.WAIT
    assert settle(activity, made.order_id, FORGO) == [SettleReply.APPLIED]
    assert figures(activity) == (9, 1, 0), "its seat may still be taken in the database"
    assert take_place(late(made)).reply is PlaceReply.BARRED


def sell_out(activity, made):
    admit(*(make_admission(activity, member_id=member, alone=True) for member in range(500, 509)))


def use_up_the_limit(activity, made):
    admit(make_admission(activity, member_id=2, quantity=2, alone=True))


def come_back(activity, made):
    admit(make_admission(activity, member_id=2, join=made.join_group_id))


def fill(activity, made):
    admit(make_admission(activity, member_id=3, join=made.join_group_id))


def let_end(activity, made):
    change_group(activity.pk, made.join_group_id, deadline_ms=read_group(activity.pk, made.join_group_id).opened_ms)


def change_price(activity, made):
    change_group(activity.pk, made.join_group_id, price_fen=1)


def close(activity, made):
    close_groups(groups=[GroupOfActivity(activity_id=activity.pk, group_id=made.join_group_id)])


def set_gate(word):
    return lambda activity, made: ledger(partition_of(activity.pk)).hset(activity_key(activity.pk), "state", word)


def end_window(activity, made):
    ledger(partition_of(activity.pk)).hset(activity_key(activity.pk), "end_ms", 1)


@pytest.mark.parametrize(
    ("spoil", "reply"),
    [
        (sell_out, "SOLD_OUT"),
        (use_up_the_limit, "LIMIT"),
        (come_back, "NO_SEAT"),
        (fill, "NO_SEAT"),
        (let_end, "NO_SEAT"),
        (close, "NO_SEAT"),
        (change_price, "NO_SEAT"),
        (set_gate("PAUSED"), "SHUT"),
        (set_gate("ENDED"), "SHUT"),
        (end_window, "SHUT"),
        (lambda activity, made: ledger(partition_of(activity.pk)).delete(stock_key(activity.pk)), "WAIT"),
        (lambda activity, made: ledger(partition_of(activity.pk)).delete(activity_key(activity.pk)), "SHUT"),
    ],
    ids=range(12),
)
def test_what_is_not_there_is_not_taken(activity, spoil, reply):
    leader = order(activity, member_id=1)
    made = order(activity, RELEASE, member_id=2, join=leader.open_group_id)
    spoil(activity, made)
    before = ledger(partition_of(activity.pk)).hgetall(stock_key(activity.pk))
    assert take_place(late(made)).reply.value == reply
    assert ledger(partition_of(activity.pk)).hgetall(stock_key(activity.pk)) == before


def test_a_paid_order_moves_into_the_first_group_that_takes_it(activity):
    mine = order(activity, CONFIRM, member_id=1)
    full, other, own = order(activity, member_id=2), order(activity, member_id=4), order(activity, member_id=1)
    order(activity, member_id=3, join=full.open_group_id)
    before = figures(activity)
    wish = unseated(mine, joins=[full.open_group_id, own.open_group_id, other.open_group_id])
    assert own.member_id == mine.member_id, "nobody sits in a group twice"
    for _time in range(2):
        place = take_place(wish)
        assert (place.reply, place.group_id) == (PlaceReply.TAKEN, other.open_group_id)
    assert figures(activity) == before
    assert read_group(activity.pk, other.open_group_id).seats == {4: other.order_id, 1: mine.order_id}
    # With the money its new seat goes back.
    settle(activity, mine.order_id, RETURN)
    assert read_group(activity.pk, other.open_group_id).seats == {4: other.order_id}
    assert take_place(wish).reply is PlaceReply.BARRED


def test_a_paid_order_leads_a_group_as_one_that_was_just_admitted(activity):
    mine, like = order(activity, CONFIRM, member_id=1), order(activity, member_id=2)
    opens = new_id(slot=slot_of_id(mine.order_id))
    place = take_place(unseated(mine, opens=opens))
    assert (place.reply, place.group_id) == (PlaceReply.TAKEN, opens)
    model = read_group(activity.pk, like.open_group_id)
    assert read_group(activity.pk, opens)._replace(opened_ms=0, deadline_ms=0) == model._replace(
        leader_member_id=1, seats={1: mine.order_id}, opened_ms=0, deadline_ms=0
    )
    assert place.group.deadline_ms - place.group.opened_ms == model.deadline_ms - model.opened_ms
    # Somebody who was presumed dead calls with another id: the first one stays.
    assert take_place(unseated(mine, opens=opens + 1)).group_id == opens
    assert admit(make_admission(activity, member_id=5, join=opens))[0].reply is AdmitReply.ADMITTED


@pytest.mark.parametrize("spoil", [set_gate("PAUSED"), end_window])
def test_nobody_leads_a_group_in_a_sale_that_is_shut(activity, spoil):
    mine, other = order(activity, CONFIRM, member_id=1), order(activity, member_id=2)
    spoil(activity, mine)
    opens = new_id(slot=slot_of_id(mine.order_id))
    assert take_place(unseated(mine, opens=opens)).reply is PlaceReply.SHUT
    # Its units are sold: it may still move.
    assert take_place(unseated(mine, joins=[other.open_group_id], opens=opens)).reply is PlaceReply.TAKEN


def test_nobody_moves_into_a_group_of_a_withdrawn_activity(activity):
    mine, other = order(activity, CONFIRM, member_id=1), order(activity, member_id=2)
    set_gate("WITHDRAWN")(activity, mine)
    assert take_place(unseated(mine, joins=[other.open_group_id])).reply is PlaceReply.SHUT
