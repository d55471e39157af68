"""Jobs that beat's table still has, of games that are gone."""

import structlog
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from pgs_task.schedule import all_jobs, task_name

# What tasks of the schedule are called; beat's own, and an operator's, are called otherwise.
OURS = "clock."

log = structlog.get_logger(__name__)


def forget_gone_jobs() -> list[str]:
    """Takes jobs that nobody has any more out of beat's table; a game that comes back brings its lines along."""
    known = [task_name(job) for job in all_jobs()]
    gone = PeriodicTask.objects.filter(task__startswith=OURS).exclude(task__in=known)
    names = sorted(gone.values_list("name", flat=True)[:1_000])
    if names:
        gone.delete()
        PeriodicTasks.update_changed()
        log.warning("jobs_are_gone", jobs=names)
    return names
