"""The games of the demo: a campaign each, for whoever looks around, and played by some shoppers in the sale."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pgs_task.shoppers.client import ShopClient, Shopper
from pgs_task.simulation.days import BuyingDay
from pgs_task.simulation.journal import Journal
from pgs_task.simulation.people import give_coupons, settle
from pgs_task.simulation.plan import plan_days
from pgs_task.simulation.player import GamePlayer
from pgs_task.simulation.report import complain_of_breakdowns, count_coupons, make_report
from pgs_task.simulation.stage import Stage, set_games

TITLE = "Demo"
MINUTES = 30
# Two days of shoppers; those of the first are no new members any more on the second.
PLAYERS = 45
FIRST_DAY = 30
CONNECTIONS = 8


@dataclass(frozen=True)
class PlayedGames:
    """What the shoppers did and saw."""

    player: GamePlayer

    @property
    def complaints(self) -> Sequence[str]:
        """What went wrong, the first of it."""
        return self.player.journal.told

    def describe(self) -> dict[str, Any]:
        """Figures a game, as games_table shows them."""
        report = make_report(
            findings=self.player.journal,
            measurements=self.player.shop.measurements,
            games=self.player.stage.games,
            seconds=0,
            coupons=count_coupons([int(person.shopper.member_id) for person in self.player.people.values()]),
            left_out={},
        )
        games: dict[str, Any] = report["games"]
        return games


def open_demo_games() -> Stage:
    """A campaign of each game that tells how it is played; those that are there, while they last a day more."""
    return set_games(title=TITLE, minutes=MINUTES)


def prepare_games(base_url: str, *, run: str, shoppers: Sequence[Shopper]) -> GamePlayer:
    """The games and who plays them; raises what the services raise."""
    people = settle({str(place): shopper for place, shopper in enumerate(shoppers)})
    give_coupons([int(shopper.member_id) for shopper in shoppers], reference=run)
    return GamePlayer(
        shop=ShopClient(base_url, connections=CONNECTIONS),
        stage=open_demo_games(),
        people=people,
        journal=Journal(run=run),
        on_step=lambda: None,
    )


async def play_games(player: GamePlayer) -> PlayedGames:
    """Plays two days of all games at once."""
    everybody = tuple(player.people)
    days = [BuyingDay(date(2026, 11, 10), everybody[:FIRST_DAY]), BuyingDay(date(2026, 11, 11), everybody)]
    games = {code: game.story.most_friends for code, game in player.stage.games.items()}
    async with player.shop:
        await player.play(plan_days(days, games=games, seed="demo"))
    complain_of_breakdowns(player.shop.measurements, player.journal)
    return PlayedGames(player)
