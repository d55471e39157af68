"""Every game that tells how it is played can be opened: its rules suit its own form."""

import pytest

from pgs_task.simulation import stage
from pgs_task.simulation.stage import BadStory, set_games, told_games
from pgs_task.simulation.tests.test_player import Game
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.plays.models import Campaign

pytestmark = pytest.mark.django_db(databases="__all__")


def test_every_game_is_opened_once():
    opened = set_games(title="Test", minutes=5)
    assert opened.games.keys() == told_games().keys()
    for code, game in opened.games.items():
        assert Campaign.objects.get(pk=game.campaign_id).code == code
    ids = {game.activity_id for game in opened.games.values()} | {opened.activity_id}
    assert len(ids) == len(opened.games) + 1
    assert {activity.state for activity in Activity.objects.filter(pk__in=ids)} == {ActivityState.RUNNING}
    assert set_games(title="Test", minutes=5) == opened


def test_a_story_whose_rules_its_form_refuses_says_which(monkeypatch, settings):
    settings.PLAYS = ["pgs_web.plays.tests.cards"]
    monkeypatch.setattr(stage, "told_games", lambda: {"cards": Game()})
    with pytest.raises(BadStory, match=r"story of cards .* cards: "):
        set_games(title="Test", minutes=5)
