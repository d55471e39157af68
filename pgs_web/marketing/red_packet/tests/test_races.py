"""A hundred helpers at once on the last step and on the last fen of the envelope; fifty who redeem: exact each time."""

import os
import time
from functools import partial
from unittest.mock import patch

import pytest
from django.db import IntegrityError

from pgs_data.lua.loader import Script
from pgs_data.redis.connections import ledger
from pgs_web.api.errors import OUTAGES, Refusal
from pgs_web.marketing.red_packet import scripts
from pgs_web.marketing.red_packet.checks import find_exceeded_envelopes, find_wrong_coupons, find_wrong_growth
from pgs_web.marketing.red_packet.models import Packet, PacketHelp
from pgs_web.marketing.red_packet.scripts import HelpReply, TakenHelp
from pgs_web.marketing.red_packet.services import ending, helping, keep_envelopes, redeem_packet
from pgs_web.marketing.red_packet.tests.making import (
    begin,
    coupons_of,
    envelope_of,
    make_campaign,
    make_packet,
    offences,
    try_help,
)
from pgs_web.trade.coupon.services import issue_coupon
from tests.races.meeting import meet

HELPERS = 100
REDEEMERS = 50
PACKETS = 5
STAIRS = ", ".join(f"{step}:{100 + step}" for step in range(1, 21))
ROUNDS = int(os.environ.get("PGS_RACE_ROUNDS", "20"))
pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow, pytest.mark.timeout(300)]


def want_last_step(count: int) -> None:
    for _ in range(count):
        packet = make_packet()
        assert [try_help(packet, number) for number in range(2)] == ["TAKEN"] * 2
        made = meet(*(partial(try_help, packet, number) for number in range(2, HELPERS)))
        assert sorted(made) == sorted(["TAKEN"] + ["red_packet_full"] * (HELPERS - 3))
        packet.refresh_from_db()
        assert (packet.help_count, packet.value_fen, offences()) == (3, 1000, [])


def want_last_fen(count: int, *, left_fen: int = 7) -> None:
    """Packets of several members share what is left, a fen a help."""
    for _ in range(count):
        envelope_fen = PACKETS * 100 + left_fen
        campaign = make_campaign(rungs=STAIRS, packets=PACKETS, envelope_fen=envelope_fen)
        packets = [begin(campaign, member_id=10 + number) for number in range(PACKETS)]
        made = meet(*(partial(try_help, packets[number % PACKETS], number) for number in range(HELPERS)))
        assert sorted(made) == sorted(["TAKEN"] * left_fen + ["red_packet_envelope_empty"] * (HELPERS - left_fen))
        assert (envelope_of(campaign.pk), offences()) == ((envelope_fen, PACKETS), [])


def try_redeem(packet: Packet) -> int:
    try:
        return redeem_packet(member_id=packet.member_id, packet_id=packet.pk)
    except Refusal:
        return 0


def redeem_at_once(count: int) -> None:
    for _ in range(count):
        packet = make_packet()
        made = meet(
            *(partial(try_redeem, packet) for _ in range(REDEEMERS)), *(partial(try_help, packet, n) for n in range(5))
        )
        coupons = coupons_of(packet)
        assert [coupon_id for coupon_id in made[:REDEEMERS] if coupon_id] == [coupons.get().pk]
        packet.refresh_from_db()
        # What came before is in it, what came later isn't.
        assert (coupons.get().amount_fen, packet.state) == (packet.value_fen, "REDEEMED")
        assert offences() == []


@pytest.mark.real
def test_a_hundred_helpers_want_the_last_step():
    want_last_step(2)


@pytest.mark.real
def test_a_hundred_helpers_want_the_last_fen_of_the_envelope():
    want_last_fen(2)


@pytest.mark.real
def test_fifty_redeem_at_once_and_some_help():
    redeem_at_once(1)


@pytest.mark.real
@pytest.mark.alone
@pytest.mark.parametrize("race", [want_last_step, want_last_fen, redeem_at_once])
def test_again_and_again(race):
    race(ROUNDS)


@pytest.mark.real
def test_one_helper_in_ten_places_at_once_helps_once():
    packet = make_packet()
    made = meet(*(partial(try_help, packet, 1) for _ in range(10)))
    assert sorted(made) == ["TAKEN"] + ["already_helped"] * 9
    assert offences() == []


