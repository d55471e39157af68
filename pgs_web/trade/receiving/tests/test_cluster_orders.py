"""Orders through a receiving service on a Redis Cluster of three nodes."""

import time
from collections import Counter
from datetime import timedelta

import pytest

from pgs_data.private_servers.running import RunningServer
from pgs_data.redis.partitions import partition_of, partitions_of
from pgs_data.redis.tests.clusters import plain_client
from pgs_data.redis.tests.test_cluster import cluster, clustered  # noqa: F401  # fixtures
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
