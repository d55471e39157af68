"""Servers that hang or die, and garbage in a stream, seen from outside: honest answers, and recovery by itself."""

import os
import signal
import statistics
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pgs_task.shoppers.client import Answer, Shopper
from pgs_web.trade.intake.keys import INTAKE_GROUP
from tests.live.running_shop import RunningShop
from tests.live.shopping import make_activity, make_shoppers, place_at_once, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(300)]

SLOTS = 64
NODES = 3
TRIES = 12
HONEST_SECONDS = 1.0


@pytest.fixture(scope="module", autouse=True)
def _everything_holds_in_the_end(running_shop: RunningShop) -> Iterator[None]:
    """One look for all tests of the file: it costs some seconds."""
    yield
    running_shop.assert_invariants_hold()


def ask_again_and_again(shop: RunningShop, shopper: Shopper, activity: str, *, key: str) -> list[Answer]:
    """One after the other over one connection, so that each answer's time is its own."""
    answers = []
    body = {"activity_id": activity, "quantity": 1, "address_id": shopper.address_id}
    with httpx.Client(base_url=shop.base_url, timeout=10) as client:
        for number in range(TRIES):
            headers = {"Authorization": f"Bearer {shopper.access}", "Idempotency-Key": f"{key}-{number}"}
            started = time.perf_counter()
            response = client.post("/api/v1/orders/", json=body, headers=headers)
            seconds = time.perf_counter() - started
            content = response.json()
            answers.append(Answer(response.status_code, content.get("code", ""), content, seconds))
            if response.status_code == 503:
                assert response.headers["Retry-After"], "says when to come again"
            time.sleep(0.1)
    return answers


def check_honest(answers: list[Answer]) -> None:
    assert {(answer.status, answer.code) for answer in answers} == {(503, "unavailable")}
    seconds = [answer.seconds for answer in answers]
    assert max(seconds) < HONEST_SECONDS, f"median {statistics.median(seconds):.3f}, slowest {max(seconds):.3f}"


def read_order(shop: RunningShop, shopper: Shopper, order_id: str) -> httpx.Response:
    return httpx.get(
        f"{shop.base_url}/api/v1/orders/{order_id}/",
        headers={"Authorization": f"Bearer {shopper.access}"},
        timeout=20,
    )


def start_payment(shop: RunningShop, shopper: Shopper, order_id: str) -> str:
    """Where the shopper pays the order."""
    response = httpx.post(
        f"{shop.base_url}/api/v1/payments/",
        json={"order_id": order_id, "gateway": "sandbox"},
        headers={"Authorization": f"Bearer {shopper.access}"},
    )
    assert response.status_code == 201, response.text
    return str(response.json()["pay"]["url"])


def state_of(shop: RunningShop, shopper: Shopper, order_id: str) -> str:
    response = read_order(shop, shopper, order_id)
    return str(response.json().get("state", response.status_code))


def alias_of(shopper: Shopper) -> str:
    """The data node of a member's orders: 64 slots in equal shares."""
    return f"node{int(shopper.member_id) // 10 % SLOTS * NODES // SLOTS}"


@pytest.mark.parametrize("fault", ["hangs", "is dead"])
def test_without_the_ledger_nothing_is_promised(running_shop: RunningShop, fault: str) -> None:
    (shopper,) = make_shoppers(running_shop, 1)
    activity = make_activity(running_shop, stock=1000, member_limit=1000)
    before = ask_again_and_again(running_shop, shopper, activity, key="before")
    assert {answer.status for answer in before} == {202}

    make_fault = running_shop.frozen if fault == "hangs" else running_shop.held_down
    with make_fault("valkey"):
        check_honest(ask_again_and_again(running_shop, shopper, activity, key="during"))

    # By itself, and soon: nobody restarts anything.
    order = {"shopper": shopper, "activity_id": activity, "key": "after"}
    wait_for("an order is taken again", lambda: place_at_once(running_shop, [order])[0].status == 202, seconds=20)
    running_shop.wait_until_ready()
    (stock,) = running_shop.manage("read_stock", activity, "--json")
    # A command that was in the frozen server's socket is carried out when it wakes: such an order may be in, and its
    # shopper, who was told to ask again, finds it under the key. No answer said 202.
    assert TRIES + 1 <= stock["lock"] <= 2 * TRIES + 1


