"""One whole shop for all tests of a file that only damage it and take the damage back."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connections
from django.utils.module_loading import import_string
from pytest_django.plugin import DjangoDbBlocker

from pgs_data.private_servers.running import RunningServer
from tests import fast_flush

DAMAGING = "pgs_task.reconciliation.tests.damaging"
Keys = dict[bytes, tuple[bytes, int]]


@pytest.fixture(scope="module")
def made_shop(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[Any, Keys]]:
    """Made once a file, because it takes seconds; and what Redis had then, because each test finds it empty."""
    # By name: conftest files are read before Django's apps are loaded.
    make_shop = import_string("pgs_task.reconciliation.tests.making.make_shop")
    with django_db_blocker.unblock(), redis.Redis.from_url(settings.REDIS_URLS["ledger"]) as client:
        client.flushall()
        try:
            made = make_shop()
            yield made, import_string(f"{DAMAGING}.dump_keys")(client)
        finally:
            for alias in connections:
                fast_flush.restore(connections[alias])
            client.flushall()


@pytest.fixture
def shop(made_shop: tuple[Any, Keys], redis_server: RunningServer, db: None) -> Any:
    """The whole shop. The file's mark is django_db without transaction, which rolls back what a test does to it."""
    made, keys = made_shop
    with redis.Redis.from_url(redis_server.url) as client:
        import_string(f"{DAMAGING}.load_keys")(client, keys)
    return made
