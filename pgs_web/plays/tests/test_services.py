"""Draining is known within a second, and decided once; a campaign's rules never change under what runs."""

import pytest
from django.db import OperationalError
from rest_framework.test import APIClient

from pgs_web.api.errors import NotFound
from pgs_web.plays import switches
from pgs_web.plays.errors import BadRules, CampaignClosed, PlayDraining, PlayMoved
from pgs_web.plays.models import Campaign, CampaignRules, PlaySwitch
from pgs_web.plays.selectors import read_rules, read_rules_to_start
from pgs_web.plays.services import change_rules, close_campaign, create_campaign, switch_play
from pgs_web.plays.switches import require_open

pytestmark = pytest.mark.django_db
SIGNED = {"author": "operator:1", "reason": "because"}


@pytest.fixture(autouse=True)
def _cards(settings):
    settings.PLAYS = ["pgs_web.plays.tests.cards"]


def drain(*, is_draining: bool = True, based_on: int = 0, code: str = "cards") -> None:
    switch_play(code=code, is_draining=is_draining, based_on=based_on, **SIGNED)


def test_a_draining_game_takes_nothing_new():
    require_open("cards")
    drain()
    with pytest.raises(PlayDraining):
        require_open("cards")
    assert APIClient().get("/api/v1/plays/").json() == {
        "results": [{"code": "cards", "title": "Cards", "summary": "", "entrance": None, "takes_new": False}]
    }
    drain(is_draining=False, based_on=1)
    require_open("cards")


def test_another_process_knows_within_a_second(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(switches.time, "monotonic", lambda: now[0])
    require_open("cards")
    # As another process does it: this one's memory isn't told.
    PlaySwitch.objects.create(code="cards", is_draining=True, changed_at="2026-01-01T00:00:00Z")
    now[0] += switches.MEMORY_SECONDS
    require_open("cards")
    now[0] += 0.01
    with pytest.raises(PlayDraining):
        require_open("cards")


def test_what_was_known_last_counts_while_the_database_is_away(monkeypatch):
    drain()
    monkeypatch.setattr(switches, "MEMORY_SECONDS", -1.0)

    def break_down() -> None:
        raise OperationalError(2002, "away")

    monkeypatch.setattr(switches, "read_switches", break_down)
    with pytest.raises(PlayDraining):
        require_open("cards")
    switches.forget_switches()
    with pytest.raises(OperationalError):
        require_open("cards")


def test_the_second_of_two_operators_is_told():
    drain()
    for again in ({"based_on": 0}, {"based_on": 1}, {"based_on": 2, "is_draining": False}):
        with pytest.raises(PlayMoved):
            drain(**again)
    switch = PlaySwitch.objects.get()
    assert (switch.is_draining, switch.version, switch.changed_by) == (True, 1, "operator:1")
    with pytest.raises(NotFound):
        drain(code="gone")


def test_new_rules_are_for_what_starts_from_then_on():
    campaign = create_campaign(code="cards", title=" One ", rules={"cards": "3"}, **SIGNED)
    running = read_rules_to_start(code="cards", campaign_id=campaign.pk)
    change_rules(campaign_id=campaign.pk, based_on=1, rules={"cards": 4, "is_open": "on"}, **SIGNED)
    assert read_rules(campaign_id=campaign.pk, version=running.version).rules == {"cards": 3, "is_open": False}
    assert read_rules_to_start(code="cards", campaign_id=campaign.pk).rules == {"cards": 4, "is_open": True}
    with pytest.raises(PlayMoved):
        change_rules(campaign_id=campaign.pk, based_on=1, rules={"cards": 5}, **SIGNED)
    close_campaign(campaign_id=campaign.pk)
    for late in (
        lambda: close_campaign(campaign_id=campaign.pk),
        lambda: read_rules_to_start(code="cards", campaign_id=campaign.pk),
    ):
        with pytest.raises(CampaignClosed):
            late()
    with pytest.raises(PlayMoved):
        change_rules(campaign_id=campaign.pk, based_on=2, rules={"cards": 5}, **SIGNED)
    assert CampaignRules.objects.count() == 2


def test_rules_that_cannot_be_used_make_nothing():
    for wrong in ({}, {"cards": "10"}, {"cards": "x"}, {"cards": None}):
        with pytest.raises(BadRules) as refused:
            create_campaign(code="cards", title="One", rules=wrong, **SIGNED)
        assert [error.field for error in refused.value.errors] == ["cards"]
    with pytest.raises(BadRules):
        create_campaign(code="cards", title=" ", rules={"cards": 1}, **SIGNED)
    for unknown in (
        lambda: create_campaign(code="gone", title="One", rules={}, **SIGNED),
        lambda: change_rules(campaign_id=1, based_on=1, rules={}, **SIGNED),
        lambda: read_rules_to_start(code="cards", campaign_id=1),
        lambda: read_rules(campaign_id=1, version=1),
    ):
        with pytest.raises(NotFound):
            unknown()
    assert not Campaign.objects.exists()