@pytest.mark.parametrize("fault", ["hangs", "is dead"])
def test_a_node_that_is_away_keeps_its_orders_and_nobody_elses(running_shop: RunningShop, fault: str) -> None:
    shoppers = make_shoppers(running_shop, 30)
    away = [shopper for shopper in shoppers if alias_of(shopper) == "node1"]
    others = [shopper for shopper in shoppers if alias_of(shopper) != "node1"]
    assert min(len(away), len(others)) >= 5
    activity = make_activity(running_shop, stock=100)
    (early,) = place_at_once(running_shop, [{"shopper": away[0], "activity_id": activity, "key": "early"}])
    early_id = early.body["order_id"]
    wait_for("it is written", lambda: state_of(running_shop, away[0], early_id) == "UNPAID")
    pay_url = start_payment(running_shop, away[0], early_id)

    make_fault = running_shop.frozen if fault == "hangs" else running_shop.held_down
    with make_fault("node1"):
        # Both kinds at once, through the same stream: one activity, one partition.
        buyers = [shopper for pair in zip(away[1:5], others[:4], strict=True) for shopper in pair]
        answers = place_at_once(
            running_shop, [{"shopper": buyer, "activity_id": activity, "key": "during"} for buyer in buyers]
        )
        assert {answer.status for answer in answers} == {202}, "the ledger takes orders, whatever the nodes do"
        order_ids = {buyer: answer.body["order_id"] for buyer, answer in zip(buyers, answers, strict=True)}
        for buyer in others[:4]:
            wait_for(
                "other nodes' orders flow",
                lambda buyer=buyer: state_of(running_shop, buyer, order_ids[buyer]) == "UNPAID",
            )
        # The bank takes the money and tells the shop, which can't write it down: tell it again.
        assert httpx.post(pay_url, timeout=20).status_code in {502, 503}
        refused = read_order(running_shop, away[0], early_id)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert refused.headers["Retry-After"]
        # Each within seconds, also over connections that were open when the node stopped.
        waiting = [state_of(running_shop, buyer, order_ids[buyer]) for buyer in away[1:5]]
        assert set(waiting) <= {"ACCEPTED", "503"}, "not written, and not lost"

    for buyer in buyers:
        wait_for("it drains", lambda buyer=buyer: state_of(running_shop, buyer, order_ids[buyer]) == "UNPAID")
    wait_for("the bank tells it again", lambda: state_of(running_shop, away[0], early_id) in {"TO_SHIP", "SHIPPED"})


def test_drains_killed_while_a_node_hangs_lose_and_double_nothing(running_shop: RunningShop) -> None:
    """What waits for the node was moved by a drain that is dead; the invariants at the end of the file count it."""
    shoppers = make_shoppers(running_shop, 36)
    activity = make_activity(running_shop, stock=100)
    order_ids: dict[Shopper, str] = {}
    with running_shop.frozen("node1"):
        for start in range(0, len(shoppers), 12):
            buyers = shoppers[start : start + 12]
            answers = place_at_once(
                running_shop, [{"shopper": buyer, "activity_id": activity, "key": "killed"} for buyer in buyers]
            )
            assert {answer.status for answer in answers} == {202}
            order_ids |= {buyer: answer.body["order_id"] for buyer, answer in zip(buyers, answers, strict=True)}
            old = running_shop.pid("drain")
            os.kill(old, signal.SIGKILL)
            wait_for("the drain is started again", lambda old=old: running_shop.pid("drain") != old)
        others = [buyer for buyer in shoppers if alias_of(buyer) != "node1"]
        assert 0 < len(others) < len(shoppers)
        for buyer in others:
            wait_for(
                "other nodes' orders flow",
                lambda buyer=buyer: state_of(running_shop, buyer, order_ids[buyer]) == "UNPAID",
                seconds=30,
            )
        with running_shop.redis() as client:
            wait_for("they wait beside", lambda: list(client.scan_iter("{p*}:later:node1", count=1000)), seconds=30)
    for buyer in shoppers:
        wait_for(
            "it drains", lambda buyer=buyer: state_of(running_shop, buyer, order_ids[buyer]) == "UNPAID", seconds=60
        )


def test_garbage_in_the_stream_holds_nobody_up(running_shop: RunningShop) -> None:
    shoppers = make_shoppers(running_shop, 12)
    activity = make_activity(running_shop, stock=100)
    orders = [{"shopper": shopper, "activity_id": activity, "key": "near"} for shopper in shoppers]
    with running_shop.redis() as client:
        keys = wait_for("streams", lambda: sorted(client.scan_iter("{p*}:intake", count=1000)))
        poison: list[tuple[str, Any]] = []
        first = place_at_once(running_shop, orders[:4])
        for key in keys:
            poison += [
                (key, client.xadd(key, {"d": b"\xc1 no msgpack"})),
                (key, client.xadd(key, {"other": "field"})),
                (key, client.xadd(key, {"d": b"\x80"})),
            ]
        answers = [*first, *place_at_once(running_shop, orders[4:])]
        assert {answer.status for answer in answers} == {202}
        for shopper, answer in zip(shoppers, answers, strict=True):
            order_id = answer.body["order_id"]
            wait_for(
                "its neighbours are written",
                lambda shopper=shopper, order_id=order_id: state_of(running_shop, shopper, order_id) == "UNPAID",
                seconds=20,
            )
        wait_for("nothing is pending", lambda: not any(client.xpending(key, INTAKE_GROUP)["pending"] for key in keys))
        for key, entry in poison:
            kept = [fields for _id, fields in client.xrange(f"{key.split(':')[0]}:set_aside")]
            assert entry in {fields["entry"] for fields in kept}, "kept for an engineer, with its reason"
