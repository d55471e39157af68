"""Celery's application: `python -m celery --app config.celery worker`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.demo")

app = Celery("pgs")
app.config_from_object("django.conf:settings", namespace="CELERY")
# tasks.py of every room in INSTALLED_APPS.
app.autodiscover_tasks()
