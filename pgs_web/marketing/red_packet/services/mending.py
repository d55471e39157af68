"""What the clock does for envelopes: it opens those that the ledger lost, and looks at helps left half done."""

from collections.abc import Iterable

import structlog

from pgs_data.locks import LeaseLost, LockHeld
from pgs_data.sharding.slots import alias_of_id
from pgs_web.api.errors import OUTAGES, Unavailable
from pgs_web.marketing.red_packet.errors import CopyOutdated
from pgs_web.marketing.red_packet.models import Envelope, PacketHelp
from pgs_web.marketing.red_packet.scripts import forget_under_way, read_under_way
from pgs_web.marketing.red_packet.services.copies import repair_packet
from pgs_web.marketing.red_packet.services.envelopes import ensure_envelope
from pgs_web.marketing.red_packet.states import CODE
from pgs_web.plays.models import Campaign

CAMPAIGNS_A_RUN = 500
HELPS_A_RUN = 500
# A help takes milliseconds; one that takes longer than this is refused by its packet's new mark.
UNDER_WAY_MS = 30_000

log = structlog.get_logger(__name__)


def keep_envelopes() -> int:
    """Each campaign that may give money has its envelope, and no help stays half done; returns how many were mended.

    Costs a call a campaign, and what is due. Every campaign is served before an outage is raised.
    """
    mended, outages = 0, []
    for campaign_id in live_campaigns():
        try:
            ensure_envelope(campaign_id)
            mended += mend_helps(campaign_id)
        except (LockHeld, LeaseLost, CopyOutdated, Unavailable):
            log.info("red_packet_envelope_busy", campaign=campaign_id)
        except OUTAGES as error:
            outages.append(error)
    if outages:
        raise outages[0]
    return mended


def live_campaigns() -> list[int]:
    """Campaigns that are open, and closed ones whose packets were running when they were counted last."""
    opened = Campaign.objects.filter(code=CODE, closed_at=None).order_by("-pk").values_list("pk", flat=True)
    running = Envelope.objects.filter(running__gt=0).order_by("-pk").values_list("pk", flat=True)
    return sorted({*opened[:CAMPAIGNS_A_RUN], *running[:CAMPAIGNS_A_RUN]})


def mend_helps(campaign_id: int, *, older_than_ms: int = UNDER_WAY_MS, limit: int = HELPS_A_RUN) -> int:
    """Forgets old helps under way whose rows are written, and takes those back that have none; returns how many."""
    found = read_under_way(campaign_id=campaign_id, older_than_ms=older_than_ms, limit=limit)
    if not found:
        return 0
    written = _written(found)
    if written:
        forget_under_way(campaign_id, sorted(written))
    lost: dict[int, list[int]] = {}
    for packet_id, helper_id in found:
        if (packet_id, helper_id) not in written:
            lost.setdefault(packet_id, []).append(helper_id)
    for packet_id, helper_ids in lost.items():
        log.warning("red_packet_helps_taken_back", packet=packet_id, helps=len(helper_ids))
        # Whoever is still writing one of them finds another mark, and is refused.
        repair_packet(campaign_id=campaign_id, packet_id=packet_id, doubted=helper_ids)
    return sum(map(len, lost.values()))


def _written(helps: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    wanted: dict[str, set[int]] = {}
    for packet_id, _helper_id in helps:
        wanted.setdefault(alias_of_id(packet_id), set()).add(packet_id)
    rows: set[tuple[int, int]] = set()
    for alias, packet_ids in wanted.items():
        known = PacketHelp.objects.on_node(alias).filter(packet_id__in=packet_ids)
        rows.update(known.values_list("packet_id", "helper_id"))
    return rows & set(helps)
