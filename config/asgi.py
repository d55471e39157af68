"""ASGI entry point; each process runs views in a bounded set of threads."""

import os

import django
from django.conf import settings

from config.checks import refuse_unsafe_production
from config.health import PROBES
from config.request_threads import RequestThreads, WholeRequestHandler
from pgs_web.api.body_limit import BodyLimit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.demo")
django.setup(set_prefix=False)
refuse_unsafe_production()
application = BodyLimit(
    RequestThreads(
        WholeRequestHandler(),  # type: ignore[arg-type]  # the stubs ask for dicts, ASGI for mappings
        count=settings.WEB_THREADS,
        # Probes have to answer while every thread waits for something that is down.
        unbounded_paths=frozenset(PROBES),
        # The pretend bank calls this server back and waits for the answer.
        apart={"/sandbox-gateway/": settings.WEB_THREADS} if "sandbox" in settings.PAYMENT_GATEWAYS else None,
    )
)
