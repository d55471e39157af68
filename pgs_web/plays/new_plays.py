"""Makes the folder of a new game from the texts in new_play/, and its line in the settings."""

import keyword
import re
from collections.abc import Collection
from pathlib import Path
from string import Template

from django.apps import apps

from pgs_web.plays.registry import CODE

TEXTS = Path(__file__).parent / "new_play"
GAMES = Path("pgs_web") / "marketing"
SETTING = Path("config") / "settings" / "plays.py"
# Names of files that say nothing (a test of the house refuses them), or that something else has.
TAKEN = frozenset({"utils", "util", "helpers", "helper", "common", "base", "misc", "lib", "core", "tests", "test"})
# Longer ones break the lines of the texts.
LONGEST = 20
LIST = re.compile(r"^PLAYS: list\[str\] = \[(?P<lines>[^\]]*)\]$", re.MULTILINE)


class CannotStart(Exception):
    """Why no game was made, and what to do; nothing was written."""


def start_play(name: str, *, root: Path) -> list[Path]:
    """Writes the game and then its line; returns the files. Raises CannotStart, and never overwrites anything.

    Dying in between leaves a folder without a line: a dormant game, which the next try refuses to overwrite.
    """
    refuse_bad_name(name, labels={config.label for config in apps.get_app_configs()})
    setting = (root / SETTING).read_text(encoding="utf-8")
    with_line = add_line(setting, f"pgs_web.marketing.{name}")
    folder = root / GAMES / name
    words = {"code": name, "Name": name.title().replace("_", ""), "title": name.replace("_", " ").capitalize()}
    try:
        folder.mkdir()
    except FileExistsError as error:
        raise CannotStart(f"{GAMES / name} is there already: choose another name, or remove it first.") from error
    written = [_write(text, folder, words) for text in sorted(TEXTS.rglob("*.txt"))]
    (root / SETTING).write_text(with_line, encoding="utf-8")
    return written


def refuse_bad_name(name: str, *, labels: Collection[str]) -> None:
    """Raises CannotStart for what can't be a game's code, a folder and an app."""
    if not CODE.fullmatch(name) or len(name) > LONGEST or name.endswith("_") or "__" in name:
        raise CannotStart(
            f"{name!r} is no name: a lower case letter, then letters, digits and single underscores, 2 to {LONGEST}."
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in TAKEN:
        raise CannotStart(f"{name!r} means something else here: name the game after what its players do.")
    if f"play_{name}" in labels:
        raise CannotStart(f"An app has the label play_{name}: choose another name.")


def add_line(setting: str, module: str) -> str:
    """The text of the setting with one line more; raises CannotStart when it can't be read or has the line."""
    found = LIST.search(setting)
    if found is None:
        raise CannotStart(f"{SETTING} has no line `PLAYS: list[str] = [...]`: write it so, then repeat.")
    modules = re.findall(r'"([^"]+)"', found["lines"])
    if module in modules:
        raise CannotStart(f"{SETTING} names {module} already: take the line out, or choose another name.")
    return _with_modules(setting, [*modules, module])


def remove_line(setting: str, module: str) -> str:
    """The text of the setting without the game's line; unchanged when it has none."""
    found = LIST.search(setting)
    modules = re.findall(r'"([^"]+)"', found["lines"]) if found else []
    return _with_modules(setting, [one for one in modules if one != module])


def _with_modules(setting: str, modules: Collection[str]) -> str:
    lines = "".join(f'    "{module}",\n' for module in modules)
    written = f"PLAYS: list[str] = [\n{lines}]" if modules else "PLAYS: list[str] = []"
    return LIST.sub(lambda _found: written, setting, count=1)


def _write(text: Path, folder: Path, words: dict[str, str]) -> Path:
    target = folder / text.relative_to(TEXTS).with_suffix("")
    target.parent.mkdir(parents=True, exist_ok=True)
    # "x": fails rather than overwrites.
    with target.open("x", encoding="utf-8") as file:
        file.write(Template(text.read_text(encoding="utf-8")).substitute(words))
    return target