@pytest.mark.real
def test_a_ledger_that_forgets_everything_in_the_middle_of_it():
    campaign = make_campaign(rungs=STAIRS, packets=PACKETS, envelope_fen=PACKETS * 100 + 30)
    packets = [begin(campaign, member_id=10 + number) for number in range(PACKETS)]

    def help_anyhow(number: int) -> str:
        try:
            return try_help(packets[number % PACKETS], number)
        except OUTAGES as error:
            return type(error).__name__

    def forget() -> None:
        for _ in range(4):
            time.sleep(0.05)
            ledger().flushall()

    meet(forget, *(partial(help_anyhow, number) for number in range(40)))
    keep_envelopes()
    for packet in packets:
        # Whoever comes next has it repaired, also where the last helper died with it.
        try_help(packet, 1_000)
    assert offences() == []


def test_an_envelope_without_its_guard_is_exceeded():
    """The negative control: the script without its comparison gives more than there is, and the check says so."""
    source = scripts._take_help.source.removeprefix(scripts._take_help.header.prologue)
    guard = "if more > tonumber(money[1]) - tonumber(money[2]) then"
    assert guard in source
    unguarded = Script(source=source.replace(guard, "if not money[2] then"), name="take_help")
    campaign = make_campaign(rungs=STAIRS, packets=1, envelope_fen=120)
    packet = begin(campaign)
    (name,) = ledger().keys(f"*:{campaign.pk}:envelope")
    ledger().hset(name, "budget", 101)
    assert [try_help(packet, number) for number in range(2)] == ["TAKEN", "red_packet_envelope_empty"]
    with patch.object(scripts, "_take_help", unguarded):
        assert [try_help(packet, number) for number in range(1, 3)] == ["TAKEN"] * 2
    assert any("the ledger has given 103 of 101 fen" in offender for offender in find_exceeded_envelopes())


def test_helpers_who_read_before_they_write_take_one_step_twice():
    """The negative control: without script, lock and condition two helpers take the same step; the index stops the
    second, and without that the helps don't add up any more."""
    packet = make_packet()
    stale = Packet.objects.get(pk=packet.pk)

    def take_blindly(
        *, campaign_id: int, packet_id: int, helper_id: int, seen_helps: int
    ) -> tuple[HelpReply, TakenHelp]:
        known = {"campaign_id": campaign_id, "packet_id": packet_id, "helper_id": helper_id, "mark": stale.mark}
        return HelpReply.TAKEN, TakenHelp(**known)  # type: ignore[arg-type]

    def read_stale(**_: object):
        return _copy(stale), stale.started_at

    with patch.object(helping, "take_help", take_blindly), patch.object(helping, "lock_packet", read_stale):
        assert try_help(packet, 1) == "TAKEN"
        with pytest.raises(IntegrityError):
            try_help(packet, 2)
    PacketHelp.objects.create(packet_id=packet.pk, helper_id=2, step=2, added_fen=100, helped_at=stale.started_at)
    assert [*find_wrong_growth()] != []


def test_a_packet_redeemed_by_who_read_before_they_write_gives_two_coupons():
    """The negative control: without lock and condition only the coupon's own cause is left to stop the second."""
    packet = make_packet()
    stale = Packet.objects.get(pk=packet.pk)
    causes = iter(("first", "second"))

    def issue_blindly(*, issuer: str, reference: str, **asked):
        return issue_coupon(issuer=issuer, reference=f"{reference}{next(causes)}", **asked)

    def read_stale(**_: object):
        return _copy(stale), stale.started_at

    with (
        patch.object(ending, "lock_packet", read_stale),
        patch.object(ending, "move_packet", lambda **_: None),
        patch.object(ending, "issue_coupon", issue_blindly),
    ):
        assert try_redeem(packet)
        assert try_redeem(packet)
    assert coupons_of(packet).count() == 2
    Packet.objects.filter(pk=packet.pk).update(state="REDEEMED", running_in=None)
    assert [*find_wrong_coupons()] != []


def _copy(packet: Packet) -> Packet:
    return Packet(**{field.attname: getattr(packet, field.attname) for field in Packet._meta.concrete_fields})
