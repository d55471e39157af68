"""The script of the games' pages, run by Node on a stage (page_stage.js): what it asks for, when, and what it shows.

The page is the one that the server draws; the cards in the answers are those of the API.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from pgs_web.plays.serializers import CardSerializer
from pgs_web.plays.states import Stage
from pgs_web.plays.tests.test_pages import HOSTILE, NOW, make_card, script, share

__all__ = ["share"]
# Not because they last: they want Node, which `make test-fast` doesn't see to.
pytestmark = pytest.mark.slow

STAGE = Path(__file__).parent / "page_stage.js"
SHARED, OWN = "GET /api/v1/plays/cards/shares/7-abc/", "GET /api/v1/plays/cards/rounds/7/"
HELP = "POST /api/v1/plays/cards/shares/7-abc/help/"
SIGNED_IN = {"pgs.access": "mine", "pgs.refresh": "again"}
GONE = {"status": 404, "body": {"code": "not_found"}}
LONG = 1200


def card(**changes: Any) -> dict[str, Any]:
    """As the API answers, with the server's time at the moment of the answer."""
    return {"body": {"card": {**CardSerializer(make_card(title="Tea", **changes)).data, "server_time": "@now"}}}


def act(*steps: tuple[str, Any], path: str = "/g/cards/7-abc/", kept: dict[str, str] | None = None) -> Any:
    """What was asked and shown at each step `tell`."""
    page = Client(headers={"Accept-Language": "en"}).get(path).content.decode()
    given = {"html": page, "script": script(), "serverTime": NOW.isoformat(), "kept": kept or {}, "steps": steps}
    done = subprocess.run(
        ["node", STAGE], input=json.dumps(given, default=str), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def asked(told: dict[str, Any]) -> list[tuple[float, str]]:
    return [(at, what) for at, what, _as, _body in told["asked"]]


START, TELL = ("start", None), ("tell", None)


def test_a_friend_looks_on_until_it_is_over(share):
    shown, later, over, end = act(
        *(("answers", {SHARED: card(headline="one more", done=2)}), START, TELL, ("pass", 60), TELL),
        *(("answers", {SHARED: card(headline="too late", stage=Stage.OVER, ends_at=None)}), ("pass", 30), TELL),
        *(("pass", LONG), TELL),
    )
    assert (asked(shown), shown["headline"], shown["clock"]) == ([], "two more", "Time left 01:00:00")
    # Seldomer while nothing changes.
    assert asked(later) == [(5, SHARED), (10, SHARED), (17.5, SHARED), (28.75, SHARED), (45.625, SHARED)]
    assert (later["headline"], later["clock"], later["helps"] is None) == ("one more", "Time left 00:59:00", False)
    assert (over["headline"], over["link"], over["clock"]) == ("too late", None, None)
    assert asked(end) == []


def test_who_started_it_asks_once_a_look_and_sees_all_of_it(share):
    (told,) = act(
        ("answers", {OWN: {**card(headline="yours", acts=()), "as": "mine"}, SHARED: card()}),
        *(START, ("pass", 20), TELL),
        kept=SIGNED_IN,
    )
    assert asked(told) == [(0, OWN), (5, OWN), (12.5, OWN)]
    assert (told["headline"], told["buttons"]) == ("yours", [])
    assert told["helps"] is not None


def test_whose_it_isnt_is_told_so_once(share):
    (told,) = act(("answers", {OWN: GONE, SHARED: card()}), START, ("pass", 6), TELL, kept=SIGNED_IN)
    assert asked(told) == [(0, OWN), (0, SHARED), (5, SHARED)]
    assert told["buttons"] == ["Help"]


@pytest.mark.parametrize(
    ("stage", "headline"), [(Stage.WON, "The unit is bought"), (Stage.OVER, "The time to buy is over")]
)
def test_what_becomes_of_a_round_that_is_won_shows_in_place(share, stage, headline):
    share(make_card(stage=Stage.WON, ends_at=None))
    by = NOW.replace(minute=10)
    won, decided, end = act(
        *(
            ("answers", {OWN: card(stage=Stage.WON, ends_at=by, ends_label="Time left to buy")}),
            START,
            ("pass", 9),
            TELL,
        ),
        *(("answers", {OWN: card(stage=stage, headline=headline, ends_at=None)}), ("pass", 30), TELL),
        *(("pass", LONG), TELL),
        kept=SIGNED_IN,
    )
    assert won["clock"] == "Time left to buy 00:09:51"
    assert (decided["headline"], decided["clock"]) == (headline, None)
    # Bounded: a page that somebody forgot asks no more.
    assert len(end["asked"]) <= 10
    assert all(at < 600 for at, _what in asked(end))


def test_at_zero_the_server_says_what_has_become_of_it(share):
    share(make_card(ends_at=NOW.replace(second=3), stage=Stage.WON))
    (told,) = act(("answers", {OWN: card(stage=Stage.OVER, ends_at=None)}), START, ("pass", 4), TELL, kept=SIGNED_IN)
    assert asked(told) == [(0, OWN)]
    soon = card(stage=Stage.WON, ends_at=NOW.replace(second=3))
    (told,) = act(("answers", {OWN: soon}), START, ("pass", 4.5), TELL, kept=SIGNED_IN)
    assert asked(told) == [(0, OWN), (4, OWN)]
    assert told["clock"] == "Time left 00:00:00"


def test_nobody_looks_nobody_asks(share):
    hidden, seen = act(
        ("answers", {SHARED: card()}),
        *(START, ("hide", True), ("pass", 60), TELL, ("hide", False), TELL),
    )
    assert asked(hidden) == []
    assert asked(seen) == [(60, SHARED)]


def test_while_the_shop_is_away_it_asks_seldomer_and_as_told(share):
    away, told, back = act(
        *(START, ("pass", 40), TELL),
        *(("answers", {SHARED: {"status": 503, "wait": "90"}}), ("pass", 100), TELL),
        *(("answers", {SHARED: card()}), ("pass", 100), TELL),
    )
    assert asked(away) == [(5, SHARED), (10, SHARED), (20, SHARED), (40, SHARED)]
    assert away["told"].startswith("The shop can't be reached")
    assert asked(told) == [(80, SHARED)]
    assert asked(back)[0] == (170, SHARED)
    assert back["told"] is None


def test_from_the_button_to_the_help(share):
    answers = {
        SHARED: card(),
        OWN: GONE,
        "POST /api/v1/auth/sms-codes/": {},
        "POST /api/v1/auth/tokens/": {"body": {"access": "mine", "refresh": "again"}},
        "POST /api/v1/devices/": {},
        HELP: {"as": "mine", "body": {"said": "Thank you!"}},
    }
    asks, helped = act(
        *(("answers", answers), START, ("press", "Help"), TELL, ("write", {"phone": " 13800000000 "})),
        *(("press", "Send me a code"), ("write", {"code": "123456"}), ("submit", "sign-in"), ("pass", 1), TELL),
    )
    assert (asks["asked"], asks["sign-in"] is None) == ([], False)
    assert [one[1:] for one in helped["asked"]] == [
        ["POST /api/v1/auth/sms-codes/", "", {"phone": "13800000000"}],
        ["POST /api/v1/auth/tokens/", "", {"phone": "13800000000", "code": "123456"}],
        [OWN, "mine", None],
        [SHARED, "", None],
        ["POST /api/v1/devices/", "", None],
        [HELP, "mine", None],
        [SHARED, "", None],
    ]
    assert (helped["told"], helped["buttons"], helped["sign-in"]) == ("Thank you!", [], None)
    assert helped["storage"]["pgs.access"] == "mine"


def test_a_no_does_nothing_and_an_old_token_is_renewed(share):
    give_up = {
        "name": "Give up",
        "path": "/api/v1/plays/cards/rounds/7/give-up/",
        "question": "Sure?",
        "is_grave": True,
    }
    own = card(acts=())
    own["body"]["card"]["acts"] = [give_up]
    renewing = {"POST /api/v1/auth/tokens/refresh/": {"body": {"access": "new"}}, OWN: {**own, "as": "new"}}
    (told,) = act(*(("answers", renewing), START, ("agree", False), ("press", "Give up"), TELL), kept=SIGNED_IN)
    assert [what for _at, what in asked(told)] == [OWN, "POST /api/v1/auth/tokens/refresh/", OWN]
    assert told["storage"] == {**SIGNED_IN, "pgs.access": "new"}


def test_a_page_drawn_without_its_round_finds_out_whose_it_is(share):
    share(OperationalError(2002, "away"))
    (told,) = act(("answers", {SHARED: card(), OWN: card(headline="yours")}), START, ("pass", 1), TELL, kept=SIGNED_IN)
    assert (asked(told), told["headline"], told["title"]) == ([(0, SHARED), (0, OWN)], "yours", "Tea")


def test_ones_own_rounds_page_after_page(share):
    first = {
        "results": [card(headline="one")["body"]],
        "next": "http://inside:8000/api/v1/plays/cards/rounds/?cursor=x",
    }
    strange = card()["body"]
    strange["card"]["page"] = "//elsewhere.example/"
    answers = {
        "GET /api/v1/plays/cards/rounds/": {"body": first},
        "GET /api/v1/plays/cards/rounds/?cursor=x": {"body": {"results": [strange], "next": None}},
    }
    one, two = act(("answers", answers), START, TELL, ("press", "Older ones"), TELL, path="/g/", kept=SIGNED_IN)
    assert (one["rounds"], one["more"]) == ("Teaone", "Older ones")
    assert (two["rounds"], two["more"]) == ("Teaone", None)


def test_a_hostile_text_stays_a_text(share):
    hostile = card(headline=HOSTILE)
    (told,) = act(("answers", {SHARED: hostile}), START, ("pass", 5), TELL)
    assert told["headline"] == HOSTILE
