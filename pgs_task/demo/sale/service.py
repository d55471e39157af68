"""A parcel arrives damaged: its shopper asks for money back, and an operator of the demo approves a part of it."""

import asyncio
import contextlib
import re
from html import unescape

import httpx

from pgs_task.demo.welcome import DEMO_PASSWORD
from pgs_task.shoppers.client import ShopClient, Shopper
from pgs_web.trade.after_sale.states import RequestCause, RequestKind, RequestState
from pgs_web.trade.order.states import OrderState

OPERATOR = "service"
ASKED_FEN = 600
APPROVED_FEN = 350
# Shipping and a refund take seconds; on a busy machine more of them.
LONGEST_SECONDS = 40.0
LOOK_SECONDS = 0.5
REQUESTS = "/api/v1/after-sale-requests/"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class BackOfficeClosed(RuntimeError):
    """A page of the back office isn't what a browser would see there."""


async def play_after_sale(base_url: str, shop: ShopClient, shopper: Shopper, *, activity_id: str) -> str:
    """Buys, waits for the parcel, asks, and waits for the money; the request's state then, empty without a request."""
    order = await shop.place_order_surely(
        shopper, activity_id=activity_id, key=f"damaged-{shopper.member_id}", mode="alone"
    )
    if not order.is_ok or not (await shop.pay(shopper, order.body["order_id"])).is_ok:
        return ""
    order_id = order.body["order_id"]
    if await _wait_for(shop, shopper, f"/api/v1/orders/{order_id}/", OrderState.SHIPPED) != OrderState.SHIPPED:
        return ""
    wish = {"order_id": order_id, "kind": RequestKind.REFUND_ONLY, "cause": RequestCause.DAMAGED}
    asked = await shop.call(
        "after-sale", "POST", REQUESTS, shopper=shopper, body={**wish, "quantity": 1, "amount_fen": ASKED_FEN}
    )
    if not asked.is_ok:
        return ""
    request_id = asked.body["request_id"]
    # A machine that is too busy for the back office isn't the sale's end: the table says how far the request came.
    with contextlib.suppress(httpx.HTTPError):
        await _approve_a_part(base_url, request_id)
    return await _wait_for(shop, shopper, f"{REQUESTS}{request_id}/", RequestState.DONE)


async def _approve_a_part(base_url: str, request_id: str) -> None:
    """As a person does it: signs in to the back office and presses the button there, which leaves an audit row.

    Raises BackOfficeClosed, httpx.HTTPError.
    """
    button = f"/admin/after_sale/aftersalerequest/{request_id}/approve-request/"
    async with httpx.AsyncClient(base_url=base_url, follow_redirects=True, timeout=30) as browser:
        await _send_form(browser, "/admin/login/", {"username": OPERATOR, "password": DEMO_PASSWORD})
        values = {"_form_submitted": "on", "amount_fen": str(APPROVED_FEN), "reason": "A part of it is fine."}
        await _send_form(browser, button, values)


async def _send_form(browser: httpx.AsyncClient, path: str, values: dict[str, str]) -> None:
    page = await browser.get(path)
    token = TOKEN.search(page.text)
    if token is None:
        raise BackOfficeClosed(f"{path} answered {page.status_code} without a form.")
    values = {**values, "csrfmiddlewaretoken": unescape(token[1])}
    sent = await browser.post(path, data=values, headers={"Referer": str(page.url)})
    if not sent.is_success:
        raise BackOfficeClosed(f"{path} answered {sent.status_code} to its form.")


async def _wait_for(shop: ShopClient, shopper: Shopper, path: str, wanted: str) -> str:
    """The state of what is read there, once it is wanted or the time is over."""
    state = ""
    for _ in range(int(LONGEST_SECONDS / LOOK_SECONDS)):
        state = str((await shop.call("read", "GET", path, shopper=shopper)).body.get("state"))
        if state == wanted:
            break
        await asyncio.sleep(LOOK_SECONDS)
    return state
