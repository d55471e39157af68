"""Celery's application: `python -m celery --app config.celery worker`, and beside it one `… beat`."""

import os
from importlib import import_module
from typing import Any

import structlog
from celery import Celery
from celery.signals import beat_init, import_modules, task_unknown, worker_process_init, worker_ready

from pgs_task.schedule import beat_entries

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.demo")

app = Celery("pgs")
app.config_from_object("django.conf:settings", namespace="CELERY")
# pgs_task/tasks.py, imported once Django's apps are loaded.
app.autodiscover_tasks(["pgs_task"])


@import_modules.connect
def fill_schedule(**_signal: Any) -> None:
    """Django is set up by celery's own listener, which comes first: games can say what they want done."""
    app.conf.beat_schedule = beat_entries()


@task_unknown.connect
def log_gone_job(*, name: str, **_signal: Any) -> None:
    """A job that was ordered before its game went away is dropped; whoever takes the game back gets a new order."""
    structlog.get_logger(__name__).warning("job_is_gone", job=name)


@worker_ready.connect
@worker_process_init.connect
def watch_as_worker(**_signal: Any) -> None:
    """A worker, and each child of a worker that forks, is told what operators change."""
    _watch("worker")


@beat_init.connect
def watch_as_beat(**_signal: Any) -> None:
    """Beat too: the back office shows every process of the shop."""
    _watch("beat")
    # Last: while `default` is away it raises, which celery logs, and the lines stay until the next start.
    import_module("pgs_task.play_messages.gone_jobs").forget_gone_jobs()


def _watch(process: str) -> None:
    # Not above: models can't be imported before Django is set up, which celery does after it has read this file.
    import_module("pgs_task.payment.configuration.watching").watch_configuration(process=process)
