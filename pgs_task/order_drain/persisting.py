"""Orders become rows: one transaction a node and pass; an order's node first, then its group's."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from django.db import DatabaseError, DataError, IntegrityError, OperationalError

from pgs_data.messaging.bisecting import Outcome, handle_batch
from pgs_data.messaging.errors import RetryLater, is_outage
from pgs_data.sharding.transactions import is_deadlock, node_transaction
from pgs_task.order_drain.expanding import can_expand, expand_rows
from pgs_task.order_drain.facts import OrderFacts
from pgs_task.order_drain.rows import ACTOR, write_orders, write_seats
from pgs_web.trade.group.models import Seat
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_orders
from pgs_web.trade.order.states import CancelReason

log = structlog.get_logger(__name__)

# Another drain wrote the same rows in between, or two transactions met crosswise: once more, and all is there.
TRIES = 3
# The fast way is tried twice: another drain may have opened a group of ours in between. After that something is there
# already, or is to blame, and only a look at each row tells what.
FAST_TRIES = 2
EXPANDED, ROW_BY_ROW = "expanded", "row by row"
# Only these blame the values of a row. A missing column or a mistake of ours must never reject what was promised.
BLAMES_ROW = (IntegrityError, DataError, OverflowError)


@dataclass(frozen=True, slots=True)
class Part:
    """What one node has to write of an order."""

    facts: OrderFacts
    has_order: bool
    has_seat: bool

    @property
    def id(self) -> int:
        return self.facts.id

    @property
    def key(self) -> tuple[int, bool]:
        """The same for two parts that ask for the same rows."""
        return self.facts.id, self.has_order


@dataclass(frozen=True, slots=True)
class Postponed:
    """The node that an order waits for, and why."""

    node: str
    reason: str


@dataclass
class PersistReport:
    """What became of each order, by id."""

    persisted: set[int] = field(default_factory=set)
    postponed: dict[int, Postponed] = field(default_factory=dict)
    poisoned: dict[int, Exception] = field(default_factory=dict)


# Alias → parts in, alias → outcome out; nodes may be written one after the other or at once.
WriteParts = Callable[[Mapping[str, Sequence[Part]]], Mapping[str, Outcome[Part]]]


def write_in_turn(parts: Mapping[str, Sequence[Part]]) -> dict[str, Outcome[Part]]:
    """Writes node after node in this thread."""
    return {alias: write_node(alias, of_node) for alias, of_node in parts.items()}


def persist_orders(orders: Sequence[OrderFacts], *, write: WriteParts = write_in_turn) -> PersistReport:
    """Writes orders with all that belongs to them; those that are there already count as persisted.

    An order is persisted when its node and its group's node have committed. A node that is away postpones what it
    holds, the others go on. An order that no database takes is poisoned, and none of its rows is written. Dying
    between the two passes leaves orders without seats, which the repetition adds; nothing counts before both are there.
    """
    report = PersistReport()
    once = {facts.id: facts for facts in orders}
    first: dict[str, list[Part]] = defaultdict(list)
    for facts in once.values():
        is_together = facts.group is not None and facts.group.alias == facts.alias
        first[facts.alias].append(Part(facts, has_order=True, has_seat=is_together))
    second: dict[str, list[Part]] = defaultdict(list)
    for alias, outcome in write(first).items():
        _note(report, alias, outcome)
        for part in outcome.done:
            group = part.facts.group
            if group is None or part.has_seat:
                report.persisted.add(part.id)
            else:
                second[group.alias].append(Part(part.facts, has_order=False, has_seat=True))
    for alias, outcome in write(second).items() if second else ():
        _note(report, alias, outcome)
        report.persisted.update(part.id for part in outcome.done)
    return report


def write_node(alias: str, parts: Sequence[Part]) -> Outcome[Part]:
    """Writes parts of one node in one transaction; in halves when it is refused, down to the part that is to blame."""
    return handle_batch(parts, lambda some: _write(alias, some))


def _note(report: PersistReport, alias: str, outcome: Outcome[Part]) -> None:
    report.postponed.update((part.id, Postponed(alias, reason)) for part, reason in outcome.put_off)
    for part, error in outcome.poisoned:
        if part.has_order and isinstance(error, BLAMES_ROW):
            report.poisoned[part.id] = error
        else:
            # A seat's order is there and can be paid, it must not be rejected any more. Somebody has to look.
            log.error("order_not_written", order_id=part.id, has_order=part.has_order, exc_info=error)
            report.postponed[part.id] = Postponed(alias, f"{type(error).__name__}: {error}")


def _write(alias: str, parts: Sequence[Part]) -> None:
    # In one order everywhere: two drains with the same orders wait for each other instead of deadlocking.
    parts = sorted(parts, key=lambda part: part.id)
    if not can_expand(alias):
        return _write_ways(alias, parts, [ROW_BY_ROW] * TRIES)
    try:
        _write_ways(alias, parts, [EXPANDED] * FAST_TRIES)
    except (IntegrityError, DataError):
        known = _find_written(alias, parts)
        new = [part for part in parts if part.key not in known]
        # What comes again has nothing to be written, and leaves what is new beside it new.
        _write_ways(alias, [part for part in parts if part.key in known], [ROW_BY_ROW] * TRIES)
        _write_ways(alias, new, [*([EXPANDED] if known else []), *[ROW_BY_ROW] * TRIES])


def _find_written(alias: str, parts: Sequence[Part]) -> set[tuple[int, bool]]:
    """Keys of the parts whose order, or whose seat in another node's group, is there already."""
    orders = Order.objects.on_node(alias).filter(pk__in=[part.id for part in parts if part.has_order])
    seats = Seat.objects.on_node(alias).filter(
        group_id__in={part.facts.group.id for part in parts if part.facts.group and not part.has_order},
        order_id__in=[part.id for part in parts if not part.has_order],
    )
    return {(order_id, True) for order_id in orders.values_list("pk", flat=True)} | {
        (order_id, False) for order_id in seats.values_list("order_id", flat=True)
    }


def _write_ways(alias: str, parts: Sequence[Part], ways: Sequence[str]) -> None:
    """Tries one way after the other, each in a transaction of its own; raises what the last one raised."""
    for place, way in enumerate(ways if parts else ()):
        is_last = place == len(ways) - 1
        try:
            with node_transaction(alias):
                seatless = write_rows(alias, parts, way=way)
        except (IntegrityError, DataError) as error:
            if is_last or (way == ROW_BY_ROW and isinstance(error, DataError)):
                raise
            continue
        except OperationalError as error:
            if not is_last and is_deadlock(error):
                continue
            raise _judge(error) from error
        except DatabaseError as error:
            raise _judge(error) from error
        if seatless:
            # Orders without a place in their group; those that were cancelled before are left alone.
            cancel_orders(order_ids=seatless, reason=CancelReason.GROUP_FAILED, actor=ACTOR)
        return


def write_rows(alias: str, parts: Sequence[Part], *, way: str) -> list[int]:
    """Writes all rows of the parts in the caller's transaction; returns orders without an active seat."""
    orders = [part.facts for part in parts if part.has_order]
    seats = [part.facts for part in parts if part.has_seat]
    if way == EXPANDED:
        expand_rows(alias, orders=orders, seats=seats)
        return []
    write_orders(alias, orders)
    return write_seats(alias, seats)


def _judge(error: DatabaseError) -> Exception:
    """The error itself when it is about an outage or about values; else a reason to try everything again later."""
    if is_outage(error) or isinstance(error, BLAMES_ROW):
        return error
    return RetryLater(f"{type(error).__name__}: {error}")
