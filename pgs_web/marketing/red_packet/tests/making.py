"""Red packets for tests: 100 fen, which three helps make 200, 400 and 1000."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_slot, slot_of_key
from pgs_web.api.errors import Refusal
from pgs_web.marketing.red_packet.checks import (
    find_exceeded_envelopes,
    find_overdue_packets,
    find_wrong_coupons,
    find_wrong_envelopes,
    find_wrong_growth,
)
from pgs_web.marketing.red_packet.models import Packet, PacketHelp
from pgs_web.marketing.red_packet.scripts import EnvelopeFigures, read_envelope
from pgs_web.marketing.red_packet.services import help_packet, start_packet
from pgs_web.marketing.red_packet.states import CODE
from pgs_web.plays.helping import Helper
from pgs_web.plays.models import Campaign
from pgs_web.plays.services import create_campaign
from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.coupon.selectors import own_coupons

# Far from those who open packets in tests; helping needs no row of a member.
FIRST_HELPER = 100_000


def make_rules(**changes: Any) -> dict[str, Any]:
    rules = {
        "face_fen": 100,
        "cap_fen": 1000,
        "rungs": "1:200, 2:400, 3:1000",
        "most_helps": None,
        "least_fen": None,
        "most_fen": None,
        "packets": 10,
        "envelope_fen": 5000,
        "reserves_all": False,
        "packets_a_member": 2,
        "minutes": 60,
        "threshold_fen": 2000,
        "coupon_hours": 24,
        "product_id": None,
        "activity_id": None,
        "helps_a_helper": 1000,
        "helps_a_device": 1000,
        "helps_an_address": 100_000,
        "only_new_helpers": False,
    }
    return {**rules, **changes}


def random_rules(**changes: Any) -> dict[str, Any]:
    return make_rules(**{"rungs": "", "most_helps": 10, "least_fen": 50, "most_fen": 150, **changes})


def make_campaign(**rules: Any) -> Campaign:
    return create_campaign(code=CODE, title="One", rules=make_rules(**rules), author="test", reason="test")


def make_packet(*, member_id: int = 10, **rules: Any) -> Packet:
    return begin(make_campaign(**rules), member_id=member_id)


def begin(campaign: Campaign, *, member_id: int = 10) -> Packet:
    """A packet from a device of the member's own."""
    packet_id = start_packet(member_id=member_id, campaign_id=campaign.pk, device=f"device-of-{member_id}")
    return Packet.objects.get(pk=packet_id)


def assist(packet: Packet, number: int) -> PacketHelp:
    """The help of the helper of this number, from a device of their own."""
    helper = Helper(member_id=FIRST_HELPER + number, device=f"phone-{number}", network="10.0.0.1")
    return help_packet(helper=helper, packet_id=packet.pk)


def try_help(packet: Packet, number: int) -> str:
    """TAKEN, or why not."""
    try:
        assist(packet, number)
    except Refusal as refusal:
        return refusal.code
    return "TAKEN"


def let_end(packet: Packet, *, seconds_ago: int = 1) -> None:
    """Its time is over."""
    now = database_now(packet._state.db or "default")
    Packet.objects.filter(pk=packet.pk).update(ends_at=now - timedelta(seconds=seconds_ago))


def envelope_of(campaign_id: int) -> tuple[int, int]:
    """(fen given, packets) as the ledger says."""
    known = read_envelope(campaign_id) or EnvelopeFigures(budget_fen=-1, spent_fen=-1, packets=-1)
    return known.spent_fen, known.packets


def coupons_of(packet: Packet) -> QuerySet[Coupon]:
    """What its member has for it."""
    return own_coupons(member_id=packet.member_id).filter(issue_reference__startswith=str(packet.pk))


def starts_of(member_id: int) -> QuerySet[Packet]:
    """The member's packets, also those that nobody sees."""
    return Packet.objects.on_node(alias_of_slot(slot_of_key(member_id))).filter(member_id=member_id)


def offences() -> list[str]:
    return [
        *find_wrong_growth(),
        *find_wrong_coupons(),
        *find_exceeded_envelopes(),
        *find_wrong_envelopes(),
        *find_overdue_packets(),
    ]
