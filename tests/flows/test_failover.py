"""A ledger on a Redis Cluster whose primaries die while shoppers order: answers in time, recovery, nothing lost.

The servers have replicas, one of which is promoted when its primary is killed.
"""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from pgs_data.private_servers.running import RunningServer
from pgs_data.redis.connections import RedisUnavailable, blocking
from pgs_data.redis.partitions import partition_count, partition_of, tag
from pgs_data.redis.tests.clusters import count_replicas, plain_client, running_cluster, wait_for
from pgs_task.order_drain.loops import drain_once
from pgs_web.display.activity.models import Activity
from pgs_web.member.services.mass_creation import CreatedMember, create_members
from pgs_web.trade.order.models import Order
from pgs_web.trade.receiving.application import ReceivingService
from pgs_web.trade.receiving.tests.asgi_client import LoopThread, OrderAnswer, ask, receiving_service
from pgs_web.trade.stock.messages import SettleMovement, SettleReply
from pgs_web.trade.stock.selectors import read_holds
from pgs_web.trade.stock.services import Settlement, settle_holds
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = [
    pytest.mark.django_db(databases="__all__", transaction=True),
    *(pytest.mark.slow, pytest.mark.real, pytest.mark.alone),
]

# The first primary's share is the one that fails; it has a replica to spare.
REPLICAS = (2, 1, 1)
SHOPPERS = 24
# The promise is a second; a busy machine's share is on top. Nobody waits for the promotion, which takes longer.
LONGEST_SECONDS = 2.0


@dataclass
class Shard:
    """The partitions that are on the first primary; who serves them changes with each promotion."""

    servers: list[RunningServer]
    partitions: list[int] = field(default_factory=list)

    def read_ports(self, partition: int) -> list[int]:
        """Of the partition's primary, then of its replicas, as a living server says."""
        client = plain_client(next(server.port for server in self.servers if server.is_running()))
        slot = client.execute_command("CLUSTER KEYSLOT", tag(partition))
        ranges: Any = client.execute_command("CLUSTER", "SLOTS")
        return next([int(node[1]) for node in nodes] for first, last, *nodes in ranges if first <= slot <= last)

    def find_servers(self) -> list[RunningServer]:
        """The primary, then its replicas, as it knows them itself: others hear of a new one later."""
        primary = self.read_ports(self.partitions[0])[0]
        facts: Any = plain_client(primary).info("replication")
        assert facts["role"] == "master"
        ports = [primary, *(facts[f"slave{number}"]["port"] for number in range(facts["connected_slaves"]))]
        return [next(server for server in self.servers if server.port == port) for port in ports]

    def wait_for_replicas(self) -> None:
        """Until every replica has all that the primary holds: one order's answer waited for one of them only."""

        def has_all() -> bool:
            pipeline = plain_client(self.find_servers()[0].port).pipeline(transaction=False)
            pipeline.set(f"{tag(self.partitions[0])}:try", 1)
            pipeline.execute_command("WAIT", REPLICAS[0], 1000)
            return bool(pipeline.execute()[1] == REPLICAS[0])

        wait_for("replicas have everything", has_all)

    def wait_for_promotion(self, dead: RunningServer) -> int:
        """The port of the server that takes the shard's writes now."""

        def find() -> int | None:
            port = self.read_ports(self.partitions[0])[0]
            return port if port != dead.port and plain_client(port).set(f"{tag(self.partitions[0])}:try", 1) else None

        port: int = wait_for("a replica is promoted", find, seconds=30)
        return port

    def heal(self) -> None:
        """Starts what is dead, as a supervisor would, and waits until every primary has its replicas again."""
        for server in self.servers:
            server.resume()
            if not server.is_running():
                server.start()
        wait_for(
            "replicas follow", lambda: sum(count_replicas(server.port) for server in self.servers) == sum(REPLICAS)
        )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shard]:
    folder = tmp_path_factory.mktemp("failing")
    with running_cluster(folder, replicas=REPLICAS, node_timeout_ms=1000) as servers:
        shard = Shard(servers)
        first = servers[0].port
        shard.partitions = [
            partition for partition in range(partition_count()) if shard.read_ports(partition)[0] == first
        ]
        yield shard


