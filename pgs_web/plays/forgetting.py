"""Who helped whom is kept for as long as it is judged by, and half a year: then the clock deletes it.

One help a helper and initiator holds for a whole campaign, so nothing of a campaign goes that can still be played. Its
rounds are over some days after it was closed at the latest. What they came to, their cuts, steps and coupons stay.
"""

from collections.abc import Collection
from datetime import timedelta
from functools import partial

import structlog

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import node_aliases
from pgs_web.plays.eligibility.models import Help
from pgs_web.plays.models import Campaign
from pgs_web.plays.rounds import work_off

KEEP = timedelta(days=180)
# Whoever asks what may be gone is told a day before it goes: no check compares with rows that vanish under it.
MARGIN = timedelta(days=1)
HELPS_A_PAGE = 500

log = structlog.get_logger(__name__)


def find_forgotten(campaign_ids: Collection[int]) -> set[int]:
    """Those of the campaigns that were closed so long ago that their helps may be gone; one query of `default`."""
    old = Campaign.objects.filter(pk__in=set(campaign_ids), closed_at__lte=DatabaseNow(after=-KEEP))
    return set(old.values_list("pk", flat=True))


def forget_helps() -> int:
    """Deletes helps of the campaign that was closed first of those that are old, for some seconds; returns how many.

    Dies in between, or a node is away: the next run goes on with the same campaign. Every node is served before an
    outage is raised.
    """
    old = Campaign.objects.filter(closed_at__lte=DatabaseNow(after=-KEEP - MARGIN), helps_forgotten_at=None)
    campaign_id = old.order_by("closed_at", "pk").values_list("pk", flat=True).first()
    if campaign_id is None:
        return 0
    forgotten = work_off(partial(_forget_page, campaign_id), page=HELPS_A_PAGE)
    if not any(Help.objects.on_node(alias).filter(campaign_id=campaign_id).exists() for alias in node_aliases()):
        Campaign.objects.filter(pk=campaign_id).update(helps_forgotten_at=DatabaseNow())
        log.info("helps_forgotten", campaign=campaign_id, last=forgotten)
    return forgotten


def _forget_page(campaign_id: int, alias: str) -> int:
    rows = Help.objects.on_node(alias)
    page = list(
        rows.filter(campaign_id=campaign_id).order_by("initiator_id").values_list("pk", flat=True)[:HELPS_A_PAGE]
    )
    if page:
        rows.filter(pk__in=page)._raw_delete(alias)
    return len(page)
