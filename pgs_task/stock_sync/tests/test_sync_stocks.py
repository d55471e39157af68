"""The database's copy of the stock follows Redis, never goes back, and loses no change, whoever dies where."""

import pytest

from pgs_data.locks import LeaseLost, LockHeld
from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_data.redis.partitions import partition_count, partition_of, partitions_of
from pgs_task.schedule import JOBS
from pgs_task.stock_sync import services
from pgs_task.stock_sync.services import sync_stocks
from pgs_task.tasks import run_job
from pgs_web.display.activity.models import Activity, ActivityStock, StockSyncPass
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.stock.keys import changed_key, stock_key
from pgs_web.trade.stock.selectors import read_stock
from pgs_web.trade.stock.services import change_stock_total
from pgs_web.trade.stock.tests.making import make_sale
from pgs_web.trade.stock.tests.spreading import make_spread_sale

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

FIGURES = ("total", "remain", "lock", "sold", "version")


class Died(BaseException):
    """A SIGKILL, as far as the code that it interrupts can tell."""


def copy_of(activity: Activity) -> tuple[int, ...] | None:
    return ActivityStock.objects.filter(activity=activity).values_list(*FIGURES).first()


def redis_of(activity: Activity) -> tuple[int, ...]:
    stock = read_stock(activity.pk)
    assert stock is not None
    return tuple(getattr(stock, name) for name in FIGURES)


def waiting() -> set[int]:
    """Activities whose change nobody has copied."""
    return {
        int(member)
        for partition in range(partition_count())
        for member in ledger(partition).smembers(changed_key(partition))
    }


def buy(activity: Activity, member_id: int) -> None:
    admit(make_admission(activity, member_id=member_id, alone=True))


def test_what_changed_is_copied_and_forgotten():
    first, second = make_sale(stock=10), make_sale(stock=7)
    assert waiting() == {first.pk, second.pk}
    report = sync_stocks()
    assert (report.copied, report.forgotten) == (2, 2)
    assert (copy_of(first), copy_of(second)) == (redis_of(first), redis_of(second))
    buy(first, 1)
    assert waiting() == {first.pk}
    assert sync_stocks().copied == 1
    assert copy_of(first) == redis_of(first) == (10, 9, 1, 0, 2)
    assert waiting() == set()
    assert sync_stocks().copied == 0


def test_a_pass_is_noted_when_everything_was_copied():
    sync_stocks()
    first = StockSyncPass.objects.get()
    sync_stocks()
    assert StockSyncPass.objects.get().as_of > first.as_of


def test_an_older_version_never_overwrites_a_newer_one():
    activity = make_sale(stock=10)
    sync_stocks()
    ActivityStock.objects.filter(activity=activity).update(version=50, remain=3, sold=7)
    buy(activity, 1)
    assert sync_stocks().copied == 0
    assert copy_of(activity) == (10, 3, 0, 7, 50)


def test_a_later_writers_fence_is_not_passed():
    activity = make_sale(stock=10)
    sync_stocks()
    ActivityStock.objects.filter(activity=activity).update(fence=10_000)
    buy(activity, 1)
    assert sync_stocks().copied == 0
    assert copy_of(activity) == (10, 10, 0, 0, 1)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["read_buckets", "record_stocks", "forget_copied", "finish_stock_pass"])
def test_dying_anywhere_loses_no_change(monkeypatch, step, after):
    activity = make_sale(stock=10)
    sync_stocks()
    buy(activity, 1)

    def dying(*args, **kwargs):
        if after:
            works(*args, **kwargs)
        raise Died()

    works = getattr(services, step)
    with monkeypatch.context() as patch:
        patch.setattr(services, step, dying)
        with pytest.raises(Died):
            sync_stocks()
    assert waiting() == {activity.pk} or copy_of(activity) == redis_of(activity)
    sync_stocks()
    assert copy_of(activity) == redis_of(activity) == (10, 9, 1, 0, 2)
    assert waiting() == set()


@pytest.mark.parametrize("step", ["record_stocks", "forget_copied"])
def test_a_change_in_the_middle_of_a_pass_is_copied_by_it_or_the_next(monkeypatch, step):
    activity = make_sale(stock=10)
    members = iter(range(1, 3))

    def changing(*args, **kwargs):
        for member in members:
            buy(activity, member)
        return works(*args, **kwargs)

    works = getattr(services, step)
    monkeypatch.setattr(services, step, changing)
    sync_stocks()
    sync_stocks()
    assert copy_of(activity) == redis_of(activity) == (10, 8, 2, 0, 3)
    assert waiting() == set()


def stall(monkeypatch: pytest.MonkeyPatch, activity: Activity) -> None:
    """A pass stops before its read for longer than its lease; another one copies, and the stock changes again."""
    is_first = [True]

    def stalling(ids):
        if is_first:
            is_first.clear()
            ledger().delete("{lock:stock_sync}:holder")
            sync_stocks()
            buy(activity, 2)
        return works(ids)

    works = services.read_buckets
    monkeypatch.setattr(services, "read_buckets", stalling)


