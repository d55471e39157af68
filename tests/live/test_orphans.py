"""A launcher that was SIGKILLed leaves nothing that breaks the next run, and a second one can't disturb it."""

import os
import signal

import pytest

from tests.live.process_table import is_alive, marked_pids, parent_of
from tests.live.running_shop import RunningShop
from tests.live.shopping import make_activity, make_shoppers, place_at_once

# Only on SQLite nodes: what `make demo` starts.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_next_run_works_after_the_launcher_was_killed(running_shop: RunningShop) -> None:
    activity = make_activity(running_shop, stock=5)
    order = {"shopper": make_shoppers(running_shop, 1)[0], "activity_id": activity, "key": "before"}
    (placed,) = place_at_once(running_shop, [order])
    base_url = running_shop.base_url
    earlier = [service["pid"] for service in running_shop.services()]
    os.kill(running_shop.launcher.pid, signal.SIGKILL)
    running_shop.launcher.wait()

    running_shop.start()

    assert running_shop.base_url == base_url, "the port came free"
    assert not [pid for pid in earlier if is_alive(pid)], "nothing of the first run is left"
    now = {service["pid"] for service in running_shop.services()}
    # Workers forked by the web server bear the mark too: every process belongs to the launcher or to one of its own.
    assert {parent_of(pid) for pid in marked_pids(running_shop.folder)} <= now | {running_shop.launcher.pid}
    (again,) = place_at_once(running_shop, [order])
    assert (placed.status, again.status) == (202, 202)
    assert again.body["order_id"] == placed.body["order_id"], "the second run knows what the first one promised"
    (stock,) = running_shop.manage("read_stock", activity, "--json")
    assert (stock["remain"], stock["lock"]) == (4, 1)
    running_shop.assert_invariants_hold()


def test_a_second_launcher_in_the_same_folder_is_refused(running_shop: RunningShop) -> None:
    before = running_shop.services()
    ended = running_shop.run("demo", "--no-sale", "--data", str(running_shop.folder), seconds=60)
    assert ended.returncode == 1
    assert "already running" in ended.stderr
    assert running_shop.services() == before
    running_shop.wait_until_ready(5)
