"""Orders nobody paid, groups nobody filled, withdrawn ones: found by index, by the databases' clocks, in batches."""

import time
from collections.abc import Callable, Sequence

from pgs_task.payment.services import close_open_payments
from pgs_web.display.activity.services import finish_withdrawals, take_withdrawals
from pgs_web.trade.group.services import extend_due_groups, fail_expired_groups, fail_withdrawn_groups
from pgs_web.trade.order.services import cancel_unpaid_orders

# Rows of one batch and node; between batches others get the locks.
BATCH = 500
# Withdrawn activities of one look: they stand in one query.
WITHDRAWALS = 200
# A job goes on with full batches for so long; the next run goes on after it.
BUSY_SECONDS = 5.0


def cancel_overdue_orders() -> int:
    """Cancels what is past its time to pay, after closing it at the gateway; returns how many."""
    return _until_done(lambda: cancel_unpaid_orders(limit=BATCH, prepare=_close_payments))


def fail_overdue_groups() -> int:
    """Fails what is past its deadline and the grace for payments on their way; returns how many."""
    return _until_done(lambda: fail_expired_groups(limit=BATCH))


def end_withdrawn_groups() -> int:
    """Fails the running groups of activities that an operator has withdrawn; returns how many."""
    return _until_done(_end_withdrawn)


def _end_withdrawn() -> int:
    activity_ids = take_withdrawals(limit=WITHDRAWALS)
    if not activity_ids:
        return 0
    done = fail_withdrawn_groups(activity_ids=activity_ids, limit=BATCH)
    finish_withdrawals(done.without_groups)
    return done.failed


def extend_groups_of_incidents() -> int:
    """Gives groups the minutes that operators asked for; returns how many got them."""
    return _until_done(lambda: extend_due_groups(limit=BATCH))


def _close_payments(order_ids: Sequence[int]) -> list[int]:
    # An order that turns out to be paid is not UNPAID any more when the cancellation comes.
    return close_open_payments(order_ids=order_ids).unknown


def _until_done(act: Callable[[], int]) -> int:
    stop_at = time.monotonic() + BUSY_SECONDS
    total = 0
    while True:
        done = act()
        total += done
        if done < BATCH or time.monotonic() > stop_at:
            return total
