"""Figures are counted with their facts, exactly, and folded into sums behind them."""

from collections import Counter
from collections.abc import Mapping

from django.db import OperationalError

from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_data.sharding.transactions import is_transaction_open, node_transaction
from pgs_web.plays.figures.models import FigureEntry, FigureTotal

ENTRIES_A_FOLD = 500
FOLDS_A_RUN = 20

_Key = tuple[str, int, str]


class CountedOutsideTransaction(Exception):
    """Dying between the fact and its count would leave figures that are wrong for ever."""


class FoldedElsewhere(Exception):
    """Another run has these entries: this one's transaction is undone."""


def count_figures(*, code: str, campaign_id: int, shard_key: int, amounts: Mapping[str, int]) -> None:
    """Counts facts of a campaign: figure (names.py, or one of the game's own) → how much more, or less.

    Call it in the node transaction of the facts, `shard_key` being an id of one of them: both are there, or neither.
    Costs one INSERT and no lock. Raises CountedOutsideTransaction.
    """
    if not is_transaction_open(alias_of_id(shard_key)):
        raise CountedOutsideTransaction(f"Count {sorted(amounts)} inside node_transaction({shard_key}).")
    FigureEntry.objects.bulk_create(
        FigureEntry(shard_key=shard_key, code=code, campaign_id=campaign_id, name=name, amount=amount)
        for name, amount in amounts.items()
        if amount
    )


def fold_figures() -> int:
    """Adds entries to their sums and deletes them; up to 10,000 a node and run. Returns how many.

    Every node is served before an outage is raised.
    """
    folded, outages = 0, []
    for alias in node_aliases():
        try:
            folded += _fold_node(alias)
        except OperationalError as error:
            outages.append(error)
    if outages:
        raise outages[0]
    return folded


def _fold_node(alias: str) -> int:
    folded = 0
    for _batch in range(FOLDS_A_RUN):
        try:
            count = fold_batch(alias)
        except FoldedElsewhere:
            break
        folded += count
        if count < ENTRIES_A_FOLD:
            break
    return folded


def fold_batch(alias: str) -> int:
    """Folds a node's oldest entries in one transaction; raises FoldedElsewhere where another run was first."""
    with node_transaction(alias):
        entries = _oldest(alias)
        if not entries:
            return 0
        # Waits for another run that has them, and then finds them gone.
        gone = FigureEntry.objects.on_node(alias).filter(pk__in=[entry.pk for entry in entries])._raw_delete(alias)
        if gone != len(entries):
            raise FoldedElsewhere
        _add(alias, entries)
    return len(entries)


def _oldest(alias: str) -> list[FigureEntry]:
    return list(FigureEntry.objects.on_node(alias).order_by("pk")[:ENTRIES_A_FOLD])


def _add(alias: str, entries: list[FigureEntry]) -> None:
    sums: Counter[_Key] = Counter()
    for entry in entries:
        for campaign_id in (entry.campaign_id, FigureTotal.ALL_CAMPAIGNS):
            sums[entry.code, campaign_id, entry.name] += entry.amount
    missing = set(sums) - set(_read_totals(alias, sums))
    FigureTotal.objects.on_node(alias).bulk_create(
        [
            FigureTotal(shard_key=entries[0].shard_key, code=code, campaign_id=campaign_id, name=name)
            for code, campaign_id, name in sorted(missing)
        ],
        # Another run may have been first.
        ignore_conflicts=True,
    )
    totals = _read_totals(alias, sums, is_locking=True)
    for key, total in totals.items():
        total.amount += sums[key]
    FigureTotal.objects.on_node(alias).bulk_update(list(totals.values()), ["amount"])


def _read_totals(alias: str, sums: Counter[_Key], *, is_locking: bool = False) -> dict[_Key, FigureTotal]:
    codes, campaigns, names = ({key[place] for key in sums} for place in range(3))
    rows = FigureTotal.objects.on_node(alias).filter(code__in=codes, campaign_id__in=campaigns, name__in=names)
    if is_locking:
        # In one order: two runs wait for each other, never in a circle.
        rows = rows.select_for_update().order_by("pk")
    found = {(row.code, row.campaign_id, row.name): row for row in rows}
    return {key: row for key, row in found.items() if key in sums}
