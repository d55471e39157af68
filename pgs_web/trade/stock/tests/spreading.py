"""Spread activities, for tests."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from pgs_data.clock import database_now
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import bucket_of, partitions_of
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.rules import ActivityRules
from pgs_web.display.activity.services import create_activity
from pgs_web.trade.stock.keys import bought_key, stock_key
from pgs_web.trade.stock.selectors import read_buckets
from pgs_web.trade.stock.steps import Steps, run_steps
from pgs_web.trade.stock.tests.making import make_sale
from pgs_web.trade.stock.trial_sku import get_test_sku


def spread_next(settings: Any, over: int = 4) -> None:
    """The next activities are spread, all that the test makes."""
    # Some databases never take an id twice, and nobody else knows which one is next.
    starts_at = database_now("default")
    draft = create_activity(
        sku_id=get_test_sku(price_fen=1000).pk,
        rules=ActivityRules(price_fen=1000, stock_total=1, starts_at=starts_at, ends_at=starts_at + timedelta(hours=1)),
        actor="writer",
    )
    settings.LEDGER_SPREAD = dict.fromkeys(range(draft.pk + 1, draft.pk + 200), over)


def make_spread_sale(settings: Any, *, over: int = 4, **rules: Any) -> Activity:
    """An open sale from so many buckets."""
    spread_next(settings, over)
    activity = make_sale(**rules)
    settings.LEDGER_SPREAD = {activity.pk: over}
    assert len(set(partitions_of(activity.pk))) == over
    return activity


def remains(activity: Activity) -> list[int]:
    """Units that remain, by bucket."""
    return [bucket.stock.remain for bucket in read_buckets([activity.pk])[activity.pk]]


def units_anywhere(activity: Activity) -> int:
    """All units: of the buckets, and on their way between them. Those that arrived and are lent still count twice."""
    return sum(bucket.stock.total + bucket.under_way for bucket in read_buckets([activity.pk])[activity.pk])


def set_remains(activity: Activity, units: list[int]) -> None:
    """Another division of what remains, as sales would have left it."""
    for partition, number in zip(partitions_of(activity.pk), units, strict=True):
        key = stock_key(activity.pk, partition)
        difference = number - int(ledger(partition).hget(key, "remain") or 0)
        ledger(partition).hincrby(key, "remain", difference)
        ledger(partition).hincrby(key, "total", difference)
    assert sum(units) == read_buckets([activity.pk])[activity.pk][0].whole


def limit_used(activity: Activity, member_id: int) -> int:
    """What counts as the member's."""
    partition = partitions_of(activity.pk)[bucket_of(activity.pk, member_id)]
    return int(ledger(partition).hget(bought_key(activity.pk, partition), str(member_id)) or 0)


def run_some(steps: Steps[Any], count: int) -> None:
    """The first calls of an act, whose process dies then."""
    done = 0

    def cut() -> Iterator[Any]:
        nonlocal done
        reply: Any = None
        while done < count:
            try:
                call = steps.send(reply)
            except StopIteration:
                return
            done += 1
            reply = yield call

    run_steps(cut())  # type: ignore[arg-type]
    steps.close()
