"""The web process's applications, one inside the other; imported when Django is set up."""

from django.conf import settings

from config.health import PROBES
from config.request_threads import RequestThreads, WholeRequestHandler
from pgs_web.api.body_limit import BodyLimit
from pgs_web.trade.receiving.application import ReceivingService


def make_application(*, threads: int) -> ReceivingService:
    """Orders are received on the event loop; Django's views run in so many threads."""
    return ReceivingService(
        BodyLimit(
            RequestThreads(
                WholeRequestHandler(),  # type: ignore[arg-type]  # the stubs ask for dicts, ASGI for mappings
                count=threads,
                # Probes have to answer while every thread waits for something that is down.
                unbounded_paths=frozenset(PROBES),
                # The pretend bank calls this server back and waits for the answer.
                apart={"/sandbox-gateway/": threads} if "sandbox" in settings.PAYMENT_GATEWAYS else None,
            )
        )
    )
