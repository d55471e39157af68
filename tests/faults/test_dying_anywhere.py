"""`kill -9` between any two steps of pay, cancel, late payment, failure and refund: the books still agree.

Each story is told again and again with fresh orders, dying one step later each time, until it lives. What is left is
then finished by whoever works next: the gateway's repeated notice, the relay, the jobs of the clock.
"""

from functools import partial

import pytest

from pgs_data.clock import database_now
from pgs_data.crash_points import install_wanted
from pgs_data.private_servers.running import RunningServer
from pgs_data.sharding.slots import alias_of_id
from pgs_task.reconciliation.tests.making import broken, settle
from pgs_web.trade.order.services import mark_paid
from pgs_web.trade.stock.tests.making import make_sale
from tests.faults.dying import survives
from tests.faults.stories import STORIES, FailedGroup, LastPayment, Scene, Story, place_scenes

MOST_STEPS = 400
# Placed together, because draining costs as much for one as for many.
PLACED_TOGETHER = 20
pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow, pytest.mark.real]


@pytest.fixture(autouse=True)
def _no_grace(settings):
    settings.UNPAID_GRACE_SECONDS = 0
    settings.GROUP_EXPIRY_GRACE_SECONDS = 0


@pytest.mark.parametrize("story", STORIES, ids=lambda story: type(story).__name__)
def test_the_books_agree_wherever_it_dies(story: Story):
    activity = make_sale(stock=10_000, group_size=2, member_limit=10_000, pay_within_seconds=3000)
    scenes: list[Scene] = []
    for step in range(1, MOST_STEPS):
        if not scenes:
            scenes = place_scenes(activity, story, number=PLACED_TOGETHER)
        scene = scenes.pop()
        story.prepare(scene)
        has_lived = survives(partial(story.act, scene), at=step)
        story.recover(scene)
        story.judge(scene)
        if has_lived:
            break
    assert 10 < step < MOST_STEPS - 1, "hardly anything was counted, or the story doesn't end"
    settle()
    assert broken() == {}


@pytest.mark.parametrize("story", [FailedGroup(), LastPayment()], ids=lambda story: type(story).__name__)
def test_the_books_agree_wherever_redis_dies(story: Story, redis_server: RunningServer):
    """The process lives and its ledger is killed: every seventh step, because a server takes its time to come back."""
    activity = make_sale(stock=10_000, group_size=2, member_limit=10_000, pay_within_seconds=3000)
    killed = 0
    for step in range(5, MOST_STEPS, 7):
        (scene,) = place_scenes(activity, story, number=1)
        story.prepare(scene)
        if survives(partial(story.act, scene), at=step, victim=redis_server.pid):
            break
        killed += 1
        redis_server.restart()
        story.recover(scene)
        story.judge(scene)
    assert killed >= 3, "hardly anything was killed"
    settle()
    assert broken() == {}


class CarelessPayment(LastPayment):
    """Negative control: the order is paid in one transaction, the payment in the next."""

    def act(self, scene: Scene) -> None:
        order_id = scene.orders[1]
        assert mark_paid(order_id=order_id, paid_at=database_now(alias_of_id(order_id)))
        super().act(scene)


def test_a_gap_between_two_transactions_is_found():
    with pytest.raises(AssertionError):
        test_the_books_agree_wherever_it_dies(CarelessPayment())


def test_a_wish_that_cannot_be_read_stops_the_process(monkeypatch):
    monkeypatch.setenv("PGS_CRASH_AT", "soon")
    with pytest.raises(ValueError, match="PGS_CRASH_AT must be a step like 17"):
        install_wanted()
