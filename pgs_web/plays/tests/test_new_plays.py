"""The generator: bad names are refused, nothing is overwritten, and any good name makes well-formed files."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from pgs_web.plays.new_plays import (
    LONGEST,
    SETTING,
    CannotStart,
    add_line,
    refuse_bad_name,
    remove_line,
    start_play,
)

EMPTY = '"""Games."""\n\nPLAYS: list[str] = []\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pgs_web" / "marketing").mkdir(parents=True)
    (tmp_path / SETTING).parent.mkdir(parents=True)
    (tmp_path / SETTING).write_text(EMPTY, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        *("", "a", "A", "Lucky", "1st", "_x", "x_", "a__b", "a-b", "a b", "a.b", "../x", "x/y", "抽奖", "a\n"),
        *("class", "match", "utils", "test", "x" * (LONGEST + 1), "messages"),
    ],
)
def test_a_bad_name_is_refused_and_nothing_is_written(root, name):
    with pytest.raises(CannotStart):
        start_play(name, root=root)
    assert (root / SETTING).read_text(encoding="utf-8") == EMPTY
    assert list((root / "pgs_web" / "marketing").iterdir()) == []


def test_a_label_that_an_app_has_is_refused():
    with pytest.raises(CannotStart, match="label"):
        refuse_bad_name("lucky", labels={"play_lucky"})


def test_nothing_is_overwritten(root):
    start_play("lucky", root=root)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with pytest.raises(CannotStart, match="names pgs_web"):
        start_play("lucky", root=root)
    (root / SETTING).write_text(EMPTY, encoding="utf-8")
    with pytest.raises(CannotStart, match="is there already"):
        start_play("lucky", root=root)
    (root / SETTING).write_text(add_line(EMPTY, "pgs_web.marketing.lucky"), encoding="utf-8")
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_a_line_comes_and_goes_without_a_trace():
    one = add_line(EMPTY, "pgs_web.marketing.one")
    two = add_line(one, "pgs_web.marketing.two")
    assert two.count("\n    ") == 2
    assert remove_line(two, "pgs_web.marketing.two") == one
    assert remove_line(one, "pgs_web.marketing.one") == EMPTY
    assert remove_line(one, "pgs_web.marketing.other") == one
    with pytest.raises(CannotStart, match="has no line"):
        add_line("PLAYS = []\n", "pgs_web.marketing.one")


@pytest.mark.parametrize("name", ["go", "x" * LONGEST])
def test_names_of_any_length_make_well_formed_files(root, name):
    written = start_play(name, root=root)
    assert len(written) > 15
    ruff = Path(sys.executable).parent / "ruff"
    config = ("--exclude", "migrations", "--config", str(settings.BASE_DIR / "pyproject.toml"), "--no-cache", str(root))
    for command in (("format", "--check", *config), ("check", "--select", "E501", *config)):
        done = subprocess.run([ruff, *command], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout


def test_the_command_says_what_to_do():
    with pytest.raises(CommandError, match="is no name"):
        call_command("start_play", "Bad Name")
