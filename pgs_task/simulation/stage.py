"""Sets the stage: a campaign and its activity for each game, and an activity for the orders of every day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from pgs_data.clock import database_now
from pgs_task.replay.stage import put_on_sale
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.rules import ActivityRules
from pgs_web.display.activity.services import create_activity, submit_for_review
from pgs_web.display.activity.states import ActivityState, LeaderLeaves
from pgs_web.plays.errors import BadRules
from pgs_web.plays.models import Campaign
from pgs_web.plays.registry import all_plays
from pgs_web.plays.services import create_campaign
from pgs_web.plays.stories import Offer, Story
from pgs_web.trade.stock.sales import advance_sales
from pgs_web.trade.stock.trial_sku import get_test_sku

ACTOR = "simulation"
STOCK = 100_000
# One that is over sooner isn't used again.
LASTS_AT_LEAST = timedelta(days=1)
LASTS = timedelta(days=7)
# What members buy at the end of a day, without any game.
EVERY_DAY = Offer(price_fen=2390, alone_price_fen=2990)


class BadStory(RuntimeError):
    """A game's story doesn't fit the game."""


@dataclass(frozen=True, kw_only=True)
class OpenGame:
    """A game that can be played now."""

    code: str
    story: Story
    campaign_id: str
    activity_id: str


@dataclass(frozen=True, kw_only=True)
class Stage:
    games: Mapping[str, OpenGame]
    activity_id: str


def told_games() -> dict[str, Story]:
    """Code → story of every game that is on and tells how it is played."""
    return {play.code: play.story for play in all_plays() if play.story is not None}


def set_games(*, title: str, minutes: int) -> Stage:
    """Makes the activities and campaigns of this title, or takes those that are there and last a day more.

    Dies in between: what was made is found, or stays unused. Raises BadStory, and what the services raise.
    """
    return Stage(
        games={code: _open_game(code, story, title=title, minutes=minutes) for code, story in told_games().items()},
        activity_id=str(_find_activity(f"{title} shop") or _make_activity(f"{title} shop", EVERY_DAY, minutes=minutes)),
    )


def _open_game(code: str, story: Story, *, title: str, minutes: int) -> OpenGame:
    name = f"{title} {code}"
    activity_id = _find_activity(name)
    campaigns = Campaign.objects.filter(code=code, title=name, closed_at=None).order_by("-pk")
    campaign = campaigns.first() if activity_id else None
    if activity_id is None or campaign is None:
        activity_id = _make_activity(name, story.offer(), minutes=minutes)
        rules = story.rules(activity_id=activity_id, minutes=minutes)
        try:
            campaign = create_campaign(code=code, title=name, rules=rules, author=ACTOR, reason="to be played")
        except BadRules as error:
            said = "; ".join(f"{problem.field}: {problem.detail}" for problem in error.errors)
            raise BadStory(f"The story of {code} has rules that its own form refuses: {said}") from error
    return OpenGame(code=code, story=story, campaign_id=str(campaign.pk), activity_id=str(activity_id))


def _find_activity(title: str) -> int | None:
    lasting = Activity.objects.filter(state=ActivityState.RUNNING, ends_at__gt=database_now("default") + LASTS_AT_LEAST)
    return lasting.filter(title=title).order_by("-pk").values_list("pk", flat=True).first()


def _make_activity(title: str, offer: Offer, *, minutes: int) -> int:
    starts_at = database_now("default")
    activity = create_activity(
        sku_id=get_test_sku(price_fen=offer.alone_price_fen).pk,
        rules=ActivityRules(
            title=title,
            title_en=title,
            play=offer.play,
            price_fen=offer.price_fen,
            alone_price_fen=offer.alone_price_fen,
            stock_total=STOCK,
            starts_at=starts_at,
            ends_at=starts_at + LASTS,
            group_size=offer.group_size,
            new_seats=offer.new_seats,
            leader_leaves=(LeaderLeaves.CLOSE if offer.new_seats else LeaderLeaves.SUCCESSION).value,
            member_limit=offer.member_limit,
            group_lasts_seconds=minutes * 60,
            pay_within_seconds=minutes * 60,
        ),
        actor=ACTOR,
    )
    submit_for_review(activity_id=activity.pk, actor=ACTOR)
    put_on_sale(activity.pk, actor=ACTOR)
    # It may not wait for the clock: rules are judged by an activity that runs.
    advance_sales()
    return int(activity.pk)
