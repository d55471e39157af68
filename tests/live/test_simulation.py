"""`manage.py simulate_games` against real processes: every game that is on is played as its story tells."""

import json
from pathlib import Path

import pytest

from pgs_web.display.product.invoices.reading import COLUMNS
from tests.live.running_shop import RunningShop

pytestmark = [pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(300)]
BUYERS = 12


def write_days(path: Path) -> Path:
    """Two days; on the second most have bought before."""
    rows = [
        f"{day}{buyer},A,Cup,1,2010-12-0{day} 08:{buyer:02}:00,2.55,{buyer}.0,UK"
        for day in (1, 2)
        for buyer in range((day - 1) * 3, BUYERS + (day - 1) * 3)
    ]
    path.write_text("\n".join([",".join(COLUMNS), *rows, "99,A,Cup,1,never,2.55,1,UK"]) + "\n")
    return path


def test_the_games_are_played_and_nothing_is_unexpected(running_shop: RunningShop, tmp_path: Path) -> None:
    path = write_days(tmp_path / "days.csv")
    played = running_shop.run("simulate_games", "--from", str(path), "--fresh", "--json", "--wait", "60")
    assert played.returncode == 0, f"{played.stdout[-3000:]}\n{played.stderr[-3000:]}\n{running_shop.logs()}"
    report = json.loads(played.stdout)
    assert report["rounds"] == 8
    assert (report["complaints"], report["is_whole"]) == (0, True)
    assert report["rows_left_out"] == {"its date can't be read": 1}
    games = [figures for code, figures in report["games"].items() if code != "shop"]
    assert games
    assert all(figures["started"] and figures["helps_taken"] for figures in games)
    assert report["games"]["shop"]["paid"] >= BUYERS + 3
