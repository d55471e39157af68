"""Versions of the payment configuration: made once, held in memory, told, asked for, acknowledged."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from django.db import OperationalError, connections

from pgs_data.redis.connections import cache
from pgs_task.payment.configuration import memory, processes, services
from pgs_task.payment.configuration.errors import BadConfiguration, ConfigurationMoved, GatewayClosed, GatewayLimit
from pgs_task.payment.configuration.keys import CHANNEL, SAID_KEY, SEEN_KEY
from pgs_task.payment.configuration.models import ConfigurationVersion
from pgs_task.payment.configuration.processes import acknowledge, list_processes
from pgs_task.payment.configuration.services import change_configuration, require_offered
from pgs_task.payment.configuration.switches import Configuration, GatewaySwitches
from pgs_task.payment.configuration.watching import ConfigurationWatcher, forget_watchers, watch_configuration
from pgs_task.payment.gateways.fees import fee_of
from tests.races.meeting import meet

EVERYWHERE = pytest.mark.django_db(databases="__all__")
WITH_THREADS = pytest.mark.django_db(databases="__all__", transaction=True)


def change(*, based_on: int = 0, **switches) -> int:
    return change_configuration(
        based_on=based_on,
        gateways=[GatewaySwitches(**{"code": "sandbox", "is_open": False, **switches})],
        author="operator:1",
        reason="incident",
    )


def wait_for(condition: Callable[[], bool], *, seconds: float = 30.0) -> bool:
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(0.01)
    return True


@contextmanager
def watching(*, poll_seconds: float) -> Iterator[ConfigurationWatcher]:
    """A watcher of this process that has looked once."""
    watcher = ConfigurationWatcher(process="test", poll_seconds=poll_seconds)
    memory.forget()
    watcher.start()
    try:
        assert wait_for(lambda: memory.held_version() is not None)
        yield watcher
    finally:
        # Wakes it, so that the test needn't wait for its pace.
        watcher._stop.set()
        cache().publish(CHANNEL, 0)
        watcher.stop()


# What is held


def test_without_a_version_the_environment_counts(settings):
    settings.PAYMENT_GATEWAYS = ["sandbox", "other"]
    assert [switches.code for switches in Configuration().offered()] == ["sandbox", "other"]
    named = Configuration(version=3, gateways=(GatewaySwitches(code="other"), GatewaySwitches(code="gone")))
    assert [switches.code for switches in named.offered()] == ["other", "sandbox"]


def test_the_fee_of_a_version_replaces_the_environments(settings):
    settings.PAYMENT_FEE_BASIS_POINTS = {"sandbox": 60}
    assert fee_of(gateway="sandbox", amount_fen=10_000) == 60
    memory.hold(Configuration(version=1, gateways=(GatewaySwitches(code="sandbox", fee_basis_points=38),)))
    assert fee_of(gateway="sandbox", amount_fen=10_000) == 38


@EVERYWHERE
def test_what_is_held_costs_no_query(django_assert_num_queries):
    change()
    memory.refresh()
    with django_assert_num_queries(0, using="default"):
        for _ in range(3):
            with pytest.raises(GatewayClosed):
                require_offered(gateway_code="sandbox", amount_fen=1)


@EVERYWHERE
def test_a_limit_is_kept():
    change(is_open=True, largest_fen=100)
    memory.refresh()
    require_offered(gateway_code="sandbox", amount_fen=100)
    with pytest.raises(GatewayLimit):
        require_offered(gateway_code="sandbox", amount_fen=101)


@EVERYWHERE
def test_a_process_that_nobody_tells_reads_again_after_a_while(monkeypatch):
    monkeypatch.setattr(memory, "_watched_pid", None)
    change()
    assert memory.current_configuration().version == 0
    monkeypatch.setattr(memory, "_read_at", time.monotonic() - memory.UNWATCHED_SECONDS)
    assert memory.current_configuration().version == 1


@EVERYWHERE
def test_a_process_that_has_read_nothing_does_not_guess(monkeypatch):
    memory.forget()

    def away() -> Configuration:
        raise OperationalError("away")

    monkeypatch.setattr(memory, "read_newest", away)
    with pytest.raises(OperationalError):
        require_offered(gateway_code="sandbox", amount_fen=1)


# The next version


@EVERYWHERE
@pytest.mark.parametrize(
    "switches",
    [
        {"code": "nobody"},
        {"fee_basis_points": -1},
        {"fee_basis_points": 1_001},
        {"largest_fen": 0},
        {"largest_fen": 10**13},
    ],
    ids=repr,
)
def test_switches_that_cannot_be_used_make_no_version(switches):
    with pytest.raises(BadConfiguration):
        change(**switches)
    assert not ConfigurationVersion.objects.exists()


@EVERYWHERE
def test_who_looked_at_an_old_version_changes_nothing():
    assert change() == 1
    for based_on in (0, 2, 7):
        with pytest.raises(ConfigurationMoved):
            change(based_on=based_on)
    assert list(ConfigurationVersion.objects.values_list("version", flat=True)) == [1]


EDITORS = 4


def edit_at_once(monkeypatch) -> list[str]:
    """What editors hear of whom none has written when the last one has looked which version is the newest."""
    have_looked = threading.Barrier(EDITORS)

    def look_and_wait() -> Configuration:
        newest = memory.read_newest()
        have_looked.wait(timeout=30)
        return newest

    def edit(number: int) -> str:
        try:
            change(fee_basis_points=number)
        except ConfigurationMoved:
            return "moved"
        return "made"

    monkeypatch.setattr(services, "read_newest", look_and_wait)
    ConfigurationVersion.objects.all().delete()
    return sorted(meet(*[partial(edit, number) for number in range(EDITORS)]))


@WITH_THREADS
@pytest.mark.real
def test_of_two_editors_one_makes_the_version(monkeypatch):
    for round_number in range(5):
        assert edit_at_once(monkeypatch) == ["made", "moved", "moved", "moved"], round_number
        assert ConfigurationVersion.objects.count() == 1


@WITH_THREADS
@pytest.mark.real
def test_a_version_that_can_be_overwritten_loses_editors(monkeypatch):
    """The negative control: without the number as a key all believe that theirs counts, and one version is there."""
    writing = threading.Lock()

    def overwrite(*, version: int, **columns: object) -> None:
        with writing:
            ConfigurationVersion.objects.update_or_create(version=version, defaults=columns)

    monkeypatch.setattr(services.ConfigurationVersion.objects, "create", overwrite)
    assert edit_at_once(monkeypatch) == ["made"] * EDITORS
    assert ConfigurationVersion.objects.count() == 1


# Told, asked for, acknowledged


@WITH_THREADS
def test_a_change_is_pushed_and_acknowledged():
    with watching(poll_seconds=60):
        assert wait_for(lambda: [process.version for process in list_processes()] == [0])
        change()
        assert wait_for(lambda: memory.held_version() == 1)
        assert wait_for(lambda: [process.version for process in list_processes()] == [1])
    (process,) = list_processes()
    assert process.name == "test"


@WITH_THREADS
def test_a_watcher_that_was_left_behind_takes_and_says_nothing():
    watcher = watch_configuration(process="relay")
    assert wait_for(lambda: [process.version for process in list_processes()] == [0])
    forget_watchers()
    change()
    # The push wakes it, and it ends: it doesn't take what woke it.
    watcher.stop()
    assert memory.held_version() == 0
    assert [process.version for process in list_processes()] == [0]


@WITH_THREADS
def test_a_push_that_got_lost_is_caught(monkeypatch):
    monkeypatch.setattr("pgs_task.payment.configuration.services.CHANNEL", "nowhere")
    with watching(poll_seconds=60):
        # It looks once more when it has subscribed, lest it miss what came in between.
        time.sleep(0.5)
        change()
        # The negative control: without a push and before its next look, nobody knows.
        assert not wait_for(lambda: memory.held_version() == 1, seconds=0.3)
    with watching(poll_seconds=0.1):
        change(based_on=1)
        assert wait_for(lambda: memory.held_version() == 2)


@WITH_THREADS
def test_without_redis_the_database_is_asked(redis_server):
    with watching(poll_seconds=0.1):
        redis_server.kill()
        change()
        assert wait_for(lambda: memory.held_version() == 1)
        redis_server.restart()
        assert wait_for(lambda: [process.version for process in list_processes()] == [1])


@WITH_THREADS
def test_without_the_database_the_last_one_counts(monkeypatch):
    change()
    with watching(poll_seconds=0.05):
        assert memory.held_version() == 1
        with monkeypatch.context() as patch:

            def away() -> Configuration:
                raise OperationalError("away")

            patch.setattr(memory, "read_newest", away)
            # A read that had begun before ends.
            time.sleep(0.3)
            change_row = ConfigurationVersion.objects.get(version=1)
            ConfigurationVersion.objects.create(
                version=2, gateways=[], author="x", reason="x", created_at=change_row.created_at
            )
            time.sleep(0.2)
            assert memory.held_version() == 1
        assert wait_for(lambda: memory.held_version() == 2)


@WITH_THREADS
def test_a_fork_of_a_process_that_watches_is_not_told(monkeypatch):
    memory.note_watcher()
    change()
    monkeypatch.setattr(memory.os, "getpid", lambda: -1)
    monkeypatch.setattr(memory, "_read_at", time.monotonic() - memory.UNWATCHED_SECONDS)
    assert memory.current_configuration().version == 1
    connections["default"].close()


@EVERYWHERE
def test_silent_processes_are_forgotten_and_the_list_is_bounded(monkeypatch):
    monkeypatch.setattr(processes, "MOST_PROCESSES", 3)
    for pid in range(6):
        monkeypatch.setattr(processes.os, "getpid", lambda pid=pid: pid)
        acknowledge(name="web", version=pid)
        time.sleep(0.002)
    assert [process.pid for process in list_processes()] == [3, 4, 5]
    for process in (f"{row.host}:{row.pid}" for row in list_processes()):
        cache().zadd(SEEN_KEY, {process: 1})
    assert list_processes() == []
    acknowledge(name="web", version=9)
    assert (cache().hlen(SAID_KEY), cache().zcard(SEEN_KEY)) == (1, 1)
