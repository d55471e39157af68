"""What goes wrong with money on a good day, too: payments that come too late, a refund that the gateway won't take."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pgs_task.payment.states import RefundState
from pgs_task.shoppers.client import ShopClient, Shopper

# The gateway refuses refunds for so long at most; the ladder of a shop that plays a sale is shorter.
DESK_SECONDS = 60.0
LOOK_SECONDS = 0.5
CONNECTIONS = 8
# Tries of a refund in a shop that plays a sale: a person sees it on the desk within seconds.
RETRY_SECONDS = "1,2,3"


@dataclass(kw_only=True)
class Mishaps:
    """How many of the late payers keep their order, how many get the money back; refunds that wait for a person."""

    late: int = 0
    rescued: int = 0
    on_the_desk: int = 0


async def play_mishaps(
    base_url: str, *, activity_id: str, shoppers: Sequence[Shopper], refuse_refunds: Callable[[bool], object]
) -> Mishaps:
    """Half of all but the last shopper want a late order all the same, the other half the money; the last one's refund
    is refused until it is on the desk, and stays there for the operator."""
    mishaps = Mishaps()
    *late, leaver = shoppers
    async with ShopClient(base_url, connections=CONNECTIONS) as shop:
        for number, shopper in enumerate(late):
            await _pay_late(shop, shopper, activity_id, wish="retry" if number % 2 else "refund", mishaps=mishaps)
        refuse_refunds(True)
        try:
            mishaps.on_the_desk += await _leave_group(shop, leaver, activity_id)
        finally:
            refuse_refunds(False)
    return mishaps


async def _pay_late(shop: ShopClient, shopper: Shopper, activity_id: str, *, wish: str, mishaps: Mishaps) -> None:
    """Cancels with the gateway's page open, and pays there before the shop has closed it."""
    order = await shop.place_order_surely(
        shopper, activity_id=activity_id, key=f"late-{shopper.member_id}", mode="alone", on_late_payment=wish
    )
    if not order.is_ok:
        return
    order_id = order.body["order_id"]
    started = await shop.start_payment(shopper, order_id)
    if not started.is_ok:
        return
    cancelling = shop.call("cancel", "POST", f"/api/v1/orders/{order_id}/cancel/", shopper=shopper)
    paying = shop.pay_at_gateway(started.body["payment_id"], tries=1)
    cancelled, paid = await asyncio.gather(cancelling, paying)
    if not (cancelled.is_ok and paid.is_ok):
        # The payment was first, or the gateway was closed in time: both are usual.
        return
    mishaps.late += 1
    state = await _wait_for(shop, shopper, order_id, is_wanted=lambda state: state != "CANCELLED", seconds=10)
    mishaps.rescued += state != "CANCELLED"


async def _leave_group(shop: ShopClient, shopper: Shopper, activity_id: str) -> bool:
    """Pays, leaves, and waits until the refund waits for a person."""
    order = await shop.place_order_surely(shopper, activity_id=activity_id, key=f"leave-{shopper.member_id}")
    if not order.is_ok:
        return False
    order_id = order.body["order_id"]
    await shop.pay(shopper, order_id)
    await _wait_for(shop, shopper, order_id, is_wanted=lambda state: state == "AWAITING_GROUP", seconds=20)
    await shop.call("refund", "POST", f"/api/v1/orders/{order_id}/refund-requests/", shopper=shopper)
    for _ in range(int(DESK_SECONDS / LOOK_SECONDS)):
        refunds = await shop.call("refunds", "GET", f"/api/v1/refunds/?order_id={order_id}", shopper=shopper)
        if any(refund["state"] == RefundState.MANUAL for refund in refunds.body.get("results", ())):
            return True
        await asyncio.sleep(LOOK_SECONDS)
    return False


async def _wait_for(
    shop: ShopClient, shopper: Shopper, order_id: str, *, is_wanted: Callable[[str], bool], seconds: float
) -> str:
    """The order's state once it is wanted, or as it is when the time is over."""
    state = ""
    for _ in range(int(seconds / LOOK_SECONDS)):
        state = str((await shop.get_order(shopper, order_id)).body.get("state"))
        if is_wanted(state):
            break
        await asyncio.sleep(LOOK_SECONDS)
    return state
