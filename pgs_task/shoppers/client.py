"""A shop as its shoppers see it: the public API over HTTP, with nothing that a shopper couldn't do."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self

import httpx

from pgs_task.shoppers.measurements import Measurements

# An order is in the stream until the drain has written it down; a shopper's page asks again after these pauses.
POLL_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0)


@dataclass(frozen=True)
class Shopper:
    member_id: str
    access: str
    address_id: str


@dataclass(frozen=True)
class Answer:
    """`code` is the status for success, the problem's stable code for a refusal, `no_answer` when none came."""

    status: int
    code: str
    body: dict[str, Any]
    seconds: float

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300


class ShopClient:
    """Calls a shop over at most `connections` kept-alive connections; use it as an async context manager."""

    def __init__(self, base_url: str, *, connections: int = 64, measurements: Measurements | None = None) -> None:
        self.measurements = measurements or Measurements()
        # More requests than connections wait here and not in the pool, whose own waiting raises a time-out.
        self._places = asyncio.Semaphore(connections)
        self._http = httpx.AsyncClient(
            base_url=base_url,
            # Many shoppers share it: none may get another's device.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=httpx.Timeout(30),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def call(
        self,
        name: str,
        method: str,
        path: str,
        *,
        shopper: Shopper | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, measured under `name`; a broken connection is an answer with the code `no_answer`."""
        all_headers = {**(headers or {}), **({"Authorization": f"Bearer {shopper.access}"} if shopper else {})}
        async with self._places:
            started = time.perf_counter()
            try:
                response = await self._http.request(method, path, json=body, headers=all_headers)
            except httpx.HTTPError:
                answer = Answer(0, "no_answer", {}, time.perf_counter() - started)
            else:
                answer = _read(response, time.perf_counter() - started)
        self.measurements.record(name, code=answer.code, seconds=answer.seconds)
        return answer

    async def place_order(
        self,
        shopper: Shopper,
        *,
        activity_id: str,
        key: str,
        quantity: int = 1,
        group_id: str | None = None,
        mode: str = "group",
        **wishes: str,
    ) -> Answer:
        """Opens a group, joins one, or buys alone, with `on_late_payment=` and so on; the same key again is safe."""
        body: dict[str, Any] = {"activity_id": activity_id, "quantity": quantity, "address_id": shopper.address_id}
        body |= {"mode": mode, **wishes} | ({"group_id": group_id} if group_id else {})
        return await self.call(
            "order", "POST", "/api/v1/orders/", shopper=shopper, body=body, headers={"Idempotency-Key": key}
        )

    async def place_order_surely(self, shopper: Shopper, *, tries: int = 20, **order: Any) -> Answer:
        """Like `place_order`, but asks again with the same key while the shop can't say yes or no."""
        answer = await self.place_order(shopper, **order)
        for attempt in range(1, tries):
            if answer.status not in (0, 429, 500, 502, 503, 504):
                break
            await asyncio.sleep(min(0.1 * 2**attempt, 2))
            answer = await self.place_order(shopper, **order)
        return answer

    async def pay(self, shopper: Shopper, order_id: str, *, tries: int = 60) -> Answer:
        """Starts a payment as soon as the order is written down and pays it at the sandbox gateway."""
        started = await self.start_payment(shopper, order_id, tries=tries)
        return await self.pay_at_gateway(started.body["payment_id"], tries=tries) if started.is_ok else started

    async def start_payment(self, shopper: Shopper, order_id: str, *, tries: int = 60) -> Answer:
        """An open payment of the order, as soon as it is written down."""
        for attempt in range(tries):
            started = await self.call(
                "payment",
                "POST",
                "/api/v1/payments/",
                shopper=shopper,
                body={"order_id": order_id, "gateway": "sandbox"},
            )
            if started.is_ok or started.code not in ("not_ready", "unavailable", "no_answer", "too_many_requests"):
                break
            await asyncio.sleep(POLL_SECONDS[min(attempt, len(POLL_SECONDS) - 1)])
        return started

    async def pay_at_gateway(self, payment_id: str, *, tries: int = 60) -> Answer:
        """Pays at the sandbox gateway, whose notice the shop may hear or not; more tries than one send it again."""
        for attempt in range(tries):
            paid = await self.call("gateway", "POST", f"/sandbox-gateway/payments/{payment_id}/pay/")
            if paid.is_ok or 400 <= paid.status < 500:
                break
            await asyncio.sleep(POLL_SECONDS[min(attempt, len(POLL_SECONDS) - 1)])
        return paid

    async def get_order(self, shopper: Shopper, order_id: str) -> Answer:
        return await self.call("order page", "GET", f"/api/v1/orders/{order_id}/", shopper=shopper)


def _read(response: httpx.Response, seconds: float) -> Answer:
    try:
        content = response.json() if response.content else {}
    except ValueError:
        content = {}
    body = content if isinstance(content, dict) else {"results": content}
    code = str(response.status_code) if response.is_success else str(body.get("code") or response.status_code)
    return Answer(response.status_code, code, body, seconds)
