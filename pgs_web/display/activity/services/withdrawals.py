"""Withdrawn activities until their last group has ended: whose turn it is, and which are done."""

from collections.abc import Collection
from datetime import timedelta

from django.db.models import F

from pgs_data.clock import DatabaseNow, database_now
from pgs_web.display.activity.models import Activity, Withdrawal


def ask_to_end_groups(activity_id: int) -> None:
    """Inside the transaction that withdraws it: whoever dies afterwards, its groups are ended."""
    now = database_now("default")
    lasts = Activity.objects.values_list("group_lasts_seconds", flat=True).get(pk=activity_id)
    Withdrawal.objects.create(activity_id=activity_id, asked_at=now, until=now + timedelta(seconds=lasts))


def take_withdrawals(*, limit: int) -> list[int]:
    """Activities whose groups are to be looked for now, the longest not looked at first; at most limit."""
    rows = Withdrawal.objects.filter(done_at=None).order_by(F("looked_at").asc(nulls_first=True))
    activity_ids = list(rows.values_list("pk", flat=True)[:limit])
    if activity_ids:
        Withdrawal.objects.filter(pk__in=activity_ids).update(looked_at=DatabaseNow())
    return activity_ids


def finish_withdrawals(activity_ids: Collection[int]) -> int:
    """Forgets those of the activities that can't get a running group any more; call it when they have none."""
    over = Withdrawal.objects.filter(pk__in=list(activity_ids), done_at=None, until__lte=DatabaseNow())
    return over.update(done_at=DatabaseNow())
