"""The ledger and the rows when processes die between the two, and when the ledger is away or has lost its memory."""

from typing import Any
from unittest.mock import patch

import pytest

from pgs_data.private_servers.running import RunningServer
from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_web.api.errors import OUTAGES, Unavailable
from pgs_web.marketing.red_packet import scripts
from pgs_web.marketing.red_packet.errors import CopyOutdated
from pgs_web.marketing.red_packet.models import Envelope, Packet
from pgs_web.marketing.red_packet.scripts import HelpReply, PacketCopy, TakenHelp, take_help
from pgs_web.marketing.red_packet.services import (
    copies,
    end_overdue_packets,
    envelopes,
    helping,
    keep_envelopes,
    recount_envelope,
    redeem_packet,
    settle_ended_packets,
    starting,
)
from pgs_web.marketing.red_packet.services.mending import mend_helps
from pgs_web.marketing.red_packet.states import CODE
from pgs_web.marketing.red_packet.tests.making import (
    FIRST_HELPER,
    assist,
    begin,
    envelope_of,
    let_end,
    make_campaign,
    make_packet,
    offences,
    starts_of,
    try_help,
)
from pgs_web.plays.eligibility.models import Help

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]


class Died(BaseException):
    """The process is gone: nothing after it runs."""


def take(packet: Packet, number: int) -> TakenHelp:
    """What a process does that dies before it has written the row."""
    reply, taken = take_help(
        campaign_id=packet.campaign_id, packet_id=packet.pk, helper_id=FIRST_HELPER + number, seen_helps=0
    )
    assert reply == HelpReply.TAKEN
    assert taken is not None
    return taken


def mend(packet: Packet) -> int:
    # As if 30 seconds had gone by.
    return mend_helps(packet.campaign_id, older_than_ms=-10_000)


def test_a_help_whose_process_died_before_its_row_is_taken_back():
    packet = make_packet()
    assist(packet, 0)
    take(packet, 1)
    assert envelope_of(packet.campaign_id) == (400, 1)
    # Young ones are left alone: somebody may be writing them.
    assert mend_helps(packet.campaign_id) == 0
    assert try_help(packet, 1) == "already_helped"
    assert (mend(packet), mend(packet)) == (1, 0)
    assert envelope_of(packet.campaign_id) == (200, 1)
    assert try_help(packet, 1) == "TAKEN"
    assert offences() == []


def test_a_help_that_wakes_up_after_it_was_taken_back_is_not_written():
    packet = make_packet()
    late = take(packet, 1)
    mend(packet)
    with pytest.raises(CopyOutdated):
        helping._write(late)
    assert helping._give_back(late) is None
    assert (envelope_of(packet.campaign_id), offences()) == ((100, 1), [])


def test_a_help_whose_process_died_behind_its_commit_stays():
    packet = make_packet()
    with patch.object(helping, "_confirm", side_effect=Died), pytest.raises(Died):
        assist(packet, 1)
    assert any("under way" in offender for offender in offences())
    assert mend(packet) == 0
    packet.refresh_from_db()
    assert (packet.help_count, offences()) == (1, [])


def test_what_fails_behind_the_script_is_given_back_at_once():
    packet = make_packet()
    with patch.object(helping, "lock_packet", side_effect=Died), pytest.raises(Died):
        assist(packet, 1)
    assert not Help.objects.filter(round_id=packet.pk).exists()
    assert (envelope_of(packet.campaign_id), offences()) == ((100, 1), [])
    assert try_help(packet, 1) == "TAKEN"


def test_a_start_whose_process_died_gives_its_money_back():
    campaign = make_campaign()
    assert keep_envelopes() == 0
    for dies_at in ("open_packet", "move_packet"):
        with (
            patch.object(starting, dies_at, side_effect=Died),
            patch.object(starting, "_abandon"),
            pytest.raises(Died),
        ):
            begin(campaign)
        stuck = starts_of(10).filter(state="OPENING")
        assert settle_ended_packets() == 0
        stuck.update(started_at="2020-01-01T00:00:00Z")
        assert any("came to nothing" in offender for offender in offences())
        assert (settle_ended_packets(), settle_ended_packets()) == (1, 0)
    assert (envelope_of(campaign.pk), offences()) == ((0, 0), [])
    assert begin(campaign).state == "RUNNING"
    # A failure that is noticed leaves nothing for the clock.
    with patch.object(starting, "move_packet", side_effect=Died), pytest.raises(Died):
        begin(campaign, member_id=20)
    assert (envelope_of(campaign.pk), offences()) == ((100, 1), [])


