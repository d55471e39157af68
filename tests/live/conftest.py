"""One running shop for all tests of this folder (they share a worker: see tests/one_shop.py)."""

import os
import time
from collections.abc import Iterator

import pytest

from tests import private_run
from tests.live.process_table import pids_naming
from tests.live.running_shop import RunningShop, start_shop


@pytest.fixture(scope="session")
def running_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    """A shop on SQLite nodes, or MariaDB in the real half; shared: each test makes its own activities and members."""
    # `make test-alone` races over HTTP with four: all tests with four would take a minute more than there is.
    web = {"WEB_WORKERS": os.environ.get("PGS_LIVE_WEB_WORKERS", "2")}
    shop = start_shop(tmp_path_factory.mktemp("shop"), nodes=private_run.database_kind(), variables=web)
    yield shop
    shop.stop()
    deadline = time.monotonic() + 10
    while (left := pids_naming(shop.folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == [], "the launcher ends everything that it started"
