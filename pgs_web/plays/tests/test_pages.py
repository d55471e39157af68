"""The games' pages: whoever opens a shared link sees the round, and nothing that a text brings along is run."""

import gzip
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import resolve

import pgs_web.plays
from pgs_web.api.errors import NotFound
from pgs_web.plays.cards import Card, CardAct, CardFigure, CardHelp
from pgs_web.plays.registry import plays_with_pages
from pgs_web.plays.states import Stage
from pgs_web.plays.tests.cards.play import Cards

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
HOSTILE = '<img src=x onerror="alert(1)">\u202e'
STATIC = Path(pgs_web.plays.__file__).parent / "static" / "plays"


def make_card(**changes: object) -> Card:
    told = {
        "play": "cards",
        "round_id": 7,
        "share_code": "7-abc",
        "title": HOSTILE,
        "stage": Stage.OPEN,
        "headline": "two more",
        "server_time": NOW,
        "ends_at": NOW + timedelta(hours=1),
        "ends_label": "Time left",
        "done": 1,
        "goal": 3,
        "figures": [CardFigure(name="Price now", text="¥1.00", kind="now")],
        "helps": [CardHelp(who=HOSTILE, what="helped")],
        "acts": [CardAct(name="Help", path="/api/v1/plays/cards/shares/7-abc/help/")],
    }
    return Card(**{**told, **changes})  # type: ignore[arg-type]


@pytest.fixture
def share(settings, monkeypatch):
    """Says what is behind a shared link: a card, or what reading it raises."""
    settings.PLAYS = ["pgs_web.plays.tests.cards"]
    behind: list[object] = [make_card()]

    def read_shared(self: Cards, share_code: str) -> object:
        if isinstance(behind[0], Exception):
            raise behind[0]
        return behind[0]

    monkeypatch.setattr(Cards, "read_shared", read_shared, raising=False)
    return lambda told: behind.__setitem__(0, told)


def look(path: str = "/g/cards/7-abc/", language: str = "en"):
    return Client(headers={"Accept-Language": language}).get(path)


def test_a_shared_round_is_shown_without_signing_in(share):
    answer = look()
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "onerror=&quot;alert(1)" in text
    assert "<img" not in text
    assert ">two more</p>" in text
    assert '<progress id="progress" max="3" value="1">' in text
    assert 'data-path="/api/v1/plays/cards/shares/7-abc/help/"' in text
    assert 'data-now="2026-11-22T12:00:00+08:00" data-ends="2026-11-22T13:00:00+08:00"' in text
    assert '<meta property="og:url" content="http://testserver/g/cards/7-abc/">' in text
    assert '<meta property="og:title" content="&lt;img' in text
    assert '<html lang="en">' in text
    assert "Friends who helped" in text
    assert '<html lang="zh-hans">' in look(language="zh-CN").content.decode()


def test_nothing_inline_nothing_foreign_nothing_kept(share):
    share(make_card(title="Tea"))
    answer = look()
    text = answer.content.decode()
    policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";"))
    assert policy == {
        **dict.fromkeys(("default-src", "base-uri", "frame-ancestors", "trusted-types"), "'none'"),
        **dict.fromkeys(("script-src", "style-src", "img-src", "connect-src", "form-action"), "'self'"),
        "require-trusted-types-for": "'script'",
    }
    assert not re.search(r"<script(?![^>]* src=)|<style|<[^>]*\s(style|on\w+)=", text)
    assert set(re.findall(r'(?:src|href)="(?!/)', text)) == set()
    assert answer["X-Robots-Tag"] == "noindex"
    assert "no-store" in answer["Cache-Control"]
    assert not answer.cookies
    assert "Cookie" not in answer["Vary"]
    # The script makes no HTML of a text; the policy above would refuse it too.
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|localStorage", script())
    assert len(answer.content) + sum(len(gzip.compress(file.read_bytes())) for file in STATIC.iterdir()) < 20_000


def script() -> str:
    return (STATIC / "page.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ["/g/cards/7-abd/", "/g/bargain/7-abc/", "/g/%00/x/", "/g/cards/%3Cscript%3E/"])
def test_a_link_that_isnt_ours_leads_to_a_page_that_says_so(share, path):
    share(NotFound())
    answer = look(path)
    assert answer.status_code == 404
    assert "There is nothing behind this link" in answer.content.decode()
    assert "<script" not in answer.content.decode()
    assert answer["Content-Security-Policy"].count("'unsafe") == 0


def test_a_game_without_pages_has_none(settings):
    settings.PLAYS = ["pgs_web.plays.tests.cards"]
    assert plays_with_pages() == []
    assert look().status_code == 404
    assert 'data-own=""' in look("/g/").content.decode()


def test_while_a_store_is_away_the_page_tries_again(share):
    share(OperationalError(2002, "away"))
    answer = look()
    text = answer.content.decode()
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert 'data-is-away="1"' in text
    assert 'data-share="7-abc"' in text


def test_ones_own_rounds_and_what_else_a_page_shows(share):
    assert 'data-own="cards/rounds/ "' in look("/g/").content.decode()
    share(make_card(ends_at=None, goal=0, done=0, helps=(), acts=(), stage=Stage.WON))
    text = look().content.decode()
    for part in (
        '<p id="clock" hidden>',
        'value="0" hidden>',
        '<section id="helps" hidden>',
        '<section id="link" hidden>',
    ):
        assert part in text
    assert Client().post("/g/cards/7-abc/").status_code == 405


@pytest.mark.parametrize("play", plays_with_pages(), ids=lambda play: play.code)
def test_a_game_with_pages_has_the_addresses_that_they_ask(play):
    for address in ("shares/x/", play.rounds, f"{play.rounds}1/"):
        assert resolve(f"/api/v1/plays/{play.code}/{address}").namespace == play.code
