"""One thin celery task a job of the schedule; the work itself can be called without celery."""

import structlog
from celery import Task, shared_task
from django.utils.module_loading import import_string

from pgs_data.locks import FencedLock, LeaseLost, LockHeld
from pgs_data.messaging.errors import is_outage
from pgs_task.schedule import Job, all_jobs, task_name

log = structlog.get_logger(__name__)


def run_job(job: Job) -> object:
    """Runs a job unless another run of it lasts; returns what it returned, None when it did not run.

    An outage is logged and left to the next run: there is one in a moment.
    """
    try:
        with FencedLock(f"job:{job.name}", ttl_ms=job.lease_seconds * 1000):
            return import_string(job.path)()
    except (LockHeld, LeaseLost) as held:
        log.info("job_is_running_elsewhere", job=job.name, detail=str(held))
    except Exception as error:
        if not is_outage(error):
            raise
        log.warning("job_met_outage", job=job.name, error=f"{type(error).__name__}: {error}"[:300])
    return None


def _make_task(job: Job) -> Task:
    def run() -> None:
        run_job(job)

    run.__doc__ = f"{job.path}, every {job.every_seconds} s."
    return shared_task(run, name=task_name(job))


TASKS = tuple(_make_task(job) for job in all_jobs())
