"""What a game tells of a round in one shape, so that one page shows the rounds of every game.

A game with pages overrides `Play.read_shared`, and its answers at `shares/<share_code>/`, at `Play.rounds` and at a
round's id below that have a `card` (serializers.CardSerializer) each. Texts are in the reader's language.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from pgs_web.plays.states import Stage

# Of many helpers a page shows the newest.
HELPS_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class CardFigure:
    """A price, a worth; `kind` is "before" (crossed out), "now" (large) or empty."""

    name: str
    text: str
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class CardHelp:
    """Who helped, masked, and what it did."""

    who: str
    what: str


@dataclass(frozen=True, kw_only=True)
class CardAct:
    """A button: a POST without a body to `path`, signed in and with a device's mark, after a yes to the `question`.

    Its answer may have `said`, which the page then shows. A grave one is drawn so that nobody presses it by mistake.
    """

    name: str
    path: str
    question: str = ""
    is_grave: bool = False


@dataclass(frozen=True, kw_only=True)
class Card:
    """A round; `acts` are those of the one it is told to: everybody with the link, or who started it.

    `done` of `goal` is the progress, 0 of 0 for none. `ends_at` is what a countdown runs to, by `server_time`.
    """

    play: str
    round_id: int
    share_code: str
    title: str
    stage: Stage
    headline: str
    server_time: datetime
    activity_id: int | None = None
    ends_at: datetime | None = None
    ends_label: str = ""
    done: int = 0
    goal: int = 0
    notes: Sequence[str] = ()
    figures: Sequence[CardFigure] = ()
    helps: Sequence[CardHelp] = ()
    # What they are, where they aren't friends who helped.
    helps_label: str = ""
    acts: Sequence[CardAct] = ()

    @property
    def page(self) -> str:
        """Where the page behind the shared link is, below the shop's own address."""
        return reverse("play-page", args=(self.play, self.share_code))
