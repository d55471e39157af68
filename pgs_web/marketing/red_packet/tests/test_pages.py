"""What is done page by page is done to its end, and an outage in the middle takes nothing back."""

from typing import Any
from unittest.mock import patch

import pytest

from pgs_data.clock import database_now
from pgs_data.locks import Lease
from pgs_data.redis.connections import RedisUnavailable
from pgs_web.marketing.red_packet.models import Envelope, Packet
from pgs_web.marketing.red_packet.services import (
    count_envelopes,
    counting,
    end_overdue_packets,
    ending,
    envelopes,
    recount_envelope,
    redeem_packet,
    settle_ended_packets,
)
from pgs_web.marketing.red_packet.tests.making import assist, begin, envelope_of, let_end, make_campaign, offences
from pgs_web.plays import rounds
from pgs_web.plays.services import close_campaign
from pgs_web.trade.coupon.models import Coupon

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]


def test_ends_are_worked_off_page_by_page_as_long_as_a_run_may_last():
    campaigns = [make_campaign() for _ in range(4)]
    packets = [begin(campaign) for campaign in campaigns]
    for packet in packets:
        let_end(packet)
    with patch.object(rounds, "RUN_SECONDS", -1):
        assert end_overdue_packets(limit=1) == 1
    assert end_overdue_packets(limit=1) == 3
    with patch.object(rounds, "RUN_SECONDS", -1):
        assert settle_ended_packets(limit=1) == 1
    assert settle_ended_packets(limit=1) == 3
    assert offences() == []


def test_an_outage_in_the_middle_keeps_what_is_settled():
    campaigns = [make_campaign() for _ in range(3)]
    packets = [begin(campaign) for campaign in campaigns]
    for packet in packets:
        let_end(packet)
    end_overdue_packets()
    settle = ending.settle_packet

    def settle_or_fail(*, campaign_id: int, **asked: Any) -> bool:
        if campaign_id == campaigns[1].pk:
            raise RedisUnavailable[0]("away")
        return settle(campaign_id=campaign_id, **asked)

    with patch.object(ending, "settle_packet", settle_or_fail), pytest.raises(RedisUnavailable):
        settle_ended_packets()
    unsettled = Packet.objects.on_node(packets[0]._state.db).filter(settled_at=None)
    assert [packet.pk for packet in unsettled] == [packets[1].pk]
    assert settle_ended_packets() == 1
    assert offences() == []


def test_a_recount_gives_marks_page_by_page_and_keeps_its_lease():
    campaign = make_campaign()
    packets = [begin(campaign, member_id=member_id) for member_id in range(10, 15)]
    extended = []
    extend = Lease.extend

    def extend_and_note(lease: Lease) -> None:
        extended.append([Packet.objects.get(pk=packet.pk).mark == packet.mark for packet in packets].count(True))
        extend(lease)

    with patch.object(envelopes, "PAGE", 1), patch.object(Lease, "extend", extend_and_note):
        assert recount_envelope(campaign.pk).packets == 5
    # Never more than a page of marks between two of them.
    assert set(extended) == {0, 1, 2, 3, 4, 5}
    assert (envelope_of(campaign.pk), offences()) == ((500, 5), [])


def count_closed(campaign_id: int) -> Envelope:
    Envelope.objects.filter(pk=campaign_id).update(due_at="2020-01-01T00:00:00Z")
    assert count_envelopes() == 1
    return Envelope.objects.get(pk=campaign_id)


def test_figures_of_a_closed_campaign_are_the_last_and_seldom_counted_again():
    campaign = make_campaign()
    packet = begin(campaign)
    assist(packet, 1)
    close_campaign(campaign_id=campaign.pk)
    has_unsettled = counting._has_unsettled

    def redeem_meanwhile(campaign_id: int) -> bool:
        redeem_packet(member_id=10, packet_id=packet.pk)
        return has_unsettled(campaign_id)

    with patch.object(counting, "_has_unsettled", redeem_meanwhile):
        counted = count_closed(campaign.pk)
    assert (counted.redeemed_fen, counted.committed_fen) == (200, 0)
    # Its coupon can still be used.
    assert 5 < (counted.due_at - database_now("default")).total_seconds() / 3600 < 7
    Coupon.objects.filter(pk=Packet.objects.get(pk=packet.pk).coupon_id).update(state="EXPIRED")
    counted = count_closed(campaign.pk)
    assert counted.coupons_expired_fen == 200
    assert (counted.due_at - database_now("default")).days >= 29
