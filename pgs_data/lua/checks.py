"""System check: every Lua file of the project says what it does, and does what it says."""

from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error

from pgs_data.lua.headers import ScriptHeaderError
from pgs_data.lua.loader import Script


def script_files() -> list[Path]:
    """Every lua/*.lua of the project's own apps."""
    root = Path(settings.BASE_DIR).resolve()
    folders = {Path(config.path).resolve() for config in apps.get_app_configs()}
    own = [folder for folder in folders if folder.is_relative_to(root) and "site-packages" not in folder.parts]
    # An app's rooms that are no apps themselves are found below it; rooms that are apps are found once.
    return sorted({path for folder in own for path in folder.rglob("lua/*.lua")})


def check_scripts(**_options: Any) -> list[CheckMessage]:
    """Loads every script, which compares its header with its body."""
    problems: list[CheckMessage] = []
    for path in script_files():
        try:
            Script.load(path.parent.parent, path.stem)
        except ScriptHeaderError as error:
            hint = "pgs_data/lua/loader.py shows what a header looks like."
            problems.append(Error(str(error), hint=hint, obj=str(path), id="lua.E001"))
    return problems
