"""Celery's application: `python -m celery --app config.celery worker`, and beside it one `… beat`."""

import os

from celery import Celery

from pgs_task.schedule import beat_entries

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.demo")

app = Celery("pgs")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = beat_entries()
# pgs_task/tasks.py, imported once Django's apps are loaded.
app.autodiscover_tasks(["pgs_task"])
