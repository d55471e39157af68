"""Own orders as their shopper sees them: those in the database, and those that are still on their way there."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from pgs_data.clock import from_ms
from pgs_data.ids.snowflake import time_of_id
from pgs_data.sharding.slots import alias_of_slot, slot_of_id, slot_of_key
from pgs_web.api.errors import NotFound
from pgs_web.display.activity.models import Activity
from pgs_web.trade.intake.claims import find_claims, read_claims
from pgs_web.trade.intake.queue import find_places
from pgs_web.trade.order.models import Order, OrderMode
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.stock.holds import Hold, HoldState
from pgs_web.trade.stock.selectors import read_holds

SECONDS_A_DAY = 86_400
# Claims are kept until the end of the third day: today's, yesterday's and the day before's can still be there.
DAYS_KEPT = 3
# Of the newest claims; a shopper who has more than this on the way sees the rest one by one.
MOST_WAITING = 256


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Newest first; the flags say whether there is more on either side."""

    orders: list[Order]
    has_older: bool
    has_newer: bool


def get_own_order(*, member_id: int, order_id: int) -> Order:
    """The member's order, unsaved and ACCEPTED or REJECTED when it isn't in the database; raises NotFound.

    Raises OperationalError while its node is away, RedisUnavailable while the ledger is.
    """
    if slot_of_id(order_id) != slot_of_key(member_id):
        raise NotFound()
    stored = Order.objects.filter(pk=order_id, member_id=member_id).first()
    if stored is not None:
        return stored
    found = _find_hold(member_id, order_id)
    if found is None:
        raise NotFound()
    activity_id, hold = found
    if hold.state in {HoldState.SOLD, HoldState.GIVEN_BACK}:
        # It was written down between the two reads, and even paid or cancelled.
        return Order.objects.get(pk=order_id)
    return _describe({order_id: (activity_id, hold)})[0]


def is_waiting_in_stream(member_id: int, order_id: int) -> bool:
    """Whether the member's order was accepted and isn't in its database yet; raises RedisUnavailable."""
    if slot_of_id(order_id) != slot_of_key(member_id):
        return False
    found = _find_hold(member_id, order_id)
    if found is None or found[1].state is not HoldState.LOCKED:
        return False
    return not Order.objects.filter(pk=order_id).exists()


def find_accepted(keys: Iterable[tuple[int, str]]) -> dict[tuple[int, str], tuple[int, Hold]]:
    """(member, idempotency key) → (activity id, hold) of the order that was accepted under it in the last days.

    Its row may be on its way: who has looked for the row before and finds it here has to look again. Raises
    RedisUnavailable.
    """
    claims = _claims_of(keys)
    holds = _read_holds(claims)
    return {
        one: (activity_id, holds[order_id])
        for one, (order_id, activity_id) in claims.items()
        if order_id in holds and holds[order_id].state is not HoldState.REJECTED
    }


