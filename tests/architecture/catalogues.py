"""Texts that people read: those in the sources, and those in the catalogues of translations."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.translation.template import templatize

from tests.architecture.source_tree import PACKAGES, ROOT, parse, python_files

# As a compiled catalogue writes a text with a context.
CONTEXT_END = "\x04"
# Name of a function → which of its arguments are texts, and which is the context.
PLAIN, PLURAL = ((0,), None), ((0, 1), None)
FUNCTIONS = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), PLAIN),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), PLURAL),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1,), 0)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, 2), 0)),
}
STRING = r"""u?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
CALL_IN_TEMPLATE = re.compile(rf"\b(\w*gettext|_)\(((?:{STRING}[,\s]*)+)")
# %(name)s, %(units)+d, %s and {name}; %% is a percent sign.
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[-+ #0]*[\d.]*[sdrfgx]|\{[\w.:!]*\}")


@dataclass
class Entry:
    """One text of a .po file with its translations, one a plural form."""

    context: str | None = None
    text: str = ""
    plural: str | None = None
    translations: dict[int, str] = field(default_factory=dict)
    is_fuzzy: bool = False

    @property
    def key(self) -> str:
        return self.text if self.context is None else f"{self.context}{CONTEXT_END}{self.text}"


def catalogues() -> list[Path]:
    """Every .po file of the project, also of what packages left untranslated."""
    return sorted([*ROOT.glob("locale*/*/LC_MESSAGES/django.po"), *catalogues_of_games()])


def catalogues_of_games() -> list[Path]:
    """A game has a catalogue of its own, which goes with it."""
    return sorted(ROOT.glob("pgs_web/marketing/*/locale/*/LC_MESSAGES/django.po"))


def game_of(path: str) -> str:
    """The folder of the game that a file belongs to, empty for the shop's own."""
    parts = Path(path).parts
    return parts[2] if len(parts) > 3 and parts[:2] == ("pgs_web", "marketing") else ""


def read_entries(path: Path) -> list[Entry]:
    """The entries of a .po file without its header; raises ValueError at a line that it doesn't know."""
    entries = [_read_entry(block) for block in path.read_text(encoding="utf-8").split("\n\n")]
    return [entry for entry in entries if entry is not None and entry.text]


def placeholders(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text.replace("%%", "")))


def texts_in_sources(game: str = "") -> dict[str, str]:
    """Key of every text that the code or a template of a game, or of the shop, translates → a file that does."""
    return {key: name for name, key in (*_in_python(), *_in_templates()) if game_of(name) == game}


def _read_entry(block: str) -> Entry | None:
    entry, target, index = Entry(), "", 0
    parts: dict[tuple[str, int], str] = {}
    for line in block.splitlines():
        if line.startswith("#"):
            entry.is_fuzzy |= line.startswith("#,") and "fuzzy" in line
            if line.startswith("#~"):
                raise ValueError(f"an obsolete entry: {line}")
            continue
        match = re.fullmatch(r'(?:(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d+)\])? )?(".*")', line)
        if match is None:
            raise ValueError(f"not a line of a catalogue: {line}")
        if match[1]:
            target, index = match[1], int(match[2] or 0)
        parts[target, index] = parts.get((target, index), "") + ast.literal_eval(match[3])
    if not parts:
        return None
    entry.context, entry.text, entry.plural = (
        parts.get(("msgctxt", 0)),
        parts["msgid", 0],
        parts.get(("msgid_plural", 0)),
    )
    entry.translations = {number: text for (kind, number), text in parts.items() if kind == "msgstr"}
    return entry


def _in_python() -> Iterator[tuple[str, str]]:
    for path in python_files():
        for node in ast.walk(parse(path)):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            arguments = [value.value if isinstance(value, ast.Constant) else None for value in node.args]
            yield from ((str(path.relative_to(ROOT)), key) for key in _keys(name, arguments))


def _in_templates() -> Iterator[tuple[str, str]]:
    folders = (*PACKAGES, "templates")
    for path in (path for folder in folders for path in sorted((ROOT / folder).rglob("*.html"))):
        for name, arguments in CALL_IN_TEMPLATE.findall(templatize(path.read_text(encoding="utf-8"))):
            values = [ast.literal_eval(one) for one in re.findall(STRING, arguments)]
            yield from ((str(path.relative_to(ROOT)), key) for key in _keys(name, values))


def _keys(function: str, arguments: list[object]) -> Iterator[str]:
    texts, context = FUNCTIONS.get(function, ((), None))
    if not texts or len(arguments) <= texts[0] or not isinstance(arguments[texts[0]], str):
        return
    text = str(arguments[texts[0]])
    yield text if context is None else f"{arguments[context]}{CONTEXT_END}{text}"
