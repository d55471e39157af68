"""System checks: every game of the setting can be used."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from pgs_web.plays.registry import find_problems


def check_plays(**_options: Any) -> list[CheckMessage]:
    """One error a problem, with what to do."""
    hint = "docs/add_a_play.md says what a game has."
    return [Error(problem, hint=hint, id="plays.E001") for problem in find_problems(settings.PLAYS)]
