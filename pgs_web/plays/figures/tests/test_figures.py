"""Figures are counted with their facts, folded once, and read without the node that is away."""

from collections import Counter
from contextlib import suppress
from functools import partial

import pytest
from django.db import OperationalError

from pgs_data.sharding.slots import SLOT_SHIFT, node_aliases, slot_of_key
from pgs_data.sharding.transactions import node_transaction
from pgs_web.plays.figures import selectors, services
from pgs_web.plays.figures.models import FigureEntry, FigureTotal
from pgs_web.plays.figures.selectors import read_counted
from pgs_web.plays.figures.services import (
    CountedOutsideTransaction,
    FoldedElsewhere,
    count_figures,
    fold_batch,
    fold_figures,
)
from tests.races.meeting import meet

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)
# A round of a member on the first node, and one on the last.
NEAR, FAR = (slot_of_key(member_id) << SLOT_SHIFT | 7 for member_id in (10, 501))


def count(shard_key: int = NEAR, *, campaign_id: int = 1, code: str = "cards", **amounts: int) -> None:
    with node_transaction(shard_key):
        count_figures(code=code, campaign_id=campaign_id, shard_key=shard_key, amounts=amounts)


def test_what_is_counted_is_read_after_the_fold():
    count(started=1, helps=0)
    count(FAR, started=2, cost_fen=50)
    count(campaign_id=2, started=4, cost_fen=-70)
    count(code="dice", started=99)
    before = read_counted(code="cards", campaign_ids=[1, 2])
    # What is nothing isn't written down.
    assert (before.waiting, before.amounts, before.away) == (6, {}, [])
    assert (fold_figures(), fold_figures()) == (6, 0)
    count(started=1)
    fold_figures()
    told = read_counted(code="cards", campaign_ids=[1])
    assert told.of(1) == Counter(started=4, cost_fen=50)
    assert told.of(FigureTotal.ALL_CAMPAIGNS) == Counter(started=8, cost_fen=-20)
    # It wasn't asked for.
    assert told.of(2) == Counter()


def test_a_fact_that_is_undone_is_not_counted():
    with suppress(ZeroDivisionError), node_transaction(NEAR):
        count_figures(code="cards", campaign_id=1, shard_key=NEAR, amounts={"started": 1})
        raise ZeroDivisionError
    with pytest.raises(CountedOutsideTransaction):
        count_figures(code="cards", campaign_id=1, shard_key=NEAR, amounts={"started": 1})
    assert fold_figures() == 0


def test_a_fold_that_dies_is_done_again(monkeypatch):
    count(started=1)

    def die(*_args: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(services, "_add", die)
        with pytest.raises(ZeroDivisionError):
            fold_figures()
    assert fold_figures() == 1
    assert read_counted(code="cards", campaign_ids=[]).of(0)["started"] == 1


def test_who_finds_entries_gone_adds_nothing(monkeypatch):
    """As a second run that read them before the first one's commit."""
    count(started=1)
    alias = node_aliases()[0]
    stale = services._oldest(alias)
    FigureEntry.objects.on_node(alias).all()._raw_delete(alias)
    monkeypatch.setattr(services, "_oldest", lambda _alias: stale)
    with pytest.raises(FoldedElsewhere):
        fold_batch(alias)
    assert fold_figures() == 0
    assert read_counted(code="cards", campaign_ids=[1]).of(1) == Counter()


@pytest.mark.real
def test_folds_at_once_count_once(monkeypatch):
    for _ in range(30):
        count(started=1)
    monkeypatch.setattr(services, "ENTRIES_A_FOLD", 3)
    meet(*(partial(fold_figures) for _ in range(4)))
    while fold_figures():
        pass
    assert read_counted(code="cards", campaign_ids=[1]).of(1) == Counter(started=30)


def test_a_node_that_is_away_is_named_and_holds_up_no_other(monkeypatch):
    count(NEAR, started=1)
    count(FAR, started=2)
    first = node_aliases()[0]

    def be_away(act):
        def answer(alias: str, *more):
            if alias == first:
                raise OperationalError(2003, "away")
            return act(alias, *more)

        return answer

    monkeypatch.setattr(services, "fold_batch", be_away(services.fold_batch))
    monkeypatch.setattr(selectors, "_read_node", be_away(selectors._read_node))
    with pytest.raises(OperationalError):
        fold_figures()
    told = read_counted(code="cards", campaign_ids=[1])
    assert (told.away, told.of(1)) == ([first], Counter(started=2))


def test_waiting_entries_are_counted_only_so_far(monkeypatch):
    monkeypatch.setattr(selectors, "MOST_WAITING", 2)
    for _ in range(3):
        count(started=1)
    assert read_counted(code="cards", campaign_ids=[]).waiting == 2
