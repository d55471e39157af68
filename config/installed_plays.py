"""A line of a game whose folder is gone is refused before Django tries to load it, and says so."""

from collections.abc import Sequence
from importlib.util import find_spec

from django.core.exceptions import ImproperlyConfigured


def installed_plays(modules: Sequence[str]) -> list[str]:
    """The apps of these games; raises ImproperlyConfigured for one that isn't there, or is named twice."""
    missing = [module for module in modules if not _is_there(module)]
    if missing:
        raise ImproperlyConfigured(
            f"PLAYS names {', '.join(missing)}, which isn't there: bring the folder back, or take the line out of"
            " config/settings/plays.py."
        )
    twice = sorted({module for module in modules if list(modules).count(module) > 1})
    if twice:
        raise ImproperlyConfigured(f"PLAYS names {', '.join(twice)} twice: take one line out.")
    return list(modules)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