def find_used_up(keys: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of (member, idempotency key) without a row that brought nothing in the last days; raises RedisUnavailable.

    Either no database took the order, or it was refused: for up to two days the key is bound to what was sent then,
    a wrong address say, and another try needs another key. One that is being judged at this moment is among them.
    """
    claims = _claims_of(keys)
    holds = _read_holds(claims)
    return {
        one
        for one, (order_id, _activity_id) in claims.items()
        if order_id not in holds or holds[order_id].state is HoldState.REJECTED
    }


def list_own_orders(
    *, member_id: int, limit: int, before_id: int | None = None, after_id: int | None = None
) -> OrderPage:
    """A page of the member's orders, those on their way included; costs the page. Raises as get_own_order."""
    # What is on its way first: an order that is written down in between is then in the page, never in neither.
    waiting = _waiting_orders(member_id)
    rows = Order.objects.on_node(alias_of_slot(slot_of_key(member_id))).filter(member_id=member_id)
    if after_id is not None:
        stored = list(rows.filter(pk__gt=after_id).order_by("pk")[: limit + 1])
        merged = sorted(_merge(stored, [one for one in waiting if one.pk > after_id]), key=lambda order: order.pk)
        page = merged[:limit][::-1]
        return OrderPage(page, has_older=True, has_newer=len(merged) > limit)
    if before_id is not None:
        rows = rows.filter(pk__lt=before_id)
        waiting = [one for one in waiting if one.pk < before_id]
    merged = _merge(list(rows.order_by("-pk")[: limit + 1]), waiting)
    merged.sort(key=lambda order: order.pk, reverse=True)
    return OrderPage(merged[:limit], has_older=len(merged) > limit, has_newer=before_id is not None)


def _merge(stored: list[Order], waiting: list[Order]) -> list[Order]:
    known = {order.pk for order in stored}
    return stored + [order for order in waiting if order.pk not in known]


def _waiting_orders(member_id: int) -> list[Order]:
    """Orders of the member's newest claims that have a hold and no row."""
    activities = read_claims(member_id, _days_kept())
    newest = sorted(activities, reverse=True)[:MOST_WAITING]
    holds = read_holds((activities[order_id], order_id) for order_id in newest)
    found = {
        order_id: (activities[order_id], hold)
        for order_id, hold in holds.items()
        if hold.state in {HoldState.LOCKED, HoldState.REJECTED} and hold.member_id == member_id
    }
    if not found:
        return []
    rows = Order.objects.on_node(alias_of_slot(slot_of_key(member_id))).filter(pk__in=list(found))
    for order_id in rows.values_list("pk", flat=True):
        del found[order_id]
    return _describe(found)


def _claims_of(keys: Iterable[tuple[int, str]]) -> dict[tuple[int, str], tuple[int, int]]:
    # A key that was forgotten and used again: its newest order counts.
    return find_claims(keys, _days_kept()[::-1])


def _read_holds(claims: dict[tuple[int, str], tuple[int, int]]) -> dict[int, Hold]:
    return read_holds((activity_id, order_id) for order_id, activity_id in claims.values())


def _days_kept() -> range:
    today = int(time.time()) // SECONDS_A_DAY
    # Redis' day may be another one around midnight.
    return range(today + 1, today - DAYS_KEPT, -1)


def _find_hold(member_id: int, order_id: int) -> tuple[int, Hold] | None:
    """(activity id, hold) of an order that the member claimed in the last days."""
    # The claim was made when the id was; the two clocks may disagree around midnight.
    made = int(time_of_id(order_id).timestamp()) // SECONDS_A_DAY
    activity_id = read_claims(member_id, (made, made + 1, made - 1)).get(order_id)
    if activity_id is None:
        return None
    hold = read_holds([(activity_id, order_id)]).get(order_id)
    return (activity_id, hold) if hold is not None and hold.member_id == member_id else None


def _describe(found: dict[int, tuple[int, Hold]]) -> list[Order]:
    """Unsaved orders as the drain will write them; one query for what their activities sell."""
    if not found:
        return []
    wanted = {activity_id for activity_id, _hold in found.values()}
    sold = {
        activity_id: (sku_id, merchant_id)
        for activity_id, sku_id, merchant_id in Activity.objects.filter(pk__in=wanted).values_list(
            "pk", "sku_id", "sku__product__merchant_id"
        )
    }
    places = find_places({order_id: one for order_id, one in found.items() if one[1].state is HoldState.LOCKED})
    orders = []
    for order_id, (activity_id, hold) in found.items():
        if activity_id in sold:
            order = _order_of(order_id, activity_id, hold, *sold[activity_id])
            order.queue = places.get(order_id)
            orders.append(order)
    return orders


def _order_of(order_id: int, activity_id: int, hold: Hold, sku_id: int, merchant_id: int) -> Order:
    is_rejected = hold.state is HoldState.REJECTED
    return Order(
        id=order_id,
        member_id=hold.member_id,
        activity_id=activity_id,
        sku_id=sku_id,
        merchant_id=merchant_id,
        group_id=hold.group_id,
        mode=OrderMode.ALONE if hold.group_id is None else OrderMode.GROUP,
        quantity=hold.quantity,
        unit_price_fen=hold.unit_price_fen,
        amount_fen=hold.amount_fen,
        address_id=hold.address_id,
        wishes=hold.wishes,
        state=OrderState.REJECTED if is_rejected else OrderState.ACCEPTED,
        reason=hold.reason,
        accepted_at=from_ms(hold.accepted_ms),
        pay_by=from_ms(hold.pay_by_ms),
        created_at=from_ms(hold.accepted_ms),
        updated_at=from_ms(hold.accepted_ms),
    )
