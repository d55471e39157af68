"""Lanes: many streams become few transactions, and a node that is behind keeps nobody waiting."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from pgs_data.messaging.bisecting import Outcome
from pgs_task.order_drain import dispatcher
from pgs_task.order_drain.dispatcher import Dispatcher
from pgs_task.order_drain.facts import OrderFacts
from pgs_task.order_drain.persisting import Part

# No database is asked: `write_node` and the question whether a node is back are the tests' own.
PATIENCE = 0.2


class Nodes:
    """Three nodes that do as they are told, and remember how many orders each transaction had."""

    def __init__(self) -> None:
        self.transactions: dict[str, list[int]] = {"a": [], "b": [], "c": []}
        self.seconds = dict.fromkeys("abc", 0.0)
        self.away: set[str] = set()
        self.frozen: dict[str, threading.Event] = {}

    def write(self, alias: str, parts: list[Part]) -> Outcome[Part]:
        if alias in self.frozen:
            self.frozen[alias].wait(60)
        time.sleep(self.seconds[alias])
        if alias in self.away:
            return Outcome(met_outage=True, put_off=[(part, "gone") for part in parts])
        self.transactions[alias].append(len(parts))
        return Outcome(done=list(parts))


class FakeConnections(dict):
    def close_all(self) -> None:
        pass


class FakeConnection:
    def __init__(self, nodes: Nodes, alias: str) -> None:
        self.nodes, self.alias = nodes, alias

    def cursor(self) -> "FakeConnection":
        if self.alias in self.nodes.away:
            raise OSError("still away")
        return self

    def __enter__(self) -> "FakeConnection":
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def execute(self, _statement: str) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch, settings) -> Nodes:
    settings.DRAIN_PATIENCE_SECONDS = PATIENCE
    nodes = Nodes()
    monkeypatch.setattr(dispatcher, "write_node", nodes.write)
    monkeypatch.setattr(dispatcher, "close_old_connections", lambda: None)
    monkeypatch.setattr(dispatcher, "PROBE_SECONDS", 0.05)
    fakes = FakeConnections({alias: FakeConnection(nodes, alias) for alias in "abc"})
    monkeypatch.setattr(dispatcher, "connections", fakes)
    return nodes


@pytest.fixture
def lanes(nodes: Nodes) -> Iterator[Dispatcher]:
    with Dispatcher(["a", "b", "c"]) as running:
        yield running
        for event in nodes.frozen.values():
            event.set()
    assert not running.is_well()


def make_parts(count: int, *, first: int = 1) -> list[Part]:
    return [
        Part(
            OrderFacts(
                id=number, member_id=1, activity_id=1, sku_id=1, merchant_id=1, group=None, quantity=1,
                unit_price_fen=1, amount_fen=1, address_id=1, idempotency_key="k", rules_version=1, accepted_ms=1,
                pay_by_ms=2, alias="a",
            ),
            has_order=True,
            has_seat=False,
        )
        for number in range(first, first + count)
    ]  # fmt: skip


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_jobs_of_many_readers_become_few_transactions(nodes, lanes):
    nodes.frozen["a"] = threading.Event()
    lanes.lanes["a"].submit(make_parts(1))
    wait_for(lambda: lanes.lanes["a"]._busy_since is not None)
    promises = [lanes.lanes["a"].submit(make_parts(10, first=100 * number)) for number in range(1, 31)]
    nodes.frozen.pop("a").set()
    assert all(len(promise.result(timeout=30).done) == 10 for promise in promises)
    assert nodes.transactions["a"] == [1, 300]


def test_a_job_wider_than_a_transaction_is_cut(nodes, lanes):
    lane = lanes.lanes["a"]
    promise = lane.submit(make_parts(2000))
    assert len(promise.result(timeout=30).done) == 2000
    assert len(nodes.transactions["a"]) > 2
    # Each a step wider than the one before; a short tail goes with the last.
    assert nodes.transactions["a"] == [400, 450, 500, 650]
    assert lane.waiting == 0


def test_a_frozen_node_is_waited_for_once_and_then_by_nobody(nodes, lanes):
    nodes.frozen["b"] = threading.Event()
    parts = {"a": make_parts(5), "b": make_parts(5, first=10)}
    outcome = lanes.write(parts)
    assert len(outcome["a"].done) == 5
    assert len(outcome["b"].put_off) == 5
    # Waited for each time it would be twenty seconds.
    started = time.monotonic()
    for _ in range(100):
        outcome = lanes.write(parts)
        assert len(outcome["a"].done) == 5
        assert len(outcome["b"].put_off) == 5
    assert time.monotonic() - started < 15
    assert lanes.wait_for_room("p1", had_work=True, until=lambda: False) > 0
    nodes.frozen.pop("b").set()
    wait_for(lambda: not lanes.is_behind("b"))
    assert len(lanes.write(parts)["b"].done) == 5


def test_without_the_look_a_frozen_node_would_hold_its_reader(nodes, lanes, monkeypatch):
    """The negative control of the test above."""
    nodes.frozen["b"] = threading.Event()
    monkeypatch.setattr(dispatcher.NodeLane, "hangs", False)
    reader = threading.Thread(target=lanes.write, args=({"b": make_parts(1)},), daemon=True)
    reader.start()
    reader.join(PATIENCE * 4)
    assert reader.is_alive()
    nodes.frozen.pop("b").set()
    reader.join(5)


def test_who_serves_the_node_alone_waits_for_it(nodes, lanes):
    nodes.seconds["b"] = PATIENCE * 3
    outcome = lanes.write({"b": make_parts(5)}, patient_with="b")
    assert len(outcome["b"].done) == 5


def test_a_node_that_is_away_is_asked_by_its_lane_only(nodes, lanes):
    nodes.away.add("c")
    assert len(lanes.write({"c": make_parts(5)})["c"].put_off) == 5
    lane = lanes.lanes["c"]
    assert lane.is_away
    # Who asked it now would wait until the test is over.
    nodes.frozen["c"] = threading.Event()
    assert len(lanes.write({"c": make_parts(5)})["c"].put_off) == 5
    nodes.frozen.pop("c").set()
    nodes.away.clear()
    wait_for(lambda: not lane.is_away)
    assert len(lanes.write({"c": make_parts(5)})["c"].done) == 5


def test_an_outage_narrows_its_own_node_only(nodes, lanes):
    before = lanes.lanes["a"].width.value
    nodes.away.add("c")
    lanes.write({alias: make_parts(5) for alias in "abc"})
    assert lanes.lanes["c"].width.value == before // 2
    assert lanes.lanes["a"].width.value == before


def test_a_slow_node_is_left_behind_and_all_slow_ones_are_not(nodes, lanes):
    for alias, seconds in (("a", 0.01), ("b", 0.01), ("c", 2.0)):
        lanes.lanes[alias].width.note_success(orders=10, seconds=seconds)
    assert [lanes.is_behind(alias) for alias in "abc"] == [False, False, True]
    for alias in "ab":
        for _ in range(30):
            lanes.lanes[alias].width.note_success(orders=10, seconds=2.0)
    # It's the machine, or the load: nobody gains by leaving orders for later.
    assert [lanes.is_behind(alias) for alias in "abc"] == [False, False, False]


def resting(**seconds: float) -> Dispatcher:
    """Lanes that write nothing, and know how long a full transaction of each takes."""
    dispatcher = Dispatcher(["a", "b", "c"])
    for alias, one in seconds.items():
        width = dispatcher.lanes[alias].width
        for _ in range(40):
            width.note_success(orders=width.value, seconds=one)
    return dispatcher


def test_who_has_no_room_and_is_slow_is_behind():
    lanes = resting(a=0.01, b=0.01, c=0.1)
    lanes.lanes["c"].submit(make_parts(1999))
    assert not lanes.is_behind("c")
    lanes.lanes["c"].submit(make_parts(1, first=2000))
    assert not lanes.lanes["c"].has_room
    assert lanes.is_behind("c")
    # All as slow: the machine is to blame.
    assert not any(resting(a=0.2, b=0.2, c=0.6).is_behind(alias) for alias in "abc")


def test_of_nodes_that_are_as_quick_none_is_behind_whatever_waits_there():
    lanes = resting(a=0.1, b=0.1, c=0.1)
    lanes.lanes["c"].submit(make_parts(9000))
    assert not lanes.is_behind("c")


def test_who_is_idle_or_away_is_no_measure_for_the_others():
    lanes = resting(a=0.01, b=0.6, c=0.01)
    assert lanes.is_behind("b")
    lanes.lanes["a"].is_away = True
    assert lanes.is_behind("b")
    lanes.lanes["c"].width.note_idle()
    assert not lanes.is_behind("b")


def test_a_node_that_catches_up_is_not_behind():
    lanes = resting(a=0.01, b=0.01, c=0.2)
    lanes.lanes["c"].submit(make_parts(3000), is_fresh=False)
    assert not lanes.is_behind("c")
    # The negative control: counted with the fresh ones, they would send these beside for ever.
    lanes.lanes["c"].submit(make_parts(3000))
    assert lanes.is_behind("c")


def test_what_a_slow_node_is_writing_is_waited_for_longer_than_what_it_has_not_begun(settings):
    lanes = resting(a=0.01, b=0.01, c=1.0)
    waiting, writing = (lanes.lanes["c"].submit(make_parts(1)) for _ in range(2))
    writing.set_running_or_notify_cancel()
    assert not lanes._is_given_up("c", waiting, waited=0.4)
    assert lanes._is_given_up("c", waiting, waited=0.6)
    assert waiting.cancelled()
    assert not lanes._is_given_up("c", writing, waited=settings.DRAIN_PATIENCE_SECONDS - 0.1)
    # However short each of its transactions is: after some seconds others take the reader's entries for a dead one's.
    assert lanes._is_given_up("c", writing, waited=settings.DRAIN_PATIENCE_SECONDS + 0.1)
    lanes = resting(a=1.0, b=1.0, c=1.0)
    promise = lanes.lanes["c"].submit(make_parts(1))
    assert not lanes._is_given_up("c", promise, waited=60)


class Readers:
    """Sixteen that read and write as a drain does; `rounds` says how often each has."""

    def __init__(self, lanes: Dispatcher) -> None:
        self.lanes = lanes
        self.rounds = [0] * 16
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._read, args=(number,), daemon=True) for number in range(16)]
        for thread in self.threads:
            thread.start()

    def _read(self, number: int) -> None:
        while not self.over.is_set():
            self.lanes.wait_for_room(str(number), had_work=True, until=self.over.is_set)
            self.lanes.write({alias: make_parts(128, first=1000 * number) for alias in "abc"})
            self.rounds[number] += 1

    def end(self, nodes: Nodes) -> None:
        self.over.set()
        nodes.frozen.pop("c").set()
        for thread in self.threads:
            thread.join(30)


@pytest.fixture(params=[0.4, 1.2])
def held(request, nodes: Nodes, settings) -> Iterator[Dispatcher]:
    """Of the time that a transaction may take, c took so much, and is held in one; none is silent for too long."""
    settings.DRAIN_PATIENCE_SECONDS, settings.DRAIN_TRANSACTION_SECONDS = 600, 0.02
    nodes.frozen["c"] = threading.Event()
    with resting(a=0.001, b=0.001, c=0.02 * request.param) as lanes:
        yield lanes


def test_a_node_that_is_only_slow_holds_nobody_elses_orders(nodes, held):
    readers = Readers(held)
    # The others' parts are in c's hand: eight at most make a transaction of a thousand.
    wait_for(lambda: all(sum(nodes.transactions[alias]) >= 8 * 20 * 128 for alias in "ab"))
    assert nodes.transactions["c"] == []
    readers.end(nodes)


def test_by_its_silence_alone_a_slow_node_would_hold_all(nodes, held, monkeypatch):
    """The negative control of the test above."""
    monkeypatch.setattr(Dispatcher, "is_behind", lambda self, alias: self.lanes[alias].hangs)
    readers = Readers(held)
    wait_for(lambda: not held.lanes["c"].has_room)
    looks: list[bool] = []
    held.wait_for_room("late", had_work=True, until=lambda: looks.append(True) or len(looks) > 20)
    # Room came from nowhere, and nobody went on.
    assert len(looks) == 21
    assert sum(readers.rounds) == 0
    readers.end(nodes)


def test_readers_wait_for_room(nodes, lanes):
    nodes.frozen["a"] = threading.Event()
    lane = lanes.lanes["a"]
    lane.submit(make_parts(5000))
    assert not lane.has_room
    wait_for(lambda: lanes.is_behind("a"))
    # Behind: nobody waits for it, the others have room.
    assert lanes.wait_for_room("p1", had_work=True, until=lambda: False) > 0
    nodes.frozen.pop("a").set()
    wait_for(lambda: lane.has_room)
    assert lane.waiting < 5000


def test_what_is_in_hand_is_shared_among_those_who_have_work(nodes, lanes):
    def ask(reader: str, *, had_work: bool) -> int:
        return lanes.wait_for_room(reader, had_work=had_work, until=lambda: False)

    alone = ask("p1", had_work=True)
    ask("p2", had_work=True)
    assert ask("p3", had_work=True) == alone // 3
    # Two found nothing: one busy stream gets it all.
    ask("p2", had_work=False)
    ask("p3", had_work=False)
    assert ask("p1", had_work=True) == alone


@pytest.mark.parametrize("patient_with", [None, "a"])
def test_nobody_waits_for_a_lane_that_died(nodes, lanes, patient_with):
    lanes.lanes["a"].stop()
    told: list[Outcome[Part]] = []
    reader = threading.Thread(
        target=lambda: told.append(lanes.write({"a": make_parts(5)}, patient_with=patient_with)["a"]), daemon=True
    )
    reader.start()
    reader.join(30)
    assert [len(outcome.put_off) for outcome in told] == [5]


def test_an_error_in_a_lane_reaches_who_waits(nodes, lanes, monkeypatch):
    def fail(_alias, _parts):
        raise RuntimeError("a bug")

    monkeypatch.setattr(dispatcher, "write_node", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        lanes.write({"a": make_parts(1)})
    assert lanes.lanes["a"].waiting == 0
    assert lanes.is_well()
