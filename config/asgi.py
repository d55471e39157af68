"""ASGI entry point: orders go to the receiving service, everything else to views in a bounded set of threads."""

import os

import django
from django.conf import settings

from config.checks import refuse_unsafe_production

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.demo")
django.setup(set_prefix=False)
refuse_unsafe_production()

from config.serving import make_application  # noqa: E402  # it imports models

application = make_application(threads=settings.WEB_THREADS)
