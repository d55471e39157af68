"""The clock's part of the sandbox gateway: sends the notices that are due."""

import time

import httpx
import structlog

from pgs_task.payment.sandbox_gateway.notices import send_signed
from pgs_task.payment.sandbox_gateway.queue import forget_notice, pick_due_notices, put_off_again

RUN_SECONDS = 20.0
# Picked together: what a crash in between delays by a lease.
PICKED_TOGETHER = 50

log = structlog.get_logger(__name__)


def send_due_notices() -> int:
    """Sends what is due and returns how many the shop has answered; one index look-up when nothing is.

    Dying after the shop took one and before its row is gone sends it once more: a repetition, as gateways do.
    """
    answered = 0
    stop_at = time.monotonic() + RUN_SECONDS
    while time.monotonic() < stop_at and (notices := pick_due_notices(limit=PICKED_TOGETHER)):
        for notice in notices:
            try:
                is_answered = send_signed(notice.body.encode(), base_url=notice.base_url).status_code < 500
            except httpx.HTTPError as error:
                log.warning("sandbox_notice_undelivered", payment_id=notice.payment_id, error=type(error).__name__)
                is_answered = False
            if is_answered:
                answered += 1
                forget_notice(notice)
            elif not put_off_again(notice):
                log.warning("sandbox_notice_given_up", payment_id=notice.payment_id)
    return answered
