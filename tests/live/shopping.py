"""What the live tests buy: activities, and many orders at once."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from pgs_task.shoppers.client import Answer, ShopClient, Shopper
from tests.live.running_shop import RunningShop


def make_shoppers(shop: RunningShop, count: int) -> list[Shopper]:
    """Signed-in members that no other test has had."""
    return shop.take_shoppers(count)


def make_activity(shop: RunningShop, *, stock: int, group_size: int = 1, member_limit: int = 1) -> str:
    """The id of a running activity at 1,000 fen, whose groups outlast the test."""
    (line,) = shop.manage(
        *("create_activity", "--stock", str(stock), "--price-fen", "1000", "--group-size", str(group_size)),
        *("--member-limit", str(member_limit), "--lasts", "3600", "--group-lasts", "3000", "--pay-within", "2000"),
        "--json",
    )
    return str(line["activity_id"])


def place_at_once(shop: RunningShop, orders: list[dict[str, Any]], *, connections: int = 48) -> list[Answer]:
    """Places all orders at once, each as `ShopClient.place_order` takes it; the answers in their order."""

    async def play() -> list[Answer]:
        async with ShopClient(shop.base_url, connections=connections) as client:
            return list(await asyncio.gather(*(client.place_order(**order) for order in orders)))

    return asyncio.run(play())


async def list_orders(client: ShopClient, shopper: Shopper) -> list[dict[str, Any]]:
    """All of a shopper's orders, page after page."""
    orders: list[dict[str, Any]] = []
    path: str | None = "/api/v1/orders/?page_size=100"
    while path:
        answer = await client.call("order list", "GET", path, shopper=shopper)
        assert answer.status == 200, answer
        orders += answer.body["results"]
        path = answer.body["next"]
    return orders


def list_order_ids(shop: RunningShop, shoppers: list[Shopper]) -> dict[Shopper, list[str]]:
    """Ids of all orders of each shopper."""

    async def look() -> list[list[dict[str, Any]]]:
        async with ShopClient(shop.base_url, connections=16) as client:
            return list(await asyncio.gather(*(list_orders(client, shopper) for shopper in shoppers)))

    found = asyncio.run(look())
    return {shopper: [order["order_id"] for order in orders] for shopper, orders in zip(shoppers, found, strict=True)}


def wait_for(what: str, find: Callable[[], Any], *, seconds: float = 60) -> Any:
    """What `find` finds, as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.1)
    return found
