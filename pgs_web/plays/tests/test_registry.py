"""A game that can't be used is refused with what to do; one that can is found."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.installed_plays import installed_plays
from pgs_web.plays import registry
from pgs_web.plays.checks import check_plays
from pgs_web.plays.contract import HOOKS, Play, PlayCheck, PlayJob, code_of_topic
from pgs_web.plays.registry import all_plays, find_play, find_problems, listeners
from pgs_web.plays.telling import OwnFigure
from pgs_web.plays.tests.cards.play import PLAY, deal_cards, find_lost_cards, take_card

CARDS = "pgs_web.plays.tests.cards"
JOB = PlayJob(name="deal", run=deal_cards, every_seconds=1)


def make_play(**changes) -> Play:
    return type("Game", (Play,), {"code": "game", "title": "Game", **changes})()


def test_a_game_that_is_on_is_found(settings):
    settings.PLAYS = [CARDS]
    assert all_plays() == (PLAY,)
    assert find_play("cards") is PLAY
    assert find_play("gone") is None
    assert listeners("on_order_paid") == [PLAY]
    assert not any(listeners(hook) for hook in HOOKS if hook != "on_order_paid")
    assert not check_plays()
    assert code_of_topic(PLAY.topic("card")) == "cards"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code": "Game!"}, "folder's name"),
        ({"code": "other"}, "folder's name"),
        ({"code": None}, "folder's name"),
        ({"title": ""}, "no title"),
        ({"rule_form": Play}, "no form"),
        ({"story": Play()}, "its story is no object"),
        ({"urls": "pgs_web.plays.nowhere"}, "isn't there"),
        ({"own_figures": [OwnFigure(name="started", title="x")]}, "no good name"),
        ({"own_figures": [OwnFigure(name="won", title="x")] * 2}, "two figures"),
        ({"endings": {"x" * 30: "x"}}, "too long"),
        ({"jobs": (JOB, JOB)}, "two jobs called 'deal'"),
        ({"jobs": (PlayJob(name="deal", run=lambda: None, every_seconds=1),)}, "no lambda"),
        ({"jobs": (PlayJob(name="deal", run=deal_cards, every_seconds=0),)}, "every_seconds above 0"),
        ({"jobs": (PlayJob(name="deal", run=deal_cards, every_seconds=1, lease_seconds=999),)}, "lease_seconds"),
        ({"checks": (PlayCheck(name="x", promise="x", find_offenders=find_lost_cards),) * 2}, "two checks called 'x'"),
        ({"handlers": {"on_order_paid": take_card}}, "called like a hook"),
        ({"handlers": {"A b": take_card}}, "no good name"),
        ({"handlers": {"a": None}}, "no function"),
    ],
)
def test_a_game_that_cannot_be_used_is_refused_with_what_to_do(monkeypatch, settings, changes, said):
    monkeypatch.setattr(registry, "_find_play", lambda _module: make_play(**changes))
    settings.PLAYS = ["pgs_web.marketing.game"]
    (problem,) = find_problems(settings.PLAYS)
    assert said in problem
    assert [error.id for error in check_plays()] == ["plays.E001"]
    registry._load.cache_clear()
    with pytest.raises(ImproperlyConfigured, match=r"marketing\.game"):
        all_plays()


def test_two_games_of_one_code_are_refused(monkeypatch):
    monkeypatch.setattr(registry, "_find_play", lambda _module: make_play())
    (problem,) = find_problems(["a.game", "b.game"])
    assert "both called 'game'" in problem


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("pgs_web.marketing.gone", "bring the folder back"),
        ("nowhere.at.all", "bring the folder back"),
        ("pgs_web.plays", "bring the folder back"),
    ],
)
def test_a_line_without_a_game_is_refused(module, said):
    (problem,) = find_problems([module])
    assert said in problem


def test_a_play_py_without_its_object_is_refused(monkeypatch):
    monkeypatch.setattr(registry, "_module_of", lambda _module: object())
    (problem,) = find_problems([CARDS])
    assert "has no PLAY" in problem


@pytest.mark.parametrize(
    ("modules", "said"),
    [(["pgs_web.marketing.gone"], "isn't there"), (["no.such"], "isn't there"), ([CARDS, CARDS], "twice")],
)
def test_settings_refuse_a_gone_game_before_django_loads_it(modules, said):
    with pytest.raises(ImproperlyConfigured, match=said):
        installed_plays(modules)
    assert installed_plays([CARDS]) == [CARDS]
