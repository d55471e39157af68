"""Partitions on a Redis server of their own: whatever becomes of it, only its partitions know."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from pgs_data.private_servers.running import RunningServer
from pgs_data.private_servers.valkey import start_valkey
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import bucket_of, has_own_redis, partition_count, partition_of, partitions_of
from pgs_data.redis.tests.clusters import plain_client
from pgs_web.trade.intake.services import OrderRequest
from pgs_web.trade.order.models import OrderMode
from pgs_web.trade.receiving import news as news_module
from pgs_web.trade.stock.keys import stock_key
from pgs_web.trade.stock.lending import sweep_loans
from pgs_web.trade.stock.messages import SettleMovement, SettleReply
from pgs_web.trade.stock.selectors import read_holds, read_stock
from pgs_web.trade.stock.services import Settlement, settle_holds
from pgs_web.trade.stock.tests.making import make_sale
from pgs_web.trade.stock.tests.spreading import set_remains, spread_next

# Once, on the real servers: nothing here is about a database.
pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow, pytest.mark.real]

# The promise is a second; a busy machine's share is on top.
LONGEST_SECONDS = 2.0


@pytest.fixture(scope="module")
def other_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = start_valkey(tmp_path_factory.mktemp("other"))
    yield server
    server.kill()


@pytest.fixture
def other(other_server: RunningServer, settings, request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """Has every second partition, or every second four: every second bucket of what is spread."""
    plain_client(other_server.port).flushall()
    is_spread = "in_buckets" in request.node.name
    settings.LEDGER_PARTITION_URLS = {
        partition: other_server.url
        for partition in range(partition_count())
        if partition // (4 if is_spread else 1) % 2
    }
    settings.INTAKE_MEMBER_ORDERS_A_SECOND = 0
    if is_spread:
        spread_next(settings, 4)
    yield other_server
    other_server.resume()
    if not other_server.is_running():
        other_server.start()


@pytest.fixture
def api(other, api):
    return api


@pytest.fixture
def buy(other, buy):
    return buy


@pytest.fixture
def read(other, read):
    return read


def is_elsewhere(key) -> bool:
    return has_own_redis(partition_of(int(key)))


def code(response):
    return response.json().get("code", response.status_code)


def wait_until(happens, *, seconds=30):
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)


def stop(server: RunningServer, how: str) -> None:
    if how == "hangs":
        server.pause()
    else:
        server.kill()


def bring_back(server: RunningServer) -> None:
    server.resume()
    if not server.is_running():
        server.start()


@pytest.fixture
def two_of_each(shoppers):
    """Shoppers whose keys are claimed on the main server, and on the other one."""
    made = shoppers(24)
    near = [one for one in made if not is_elsewhere(one.member_id)]
    far = [one for one in made if is_elsewhere(one.member_id)]
    return near, far


def test_orders_of_both_servers(buy, read, other, two_of_each):
    (near, *_), (far, *_) = two_of_each
    activities = [make_sale(stock=4) for _ in range(16)]
    assert {is_elsewhere(activity.pk) for activity in activities} == {True, False}
    for activity in activities:
        for buyer in (near, far):
            answer = buy(buyer, activity, key=f"for-{activity.pk}")
            assert answer.status_code == 202
            order_id = int(answer.json()["order_id"])
            assert read(buyer, f"/api/v1/orders/{order_id}/").json()["state"] == "ACCEPTED"
            assert buy(buyer, activity, key=f"for-{activity.pk}").json()["order_id"] == str(order_id)
        assert (read_stock(activity.pk).remain, read_stock(activity.pk).lock) == (2, 2)
        released = [Settlement(activity.pk, order_id, SettleMovement.RELEASE)]
        assert settle_holds(settlements=released) == [SettleReply.APPLIED]
        assert read_holds([(activity.pk, order_id)])[order_id].state.name == "GIVEN_BACK"
    assert plain_client(other.port).dbsize() > 0


@pytest.mark.parametrize("how", ["hangs", "is dead"])
def test_one_server_that_is_away(buy, api, other, two_of_each, how):
    near, far = two_of_each
    sales = [make_sale(stock=1000, member_limit=1000) for _ in range(4)]
    sold_out = [make_sale(stock=1, member_limit=3) for _ in range(2)]
    memory = api.service.reception.desk.sold_out
    for activity in sold_out:
        assert buy(near[0], activity, key=f"last-{activity.pk}").status_code == 202
        assert code(buy(near[1], activity, key=f"too-late-{activity.pk}")) == "sold_out"
        wait_until(lambda activity=activity: activity.pk in memory._sales)
    here = next(activity for activity in sold_out if not is_elsewhere(activity.pk))
    stop(other, how)
    slowest = 0.0
    answers: Counter[tuple[bool, int]] = Counter()
    ends = time.monotonic() + 1.8 * news_module.FRESH_SECONDS
    turn = 0
    while time.monotonic() < ends:
        turn += 1
        for buyer in (near[2], far[2]):
            for activity in sales:
                started = time.monotonic()
                answer = buy(buyer, activity, key=f"during-{turn}-{activity.pk}")
                slowest = max(slowest, time.monotonic() - started)
                is_hurt = is_elsewhere(buyer.member_id) or is_elsewhere(activity.pk)
                answers[is_hurt, answer.status_code] += 1
        # From memory still, though the other server's news are silent.
        assert memory.refuses(request_of(near[3], here))
        time.sleep(0.02)
    assert {status for is_hurt, status in answers if not is_hurt} == {202}
    assert {status for is_hurt, status in answers if is_hurt} == {503}
    assert slowest < LONGEST_SECONDS
    bring_back(other)
    for buyer in (near[2], far[2]):
        for activity in sales:
            wait_until(lambda b=buyer, a=activity: buy(b, a, key=f"after-{a.pk}").status_code == 202)
    for activity in sold_out:
        assert code(buy(near[4], activity, key=f"later-{activity.pk}")) == "sold_out"


def request_of(shopper, activity):
    return OrderRequest(
        member_id=int(shopper.member_id),
        activity_id=activity.pk,
        quantity=1,
        address_id=int(shopper.address_id),
        group_id=None,
        mode=OrderMode.GROUP,
        idempotency_key="memory",
    )


@pytest.mark.parametrize("how", ["hangs", "is dead"])
def test_in_buckets_on_both_servers(buy, other, shoppers, how):
    """The buckets that can be reached lend to each other, past those that can't; nobody says sold out for these."""
    sales = (make_sale(stock=5, member_limit=3) for _ in range(8))
    activity = next(sale for sale in sales if not is_elsewhere(sale.pk))
    first, _away, second, _away = partitions_of(activity.pk)
    assert [has_own_redis(partition) for partition in partitions_of(activity.pk)] == [False, True, False, True]
    set_remains(activity, [0, 2, 2, 1])
    buyers = [one for one in shoppers(32) if bucket_of(activity.pk, one.member_id) == 0]
    buyers = [one for one in buyers if not is_elsewhere(one.member_id)]
    stop(other, how)
    # Those behind the first one don't wait for the server that hangs.
    wait_until(lambda: buy(buyers[0], activity).status_code == 202)
    assert buy(buyers[1], activity).status_code == 202
    assert (remain_in(activity, first), remain_in(activity, second)) == (0, 0)
    assert {code(buy(buyers[2], activity)) for _ in range(3)} == {"unavailable"}
    bring_back(other)
    wait_until(lambda: buy(buyers[2], activity).status_code == 202)
    for _ in range(2):
        sweep_loans()
    assert buy(buyers[3], activity, quantity=2).status_code == 202
    assert code(buy(buyers[0], activity, key="late")) == "sold_out"
    assert (read_stock(activity.pk).remain, read_stock(activity.pk).lock) == (0, 5)


def remain_in(activity, partition):
    return int(ledger(partition).hget(stock_key(activity.pk, partition), "remain"))
