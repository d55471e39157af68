"""What is imported is required, and what is required is used."""

import re
import sys
from importlib.metadata import packages_distributions

from tests.architecture.source_tree import PACKAGES, ROOT, imported_modules, name_of, parse, python_files

REQUIREMENTS = ROOT / "requirements"
# Found at run time by the packages that they make faster, or started as programs.
USED_UNSEEN = {
    "hiredis": "redis",
    "uvicorn": "uvicorn-worker",
    "uvloop": "uvicorn",
    "httptools": "uvicorn",
    "argon2-cffi": "Django's password hasher",
    "uvicorn-worker": "config/gunicorn.py names its class",
    "gunicorn": "config/processes.py starts it",
}
# Deployments and tests differ in these.
NOT_IN_THE_DEMO = {"config/settings/test.py"}


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required_by(file_name: str) -> set[str]:
    text = (REQUIREMENTS / file_name).read_text(encoding="utf-8")
    return {normalise(name) for name in re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[a-z]+\])?==", text, re.MULTILINE)}


# Reads every installed package: a second.
DISTRIBUTIONS = packages_distributions()


def distributions_of(module: str) -> set[str]:
    return {normalise(name) for name in DISTRIBUTIONS.get(module.split(".")[0], [])}


def test_the_shop_imports_only_what_the_demo_installs():
    installed = required_by("base.txt")
    foreign = []
    for path in python_files():
        if {"tests", "benchmarks"} & set(path.relative_to(ROOT).parts) or name_of(path) in NOT_IN_THE_DEMO:
            continue
        for module in imported_modules(parse(path)):
            top = module.split(".")[0]
            if top in sys.stdlib_module_names or top in PACKAGES:
                continue
            if not distributions_of(module) & installed:
                foreign.append(f"{name_of(path)}: {module}")
    assert not foreign


def test_what_the_shop_requires_is_used():
    words = "\n".join(path.read_text(encoding="utf-8") for path in python_files())
    modules_of: dict[str, set[str]] = {}
    for module, names in DISTRIBUTIONS.items():
        for name in names:
            modules_of.setdefault(normalise(name), set()).add(module)
    unused = [
        package
        for package in required_by("base.in")
        if package not in USED_UNSEEN
        and not any(re.search(rf"\b{re.escape(module)}\b", words) for module in modules_of.get(package, set()))
    ]
    assert not unused