@pytest.fixture
def shard(cluster: Shard, settings, request: pytest.FixtureRequest) -> Iterator[Shard]:
    """The ledger is on the cluster, which is empty and whole."""
    cluster.heal()
    for partition in range(partition_count()):
        plain_client(cluster.read_ports(partition)[0]).flushall()
    # Of a server that no test kills: a process that starts while its first address is dead knows no other.
    settings.REDIS_URLS = {
        **settings.REDIS_URLS,
        "ledger": cluster.servers[1].url.replace("redis://", "redis+cluster://"),
    }
    settings.INTAKE_MEMBER_ORDERS_A_SECOND = 0
    settings.LEDGER_REPLICAS_AWAITED = getattr(request, "param", 1)
    yield cluster
    for server in cluster.servers:
        server.resume()


@dataclass
class Shop:
    """Orders through a receiving service."""

    thread: LoopThread
    service: ReceivingService

    async def order(self, shopper: CreatedMember, activity: Activity, *, key: str) -> OrderAnswer:
        body = {"activity_id": str(activity.pk), "quantity": 1, "address_id": str(shopper.address_id)}
        headers = {
            "host": "testserver",
            "authorization": f"Bearer {shopper.access}",
            "content-type": "application/json",
            "idempotency-key": key,
        }
        return await ask(
            self.service,
            body=json.dumps(body).encode(),
            headers=[(name.encode(), value.encode()) for name, value in headers.items()],
        )

    def place(self, shopper: CreatedMember, activity: Activity, *, key: str) -> OrderAnswer:
        answer: OrderAnswer = self.thread.run(self.order(shopper, activity, key=key))
        return answer


@pytest.fixture
def shop(shard: Shard) -> Iterator[Shop]:
    with receiving_service(shares_connections=False) as (thread, service):
        yield Shop(thread, service)


def make_activity_in(partitions: list[int]) -> Activity:
    while True:
        activity = make_sale(stock=1_000_000, member_limit=100_000)
        if partition_of(activity.pk) in partitions:
            return activity


@dataclass
class Load:
    """Shoppers who order one thing after the other, in turns of all activities."""

    shop: Shop
    activities: list[Activity]
    accepted: dict[int, int] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)
    # When the last order of each activity was accepted.
    last_at: dict[int, float] = field(default_factory=dict)
    slowest: float = 0.0
    is_over: bool = False

    async def run(self, shoppers: list[CreatedMember]) -> None:
        await asyncio.gather(*(self._order(place, shopper) for place, shopper in enumerate(shoppers)))

    async def _order(self, place: int, shopper: CreatedMember) -> None:
        turn = 0
        while not self.is_over:
            turn += 1
            activity = self.activities[(place + turn) % len(self.activities)]
            started = time.monotonic()
            answer = await self.shop.order(shopper, activity, key=f"k{turn}")
            self.slowest = max(self.slowest, time.monotonic() - started)
            self.answers[answer.status_code] += 1
            if answer.status_code == 202:
                self.accepted[int(answer.json()["order_id"])] = activity.pk
                self.last_at[activity.pk] = time.monotonic()
            await asyncio.sleep(0.02)


@contextlib.contextmanager
def under_load(shop: Shop, shoppers: list[CreatedMember], activities: list[Activity]) -> Iterator[Load]:
    load = Load(shop, activities)
    running = asyncio.run_coroutine_threadsafe(load.run(shoppers), shop.thread.loop)
    try:
        yield load
    finally:
        load.is_over = True
        running.result(30)


def test_a_primary_dies_at_full_load(shard: Shard, shop: Shop):
    others = [partition for partition in range(partition_count()) if partition not in shard.partitions]
    activities = [make_activity_in([partition]) for partition in (*shard.partitions[:2], *others[:2])]
    shoppers = list(create_members(count=SHOPPERS, prefix="failover"))
    dead = shard.find_servers()[0]
    with under_load(shop, shoppers, activities) as load:
        wait_for("orders of all", lambda: len(load.last_at) == len(activities))
        early = list(load.accepted)[:50]
        dead.kill()
        shard.wait_for_promotion(dead)
        promoted_at = time.monotonic()
        wait_for("all are sold again", lambda: min(load.last_at.values()) > promoted_at, seconds=10)
    # By itself, and nobody waited for it.
    assert set(load.answers) == {202, 503}
    assert load.slowest < LONGEST_SECONDS
    # A blocking client learns of the promotion by an error, once.
    pairs = [(activity_id, order_id) for order_id, activity_id in load.accepted.items()]
    holds = wait_for("holds are read", lambda: read_holds(pairs))
    assert set(holds) == set(load.accepted)
    # The blocking client of the settlements, and the drain, whose connections were of the dead server.
    settlements = [Settlement(load.accepted[order_id], order_id, SettleMovement.RELEASE) for order_id in early]
    assert set(wait_for("they settle", lambda: settle_holds(settlements=settlements))) == {SettleReply.APPLIED}
    drain_all(load.accepted, partitions=range(partition_count()))