def test_a_pass_that_lost_its_lease_forgets_nothing(monkeypatch):
    activity = make_sale(stock=10)
    stall(monkeypatch, activity)
    with pytest.raises(LeaseLost):
        sync_stocks()
    # Its own copy was refused by the row: forgotten, the last change would never be copied.
    assert waiting() == {activity.pk}
    sync_stocks()
    assert copy_of(activity) == redis_of(activity) == (10, 9, 1, 0, 2)


def test_negative_control_of_the_lease(monkeypatch):
    activity = make_sale(stock=10)
    stall(monkeypatch, activity)
    monkeypatch.setattr(services.Lease, "extend", lambda lease: None)
    sync_stocks()
    assert waiting() == set()
    assert copy_of(activity) != redis_of(activity)


def test_two_passes_at_once_are_one():
    with services.FencedLock("stock_sync", ttl_ms=5000), pytest.raises(LockHeld):
        sync_stocks()


def test_an_activity_without_a_stock_is_forgotten():
    activity = make_sale(stock=10)
    sync_stocks()
    buy(activity, 1)
    ledger(partition_of(activity.pk)).delete(stock_key(activity.pk))
    report = sync_stocks()
    assert (report.copied, report.forgotten, waiting()) == (0, 1, set())
    assert copy_of(activity) == (10, 10, 0, 0, 1), "the last that was known"


def test_an_activity_that_the_database_does_not_know_is_forgotten():
    ledger(partition_of(987_654)).sadd(changed_key(partition_of(987_654)), 987_654)
    ledger(partition_of(987_654)).hset(
        stock_key(987_654), mapping={"total": 1, "remain": 1, "lock": 0, "sold": 0, "version": 1}
    )
    assert sync_stocks().forgotten == 1
    assert not ActivityStock.objects.exists()


def test_more_activities_than_a_round_takes(monkeypatch):
    sales = [make_sale(stock=number) for number in range(1, 6)]
    monkeypatch.setattr(services, "PAGE", 1)
    assert sync_stocks().copied == 5
    assert [copy_of(sale) for sale in sales] == [redis_of(sale) for sale in sales]


def test_an_activity_that_changes_all_the_time_keeps_no_other_waiting(monkeypatch):
    restless, other = make_sale(stock=1000), make_sale(stock=10)
    sync_stocks()
    buy(other, 1)
    number = iter(range(1, 10_000))
    monkeypatch.setattr(services, "ROUNDS", 3)

    def changing(*args, **kwargs):
        change_stock_total(activity_id=restless.pk, difference=next(number))
        return works(*args, **kwargs)

    works = services.forget_copied
    monkeypatch.setattr(services, "forget_copied", changing)
    change_stock_total(activity_id=restless.pk, difference=1)
    before = StockSyncPass.objects.get().as_of
    sync_stocks()
    assert copy_of(other) == redis_of(other)
    assert waiting() == {restless.pk}
    assert StockSyncPass.objects.get().as_of == before, "not everything was copied"


def test_redis_that_is_away_changes_nothing(redis_server):
    activity = make_sale(stock=10)
    sync_stocks()
    buy(activity, 1)
    redis_server.kill()
    with pytest.raises(RedisUnavailable):
        sync_stocks()
    job = next(job for job in JOBS if job.name == "sync_stock")
    assert run_job(job) is None, "the schedule takes it for an outage"
    assert copy_of(activity) == (10, 10, 0, 0, 1)
    redis_server.start()
    sync_stocks()
    assert copy_of(activity) == (10, 9, 1, 0, 2)


def test_a_partition_whose_own_redis_is_away_keeps_no_other_from_being_copied(settings):
    # The one that is away comes first.
    away, there = sorted((make_sale(), make_sale()), key=lambda activity: partition_of(activity.pk))
    settings.LEDGER_PARTITION_URLS = {partition_of(away.pk): "redis://127.0.0.1:1/0"}
    with pytest.raises(RedisUnavailable):
        sync_stocks()
    assert (copy_of(away), copy_of(there)) == (None, redis_of(there))
    assert not StockSyncPass.objects.filter(as_of__isnull=False).exists(), "not everything is as of now"


def test_a_bucket_whose_own_redis_is_away_keeps_no_other_stock_from_being_copied(settings):
    spread = make_spread_sale(settings, stock=8, over=4)
    others = [make_sale(stock=10) for _ in range(16)]
    settings.LEDGER_PARTITION_URLS = {partitions_of(spread.pk)[2]: "redis://127.0.0.1:1/0"}
    with pytest.raises(RedisUnavailable):
        sync_stocks()
    reached = [one for one in others if partition_of(one.pk) not in settings.LEDGER_PARTITION_URLS]
    assert len(reached) == 15
    assert {copy_of(one) for one in reached} == {(10, 10, 0, 0, 1)}
    assert copy_of(spread) is None
    # It stays on the list.
    settings.LEDGER_PARTITION_URLS = {}
    sync_stocks()
    assert copy_of(spread) == redis_of(spread)
