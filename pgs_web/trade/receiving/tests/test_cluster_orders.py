"""Orders through receiving services on a Redis Cluster of three nodes."""

import asyncio
import json
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from pgs_data.private_servers.running import RunningServer
from pgs_data.redis.partitions import partition_of, partitions_of
from pgs_data.redis.tests.clusters import plain_client
from pgs_data.redis.tests.test_cluster import cluster, clustered  # noqa: F401  # fixtures
from pgs_web.trade.intake.messages import ClaimReply
from pgs_web.trade.receiving.desk import Desk
from pgs_web.trade.receiving.tests.asgi_client import ask, receiving_service
from pgs_web.trade.stock.selectors import read_stock
from pgs_web.trade.stock.tests.making import make_sale
from pgs_web.trade.stock.tests.spreading import remains, spread_next

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]


@pytest.fixture
def spread(request, settings):
    """Activities of the tests that ask for it are sold from eight buckets."""
    if "in_buckets" in request.node.name:
        spread_next(settings, 8)


@pytest.fixture
def buy(clustered, buy):  # noqa: F811
    """Only once the settings say where the cluster is."""
    return buy


@pytest.fixture
def api(clustered, spread, api):  # noqa: F811
    return api


def test_orders_of_every_partition(clustered: list[RunningServer], shoppers, buy):  # noqa: F811
    activities = [make_sale(stock=5, lasts=timedelta(hours=1)) for _ in range(16)]
    assert len({partition_of(activity.pk) for activity in activities}) == 16
    buyers = shoppers(6)
    answers = Counter(
        buy(buyer, activity, key=f"for-{activity.pk}").status_code for activity in activities for buyer in buyers
    )
    assert answers == {202: 80, 409: 16}
    for activity in activities:
        assert (read_stock(activity.pk).remain, read_stock(activity.pk).lock) == (0, 5)
    assert all(plain_client(server.port).dbsize() > 0 for server in clustered)
    again = buy(buyers[0], activities[0], key=f"for-{activities[0].pk}")
    assert again.status_code == 202


def test_a_node_that_hangs_is_503_for_its_partitions_only(clustered: list[RunningServer], shoppers, buy):  # noqa: F811
    activities = [make_sale(stock=9, lasts=timedelta(hours=1)) for _ in range(16)]
    (buyer,) = shoppers(1)
    assert {buy(buyer, activity, key=f"before-{activity.pk}").status_code for activity in activities} == {202}
    clustered[2].pause()
    try:
        seconds: list[float] = []
        answers: Counter[int] = Counter()
        for activity in activities:
            started = time.monotonic()
            answers[buy(buyer, activity, key=f"during-{activity.pk}").status_code] += 1
            seconds.append(time.monotonic() - started)
    finally:
        clustered[2].resume()
    # One member, one home: if its node is the one that hangs, nobody gets through.
    assert answers[503] > 0
    assert max(seconds) < 3
    deadline = time.monotonic() + 10
    for activity in activities:
        while buy(buyer, activity, key=f"during-{activity.pk}").status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_an_activity_in_buckets_on_all_nodes(clustered: list[RunningServer], shoppers, buy):  # noqa: F811
    activity = make_sale(stock=10, member_limit=2, lasts=timedelta(hours=1))
    assert len(set(partitions_of(activity.pk))) == 8
    buyers = shoppers(12)
    answers = Counter(buy(buyer, activity).status_code for buyer in buyers)
    assert answers == {202: 10, 409: 2}
    assert (read_stock(activity.pk).remain, read_stock(activity.pk).lock) == (0, 10)
    assert remains(activity) == [0] * 8


@pytest.fixture
def race(api):
    """race([(shopper, activity, key, fields)]) → (status, order id or code) of each, over two services at once."""

    def body_of(shopper, activity, fields):
        return json.dumps(
            {"activity_id": str(activity.pk), "address_id": str(shopper.address_id), "quantity": 1, **fields}
        ).encode()

    async def send(service, orders):
        return await asyncio.gather(
            *(
                ask(
                    service,
                    body=body_of(shopper, activity, fields),
                    headers=[
                        *((b"host", b"testserver"), (b"content-type", b"application/json")),
                        *((b"authorization", f"Bearer {shopper.access}".encode()), (b"idempotency-key", key.encode())),
                    ],
                )
                for shopper, activity, key, fields in orders
            )
        )

    with receiving_service() as (other_thread, other_service):

        def send_all(orders):
            services = ((api.thread, api.service), (other_thread, other_service))
            under_way = [
                asyncio.run_coroutine_threadsafe(send(service, orders[place::2]), thread.loop)
                for place, (thread, service) in enumerate(services)
            ]
            answers = [answer for sent in under_way for answer in sent.result(60)]
            return Counter(
                (answer.status_code, answer.json().get("order_id") or answer.json()["code"]) for answer in answers
            )

        yield send_all


def test_two_services_want_the_last_units_and_seats(clustered: list[RunningServer], shoppers, buy, race):  # noqa: F811
    leader, *others = shoppers(31)
    lasts = timedelta(hours=1)
    activities = [make_sale(stock=1, lasts=lasts) for _ in range(6)]
    group_sale = make_sale(stock=50, group_size=2, lasts=lasts)
    group_id = buy(leader, group_sale).json()["group_id"]
    orders: list[Any] = [(other, activity, f"unit-{activity.pk}", {}) for other in others for activity in activities]
    orders += [(other, group_sale, "seat", {"group_id": group_id}) for other in others]
    answers = race(orders)
    assert answers.pop((409, "sold_out")) == 29 * 6
    assert answers.pop((409, "group_full")) == 29
    assert len(answers) == answers.total() == 7
    assert {status for status, _order_id in answers} == {202}
    assert [(read_stock(one.pk).remain, read_stock(one.pk).lock) for one in activities] == [(0, 1)] * 6
    assert read_stock(group_sale.pk).lock == 2


@pytest.mark.parametrize("is_claimed", [True, False], ids=["claimed", "negative control"])
def test_two_services_get_one_key(clustered: list[RunningServer], shoppers, race, monkeypatch, is_claimed):  # noqa: F811
    """The same order sixteen times, and the same key for five other activities, on all nodes, at once."""
    if not is_claimed:
        learn = Desk._learn_claim
        monkeypatch.setattr(
            Desk,
            "_learn_claim",
            lambda desk, passage, claimed: learn(desk, passage, type(claimed)(ClaimReply.NEW, passage.claim.order_id)),
        )
    activities = [make_sale(stock=50, member_limit=50, lasts=timedelta(hours=1)) for _ in range(6)]
    (shopper,) = shoppers(1)
    answers = race([(shopper, activity, "the-key", {}) for activity in activities for _ in range(16)])
    locked = [read_stock(activity.pk).lock for activity in activities]
    is_one = sorted(answers.values()) == [16, 80] and answers[422, "idempotency_key_reused"] == 80 and sum(locked) == 1
    assert is_one is is_claimed, (answers, locked)
