"""Which games are on: `settings.PLAYS`, read once, refused as a whole when one of them can't be used."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import module_has_submodule

from pgs_web.plays.contract import HOOKS, Play, topic_of
from pgs_web.plays.figures.names import LONGEST_FIGURE, SHARED_FIGURES, ending
from pgs_web.plays.pages import PlayPage
from pgs_web.plays.stories import Story

CODE = re.compile(r"[a-z][a-z0-9_]{1,30}")
NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
LONGEST_TOPIC = 64
LONGEST_LEASE = 120


def all_plays() -> tuple[Play, ...]:
    """Every game that is on, in the order of the setting; raises ImproperlyConfigured, saying what to do."""
    return _load(tuple(settings.PLAYS))


def find_play(code: str) -> Play | None:
    """The game of this code, None when it isn't on."""
    return next((play for play in all_plays() if play.code == code), None)


def listeners(hook: str) -> list[Play]:
    """The games that have the hook, or another method, of their own."""
    return [play for play in all_plays() if play.overrides(hook)]


def plays_with_pages() -> list[Play]:
    """The games whose rounds shoppers look at on the shop's own pages."""
    return listeners("read_shared")


def pages_of(play: Play) -> Sequence[PlayPage]:
    """The back office's pages of a game: `PAGES` of its admin.py, nothing without one."""
    folder = import_module(type(play).__module__.rpartition(".")[0])
    if not module_has_submodule(folder, "admin"):
        return ()
    pages: Sequence[PlayPage] = import_module(f"{folder.__name__}.admin").PAGES
    return pages


@lru_cache(maxsize=8)
def _load(modules: tuple[str, ...]) -> tuple[Play, ...]:
    problems = list(find_problems(modules))
    if problems:
        raise ImproperlyConfigured(" ".join(problems))
    return tuple(_play_of(module) for module in modules)


def find_problems(modules: Sequence[str]) -> Iterator[str]:
    """What is wrong with these games, each with what to do about it."""
    codes: dict[str, str] = {}
    for module in modules:
        found = _find_play(module)
        if isinstance(found, str):
            yield found
            continue
        if found.code in codes:
            yield (
                f"{module} and {codes[found.code]} are both called {found.code!r}: give one another code, or take its"
                " line out of config/settings/plays.py."
            )
        codes[found.code] = module
        yield from (f"{module}: {problem}" for problem in _problems_of(found, module))


def _find_play(module: str) -> Play | str:
    """The game of a folder, or why there is none."""
    try:
        is_there = find_spec(f"{module}.play") is not None
    except ModuleNotFoundError:
        is_there = False
    if not is_there:
        return f"PLAYS names {module}, which has no play.py: bring the folder back, or take its line out."
    play = getattr(_module_of(module), "PLAY", None)
    if not isinstance(play, Play):
        return f"{module}.play has no PLAY that is an object of a subclass of pgs_web.plays.contract.Play: add one."
    return play


def _module_of(module: str) -> ModuleType:
    return import_module(f"{module}.play")


def _play_of(module: str) -> Play:
    play: Play = _module_of(module).PLAY
    return play


def _problems_of(play: Play, module: str) -> Iterator[str]:
    code: Any = getattr(play, "code", None)
    if not isinstance(code, str) or not CODE.fullmatch(code) or code != module.rpartition(".")[2]:
        yield f"its code is {code!r}: make it the folder's name, lower case letters, digits and underscores."
        return
    if not getattr(play, "title", None):
        yield "it has no title: give it one for shoppers and operators."
    rule_form: Any = play.rule_form
    if rule_form is not None and not (isinstance(rule_form, type) and issubclass(rule_form, forms.Form)):
        yield "its rule_form is no form: make it a subclass of django.forms.Form, or None."
    if play.urls is not None and find_spec(play.urls) is None:
        yield f"its urls name {play.urls}, which isn't there: write that module, or None."
    if play.story is not None and not (isinstance(play.story, Story) and rule_form is not None):
        yield "its story is no object of a subclass of pgs_web.plays.stories.Story, or it has no rule_form."
    yield from _problems_of_names(play)
    yield from _problems_of_figures(play)


def _problems_of_names(play: Play) -> Iterator[str]:
    kinds = {
        "job": [job.name for job in play.jobs],
        "check": [check.name for check in play.checks],
        "message": list(play.handlers),
    }
    for kind, names in kinds.items():
        for name in names:
            if not NAME.fullmatch(name):
                yield f"its {kind} {name!r} has no good name: lower case letters, digits and underscores."
        for name in {name for name in names if names.count(name) > 1}:
            yield f"it has two {kind}s called {name!r}: give one another name."
    for name in play.handlers:
        if name in HOOKS:
            yield f"its message {name!r} is called like a hook: give it another name."
        if len(topic_of(play.code, name)) > LONGEST_TOPIC:
            yield f"its message {name!r} makes a topic of more than {LONGEST_TOPIC} characters: shorten it."
        if not callable(play.handlers[name]):
            yield f"its message {name!r} has no function to handle it."
    for job in play.jobs:
        if not callable(job.run) or "<" in getattr(job.run, "__qualname__", "<"):
            yield f"its job {job.name!r} needs a function that can be found by its name: no lambda, nothing nested."
        if job.every_seconds <= 0 or not 0 < job.lease_seconds <= LONGEST_LEASE:
            yield f"its job {job.name!r} needs every_seconds above 0 and lease_seconds from 1 to {LONGEST_LEASE}."


def _problems_of_figures(play: Play) -> Iterator[str]:
    names = [figure.name for figure in play.own_figures]
    for name in sorted(set(names)):
        if not NAME.fullmatch(name) or name in SHARED_FIGURES:
            yield f"its figure {name!r} has no good name: letters, digits and underscores, none of the shared."
        if names.count(name) > 1:
            yield f"it has two figures called {name!r}: give one another name."
    known = {*SHARED_FIGURES, *names, *map(ending, play.endings)}
    if play.converts_by not in known:
        yield f"its conversion is by {play.converts_by!r}, which nobody counts: name one of {sorted(known)}."
    for state in play.endings:
        if len(ending(state)) > LONGEST_FIGURE:
            yield f"its ending {state!r} is too long: up to {LONGEST_FIGURE - len(ending(''))} characters."
