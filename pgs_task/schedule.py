"""What the clock does: every periodic job, how often, and why. Adding a line here is all that a new one needs.

Jobs are named by their path, so that this can be read before Django's apps are loaded; the games' jobs can't.
"""

from typing import Any, NamedTuple

from pgs_web.plays.registry import all_plays


class Job(NamedTuple):
    """A function without arguments whose input is a table, a stream or Redis; losing a run loses nothing."""

    name: str
    path: str
    every_seconds: float
    # While one run lasts no other starts; a run that died, or lasts longer, keeps others out for so long only.
    # Two at once would be slow, never wrong: every write in them is conditional.
    lease_seconds: int = 15


JOBS: tuple[Job, ...] = (
    # Units and seats of orders that nobody paid are for others.
    Job("cancel_unpaid_orders", "pgs_task.group_expiry.services.cancel_overdue_orders", 1),
    # A group that is not complete at its deadline gives everybody the money back.
    Job("fail_expired_groups", "pgs_task.group_expiry.services.fail_overdue_groups", 1),
    # Running groups of a withdrawn activity give everybody the money back.
    Job("end_withdrawn_groups", "pgs_task.group_expiry.services.end_withdrawn_groups", 1),
    # Groups that lost minutes to an incident get them back.
    Job("extend_groups", "pgs_task.group_expiry.services.extend_groups_of_incidents", 5),
    # What a process that died had set aside for guaranteed seats is settled.
    Job("settle_guarantees", "pgs_web.trade.group.services.settle_guarantees", 5),
    # Activities start and end in the back office; admission has the window in Redis and needs no job.
    Job("advance_sales", "pgs_web.trade.stock.sales.advance_sales", 1),
    # Refunds that are due go to their gateways.
    Job("process_refunds", "pgs_task.payment.services.process_due_refunds", 1, lease_seconds=60),
    # After-sale requests whose goods weren't sent back end.
    Job("cancel_overdue_returns", "pgs_web.trade.after_sale.services.cancel_overdue_returns", 60),
    # Coupons whose time is over say so.
    Job("expire_coupons", "pgs_web.trade.coupon.services.expire_coupons", 30),
    # Campaigns give members their coupons, batch by batch.
    Job("issue_campaigns", "pgs_web.trade.coupon.services.issue_campaigns", 2, lease_seconds=30),
    # Paid orders without a place get another one, as their shoppers wished, or their money back.
    Job("advance_rescues", "pgs_task.rescue.services.advance_rescues", 1, lease_seconds=30),
    # Those of them whose shoppers didn't pay the surcharge in time; apart, as it waits for gateways.
    Job("end_overdue_surcharges", "pgs_task.rescue.services.end_overdue_surcharges", 1, lease_seconds=40),
    # The back office and the shop's pages see the stock a moment after Redis does.
    Job("sync_stock", "pgs_task.stock_sync.services.sync_stocks", 2, lease_seconds=30),
    # An activity whose stock key is gone is paused and somebody is called (invariant S7).
    Job("watch_stock_keys", "pgs_task.stock_sync.services.watch_stock_keys", 5),
    # What Redis has of activities that are over for long goes; their figures stay in the database.
    Job("archive_activities", "pgs_task.stock_archive.services.archive_activities", 10, lease_seconds=60),
    # Loans between buckets of a spread activity, and limits taken for other buckets, whose process died.
    Job("sweep_loans", "pgs_web.trade.stock.lending.sweep_loans", 2),
    Job("sweep_limits", "pgs_web.trade.stock.limits.sweep_limits", 3),
    # What members are said not to have paid, and have, or never could: of processes that died.
    Job("sweep_unpaid", "pgs_web.trade.intake.unpaid.sweep_unpaid", 30, lease_seconds=30),
    # A notice that got lost: the gateway is asked about payments that wait for long.
    Job("query_payments", "pgs_task.payment.services.query_waiting_payments", 30, lease_seconds=90),
    # Money that paid nothing here: the gateway is asked, and what it has goes back.
    Job("trace_anomalies", "pgs_task.payment.services.trace_anomalies", 2, lease_seconds=60),
    # The sandbox gateway keeps what it promised: notices that a fault delayed, or that the shop could not take.
    Job("send_sandbox_notices", "pgs_task.payment.sandbox_gateway.sending.send_due_notices", 1, lease_seconds=60),
    # Yesterday, and days with open differences, are compared with the gateways' statements; most runs find nothing due.
    Job("compare_statements", "pgs_task.statements.services.compare_due_days", 300, lease_seconds=120),
    # What merchants are owed for yesterday; most runs find it computed.
    Job("settle_days", "pgs_task.settlement.services.settle_due_days", 300, lease_seconds=120),
    # What games have counted since goes into their figures.
    Job("fold_figures", "pgs_web.plays.figures.services.fold_figures", 2, lease_seconds=30),
    # Who helped whom in campaigns that were closed half a year ago.
    Job("forget_helps", "pgs_web.plays.forgetting.forget_helps", 60, lease_seconds=30),
    # Messages of games that were gone, and are on again.
    Job("return_messages", "pgs_task.play_messages.services.return_messages", 10),
    # Messages of games that never came back.
    Job("forget_messages", "pgs_task.play_messages.services.forget_messages", 3600, lease_seconds=60),
    # What was shipped leaves the bus.
    Job("trim_logistics", "pgs_task.logistics.services.trim_bus", 10),
)


def all_jobs() -> tuple[Job, ...]:
    """The shop's jobs and those of the games that are on, called after their game; once Django's apps are loaded."""
    games = (
        Job(
            f"{play.code}.{job.name}",
            f"{job.run.__module__}.{job.run.__qualname__}",
            job.every_seconds,
            lease_seconds=job.lease_seconds,
        )
        for play in all_plays()
        for job in play.jobs
    )
    return (*JOBS, *games)


def beat_entries() -> dict[str, dict[str, Any]]:
    """The schedule as celery's beat wants it; once Django's apps are loaded."""
    return {
        job.name: {
            "task": task_name(job),
            "schedule": job.every_seconds,
            # A worker that was away finds one order to run, not an hour of them.
            "options": {"expires": max(job.every_seconds, 2)},
        }
        for job in all_jobs()
    }


def task_name(job: Job) -> str:
    """What celery calls the job."""
    return f"clock.{job.name}"
