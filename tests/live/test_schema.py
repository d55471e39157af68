"""The live API against its own schema: no 5xx, no status, header or body that the schema doesn't name."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pgs_task.demo.welcome import DEMO_PASSWORD, DEMO_SHOPPER
from pgs_task.shoppers.client import ShopClient, Shopper
from tests.live.running_shop import ROOT, RunningShop, clean_environment
from tests.live.shopping import make_activity, make_shoppers

pytestmark = [pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(600)]

# Of random calls an operation, besides the 1,000 that the schema's own bounds give.
EXAMPLES = 10
ORDERS_A_STATE = 4
# Operations that are nothing without a success among their calls.
REACHED = {
    "POST /api/v1/auth/tokens/": 200,
    "POST /api/v1/auth/tokens/refresh/": 200,
    "POST /api/v1/members/me/addresses/": 201,
    "GET /api/v1/members/me/addresses/{address_id}/": 200,
    "GET /api/v1/groups/{group_id}/": 200,
    "POST /api/v1/orders/": 202,
    "GET /api/v1/orders/{order_id}/": 200,
    "POST /api/v1/orders/{order_id}/cancel/": 200,
    "POST /api/v1/orders/{order_id}/confirm-receipt/": 200,
    "POST /api/v1/orders/{order_id}/refund-requests/": 200,
    "POST /api/v1/payments/": 201,
    "GET /api/v1/payments/{payment_id}/": 200,
    "GET /api/v1/refunds/": 200,
}


def test_answers_match_the_schema(running_shop: RunningShop, tmp_path: Path) -> None:
    *buyers, to_sign_out = make_shoppers(running_shop, 3)
    activity = make_activity(running_shop, stock=10_000, group_size=3, member_limit=1000)
    world = asyncio.run(make_world(running_shop.base_url, buyers, to_sign_out, activity))
    (tmp_path / "world.json").write_text(json.dumps(world))
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "run"),
        f"{running_shop.base_url}/api/v1/schema/?format=json",
        # All checks; a seed makes a red run repeatable.
        *("--checks", "all", "--max-examples", str(EXAMPLES), "--phases", "examples,coverage,fuzzing"),
        *("--seed", "20261111", "--no-shrink", "--continue-on-failure", "--warnings", "off"),
        *("--suppress-health-check", "all"),
        *("--report", "ndjson", "--report-ndjson-path", "report.ndjson"),
    ]
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env={**clean_environment(), "SCHEMATHESIS_HOOKS": "tests.live.schema_hooks", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert ended.returncode == 0, f"{ended.stdout[-12000:]}\n{ended.stderr[-2000:]}"
    statuses = read_statuses(tmp_path / "report.ndjson")
    missed = {call: statuses.get(call) for call, status in REACHED.items() if status not in statuses.get(call, set())}
    assert not missed, "the calls were refused before they reached anything"
    running_shop.wait_until_ready()
    running_shop.assert_invariants_hold()


async def make_world(base_url: str, buyers: list[Shopper], to_sign_out: Shopper, activity: str) -> dict[str, Any]:
    """Things for schema_hooks: for each buyer orders that are unpaid, paid and shipped, with their payments."""
    own: dict[str, dict[str, list[str]]] = {}
    async with ShopClient(base_url) as client:
        for buyer in buyers:
            things: dict[str, list[str]] = {"address_id": [buyer.address_id], "order_id": [], "spare_address": []}
            own[buyer.access] = things
            for kind in ("unpaid", "paid", "shipped"):
                mode = "alone" if kind == "shipped" else "group"
                orders = [
                    await client.place_order(buyer, activity_id=activity, key=f"schema-{kind}-{number}", mode=mode)
                    for number in range(ORDERS_A_STATE)
                ]
                things[kind] = [order.body["order_id"] for order in orders]
                if kind != "unpaid":
                    for order_id in things[kind]:
                        assert (await client.pay(buyer, order_id, tries=120)).is_ok
                things["order_id"] += things[kind]
            await wait_for_shipment(client, buyer, things["shipped"])
            payment = await client.call(
                *("payment", "POST", "/api/v1/payments/"),
                shopper=buyer,
                body={"order_id": things["unpaid"][0], "gateway": "sandbox"},
            )
            things["payment_id"] = [payment.body["payment_id"]]
        group = (await client.get_order(buyers[0], own[buyers[0].access]["paid"][0])).body["group_id"]
        products = await client.call("products", "GET", "/api/v1/products/")
        product_ids = [product["id"] for product in products.body["results"]]
    return {
        "own": own,
        "shared": {
            "activity_id": [activity],
            "group_id": [group],
            "refresh": [],
            "gateway": ["sandbox"],
            "product_id": product_ids,
            "product": product_ids,
        },
        "to_sign_out": to_sign_out.access,
        "sign_in": {"username": DEMO_SHOPPER, "password": DEMO_PASSWORD},
    }


async def wait_for_shipment(client: ShopClient, buyer: Shopper, order_ids: list[str]) -> None:
    for _ in range(300):
        states = {(await client.get_order(buyer, order_id)).body["state"] for order_id in order_ids}
        if states == {"SHIPPED"}:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(states)


def read_statuses(report: Path) -> dict[str, set[int]]:
    """What each operation answered at least once."""
    statuses: dict[str, set[int]] = {}
    for line in report.read_text().splitlines():
        finished = json.loads(line).get("ScenarioFinished")
        if finished:
            statuses.setdefault(finished["recorder"]["label"], set()).update(find_statuses(finished["recorder"]))
    return statuses


def find_statuses(value: Any) -> set[int]:
    if isinstance(value, list):
        return set().union(*map(find_statuses, value))
    if not isinstance(value, dict):
        return set()
    return {value["status_code"]} if "status_code" in value else find_statuses(list(value.values()))
