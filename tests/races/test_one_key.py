"""One key sent 50 times at once is one order; with other bodies mixed in, one body wins and is one order.

The orders go through four receiving services beside each other, as through four web processes.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from pgs_data.redis.partitions import partition_of
from pgs_web.api.errors import Refusal
from pgs_web.display.activity.models import Activity
from pgs_web.member.services.mass_creation import CreatedMember, create_members
from pgs_web.trade.intake.messages import ClaimReply
from pgs_web.trade.intake.services import OrderRequest, PlacedOrder
from pgs_web.trade.intake.tests.making import documents_of
from pgs_web.trade.order.models import OrderMode
from pgs_web.trade.receiving.desk import Desk
from pgs_web.trade.receiving.passages import Outcome, Passage
from pgs_web.trade.receiving.tests.asgi_client import receiving_service
from pgs_web.trade.stock.selectors import read_stock
from pgs_web.trade.stock.tests.making import make_sale
from tests.races.meeting import meet

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

TIMES = 50
SERVICES = 4

# Sends an order and gives its outcome.
Send = Callable[[OrderRequest], Outcome]


@pytest.fixture
def shopper() -> CreatedMember:
    return next(iter(create_members(count=1, prefix="racer")))


@pytest.fixture
def send() -> Iterator[Send]:
    """Sends an order to the next of the services, by turns."""
    with ExitStack() as stack:
        opened = [stack.enter_context(receiving_service(shares_connections=False)) for _ in range(SERVICES)]
        turns = itertools.cycle([(thread, service.reception.desk) for thread, service in opened])

        def send_one(request: OrderRequest) -> Outcome:
            thread, desk = next(turns)
            outcome: Outcome = thread.run(wait_for(desk, request))
            return outcome

        yield send_one


async def wait_for(desk: Desk, request: OrderRequest) -> Outcome:
    return await desk.take(request)


def place(send: Send, shopper: CreatedMember, activity: Activity, *, quantity: int = 1) -> Callable[[], str]:
    """Sends the order; the order id, or the code of the refusal."""
    request = OrderRequest(
        member_id=shopper.member_id,
        activity_id=activity.pk,
        quantity=quantity,
        address_id=shopper.address_id,
        group_id=None,
        mode=OrderMode.GROUP,
        idempotency_key="the-one-key",
    )

    def act() -> str:
        outcome = send(request)
        if isinstance(outcome, PlacedOrder):
            return str(outcome.order_id)
        assert isinstance(outcome, Refusal), outcome
        return outcome.code

    return act


def locked(activity: Activity) -> int:
    stock = read_stock(activity.pk)
    assert stock is not None
    return stock.lock


@pytest.mark.slow
def test_50_times_the_same(send: Send, shopper: CreatedMember) -> None:
    for _round in range(5):
        activity = make_sale(stock=100, member_limit=100)
        shopper = next(iter(create_members(count=1, prefix="racer")))
        answers = Counter(meet(*[place(send, shopper, activity)] * TIMES))
        assert len(answers) == 1
        assert next(iter(answers)).isdecimal()
        assert locked(activity) == 1
        assert len(documents_of(activity)) == 1


def check_one_body_won(answers: list[str], activities: list[Activity]) -> None:
    orders = {answer for answer in answers if answer.isdecimal()}
    assert len(orders) == 1
    assert set(answers) - orders == {"idempotency_key_reused"}
    assert sum(len(documents_of(activity)) for activity in activities) == 1


def test_other_quantities_at_once(send: Send, shopper: CreatedMember) -> None:
    activity = make_sale(stock=100, member_limit=100)
    answers = meet(*(place(send, shopper, activity, quantity=number % 5 + 1) for number in range(TIMES)))
    check_one_body_won(answers, [activity])
    assert Counter(answers)["idempotency_key_reused"] == TIMES - TIMES // 5
    assert 1 <= locked(activity) <= 5


def test_other_activities_at_once(send: Send, shopper: CreatedMember) -> None:
    activities = [make_sale(stock=100, member_limit=100) for _ in range(5)]
    assert len({partition_of(activity.pk) for activity in activities}) == 5
    answers = meet(*(place(send, shopper, activities[number % 5]) for number in range(TIMES)))
    check_one_body_won(answers, activities)
    assert sorted(locked(activity) for activity in activities) == [0, 0, 0, 0, 1]


def test_the_race_sees_a_key_that_is_not_claimed(
    send: Send, shopper: CreatedMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = Desk._learn_claim

    def believe(desk: Desk, passage: Passage, claimed: Any) -> None:
        learn(desk, passage, type(claimed)(ClaimReply.NEW, passage.claim.order_id))

    monkeypatch.setattr(Desk, "_learn_claim", believe)
    activities = [make_sale(stock=100, member_limit=100) for _ in range(2)]
    answers = meet(*(place(send, shopper, activities[number % 2]) for number in range(TIMES)))
    with pytest.raises(AssertionError):
        check_one_body_won(answers, activities)
