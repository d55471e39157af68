"""What goes wrong on a good day, too: payments that come too late, a group that nobody joins, a refund that the gateway
won't take, a damaged parcel."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pgs_task.demo.sale.service import play_after_sale
from pgs_task.payment.states import RefundState
from pgs_task.shoppers.client import ShopClient, Shopper
from pgs_web.trade.order.states import OrderState

# The gateway refuses refunds for so long at most; the ladder of a shop that plays a sale is shorter.
DESK_SECONDS = 60.0
LOOK_SECONDS = 0.5
CONNECTIONS = 8
# Tries of a refund in a shop that plays a sale: a person sees it on the desk within seconds.
RETRY_SECONDS = "1,2,3"


# How long after its time to pay an order is cancelled at most, though the gateway can't be asked.
CANCELLED_SECONDS = 40.0
DECIDED_SECONDS = 10.0
# How long until a group that nobody joins has failed and its shopper is asked for the surcharge; until its order ships.
ASKED_SECONDS = 50.0
SHIPPED_SECONDS = 20.0

SetFault = Callable[[str, bool], object]


@dataclass(kw_only=True)
class Mishaps:
    """How many paid too late, and how many of them keep their order; the others got the money back.

    `alone`: how many lost their seat and paid the surcharge to buy alone.
    """

    late: int = 0
    rescued: int = 0
    # State of the after-sale request for a damaged parcel.
    after_sale: str = ""
    alone: int = 0


async def play_mishaps(base_url: str, *, activity_id: str, shoppers: Sequence[Shopper], set_fault: SetFault) -> Mishaps:
    """The gateway breaks down in two ways, one after the other; `set_fault(name, on)` lets it.

    While it refuses refunds, the last shopper's ends on the desk, and stays there; so does any other of these seconds.
    Another one waits for friends who never come, and buys alone then.
    While payments can't be closed there, orders are cancelled and paid all the same: half of those shoppers want the
    order then, half the money. One parcel is damaged.
    """
    mishaps = Mishaps()
    *late, loner, leaver, damaged = shoppers
    async with ShopClient(base_url, connections=CONNECTIONS) as shop:
        # First: a minute after the rush its failed groups are refunded.
        with _fault("refund_refused", set_fault):
            await _leave_group(shop, leaver, activity_id)
        with _fault("close_unanswered", set_fault):
            wishes = ["retry" if number % 2 else "refund" for number in range(len(late))]
            paying = (_pay_late(shop, *who, activity_id=activity_id) for who in zip(late, wishes, strict=True))
            mishaps.after_sale, alone, *decided = await asyncio.gather(
                play_after_sale(base_url, shop, damaged, activity_id=activity_id),
                _buy_alone_after_all(shop, loner, activity_id),
                *paying,
            )
            states = [state for state in decided if state]
    mishaps.alone = int(alone == OrderState.SHIPPED)
    mishaps.late = len(states)
    mishaps.rescued = sum(state != OrderState.CANCELLED for state in states)
    return mishaps


@contextmanager
def _fault(name: str, set_fault: SetFault) -> Iterator[None]:
    set_fault(name, True)
    try:
        yield
    finally:
        set_fault(name, False)


async def _pay_late(shop: ShopClient, shopper: Shopper, wish: str, *, activity_id: str) -> str:
    """Forgets the gateway's page until the order is cancelled, and pays then; the order's state when that is decided,
    empty when it didn't come so far."""
    order = await shop.place_order_surely(
        shopper, activity_id=activity_id, key=f"late-{shopper.member_id}", mode="alone", on_late_payment=wish
    )
    if not order.is_ok:
        return ""
    order_id = order.body["order_id"]
    started = await shop.start_payment(shopper, order_id)
    if not started.is_ok:
        return ""
    state = await _wait_for(
        shop, shopper, order_id, is_wanted=lambda state: state == OrderState.CANCELLED, seconds=CANCELLED_SECONDS
    )
    paid = await shop.pay_at_gateway(started.body["payment_id"])
    if state != OrderState.CANCELLED or not paid.is_ok:
        return ""
    return await _wait_for(
        shop, shopper, order_id, is_wanted=lambda state: state != OrderState.CANCELLED, seconds=DECIDED_SECONDS
    )


async def _buy_alone_after_all(shop: ShopClient, shopper: Shopper, activity_id: str) -> str:
    """Opens a group that nobody joins, pays, and pays the surcharge when asked; the order's state then."""
    order = await shop.place_order_surely(
        shopper, activity_id=activity_id, key=f"alone-{shopper.member_id}", on_lost_seat="alone"
    )
    if not order.is_ok:
        return ""
    order_id = order.body["order_id"]
    if not (await shop.pay(shopper, order_id)).is_ok:
        return ""
    for _ in range(int(ASKED_SECONDS / LOOK_SECONDS)):
        if (await shop.get_order(shopper, order_id)).body.get("surcharge"):
            break
        await asyncio.sleep(LOOK_SECONDS)
    await shop.pay(shopper, order_id)
    return await _wait_for(
        shop, shopper, order_id, is_wanted=lambda state: state == OrderState.SHIPPED, seconds=SHIPPED_SECONDS
    )


async def _leave_group(shop: ShopClient, shopper: Shopper, activity_id: str) -> None:
    """Pays, leaves, and waits until the refund waits for a person."""
    order = await shop.place_order_surely(shopper, activity_id=activity_id, key=f"leave-{shopper.member_id}")
    if not order.is_ok:
        return
    order_id = order.body["order_id"]
    if not (await shop.pay(shopper, order_id)).is_ok:
        return
    await _wait_for(shop, shopper, order_id, is_wanted=lambda state: state == OrderState.AWAITING_GROUP, seconds=20)
    await shop.call("refund", "POST", f"/api/v1/orders/{order_id}/refund-requests/", shopper=shopper)
    for _ in range(int(DESK_SECONDS / LOOK_SECONDS)):
        refunds = await shop.call("refunds", "GET", f"/api/v1/refunds/?order_id={order_id}", shopper=shopper)
        if any(refund["state"] == RefundState.MANUAL for refund in refunds.body.get("results", ())):
            return
        await asyncio.sleep(LOOK_SECONDS)


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
