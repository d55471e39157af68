"""Expanding red packet (膨胀红包): the one object that the registry takes."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from pgs_data.messaging.relay import Message
from pgs_web.marketing.red_packet.cards import describe_card
from pgs_web.marketing.red_packet.checks import (
    find_exceeded_envelopes,
    find_overdue_packets,
    find_wrong_coupons,
    find_wrong_envelopes,
    find_wrong_growth,
)
from pgs_web.marketing.red_packet.forms import Rules
from pgs_web.marketing.red_packet.models import Packet
from pgs_web.marketing.red_packet.previews import preview_rules
from pgs_web.marketing.red_packet.selectors import campaigns_of_packets, describe_helps, read_envelopes
from pgs_web.marketing.red_packet.services import (
    count_envelopes,
    end_overdue_packets,
    keep_envelopes,
    settle_ended_packets,
)
from pgs_web.marketing.red_packet.states import CODE, PacketState
from pgs_web.marketing.red_packet.story import RedPacketStory
from pgs_web.plays.cards import Card
from pgs_web.plays.contract import Play, PlayCheck, PlayJob
from pgs_web.plays.purchases.services import count_purchases, return_purchases
from pgs_web.plays.rounds import get_round
from pgs_web.plays.shares import read_share_code
from pgs_web.plays.telling import Figure, PreviewLine


class RedPacket(Play):
    code = CODE
    title = _("Red packet")
    summary = _("Friends let a red packet grow; redeemed, it is a coupon.")
    urls = "pgs_web.marketing.red_packet.urls"
    rounds = "packets/"
    jobs = (
        PlayJob(name="end_packets", run=end_overdue_packets, every_seconds=5),
        PlayJob(name="settle_packets", run=settle_ended_packets, every_seconds=5),
        PlayJob(name="keep_envelopes", run=keep_envelopes, every_seconds=5, lease_seconds=60),
        PlayJob(name="count_envelopes", run=count_envelopes, every_seconds=15, lease_seconds=60),
    )
    checks = (
        PlayCheck(
            name="growth",
            promise=_("a red packet is worth what its helps and the committed ladder say, a helper helps once"),
            find_offenders=find_wrong_growth,
        ),
        PlayCheck(
            name="coupons",
            promise=_("a redeemed red packet has one coupon of what it was worth, no other has one"),
            find_offenders=find_wrong_coupons,
        ),
        PlayCheck(
            name="envelope",
            promise=_("the red packets of a campaign never cost more than its envelope"),
            find_offenders=find_exceeded_envelopes,
            is_always=True,
        ),
        PlayCheck(
            name="ledger",
            promise=_("what is reserved for red packets in Redis is what their rows say"),
            find_offenders=find_wrong_envelopes,
        ),
        PlayCheck(
            name="overdue",
            promise=_("no red packet runs past its end, or keeps money after it"),
            find_offenders=find_overdue_packets,
            is_always=True,
        ),
    )
    rule_form = Rules
    story = RedPacketStory()
    endings = {PacketState.REDEEMED: _("redeemed"), PacketState.EXPIRED: _("time over")}

    def entrance(self) -> str:
        """Which red packets there are."""
        return "campaigns/"

    def read_shared(self, share_code: str) -> Card:
        """The red packet with its helpers."""
        packet = get_round(Packet, round_id=read_share_code(CODE, share_code))
        return describe_card(packet, helps=describe_helps(packet))

    def preview(self, rules: Mapping[str, Any]) -> Sequence[PreviewLine]:
        """Worths, helpers, the coupon, and what all of it can cost."""
        return preview_rules(rules)

    def read_figures(self, campaign_ids: Sequence[int]) -> Mapping[int, Sequence[Figure]]:
        """Envelopes, as they were counted last."""
        return read_envelopes(campaign_ids)

    def on_order_paid(self, messages: Sequence[Message]) -> None:
        """Orders that cost less by a red packet are counted."""
        count_purchases(messages, code=CODE, campaigns_of=campaigns_of_packets)

    def on_order_refunded(self, messages: Sequence[Message]) -> None:
        """They are counted no longer."""
        return_purchases(messages, code=CODE, campaigns_of=campaigns_of_packets)

    def judge_change(self, *, before: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, str | Promise]:
        """The envelope is the campaign's: whoever has more to give makes another campaign."""
        if before["envelope_fen"] == after["envelope_fen"]:
            return {}
        return {"envelope_fen": _("A campaign keeps its envelope. Make another campaign for other money.")}


PLAY = RedPacket()