def test_redeemed_before_the_ledger_heard_of_it():
    packet = make_packet(reserves_all=True, packets=5)
    with patch("pgs_web.marketing.red_packet.services.ending.settle_packets", side_effect=Died), pytest.raises(Died):
        redeem_packet(member_id=10, packet_id=packet.pk)
    assert envelope_of(packet.campaign_id) == (1000, 1)
    assert settle_ended_packets() == 1
    assert (envelope_of(packet.campaign_id), offences()) == ((100, 1), [])


def test_a_ledger_that_lost_its_memory_is_counted_from_the_rows(redis_server: RunningServer):
    campaign = make_campaign(packets=4)
    running, redeemed, expired = (begin(campaign, member_id=member_id) for member_id in (10, 20, 30))
    assist(running, 1)
    assist(redeemed, 1)
    redeem_packet(member_id=20, packet_id=redeemed.pk)
    let_end(expired)
    end_overdue_packets()
    ledger().flushall()
    # The first who asks counts; the one that expired unsettled has nothing left to give back.
    assert try_help(running, 2) == "TAKEN"
    assert envelope_of(campaign.pk) == (600, 3)
    assert try_help(running, 2) == "already_helped"
    assert settle_ended_packets() == 1
    assert (envelope_of(campaign.pk), offences()) == ((600, 3), [])
    ledger().flushall()
    assert keep_envelopes() == 0
    assert envelope_of(campaign.pk) == (600, 3)
    assert begin(campaign, member_id=40).state == "RUNNING"
    ledger().flushall()
    let_end(running)
    end_overdue_packets()
    # The job opens the envelope; what had expired by then isn't counted any more.
    assert [settle_ended_packets() for _ in range(2)] == [0, 1]
    assert (envelope_of(campaign.pk), offences()) == ((300, 4), [])


def test_a_packet_that_the_ledger_lost_alone_is_brought_back():
    packet = make_packet()
    assist(packet, 1)
    (name,) = ledger().keys(f"*:packet:{packet.pk}")
    ledger().delete(name)
    assert try_help(packet, 2) == "TAKEN"
    assert offences() == []


def test_a_repair_that_fails_behind_its_script_leaves_no_help_without_a_reservation():
    packet = make_packet()
    late = take(packet, 1)

    def reload_and_die(copy: PacketCopy, **asked: Any) -> bool:
        scripts.reload_packet(copy, **asked)
        raise Died

    with patch.object(copies, "reload_packet", reload_and_die), pytest.raises(Died):
        mend(packet)
    # The reservation is gone; so the row has to refuse the help.
    assert envelope_of(packet.campaign_id) == (100, 1)
    with pytest.raises(CopyOutdated):
        helping._write(late)
    assert [try_help(packet, number) for number in (1, 2)] == ["TAKEN"] * 2
    assert offences() == []


def test_a_repair_that_dies_before_its_script_is_finished_by_who_comes_next():
    packet = make_packet()
    take(packet, 1)
    with patch.object(copies, "reload_packet", side_effect=Died), pytest.raises(Died):
        mend(packet)
    assert try_help(packet, 2) == "TAKEN"
    assert (envelope_of(packet.campaign_id), offences()) == ((200, 1), [])


def test_a_ledger_that_took_a_step_back_is_not_trusted():
    """As a replica is that heard nothing of the last help."""
    packet = make_packet()
    assist(packet, 1)
    old = {name: ledger().dump(name) for name in ledger().keys(f"*:{CODE}:{packet.campaign_id}:*")}
    assist(packet, 2)
    for name, value in old.items():
        ledger().restore(name, 0, value, replace=True)
    assert envelope_of(packet.campaign_id) == (200, 1)
    assert [try_help(packet, number) for number in (2, 3)] == ["already_helped", "TAKEN"]
    assert (envelope_of(packet.campaign_id), offences()) == ((1000, 1), [])


