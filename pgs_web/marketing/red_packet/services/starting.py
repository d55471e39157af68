"""A member opens a packet: its row first, then its money, then everybody sees it."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import IntegrityError
from django.db.models import Max

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.ids.errors import IdSourceUnavailable
from pgs_data.ids.snowflake import new_id
from pgs_data.sharding.slots import alias_of_id, slot_of_key
from pgs_data.sharding.transactions import node_transaction
from pgs_web.api.errors import OUTAGES, Unavailable
from pgs_web.marketing.red_packet.errors import PacketLimit, PacketOver, PacketRunning, PacketsGone
from pgs_web.marketing.red_packet.forms import growth_of
from pgs_web.marketing.red_packet.ladders import commit_seed, draw_seed, make_ladder
from pgs_web.marketing.red_packet.models import Packet
from pgs_web.marketing.red_packet.scripts import OpenReply, open_packet, settle_packet
from pgs_web.marketing.red_packet.services.copies import copy_of, require_envelope
from pgs_web.marketing.red_packet.services.door import move_packet, new_mark
from pgs_web.marketing.red_packet.services.ending import end_packets, settle_packets
from pgs_web.marketing.red_packet.states import CODE, PacketState
from pgs_web.plays.eligibility.devices import index_device
from pgs_web.plays.eligibility.errors import DeviceUnknown
from pgs_web.plays.models import Campaign
from pgs_web.plays.selectors import RulesSnapshot, read_rules_to_start
from pgs_web.plays.switches import require_open
from pgs_web.trade.coupon.models import LONGEST_TITLE

log = structlog.get_logger(__name__)


def start_packet(*, member_id: int, campaign_id: int, device: str | None) -> int:
    """Opens a packet under the campaign's present rules and returns its id. `device` (read_device) can't help in it.

    Raises PlayDraining, NotFound, CampaignClosed, DeviceUnknown, PacketRunning, PacketLimit, PacketsGone, Unavailable.
    Dying on the way leaves a row that nobody sees, which the clock takes away with what it had reserved.
    """
    require_open(CODE)
    snapshot = read_rules_to_start(code=CODE, campaign_id=campaign_id)
    if device is None:
        raise DeviceUnknown
    title = Campaign.objects.values_list("title", flat=True).get(pk=campaign_id)
    try:
        packet_id = new_id(slot=slot_of_key(member_id))
    except IdSourceUnavailable as error:
        raise Unavailable from error
    about = {"id": packet_id, "member_id": member_id, "title": title[:LONGEST_TITLE]}
    _write(about | {"initiator_device": index_device(device)}, snapshot)
    try:
        _open(packet_id, most_packets=snapshot.rules["packets"])
    except BaseException:
        _abandon(packet_id, campaign_id=campaign_id)
        raise
    return packet_id


def _write(about: dict[str, Any], snapshot: RulesSnapshot) -> None:
    try:
        with node_transaction(about["id"]) as alias:
            packets = Packet.objects.on_node(alias).filter(
                member_id=about["member_id"], campaign_id=snapshot.campaign_id
            )
            # Its member sees it EXPIRED already, whenever the job comes.
            overdue = packets.filter(running_in__isnull=False, state=PacketState.RUNNING, ends_at__lte=DatabaseNow())
            end_packets(alias, list(overdue.values_list("pk", flat=True)))
            if packets.exclude(state=PacketState.ABANDONED).count() >= snapshot.rules["packets_a_member"]:
                # Also of one that is running: then the constraint would say so.
                raise PacketRunning if packets.filter(running_in__isnull=False).exists() else PacketLimit
            ordinal = (packets.aggregate(last=Max("ordinal"))["last"] or 0) + 1
            # Of two starts at once the constraints refuse one.
            Packet.objects.bulk_create([Packet(**about, ordinal=ordinal, **_draft(snapshot, now=database_now(alias)))])
    except IntegrityError as error:
        raise PacketRunning from error


def _draft(snapshot: RulesSnapshot, *, now: datetime) -> dict[str, Any]:
    rules, seed = snapshot.rules, draw_seed()
    growth = growth_of(rules)
    ladder = make_ladder(growth, seed=seed)
    return {
        "campaign_id": snapshot.campaign_id,
        "rules_version": snapshot.version,
        "running_in": snapshot.campaign_id,
        "face_fen": growth.face_fen,
        "cap_fen": growth.cap_fen,
        "rungs": growth.rungs,
        "most_helps": growth.helps,
        "least_fen": growth.least_fen,
        "most_fen": growth.most_fen,
        "seed": seed,
        "commitment": commit_seed(seed),
        "base_fen": ladder[-1] if rules["reserves_all"] else growth.face_fen,
        "steps": len(ladder) - 1,
        "mark": new_mark(),
        "value_fen": growth.face_fen,
        "threshold_fen": rules["threshold_fen"],
        "product_id": rules["product_id"],
        "activity_id": rules["activity_id"],
        "coupon_seconds": rules["coupon_hours"] * 3600,
        "state": PacketState.OPENING,
        "started_at": now,
        "ends_at": now + timedelta(minutes=rules["minutes"]),
    }


def _open(packet_id: int, *, most_packets: int) -> None:
    alias = alias_of_id(packet_id)
    packet = _get_opening(packet_id)
    reply = open_packet(copy_of(packet, mark=packet.mark), most_packets=most_packets)
    if reply == OpenReply.LOST:
        require_envelope(packet.campaign_id)
        # Counting gave it another mark.
        packet = _get_opening(packet_id)
        reply = open_packet(copy_of(packet, mark=packet.mark), most_packets=most_packets)
    if reply in {OpenReply.ENOUGH, OpenReply.SHORT}:
        raise PacketsGone
    if reply != OpenReply.OPENED:
        raise Unavailable
    try:
        with node_transaction(packet_id):
            # Fails when the ledger's memory was counted anew meanwhile: then nothing is reserved for it.
            move_packet(alias=alias, packet=packet, to_state=PacketState.RUNNING)
    except PacketOver as error:
        raise Unavailable from error


def _get_opening(packet_id: int) -> Packet:
    """The start's row; raises Unavailable where it took so long that the clock has given it up."""
    opening = Packet.objects.on_node(alias_of_id(packet_id)).filter(pk=packet_id, state=PacketState.OPENING).first()
    if opening is None:
        raise Unavailable
    return opening


def _abandon(packet_id: int, *, campaign_id: int) -> None:
    """What never ran goes, with what was reserved for it; what can't be done now the clock does."""
    alias = alias_of_id(packet_id)
    try:
        opening = Packet.objects.on_node(alias).filter(pk=packet_id, state=PacketState.OPENING)
        opening.update(state=PacketState.ABANDONED, running_in=None, decided_at=DatabaseNow())
        if not settle_packets(alias, [packet_id]) and not Packet.objects.on_node(alias).filter(pk=packet_id).exists():
            # The clock gave it up first, and no row will ever ask for what was reserved since.
            settle_packet(campaign_id=campaign_id, packet_id=packet_id, kept_fen=0, is_undone=True)
    except OUTAGES as error:
        log.warning("red_packet_not_abandoned", packet=packet_id, error=type(error).__name__)
