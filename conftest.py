"""Private servers for the whole suite: nothing that was running before is used, nothing runs on afterwards."""

import contextlib
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from pgs_data.private_servers.folder import PrivateFolder
from pgs_data.private_servers.running import RunningServer
from tests import cloned_nodes, fast_flush, private_run
from tests.one_shop import OneShopScheduling

DATABASE_FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "live_server", "redis_server"}
# Tests are never timed: another process may have the core just then.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
_REDIS = pytest.StashKey[RunningServer]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Starts the servers before Django reads its settings; with xdist the controller only starts MariaDB."""
    is_worker = hasattr(config, "workerinput")
    is_controller = not is_worker and config.getoption("numprocesses", default=None) not in (None, 0)
    kind = private_run.database_kind()
    private_run.prepare_environment()
    folder = PrivateFolder(private_run.FOLDER_PREFIX)
    # Callbacks run last first: the servers end before their folder goes.
    config.add_cleanup(folder.remove)
    if kind == "sqlite":
        private_run.use_private_files(folder.path)
    elif not is_worker:
        for server in private_run.start_shared_databases(folder.path):
            config.add_cleanup(server.kill)
    if not is_controller:
        redis_server = private_run.start_private_redis(folder.path, prefer_installed=kind == "mariadb")
        config.add_cleanup(redis_server.kill)
        config.stash[_REDIS] = redis_server
    # pytest-django sets Django up after this hook, if the settings have been read.
    assert settings.DATABASES
    if is_controller:
        # A worker that inherited it would read the settings at once, before its own servers run.
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneShopScheduling:
    """Who runs what, instead of what --dist says."""
    return OneShopScheduling(config, log)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Tests of a game that isn't on are left alone: its models aren't there."""
    games = Path(__file__).parent / "pgs_web" / "marketing"
    if games not in collection_path.parents or collection_path.name == "__init__.py":
        return None
    game = collection_path.relative_to(games).parts[0]
    return True if f"pgs_web.marketing.{game}" not in settings.PLAYS else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each half runs what it can tell: the SQLite half no tests of the real data nodes, the other half only tests that
    use a database or Redis, for the rest would say the same again. What is slow and uses them is run once, on the real
    ones, unless it is asked for by its path."""
    is_whole = list(config.args) == list(config.getini("testpaths"))
    is_chosen = _is_of_real_half if private_run.database_kind() == "mariadb" else _is_of_sqlite_half
    chosen = {item for item in items if is_chosen(item, is_whole=is_whole)}
    if is_whole and "alone" not in config.option.markexpr:
        chosen = {item for item in chosen if not item.get_closest_marker("alone")}
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


def _is_of_sqlite_half(item: pytest.Item, *, is_whole: bool) -> bool:
    if item.get_closest_marker("real"):
        return False
    is_told_there = item.get_closest_marker("slow") and _uses_servers(item) and not item.get_closest_marker("live")
    return not (is_whole and is_told_there)


def _is_of_real_half(item: pytest.Item, *, is_whole: bool) -> bool:
    return _uses_servers(item) or any(map(item.get_closest_marker, ("real", "live")))


def _uses_servers(item: pytest.Item) -> bool:
    return bool(item.get_closest_marker("django_db") or DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Names of xdist's workers first; then the nodes are set to be copied."""
    cloned_nodes.install()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> None:
    """pytest-django's databases, and a flush that costs what a test wrote."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        fast_flush.remember_furniture()
    fast_flush.install()


@pytest.fixture
def redis_server(pytestconfig: pytest.Config) -> Iterator[RunningServer]:
    """This process's own Redis for all three roles, empty; a test may kill, pause and restart it."""
    server = pytestconfig.stash[_REDIS]
    if not server.is_running():
        server.restart()
    with contextlib.closing(redis.Redis.from_url(server.url, retry=Retry(NoBackoff(), 0), socket_timeout=5)) as client:
        client.flushall()
    yield server
    if server.is_running():
        server.resume()


@pytest.fixture(autouse=True)
def _known_configuration() -> None:
    """Each test begins as a process that has read the payment configuration and found none: the environment counts."""
    # Django is set up after this file is read. A command that ran until it was told to stop watches on: its process
    # would have ended. It would take, and acknowledge, what another test changes.
    import_module("pgs_task.payment.configuration.watching").forget_watchers()
    memory = import_module("pgs_task.payment.configuration.memory")
    memory.hold(import_module("pgs_task.payment.configuration.switches").Configuration())
    memory.note_watcher()
    import_module("pgs_web.plays.switches").forget_switches()
    # The games' addresses are read once: not while a test says that other games are on.
    import_module("config.urls")


@pytest.fixture(autouse=True)
def _own_language() -> None:
    """Each test begins in LANGUAGE_CODE: a request that another test made leaves its language to the thread."""
    import_module("django.utils.translation").deactivate()


@pytest.fixture(autouse=True)
def _empty_redis(request: pytest.FixtureRequest) -> None:
    """Tests that use a database begin with an empty Redis."""
    if _uses_servers(request.node):
        request.getfixturevalue("redis_server")
