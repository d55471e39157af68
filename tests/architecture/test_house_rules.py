"""House rules that an import contract can't say."""

import ast
import sys
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGES, ROOT, imported_modules, name_of, parse, python_files

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc", "lib", "core"}
# Settings have a base that the deployments differ from; nothing else has.
NAMES_ALLOWED = {"config/settings/base.py"}
LONGEST_FILE = 400


def places(root: Path = ROOT) -> list[Path]:
    return [path for package in PACKAGES for path in (root / package).rglob("*") if "__pycache__" not in path.parts]


def test_no_room_for_leftovers():
    found = [
        name_of(path)
        for path in places()
        if (path.is_dir() or path.suffix == ".py")
        and path.stem in FORBIDDEN_NAMES
        and name_of(path) not in NAMES_ALLOWED
        and "locale" not in path.parts
        and "templates" not in path.parts
    ]
    assert not found, f"Name them after what they do: {found}"


def test_files_stay_readable():
    long = {
        name_of(path): lines
        for path in python_files()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }
    assert not long, f"Longer than {LONGEST_FILE} lines, split by subject: {long}"


def test_states_import_nothing_but_the_standard_library():
    foreign = [
        f"{name_of(path)}: {module}"
        for path in python_files()
        if path.name == "states.py"
        for module in imported_modules(parse(path))
        if module.split(".")[0] not in sys.stdlib_module_names
    ]
    assert not foreign


def test_states_are_found_at_all():
    assert sum(path.name == "states.py" for path in python_files()) >= 4


@pytest.mark.slow
def test_no_relative_imports():
    relative = [
        name_of(path)
        for path in python_files()
        if any(module.startswith(".") for module in imported_modules(parse(path)))
    ]
    assert not relative


def test_every_package_has_an_init_file():
    # mypy, import contracts and test discovery silently skip a folder without one.
    missing = {name_of(path.parent) for path in python_files() if not (path.parent / "__init__.py").exists()}
    assert not missing


@pytest.mark.parametrize("package", PACKAGES)
def test_lua_files_are_used(package: str):
    # The loader joins folder and name: look for the quoted name in the same room's Python.
    unused = []
    for path in (ROOT / package).rglob("lua/*.lua"):
        room = path.parent.parent
        text = "".join(module.read_text(encoding="utf-8") for module in room.rglob("*.py"))
        if f'"{path.stem}"' not in text and path.name not in text:
            unused.append(name_of(path))
    for path in (ROOT / package).rglob("lua/parts/*.lua"):
        scripts = "".join(script.read_text(encoding="utf-8") for script in path.parent.parent.glob("*.lua"))
        if f"\n-- INCLUDE {path.stem}\n" not in scripts:
            unused.append(name_of(path))
    assert not unused


def test_public_functions_of_services_say_what_they_promise():
    silent = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in python_files()
        if path.stem == "services" or "services" in path.parts[:-1]
        if "tests" not in path.parts
        for node in parse(path).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert not silent
