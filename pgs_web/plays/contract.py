"""What a game is. A game's folder has `play.py` with one object of a subclass of `Play`, called PLAY.

Addresses, jobs, topics and checks bear the game's code, so two games can't meet in one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.functional import Promise

from pgs_web.plays.figures.names import BOUGHT
from pgs_web.plays.stories import Story
from pgs_web.plays.telling import Figure, OwnFigure, PreviewLine

if TYPE_CHECKING:
    # Reads models, which can't be read before the apps are there; this file can.
    from pgs_data.messaging.relay import Handler, Message
    from pgs_web.plays.cards import Card

# Hooks that a game may override → what has happened when they are called.
HOOKS: Mapping[str, str] = {
    "on_order_created": "order.unpaid",
    "on_order_paid": "order.paid",
    "on_order_cancelled": "order.cancelled",
    "on_order_refunded": "order.refunded",
    "on_group_succeeded": "group.succeeded",
    "on_group_failed": "group.failed",
}


@dataclass(frozen=True, kw_only=True)
class PlayJob:
    """What the clock does for a game: `run` needs no arguments, its input is a table, losing a run loses nothing.

    No two runs of it last at once, unless one lasts longer than `lease_seconds`: its writes are conditional.
    """

    name: str
    run: Callable[[], object]
    every_seconds: float
    lease_seconds: int = 15


@dataclass(frozen=True, kw_only=True)
class PlayCheck:
    """What `check_invariants` judges for a game; `is_always` when it holds at any moment, else only when quiet.

    `find_offenders` yields one text an offender, beginning with what it is about, like "round 7".
    """

    name: str
    promise: str | Promise
    find_offenders: Callable[[], Iterator[str]]
    is_always: bool = False


class Play:
    """A game; a subclass sets the attributes and overrides the hooks that it needs.

    Each hook gets a batch of the outbox's messages about any orders or groups of the shop, not only the game's own,
    after the core has done its part with them, outside of any transaction, at least once and in any order: a hook finds
    its own rows by the ids in the payload, and its effect is repeatable. A hook that raises holds up nobody: the batch
    is written down for this game alone (topic `play.<code>.<hook>`), and comes again until the hook returns. A hook
    that isn't overridden isn't called, and costs nothing.
    """

    # Lower case letters, digits and underscores: the name of the folder.
    code: str
    title: str | Promise
    summary: str | Promise = ""
    # Whether it sells activities of its own: those with its code as `play`, to members whom it gives a pass
    # (trade/intake/passes.py).
    issues_passes: bool = False
    # Module of urlpatterns, mounted at /api/v1/plays/<code>/.
    urls: str | None = None
    # Where a member's own rounds are listed, below that address; one of them is at its id below this one.
    rounds: str = "rounds/"
    jobs: Sequence[PlayJob] = ()
    # Name of an own message → its handler; `topic()` is what the outbox calls it.
    handlers: Mapping[str, Handler] = {}
    checks: Sequence[PlayCheck] = ()
    # Validates a campaign's rules; its cleaned data is JSON and is what a campaign keeps.
    rule_form: type[forms.Form] | None = None
    # How simulations and the demo play it; None: they leave it out.
    story: Story | None = None
    # State in which rounds end → what operators call it; rounds are counted when they start and when they end.
    endings: Mapping[str, str | Promise] = {}
    # The figure whose share of the started rounds is their conversion.
    converts_by: str = BOUGHT
    # What it counts beside what is counted of all games (pgs_web/plays/figures).
    own_figures: Sequence[OwnFigure] = ()

    def topic(self, name: str) -> str:
        """The outbox's topic of an own message."""
        return topic_of(self.code, name)

    def overrides(self, hook: str) -> bool:
        """Whether the game has a hook of its own."""
        return getattr(type(self), hook) is not getattr(Play, hook)

    def entrance(self) -> str | None:
        """Where a shopper begins, below /api/v1/plays/<code>/; None when there is nothing to enter by."""
        return None

    def read_shared(self, share_code: str) -> Card:
        """The round behind a shared link, as everybody sees it; raises pgs_web.api.errors.NotFound, or an outage.

        Who overrides it has pages: see pgs_web/plays/cards.py.
        """
        raise NotImplementedError

    def judge_change(self, *, before: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, str | Promise]:
        """Why a campaign with the rules `before` can't go on with `after`, by field; both are good by themselves."""
        return {}

    def preview(self, rules: Mapping[str, Any]) -> Sequence[PreviewLine]:
        """What rules, as `rule_form` cleaned them, will mean: shown to operators while they write. Changes nothing."""
        return ()

    def read_figures(self, campaign_ids: Sequence[int]) -> Mapping[int, Sequence[Figure]]:
        """Campaign → figures that aren't counted, such as an envelope's; the same few reads however many rounds.

        An outage that it raises is told to the operator, and hides no other figure.
        """
        return {}

    def on_order_created(self, messages: Sequence[Message]) -> None:
        """Orders are written down, UNPAID."""

    def on_order_paid(self, messages: Sequence[Message]) -> None:
        """Orders have money; their seats count or were lost, their units are sold."""

    def on_order_cancelled(self, messages: Sequence[Message]) -> None:
        """Orders have ended unpaid; seats and units are free."""

    def on_order_refunded(self, messages: Sequence[Message]) -> None:
        """Shoppers have their money back; seats and units are free."""

    def on_group_succeeded(self, messages: Sequence[Message]) -> None:
        """Groups are complete, their orders ship."""

    def on_group_failed(self, messages: Sequence[Message]) -> None:
        """Groups have come to nothing, their orders are being cancelled and refunded."""


def topic_of(code: str, name: str) -> str:
    """What the outbox calls a game's message; `play.*` is the games' part of the topics."""
    return f"play.{code}.{name}"


def code_of_topic(topic: str) -> str:
    """The code of the game that a topic of `topic_of` belongs to."""
    return topic.split(".")[1] if topic.count(".") > 1 else ""
