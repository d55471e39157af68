"""In a copy of the tree: a game is generated, then each game's folder and line go, each and all; the shop is whole."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgs_web.plays.new_plays import SETTING, remove_line
from tests.architecture.source_tree import PACKAGES, ROOT

# About a minute a game on two cores; it starts servers of its own, so once, beside MariaDB's half, is enough.
pytestmark = [pytest.mark.alone, pytest.mark.real, pytest.mark.timeout(1_500)]
NEW = "drill_game"
FOLDERS = (*PACKAGES, "benchmarks", "tests", "locale", "locale_packages", "docs", "requirements")
FILES = ("manage.py", "conftest.py", "pyproject.toml", ".importlinter", ".env.example", "README.md", "CHANGELOG.md")
BIN = Path(sys.executable).parent
# What a game that is gone could break, of the fast ones.
TESTS = (
    *("pgs_web/plays", "pgs_web/marketing", "pgs_task/play_messages", "pgs_admin/tests/test_roles.py"),
    *("pgs_admin/tests/test_plays.py", "tests/architecture/test_house_rules.py"),
    "pgs_task/tests/test_schedule.py::test_beat_calls_tasks_that_exist",
    "pgs_admin/tests/test_pages.py::test_every_registered_page_is_judged_here",
    "tests/architecture/test_translations.py::test_every_text_of_the_sources_is_in_the_catalogue",
    "tests/architecture/test_translations.py::test_the_catalogue_keeps_no_text_that_is_gone",
)


class Copy:
    """The tree without what runs and what was built."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in FOLDERS:
            shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "build", "var"))
        for name in FILES:
            shutil.copy(ROOT / name, root / name)
        (root / "sqlite").mkdir()

    def run(self, *command: str | Path, fails: bool = False, **environment: str) -> str:
        """Output of a command in the copy, which must succeed, or fail."""
        done = subprocess.run(
            [str(one) for one in command],
            cwd=self.root,
            env={
                **{name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ},
                "PGS_ENV_FILE": "/dev/null",
                "LOG_LEVEL": "WARNING",
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        said = f"{' '.join(str(one) for one in command)}\n{done.stdout[-4_000:]}\n{done.stderr[-4_000:]}"
        assert (done.returncode != 0) == fails, said
        return said

    def manage(self, *command: str, settings: str = "demo", fails: bool = False) -> str:
        own = {"SQLITE_FOLDER": "sqlite", "DJANGO_SETTINGS_MODULE": f"config.settings.{settings}"}
        return self.run(sys.executable, "manage.py", *command, fails=fails, **own)

    def test(self, *places: str, fails: bool = False) -> str:
        options = ("-n0", "-q", "--no-header", "--tb=short")
        return self.run(sys.executable, "-m", "pytest", *options, *places, fails=fails, PGS_TEST_DATABASES="sqlite")

    def games(self) -> list[str]:
        return sorted(path.parent.name for path in (self.root / "pgs_web" / "marketing").glob("*/play.py"))

    def remove_folder(self, game: str) -> None:
        shutil.rmtree(self.root / "pgs_web" / "marketing" / game)

    def remove_line(self, game: str) -> None:
        setting = self.root / SETTING
        setting.write_text(remove_line(setting.read_text(encoding="utf-8"), f"pgs_web.marketing.{game}"))

    def judge(self, gone: list[str]) -> None:
        """All that must hold of a tree from which these games are gone."""
        self.manage("check")
        self.manage("makemigrations", "--check", "--dry-run", settings="test")
        self.run(BIN / "lint-imports", "--no-cache")
        self.manage("spectacular", "--validate", "--fail-on-warn", "--file", "schema.yml")
        schema = (self.root / "schema.yml").read_text(encoding="utf-8")
        assert "/api/v1/plays/:" in schema
        assert not [game for game in gone if f"/plays/{game}/" in schema]
        self.test(*TESTS)


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    copy = Copy(tmp_path / "tree")
    copy.manage("start_play", NEW)
    yield copy
    shutil.rmtree(copy.root, ignore_errors=True)


def test_each_game_and_all_of_them_can_be_deleted(copy: Copy, tmp_path: Path):
    games = copy.games()
    assert NEW in games
    copy.judge(gone=[])
    assert f"/plays/{NEW}/" in (copy.root / "schema.yml").read_text(encoding="utf-8")
    pristine = tmp_path / "pristine"
    shutil.copytree(copy.root / "pgs_web" / "marketing", pristine, ignore=shutil.ignore_patterns("__pycache__"))
    setting = (copy.root / SETTING).read_text(encoding="utf-8")
    removals = [[game] for game in games] + ([games] if len(games) > 1 else [])
    for gone in removals:
        for game in gone:
            copy.remove_folder(game)
            # The negative control: a line whose folder is gone is refused, and says what to do.
            if game == gone[0]:
                assert "bring the folder back" in copy.manage("check", fails=True)
            copy.remove_line(game)
        copy.judge(gone)
        shutil.rmtree(copy.root / "pgs_web" / "marketing")
        shutil.copytree(pristine, copy.root / "pgs_web" / "marketing")
        (copy.root / SETTING).write_text(setting, encoding="utf-8")
    # A folder without its line is a dormant game: its tests are left alone.
    copy.remove_line(NEW)
    assert "no tests ran" in copy.test(f"pgs_web/marketing/{NEW}", fails=True)
    for game in games:
        if game != NEW:
            copy.remove_line(game)
    assert "no tests ran" in copy.test("pgs_web/marketing", "pgs_web/plays/management", fails=True)
