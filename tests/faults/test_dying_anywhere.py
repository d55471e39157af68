"""`kill -9` between any two steps of pay, cancel, late payment, failure and refund, and of the rarer stories of rescue,
after-sale, withdrawal, extension, archive and a day's books: the books still agree.

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
from pgs_web.display.activity.models import Activity
from pgs_web.trade.order.services import mark_paid
from pgs_web.trade.stock.tests.making import make_sale
from tests.faults.dying import survives
from tests.faults.rarer_stories import RARER_STORIES
from tests.faults.stories import (
    Deadline,
    FailedGroup,
    LastPayment,
    LatePayment,
    Scene,
    Story,
    ThreeCauses,
    place_scenes,
)

MOST_STEPS = 400
# `make test` looks at every so manieth point, `make test-alone` at all of them.
SAMPLED = 9
pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow, pytest.mark.real]


@pytest.fixture(autouse=True)
def _no_grace(settings):
    settings.UNPAID_GRACE_SECONDS = 0
    settings.GROUP_EXPIRY_GRACE_SECONDS = 0


STORIES = (LastPayment(), Deadline(), LatePayment(), FailedGroup(), ThreeCauses(), *RARER_STORIES)
TOLD = pytest.mark.parametrize("story", STORIES, ids=lambda story: type(story).__name__)


def tell(story: Story, *, every: int = 1) -> None:
    """Tells the story with fresh orders, and one death later each time, until nobody dies."""
    shared = None if story.has_own_activity else make_activity()
    scenes: list[Scene] = []
    has_lived = False
    for step in range(1, MOST_STEPS, every):
        if not scenes:
            number = 1 if story.has_own_activity else story.told_together
            scenes = place_scenes(shared or make_activity(), story, number=number)
        scene = scenes.pop()
        story.prepare(scene)
        has_lived = survives(partial(story.act, scene), at=step)
        story.recover(scene)
        story.judge(scene)
        if has_lived:
            break
    assert has_lived, "the story doesn't end"
    assert step > 5, "hardly anything was counted"
    settle()
    assert broken() == {}


def make_activity() -> Activity:
    return make_sale(stock=10_000, group_size=2, member_limit=10_000, pay_within_seconds=3000)


@TOLD
def test_the_books_agree_where_it_dies_now_and_then(story: Story):
    tell(story, every=SAMPLED)


@TOLD
@pytest.mark.alone
@pytest.mark.timeout(1800)
def test_the_books_agree_wherever_it_dies(story: Story):
    tell(story)


@pytest.mark.parametrize("story", [FailedGroup(), LastPayment()], ids=lambda story: type(story).__name__)
def test_the_books_agree_wherever_redis_dies(story: Story, redis_server: RunningServer):
    """The process lives and its ledger is killed: every seventh step, because a server takes its time to come back."""
    activity = make_activity()
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
        tell(CarelessPayment())


def test_a_wish_that_cannot_be_read_stops_the_process(monkeypatch):
    monkeypatch.setenv("PGS_CRASH_AT", "soon")
    with pytest.raises(ValueError, match="PGS_CRASH_AT must be a step like 17"):
        install_wanted()
