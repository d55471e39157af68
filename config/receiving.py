"""ASGI entry point of processes that only receive orders; started as config.asgi, with config.receiving in its place.

What else is asked of them, probes above all, is answered too, by a couple of threads; at scale nginx asks others.
"""

import os

import django

from config.checks import refuse_unsafe_production

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.demo")
django.setup(set_prefix=False)
refuse_unsafe_production()

from config.serving import make_application  # noqa: E402  # it imports models

application = make_application(threads=2)