def test_drain_and_settlements_meet_a_failover(shard: Shard, shop: Shop):
    activity = make_activity_in(shard.partitions)
    (shopper,) = create_members(count=1, prefix="settled")
    order_ids = []
    for number in range(20):
        answer = shop.place(shopper, activity, key=f"k{number}")
        assert answer.status_code == 202
        order_ids.append(int(answer.json()["order_id"]))
    settlements = [Settlement(activity.pk, order_id, SettleMovement.RELEASE) for order_id in order_ids]
    assert settle_holds(settlements=settlements[:5]) == [SettleReply.APPLIED] * 5
    dead = shard.find_servers()[0]
    # The node that redis-py asks for the keys of commands on streams (LedgerCluster).
    reader: Any = blocking("ledger", shard.partitions[0], block_ms=1)
    reader.set_default_node(reader.get_node_from_key(tag(shard.partitions[0])))
    dead.kill()
    # Never anything but an outage, until it works.
    replies: list[SettleReply] = []
    deadline = time.monotonic() + 30
    while not replies:
        assert time.monotonic() < deadline
        with contextlib.suppress(*RedisUnavailable):
            replies = settle_holds(settlements=settlements)
    # What was answered before the kill is known to the promoted one.
    assert replies[:5] == [SettleReply.REPEATED] * 5
    assert set(replies) == {SettleReply.REPEATED, SettleReply.APPLIED}
    drain_all(order_ids, partitions=shard.partitions)


@pytest.mark.parametrize("shard", [1, 0], indirect=True, ids=["awaited", "not awaited"])
def test_an_order_that_no_replica_has(shard: Shard, shop: Shop, settings):
    """Replicas that lag; their primary dies; one of them is promoted. With 0: what the setting is for."""
    activity = make_activity_in(shard.partitions)
    shopper = next(
        member
        for member in create_members(count=partition_count(), prefix="lagging")
        if partition_of(member.member_id) not in shard.partitions
    )
    assert shop.place(shopper, activity, key="before").status_code == 202
    # Else the promoted one may not even know the activity, or a third server takes the order that none shall have.
    shard.wait_for_replicas()
    primary, *replicas = shard.find_servers()
    assert len(replicas) == REPLICAS[0]
    for replica in replicas:
        replica.pause()
    # Else the kernel would keep for them what they didn't read.
    plain_client(primary.port).execute_command("CLIENT", "KILL", "TYPE", "replica")
    answer = shop.place(shopper, activity, key="lost")
    primary.kill()
    for replica in replicas:
        replica.resume()
    shard.wait_for_promotion(primary)
    if settings.LEDGER_REPLICAS_AWAITED:
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
    else:
        # Negative control: it was promised, and it is gone.
        assert answer.status_code == 202
        order_id = int(answer.json()["order_id"])
        assert wait_for("they are read", lambda: [read_holds([(activity.pk, order_id)])]) == [{}]
    # The same request again, as its shopper was told to.
    again = wait_for("it is taken", lambda: _place_surely(shop, shopper, activity))
    assert wait_for("it is there", lambda: read_holds([(activity.pk, int(again.json()["order_id"]))]))


def drain_all(order_ids: Collection[int], *, partitions: Iterable[int]) -> None:
    """Until each of the orders is a row."""

    def is_through() -> bool:
        with contextlib.suppress(*RedisUnavailable):
            drain_once(partitions=list(partitions), claim_idle_ms=1)
        return {order.pk for order in Order.objects.for_ids(order_ids)} == set(order_ids)

    wait_for("the orders are rows", is_through, seconds=30)


def _place_surely(shop: Shop, shopper: CreatedMember, activity: Activity) -> OrderAnswer | None:
    answer = shop.place(shopper, activity, key="lost")
    assert answer.status_code in {202, 503}
    return answer if answer.status_code == 202 else None
