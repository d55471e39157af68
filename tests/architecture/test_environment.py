"""`.env.example` and the code name the same variables, each with a line of explanation."""

import ast
import re

import pytest

from tests.architecture.source_tree import ROOT, name_of, parse, python_files

EXAMPLE = ROOT / ".env.example"
ENTRY = re.compile(r"^#?([A-Z][A-Z0-9_]*)=(.*)$")
# Handed by a process of ours to its own child: not for people.
INTERNAL = {"PGS_DEMO_FOLDER", "PATH"}
READERS = {
    "env",
    "env.str",
    "env.int",
    "env.float",
    "env.bool",
    "env.list",
    "env.dict",
    "env.path",
    "env.json",
    "env.url",
}


def variables_read() -> dict[str, str]:
    """Name → file of every variable that the code reads by name."""
    found: dict[str, str] = {}
    for path in python_files():
        if "tests" in path.relative_to(ROOT).parts:
            continue
        for node in ast.walk(parse(path)):
            name = name_read_by(node)
            if name and name not in INTERNAL:
                found[name] = name_of(path)
    return found


def name_read_by(node: ast.AST) -> str | None:
    if isinstance(node, ast.Call) and node.args:
        reader = ast.unparse(node.func)
        if reader in READERS or reader in ("os.environ.get", "os.getenv", "os.environ.setdefault"):
            return text_of(node.args[0])
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
        return text_of(node.slice)
    return None


def text_of(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def entries() -> list[tuple[str, str, str]]:
    """(name, value, line above) of the example."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    found = []
    for number, line in enumerate(lines):
        if entry := ENTRY.match(line):
            found.append((entry[1], entry[2], lines[number - 1]))
    return found


@pytest.mark.slow
def test_the_example_has_every_variable_that_is_read():
    assert {"SECRET_KEY", "REFUND_RETRY_SECONDS", "PGS_ENV_FILE"} <= set(variables_read()), "the search finds nothing"
    read = variables_read()
    missing = {name: path for name, path in read.items() if name not in {entry[0] for entry in entries()}}
    assert not missing, f"Add them to .env.example with a line of explanation: {missing}"


@pytest.mark.slow
def test_the_example_has_nothing_else():
    assert not {entry[0] for entry in entries()} - set(variables_read())


def test_each_variable_is_there_once_and_explained():
    names = [entry[0] for entry in entries()]
    assert len(names) == len(set(names))
    unexplained = [name for name, _value, above in entries() if not re.match(r"^# .{8,}\.", above)]
    assert not unexplained


def test_nothing_in_the_example_is_on():
    # A copied example changes nothing until somebody takes a `#` off.
    assert not [line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if re.match(r"^[A-Z]", line)]
