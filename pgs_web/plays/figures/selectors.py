"""Reads of figures; a page costs the same however much was played."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from pgs_data.sharding.slots import node_aliases
from pgs_web.api.errors import OUTAGES
from pgs_web.plays.figures.models import FigureEntry, FigureTotal

# Entries that wait are counted so far: "1000+" says enough.
MOST_WAITING = 1_000


@dataclass(kw_only=True)
class CountedFigures:
    """campaign (FigureTotal.ALL_CAMPAIGNS: the game) → name → sum of all nodes that answered."""

    amounts: dict[int, Counter[str]] = field(default_factory=dict)
    # Entries of all games that no sum has yet, MOST_WAITING a node at most: figures are a moment behind.
    waiting: int = 0
    # Nodes that didn't answer, and whose part is missing.
    away: list[str] = field(default_factory=list)

    def of(self, campaign_id: int) -> Counter[str]:
        """The campaign's figures; what was never counted is 0."""
        return self.amounts.get(campaign_id, Counter())


def read_counted(*, code: str, campaign_ids: Collection[int]) -> CountedFigures:
    """The figures of a game as a whole and of these campaigns: two short queries a node."""
    told = CountedFigures()
    wanted = {FigureTotal.ALL_CAMPAIGNS, *campaign_ids}
    for alias in node_aliases():
        try:
            rows, waiting = _read_node(alias, code, wanted)
        except OUTAGES:
            told.away.append(alias)
            continue
        told.waiting += waiting
        for campaign_id, name, amount in rows:
            told.amounts.setdefault(campaign_id, Counter())[name] += amount
    return told


def _read_node(alias: str, code: str, campaign_ids: Collection[int]) -> tuple[list[tuple[int, str, int]], int]:
    """Sums of a node, and how many entries wait there."""
    rows = FigureTotal.objects.on_node(alias).filter(code=code, campaign_id__in=campaign_ids)
    waiting = FigureEntry.objects.on_node(alias).order_by()[:MOST_WAITING].count()
    return list(rows.values_list("campaign_id", "name", "amount")), waiting
