"""Notices that the sandbox gateway will send later: rows in its books, so that a crash forgets none."""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import F

from pgs_data.clock import DatabaseNow
from pgs_task.payment.sandbox_gateway.models import SandboxNotice

FIRST_RETRY_SECONDS = 5.0
# After the last one the bank gives up; the shop asks by itself.
RETRY_SECONDS = (5, 15, 30, 60, 300, 900, 3600)
# Who picked a notice has this long to report; then it is anybody's again.
LEASE_SECONDS = 60


def put_off_notice(*, payment_id: int, body: bytes, base_url: str, seconds: float) -> None:
    """Promises to send the notice in so many seconds, by the database's clock."""
    SandboxNotice.objects.create(
        payment_id=payment_id,
        body=body.decode(),
        base_url=base_url,
        due_at=DatabaseNow(after=timedelta(seconds=seconds)),
    )


def pick_due_notices(*, limit: int) -> Sequence[SandboxNotice]:
    """Takes due notices for this process, the longest due first; none of them is due again before the lease ends."""
    picked = []
    for notice in SandboxNotice.objects.filter(due_at__lte=DatabaseNow()).order_by("due_at")[:limit]:
        # The count that was read decides among several that pick at once.
        mine = SandboxNotice.objects.filter(pk=notice.pk, attempts=notice.attempts)
        if mine.update(due_at=DatabaseNow(after=timedelta(seconds=LEASE_SECONDS)), attempts=F("attempts") + 1):
            notice.attempts += 1
            picked.append(notice)
    return picked


def forget_notice(notice: SandboxNotice) -> None:
    """The shop has answered it."""
    SandboxNotice.objects.filter(pk=notice.pk).delete()


def put_off_again(notice: SandboxNotice) -> bool:
    """Sends it again later; False when it was tried often enough and is gone."""
    if notice.attempts > len(RETRY_SECONDS):
        forget_notice(notice)
        return False
    pause = timedelta(seconds=RETRY_SECONDS[notice.attempts - 1])
    SandboxNotice.objects.filter(pk=notice.pk).update(due_at=DatabaseNow(after=pause))
    return True