def test_an_envelope_that_gives_money_is_known_to_who_counts_and_checks():
    campaign = make_campaign()
    with (
        patch.object(envelopes, "restore_envelope", side_effect=Died),
        patch.object(starting, "_abandon"),
        pytest.raises(Died),
    ):
        begin(campaign)
    assert Envelope.objects.filter(pk=campaign.pk).exists()


@pytest.mark.parametrize("is_settled", [False, True])
def test_a_start_that_wakes_up_after_it_was_given_up_keeps_nothing(is_settled: bool):
    campaign = make_campaign()
    envelopes.ensure_envelope(campaign.pk)
    reserve = starting.open_packet

    def sleep(*args: Any, **asked: Any) -> Any:
        stuck = starts_of(10).filter(state="OPENING")
        if is_settled:
            stuck.update(started_at="2020-01-01T00:00:00Z")
            assert settle_ended_packets() == 1
        else:
            stuck.update(state="ABANDONED", running_in=None)
        return reserve(*args, **asked)

    with patch.object(starting, "open_packet", sleep), pytest.raises(Unavailable):
        begin(campaign)
    assert (starts_of(10).count(), envelope_of(campaign.pk), offences()) == (0, (0, 0), [])


def test_a_start_that_was_given_up_before_it_began_is_unavailable():
    campaign = make_campaign()
    write = starting._write
    for state in ("ABANDONED", None):

        def sleep(about: dict[str, Any], snapshot: Any, state: str | None = state) -> None:
            write(about, snapshot)
            if state:
                starts_of(10).update(state=state, running_in=None)
            else:
                starts_of(10).delete()

        with patch.object(starting, "_write", sleep), pytest.raises(Unavailable):
            begin(campaign)


def test_a_recount_finds_what_the_ledger_got_wrong():
    packet = make_packet()
    assist(packet, 1)
    (name,) = ledger().keys(f"*:{packet.campaign_id}:envelope")
    ledger().hincrby(name, "spent", 77)
    assert offences() != []
    assert recount_envelope(packet.campaign_id).spent_fen == 200
    assert offences() == []
    assert try_help(packet, 2) == "TAKEN"
    assert offences() == []


def test_marks_are_what_stops_helps_that_a_lost_ledger_counted():
    """The negative control: where a recount gives no new marks, a help that it didn't see is written all the same."""
    packet = make_packet()
    lost = take(packet, 1)
    ledger().flushall()
    envelopes.ensure_envelope(packet.campaign_id)
    with pytest.raises(CopyOutdated):
        helping._write(lost)
    assert offences() == []
    unguarded = make_packet(member_id=20)
    lost = take(unguarded, 1)
    ledger().flushall()
    with patch.object(envelopes, "new_mark", return_value=unguarded.mark):
        envelopes.ensure_envelope(unguarded.campaign_id)
    helping._write(lost)
    assert any("are reserved, its row says" in offender for offender in offences())


def test_while_the_ledger_is_away_nothing_grows_and_what_is_redeemed_stays(redis_server: RunningServer):
    packet = make_packet()
    assist(packet, 1)
    with patch.object(scripts, "replicated", side_effect=RedisUnavailable[0]("away")):
        with pytest.raises(OUTAGES):
            assist(packet, 2)
        with pytest.raises(OUTAGES):
            begin(make_campaign(), member_id=20)
        redeem_packet(member_id=10, packet_id=packet.pk)
    assert Help.objects.filter(round_id=packet.pk).count() == 1
    packet.refresh_from_db()
    assert (packet.state, packet.settled_at) == ("REDEEMED", None)
    settle_ended_packets()
    packet.refresh_from_db()
    assert packet.settled_at is not None
    assert (envelope_of(packet.campaign_id), offences()) == ((200, 1), [])
