"""A campaign's envelope is opened in the ledger, and counted anew from the rows when the ledger has lost it.

What may be written meanwhile is stopped by the marks: each packet that is open gets a new one first, so a help or a
start that was counted by the lost ledger finds another mark in its row, and is refused. Only then the rows are counted.
"""

import secrets
from collections.abc import Iterator

import structlog

from pgs_data.clock import DatabaseNow
from pgs_data.locks import FencedLock, Lease
from pgs_data.sharding.slots import node_aliases
from pgs_web.marketing.red_packet.errors import CopyOutdated
from pgs_web.marketing.red_packet.models import Envelope, Packet
from pgs_web.marketing.red_packet.scripts import (
    EnvelopeFigures,
    add_counted,
    forget_envelope,
    read_envelope,
    restore_envelope,
)
from pgs_web.marketing.red_packet.services.door import new_mark
from pgs_web.marketing.red_packet.states import CODE, OPEN, PacketState
from pgs_web.plays.models import Campaign
from pgs_web.plays.selectors import read_rules

# Longer than a page takes to mark or to count; who dies in a recount keeps the next one waiting for so long.
LOCK_MS = 20_000
PAGE = 1_000
COUNTED = (PacketState.RUNNING, PacketState.REDEEMED, PacketState.EXPIRED)

log = structlog.get_logger(__name__)


def ensure_envelope(campaign_id: int) -> None:
    """Opens the envelope in the ledger unless it is there; costs the campaign's packets where they have to be counted.

    Raises LockHeld while somebody else is at it, LeaseLost, CopyOutdated when the ledger lost its memory once more, and
    outages: as long as a node is away nobody knows what was given, and nothing is.
    """
    if read_envelope(campaign_id) is None:
        with FencedLock(f"{CODE}:{campaign_id:d}", ttl_ms=LOCK_MS) as lease:
            if read_envelope(campaign_id) is None:
                _count(campaign_id, lease)


def recount_envelope(campaign_id: int) -> EnvelopeFigures:
    """Counts a campaign's money anew from the rows, whatever the ledger says; nobody gets any meanwhile.

    Raises as ensure_envelope. Dying in between leaves the campaign without an envelope, which the next call counts.
    """
    with FencedLock(f"{CODE}:{campaign_id:d}", ttl_ms=LOCK_MS) as lease:
        forget_envelope(campaign_id)
        return _count(campaign_id, lease)


def _count(campaign_id: int, lease: Lease) -> EnvelopeFigures:
    campaign = Campaign.objects.get(pk=campaign_id)
    rules = read_rules(campaign_id=campaign_id, version=campaign.version).rules
    for alias in node_aliases():
        _mark_anew(alias, campaign_id, lease)
    run, spent_fen, packets = secrets.token_hex(8), 0, 0
    add_counted(campaign_id=campaign_id, run=run, reserved={})
    for page in _pages(campaign_id):
        lease.extend()
        reserved = {packet.pk: packet.reserved_fen for packet in page if packet.reserved_fen}
        add_counted(campaign_id=campaign_id, run=run, reserved=reserved)
        spent_fen += sum(reserved.values())
        packets += len(page)
    figures = EnvelopeFigures(budget_fen=rules["envelope_fen"], spent_fen=spent_fen, packets=packets)
    # Before money can be given: who died in between would leave an envelope that nobody counts or checks.
    Envelope.objects.bulk_create(
        [
            Envelope(
                campaign_id=campaign_id,
                title=campaign.title,
                budget_fen=figures.budget_fen,
                left_fen=figures.budget_fen - spent_fen,
                opened_at=DatabaseNow(),
                due_at=DatabaseNow(),
            )
        ],
        ignore_conflicts=True,
    )
    lease.extend()
    word = restore_envelope(campaign_id=campaign_id, run=run, figures=figures)
    if word == "GONE":
        raise CopyOutdated
    if packets:
        log.warning("red_packet_envelope_counted", campaign=campaign_id, packets=packets, spent_fen=spent_fen)
    return figures


def _mark_anew(alias: str, campaign_id: int, lease: Lease) -> None:
    # A start that writes its row behind our page finds no envelope, so nothing is counted under its mark.
    rows = Packet.objects.on_node(alias).filter(campaign_id=campaign_id, state__in=OPEN).order_by("pk")
    last_id = 0
    lease.extend()
    while page := list(rows.filter(pk__gt=last_id).values_list("pk", flat=True)[:PAGE]):
        last_id = page[-1]
        # Waits for what is being written; what comes later bears an old mark.
        Packet.objects.on_node(alias).filter(pk__in=page, state__in=OPEN).update(mark=new_mark())
        lease.extend()


def _pages(campaign_id: int) -> Iterator[list[Packet]]:
    for alias in node_aliases():
        rows = Packet.objects.on_node(alias).filter(campaign_id=campaign_id, state__in=COUNTED).order_by("pk")
        last_id = 0
        while page := list(rows.filter(pk__gt=last_id)[:PAGE]):
            last_id = page[-1].pk
            yield page
