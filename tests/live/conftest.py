"""One running shop for all tests of this folder (they share a worker: see xdist_group)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import private_run
from tests.live.running_shop import RunningShop, start_shop


@pytest.fixture(scope="session")
def running_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    """A shop on SQLite nodes, or MariaDB in the real half; shared: each test makes its own activities and members."""
    folder: Path = tmp_path_factory.mktemp("shop")
    shop = start_shop(folder, nodes=private_run.database_kind())
    yield shop
    shop.stop()
