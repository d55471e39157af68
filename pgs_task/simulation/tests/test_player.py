"""Steps are played once; what no story expects is a complaint, and the others go on. The shop is a stub."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest

from pgs_task.shoppers.client import Answer, ShopClient, Shopper
from pgs_task.simulation import actors
from pgs_task.simulation.days import BuyingDay
from pgs_task.simulation.findings import TOLD, Findings
from pgs_task.simulation.journal import Journal
from pgs_task.simulation.people import SHARES_ONE_IN, settle
from pgs_task.simulation.plan import DayPlan, plan_days
from pgs_task.simulation.player import GamePlayer
from pgs_task.simulation.report import complain_of_breakdowns, games_table, make_report
from pgs_task.simulation.stage import OpenGame, Stage
from pgs_web.plays.stories import HELP, START, Offer, Outcome, Scene, Story, together

BUYERS = tuple(str(number) for number in range(12))
ORDER: dict[str, Any] = {
    "order_id": "1",
    "group_id": None,
    "amount_fen": 2990,
    "state": "UNPAID",
    "fitting": [],
    "coupons": [],
}


class StubShop(ShopClient):
    """Answers by path: `said` has code or codes, one a request; everything else is fine."""

    def __init__(self, **said: str | list[str]) -> None:
        super().__init__("http://127.0.0.1:9")
        self.said = said
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def call(self, name: str, method: str, path: str, **request: Any) -> Answer:
        self.asked.append((path, request))
        await asyncio.sleep(0)
        code: str | list[str] = self.said.get(path.strip("/").rpartition("/")[2], "200")
        if isinstance(code, list):
            code = code.pop(0) if len(code) > 1 else code[0]
        status = {"server_error": 500, "unavailable": 503, "too_many_requests": 429}.get(code, 409)
        status = int(code) if code.isdecimal() else status
        self.measurements.record(name, code=code, seconds=0.001)
        return Answer(status, code, {**ORDER, "device": "mark", "payment_id": "1"} if status < 300 else {}, 0.001)

    def count(self, end: str) -> int:
        return sum(path.endswith(f"/{end}/") for path, _ in self.asked)


class Game(Story):
    """Everybody helps at once, the initiator may not."""

    def offer(self) -> Offer:
        return Offer(price_fen=1, alone_price_fen=2)

    def rules(self, *, activity_id: int, minutes: int) -> dict[str, Any]:
        return {}

    async def play(self, scene: Scene) -> None:
        await scene.initiator.ask(START, "POST", "start/")
        scene.note(Outcome.STARTED, scene.key)
        await scene.initiator.ask("self", "POST", "selfish/", must=("self_help",))
        await together([friend.ask(HELP, "POST", "help/", may=("over",)) for friend in scene.friends])
        scene.require(scene.initiator.member_id != "7", "seven plays")
        scene.note(Outcome.FINISHED, scene.key)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(actors, "TRIES", 3)
    sleep = asyncio.sleep
    monkeypatch.setattr(actors.asyncio, "sleep", lambda _seconds: sleep(0))


def make_player(tmp_path, shop: StubShop) -> GamePlayer:
    journal = Journal(run="run")
    journal.take_up(tmp_path / "journal.jsonl")
    shop.measurements = journal.measurements
    game = OpenGame(code="game", story=Game(), campaign_id="1", activity_id="2")
    return GamePlayer(
        shop=shop,
        stage=Stage(games={"game": game}, activity_id="3"),
        people=settle({buyer: Shopper(buyer, "token", "1") for buyer in BUYERS}),
        journal=journal,
        on_step=lambda: None,
    )


def plans() -> Iterable[DayPlan]:
    return plan_days([BuyingDay(date(2010, 12, 1), BUYERS)], games={"game": 3}, seed="a")


def play(player: GamePlayer) -> Counter[str]:
    asyncio.run(player.play(plans()))
    return player.journal.outcomes["game"]


def test_all_is_played_and_a_second_session_plays_nothing(tmp_path):
    shop = StubShop(selfish="self_help")
    player = make_player(tmp_path, shop)
    assert play(player) == {Outcome.STARTED: 4, Outcome.FINISHED: 4}
    friends = sum(len(round_.friends) for plan in plans() for round_ in plan.rounds)
    assert (shop.count("help"), shop.count("orders"), player.journal.complaints) == (friends, 12, 0)
    assert all(person.has_paid for person in player.people.values())
    keys = [request["headers"]["Idempotency-Key"] for path, request in shop.asked if path.endswith("/orders/")]
    assert len(set(keys)) == 12

    silent = StubShop()
    again = make_player(tmp_path, silent)
    assert play(again) == {Outcome.STARTED: 4, Outcome.FINISHED: 4}
    assert silent.asked == []
    assert silent.measurements.codes == shop.measurements.codes
    assert len(again.journal.begun) == 4
    assert all(person.has_paid for person in again.people.values())


def test_a_household_has_one_device_and_one_address(tmp_path):
    shop = StubShop(selfish="self_help")
    player = make_player(tmp_path, shop)
    play(player)
    homes = {id(person.household) for person in player.people.values()}
    assert len(homes) == len(BUYERS) - (len(BUYERS) - 1) // SHARES_ONE_IN
    assert shop.count("devices") <= len(homes)
    helps = [request["headers"] for path, request in shop.asked if path.endswith("/help/")]
    assert all(headers["X-Device"] == "mark" and headers["X-Forwarded-For"].startswith("100.64.") for headers in helps)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"selfish": "200"}, "game self: 200"),
        ({"selfish": "over"}, "game self: over"),
        ({"selfish": "self_help", "help": "unheard_of"}, "game help: unheard_of"),
        ({"selfish": "self_help", "help": "server_error"}, "game help: server_error"),
        ({"selfish": "self_help", "start": "unavailable"}, "game start: unavailable"),
        ({"selfish": "self_help", "orders": "paused"}, "shop order: paused"),
        ({"selfish": "self_help", "pay": "wrong_amount"}, "shop pay: wrong_amount"),
    ],
)
def test_what_no_story_expects_is_a_complaint_and_the_others_go_on(tmp_path, said, complaint):
    player = make_player(tmp_path, StubShop(**said))
    outcomes = play(player)
    assert player.journal.complaints >= 4
    assert {text.startswith(complaint) for text in player.journal.told} == {True}
    assert outcomes[Outcome.STARTED] == (0 if "start" in said else 4)
    assert len(player.journal.done) == 16


def test_expected_refusals_and_a_shop_that_comes_back_are_no_complaint(tmp_path):
    player = make_player(
        tmp_path, StubShop(selfish="self_help", help="over", start=["too_many_requests", "unavailable", "200"])
    )
    assert play(player)[Outcome.FINISHED] == 4
    assert player.journal.complaints == 0


def test_a_fact_that_is_wrong_is_a_complaint(tmp_path):
    player = make_player(tmp_path, StubShop(selfish="self_help"))
    player.people["0"].shopper = Shopper("7", "token", "1")
    assert play(player)[Outcome.FINISHED] == 4
    assert player.journal.told == ["game: seven plays"]


def test_a_stop_ends_what_was_begun(tmp_path):
    player = make_player(tmp_path, StubShop(selfish="self_help"))
    player.on_step = player.stop
    play(player)
    assert 0 < len(player.journal.done) < 16
    assert player.is_stopping
    rest = make_player(tmp_path, StubShop(selfish="self_help"))
    assert play(rest)[Outcome.STARTED] == 4
    assert len(rest.journal.done) == 16


class Killed(BaseException):
    """Nothing more is written down."""


class LongGame(Game):
    """Its rounds have ids; it can be won, and bought in a second step."""

    async def play(self, scene: Scene) -> None:
        if scene.earlier is None:
            await scene.initiator.ask(START, "POST", "start/")
            scene.keep(f"round-{scene.key}", scene.initiator.member_id)
            scene.note(Outcome.STARTED, f"round-{scene.key}")
            await together([friend.ask(HELP, "POST", "help/") for friend in scene.friends])
        else:
            assert scene.earlier.round_id == f"round-{scene.key}"
            assert scene.earlier.member_id == scene.initiator.member_id
        scene.note(Outcome.FINISHED, f"round-{scene.key}")
        await scene.initiator.ask("buy", "POST", "buy/")
        scene.note(Outcome.BOUGHT, f"order-{scene.key}")


def test_a_killed_session_is_taken_up_whole(tmp_path):
    """Its outcomes, complaints, requests and members who paid are known, and a round that was won is bought."""
    path = tmp_path / "journal.jsonl"

    class MortalShop(StubShop):
        async def call(self, name: str, method: str, path: str, **request: Any) -> Answer:
            if path.endswith("/buy/") and self.count("buy") == 2:
                raise Killed
            return await super().call(name, method, path, **request)

    def prepare(shop: StubShop) -> GamePlayer:
        player = make_player(tmp_path, shop)
        game = OpenGame(code="game", story=LongGame(), campaign_id="1", activity_id="2")
        player.stage = Stage(games={"game": game}, activity_id="3")
        return player

    killed = prepare(MortalShop())
    killed.journal.complain("seen before")
    with pytest.raises(BaseExceptionGroup) as death:
        play(killed)
    assert death.group_contains(Killed)
    assert killed.journal.outcomes["game"][Outcome.BOUGHT] < killed.journal.outcomes["game"][Outcome.FINISHED]
    killed.journal.close()
    with path.open("a") as file:
        file.write('["note", "game", "half a li')
    rest = prepare(StubShop())
    assert rest.journal.outcomes == killed.journal.outcomes
    assert rest.journal.paid == killed.journal.paid
    outcomes = play(rest)
    assert outcomes == {Outcome.STARTED: 4, Outcome.FINISHED: 4, Outcome.BOUGHT: 4}
    assert rest.journal.told == ["seen before"]
    assert len(rest.journal.done) == 16
    assert rest.journal.measurements.count("game start") == 4
    rest.journal.close()
    assert {json.loads(line)[0] for line in path.read_text().splitlines()} >= {"run", "session", "note", "done", "call"}
    other = Journal(run="another")
    other.take_up(path)
    assert (other.outcomes, other.done, other.told) == ({}, set(), [])


def test_the_report_counts_by_game_and_finds_breakdowns():
    findings, shop = Findings(), StubShop()
    findings.note("game", Outcome.STARTED, "1")
    for code in ("200", "200", "already_helped", "server_error"):
        shop.measurements.record("game help", code=code, seconds=0.01)
    shop.measurements.record("order", code="202", seconds=0.02)
    complain_of_breakdowns(shop.measurements, findings)
    assert findings.told == ["game help: server_error × 1"]
    report = make_report(
        findings=findings,
        measurements=shop.measurements,
        games=["game"],
        seconds=2,
        coupons={"game": {"USED": 2, "ISSUED": 1}},
        left_out={},
    )
    figures = report["games"]["game"]
    assert (figures["started"], figures["helps_tried"], figures["helps_taken"]) == (1, 4, 2)
    assert (figures["coupons_issued"], figures["coupons_used"]) == (3, 2)
    assert report["games"]["shop"]["acts"]["order"]["milliseconds"]["p50"] == 20
    assert (report["requests"], report["requests_per_second"], report["complaints"]) == (5, 2.5, 1)
    assert games_table(report["games"]).row_count > 10


def test_only_the_first_complaints_are_told():
    findings = Findings()
    for number in range(100):
        findings.complain(str(number))
    assert (findings.complaints, len(findings.told)) == (100, TOLD)
