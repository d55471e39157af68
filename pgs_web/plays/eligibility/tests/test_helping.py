"""Helps: who may help whom, how often, from where; exact when they come at once, and undone as a whole."""

import threading
from datetime import timedelta

import pytest
from django.core.signing import TimestampSigner
from django.db import IntegrityError, OperationalError, connections
from django.test import RequestFactory
from rest_framework.test import APIClient

from pgs_data.clock import database_now
from pgs_data.redis.connections import ledger
from pgs_data.sharding.slots import SLOT_SHIFT, alias_of_id, slot_of_key
from pgs_web.api.errors import Refusal
from pgs_web.plays.eligibility import services
from pgs_web.plays.eligibility.devices import COOKIE, index_device, make_mark, read_device
from pgs_web.plays.eligibility.errors import (
    AccountCap,
    AddressCap,
    AlreadyHelped,
    DeviceCap,
    DeviceUnknown,
    HelperCap,
    NotNewMember,
    SelfHelp,
)
from pgs_web.plays.eligibility.keys import partition_of_play
from pgs_web.plays.eligibility.models import Help
from pgs_web.plays.eligibility.scripts import HelpCaps, Subjects, TurnsReply, return_turns, take_turns
from pgs_web.plays.eligibility.services import HelpWish, helping
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.newness import claim_first_payments, is_new_member
from pgs_web.trade.order.tests.making import make_order
from tests.races.meeting import meet, rounds

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)
INITIATOR = 10
ROUND = slot_of_key(INITIATOR) << SLOT_SHIFT | 77
WIDE = HelpCaps(helper=1_000, device=1_000, address=1_000, account=1_000)


def wish(helper_id: int = 20, **changes) -> HelpWish:
    values = {"code": "cards", "campaign_id": 1, "round_id": ROUND, "initiator_id": INITIATOR}
    return HelpWish(**{**values, "helper_id": helper_id, "device": "d", "network": "10.0.0.1", **changes})


def help_(helper_id: int = 20, *, caps: HelpCaps = WIDE, only_new: bool = False, **changes) -> str:
    """TAKEN, or why not."""
    try:
        with helping(wish(helper_id, **changes), caps=caps, only_new=only_new):
            return "TAKEN"
    except Refusal as refusal:
        return refusal.code


def count() -> int:
    return Help.objects.on_node(alias_of_id(ROUND)).count()


def turns() -> dict[str, int]:
    """What the counters say, by kind."""
    client = ledger(partition_of_play("cards"))
    return {key.decode().split(":")[3]: int(client.get(key)) for key in client.scan_iter("*:help:cards:*")}


def test_a_help_is_written_down_with_what_was_judged():
    with helping(wish(), caps=WIDE) as row:
        assert row.is_new_member
    assert count() == 1
    saved = Help.objects.on_node(alias_of_id(ROUND)).get()
    assert "10.0.0.1" not in (saved.address, saved.device)
    client = ledger(partition_of_play("cards"))
    for key in client.scan_iter("*:help:*"):
        assert 0 < client.pttl(key) <= 86_400_000
    assert turns() == {"helper": 1, "device": 1, "address": 1}


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"helper_id": INITIATOR}, SelfHelp),
        ({"device": None}, DeviceUnknown),
        # Another account on the device from which the round was started.
        ({"initiator_device": index_device("d")}, SelfHelp),
        ({"caps": HelpCaps(helper=0)}, HelperCap),
        ({"caps": HelpCaps(device=0)}, DeviceCap),
        ({"caps": HelpCaps(address=0)}, AddressCap),
        ({"caps": HelpCaps(account=1), "account": "full"}, AccountCap),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
def test_a_refused_help_changes_nothing(changes, refusal):
    helper_id, full = changes.pop("helper_id", 20), "account" in changes
    if full:
        assert help_(21, account="full") == "TAKEN"
    before = (count(), turns())
    assert help_(helper_id, **changes) == refusal.code
    assert (count(), turns()) == before


def test_another_device_than_the_initiators_helps():
    assert help_(initiator_device=index_device("e")) == "TAKEN"


def test_a_member_helps_another_once_a_campaign():
    assert help_() == "TAKEN"
    # Also in another round of the same initiator.
    assert help_(round_id=ROUND + 1) == AlreadyHelped.code
    assert help_(campaign_id=2) == "TAKEN"
    other = 650
    assert help_(initiator_id=other, round_id=slot_of_key(other) << SLOT_SHIFT | 5) == "TAKEN"
    with pytest.raises(ValueError, match="slot"):
        help_(initiator_id=20, helper_id=30)


def test_what_the_block_raises_undoes_the_help_and_gives_its_turns_back():
    with pytest.raises(ZeroDivisionError), helping(wish(account="a"), caps=WIDE):
        raise ZeroDivisionError
    assert (count(), set(turns().values())) == (0, {0})
    assert help_() == "TAKEN"


def test_turns_of_an_outage_count_on_because_the_help_may_be_there():
    with pytest.raises(OperationalError), helping(wish(), caps=WIDE):
        raise OperationalError(2013, "lost")
    assert (count(), set(turns().values())) == (0, {1})


def test_turns_of_yesterday_are_not_returned_today():
    subjects = Subjects(code="cards", helper="1", device="d", address="a")
    word, day = take_turns(subjects, WIDE)
    assert word is TurnsReply.TAKEN
    assert not return_turns(subjects, day=day - 1)
    assert set(turns().values()) == {1}
    assert return_turns(subjects, day=day)
    assert set(turns().values()) == {0}


