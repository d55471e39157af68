"""The gateway breaks down wholly in one way, again and again; import it only when the shop is there."""

import time

from benchmarks.money.plan import OUTAGE_EVERY_SECONDS, OUTAGE_SECONDS
from pgs_task.payment.sandbox_gateway.faults import PER_MILLE, set_fault_rates
from pgs_task.payment.sandbox_gateway.models import FaultKind


class Outage:
    """A fault of every call for OUTAGE_SECONDS of each OUTAGE_EVERY_SECONDS; `usual` per mille in between."""

    def __init__(self, kind: FaultKind, *, usual: int) -> None:
        self._kind = kind
        self._usual = usual
        self._began = time.monotonic()
        self._is_on = False

    def look(self) -> None:
        """Begins or ends it when it is time; call it about once a second."""
        into = (time.monotonic() - self._began) % OUTAGE_EVERY_SECONDS
        is_due = into >= OUTAGE_EVERY_SECONDS - OUTAGE_SECONDS
        if is_due != self._is_on:
            self._is_on = is_due
            set_fault_rates({self._kind: PER_MILLE if is_due else self._usual})