def test_new_is_who_never_paid():
    make_order(order_id=slot_of_key(20) << SLOT_SHIFT | 1, member_id=20)
    assert is_new_member(20)
    assert help_(only_new=True) == "TAKEN"
    first, second = (slot_of_key(20) << SLOT_SHIFT | number for number in (2, 3))
    now = database_now(alias_of_id(first))
    for order_id, paid_at in ((first, now), (second, now - timedelta(seconds=1))):
        make_order(order_id=order_id, member_id=20)
        Order.objects.filter(pk=order_id).update(paid_at=paid_at)
    assert not is_new_member(20)
    assert help_(campaign_id=2, only_new=True) == NotNewMember.code
    assert claim_first_payments({first: 20, second: 20}) == {second}
    # Said once: whatever is committed later, nobody else is the first.
    Order.objects.filter(pk=first).update(paid_at=now - timedelta(minutes=1))
    assert [claim_first_payments({one: 20}) for one in (first, second)] == [set(), {second}]


# --- at once


def test_a_cap_is_exact_when_all_come_at_once():
    subjects = [Subjects(code="cards", helper=str(number), device="d", address=str(number)) for number in range(50)]
    for _ in range(rounds(3)):
        ledger(partition_of_play("cards")).flushall()
        words = meet(*(lambda one=one: take_turns(one, HelpCaps(device=7))[0] for one in subjects))
        assert (words.count(TurnsReply.TAKEN), words.count(TurnsReply.DEVICE)) == (7, 43)
        assert turns()["device"] == 7


def test_a_cap_that_is_read_before_it_is_written_is_not():
    client, together = ledger(partition_of_play("cards")), threading.Barrier(20)

    def take() -> bool:
        seen = int(client.get("counter") or 0)
        together.wait(timeout=30)
        return seen < 7 and bool(client.incr("counter"))

    assert sum(meet(*[take] * 20)) == 20, "the negative control: each of them saw room"


@pytest.mark.real
def test_one_member_at_once_helps_once(monkeypatch):
    # Nobody sees another's row: the constraint alone decides.
    monkeypatch.setattr(services, "_helps", lambda _wish: Help.objects.on_node(alias_of_id(ROUND)).none())
    for number in range(rounds(3)):
        words = meet(*[lambda number=number: help_(campaign_id=number + 1)] * 8)
        assert sorted(words) == ["TAKEN", *[AlreadyHelped.code] * 7]
        assert Help.objects.on_node(alias_of_id(ROUND)).filter(campaign_id=number + 1).count() == 1
        assert turns()["helper"] == number + 1, "the seven gave their turns back"


@pytest.mark.real
def test_without_the_constraint_a_member_helps_twice(monkeypatch):
    monkeypatch.setattr(services, "_helps", lambda _wish: Help.objects.on_node(alias_of_id(ROUND)).none())
    alias = alias_of_id(ROUND)
    once = next(one for one in Help._meta.constraints if one.name == "play_help_once")
    with connections[alias].schema_editor() as editor:
        editor.remove_constraint(Help, once)
    try:
        assert meet(*[help_] * 2) == ["TAKEN", "TAKEN"]
    finally:
        Help.objects.on_node(alias).all()._raw_delete(alias)
        with connections[alias].schema_editor() as editor:
            editor.add_constraint(Help, once)
    assert help_() == "TAKEN"
    with pytest.raises(IntegrityError):
        Help.objects.bulk_create(
            [Help(**{**vars_of(Help.objects.on_node(alias).get()), "is_new_member": False})],
        )


def vars_of(row: Help) -> dict[str, object]:
    names = ("round_id", "campaign_id", "initiator_id", "helper_id", "device", "address", "created_at")
    return {name: getattr(row, name) for name in names}


@pytest.mark.parametrize(("number", "times", "is_taken"), [(1213, 2, True), (1213, 3, False), (1205, 1, False)])
def test_a_deadlock_of_the_insert_is_tried_again(monkeypatch, number, times, is_taken):
    write, errors = services._write, [OperationalError(number, "x")] * times

    def write_or_fail(row):
        if errors:
            raise errors.pop()
        write(row)

    monkeypatch.setattr(services, "_write", write_or_fail)
    if is_taken:
        assert help_() == "TAKEN"
    else:
        with pytest.raises(OperationalError):
            help_()
    assert count() == int(is_taken)


# --- devices


def test_a_device_keeps_its_mark():
    api = APIClient()
    mark = api.post("/api/v1/devices/").json()["device"]
    cookie = api.cookies[COOKIE]
    assert (cookie.value, cookie["httponly"], cookie["samesite"]) == (mark, True, "Lax")
    assert api.post("/api/v1/devices/").json()["device"] == mark
    assert APIClient(headers={"X-Device": mark}).post("/api/v1/devices/").json()["device"] == mark
    assert APIClient().post("/api/v1/devices/").json()["device"] != mark


def test_strange_marks_are_none():
    real = make_mark(RequestFactory().get("/"))
    foreign = TimestampSigner(salt="other").sign("x")
    for mark in ("", "x", f"{real}x", real[1:], foreign, "é" * 20, "x" * 100_000, ":::", "\x00"):
        request = RequestFactory().get("/", headers={"X-Device": mark})
        request.COOKIES[COOKIE] = mark
        assert read_device(request) is None, mark[:20]
    name = read_device(RequestFactory().get("/", headers={"X-Device": real}))
    assert real.startswith(f"{name}:")


def test_an_address_gets_so_many_marks(settings):
    settings.RATES = {**settings.RATES, "device_address": "2/3600"}
    assert [APIClient().post("/api/v1/devices/").status_code for _ in range(3)] == [200, 200, 429]
