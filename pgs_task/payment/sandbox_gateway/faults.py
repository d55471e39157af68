"""What goes wrong at the sandbox gateway: a number of calls, or some of every thousand.

A process reads the table at most once a second, so a fault costs a call nothing. What another process sets is known
here within that second; what this one sets, at once.
"""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import F

from pgs_task.payment.sandbox_gateway.errors import BankUnanswered
from pgs_task.payment.sandbox_gateway.models import FaultKind, SandboxFault

BELIEVED_SECONDS = 1.0
PER_MILLE = 1000
# Words of the command and the back office → what goes wrong. Each can be healed: nothing of it lasts.
NASTY: Mapping[str, FaultKind] = {
    "delay": FaultKind.NOTICE_DELAYED,
    "duplicate": FaultKind.NOTICE_DUPLICATED,
    "reorder": FaultKind.NOTICE_REORDERED,
    "drop": FaultKind.NOTICE_LOST,
    "forged": FaultKind.NOTICE_FORGED,
    "wrong_amount": FaultKind.WRONG_AMOUNT,
    "create_timeout": FaultKind.CREATE_DONE_UNANSWERED,
    "close_timeout": FaultKind.CLOSE_DONE_UNANSWERED,
    "close_unanswered": FaultKind.CLOSE_UNAVAILABLE,
    "refund_timeout": FaultKind.REFUND_DONE_UNANSWERED,
    "refund_refused": FaultKind.REFUND_REFUSED,
    "refund_slow": FaultKind.REFUND_SLOW,
    "query_unanswered": FaultKind.QUERY_UNAVAILABLE,
}

chance = random.SystemRandom()


@dataclass(frozen=True)
class _Known:
    per_mille: Mapping[str, int] = field(default_factory=dict)
    counted: frozenset[str] = frozenset()
    read_at: float = float("-inf")


_known = _Known()


def set_fault(*, kind: FaultKind, times: int) -> None:
    """Makes the next calls of a kind go wrong, `times` of them; 0 ends it."""
    SandboxFault.objects.update_or_create(kind=kind, defaults={"remaining": times})
    forget_faults()


def set_fault_rates(rates: Mapping[FaultKind, int]) -> None:
    """Makes so many of a thousand calls of each kind go wrong from now on; 0 ends it. Raises ValueError beyond 1000."""
    if any(not 0 <= rate <= PER_MILLE for rate in rates.values()):
        raise ValueError("A rate is from 0 to 1000 per mille.")
    SandboxFault.objects.bulk_create([SandboxFault(kind=kind) for kind in rates], ignore_conflicts=True)
    for rate in set(rates.values()):
        kinds = [kind for kind, wanted in rates.items() if wanted == rate]
        SandboxFault.objects.filter(kind__in=kinds).update(per_mille=rate)
    forget_faults()


def read_fault_rates() -> dict[FaultKind, int]:
    """The rates of all kinds, per mille."""
    rows = dict(SandboxFault.objects.values_list("kind", "per_mille"))
    return {kind: rows.get(kind.value, 0) for kind in FaultKind}


def is_fault_due(kind: FaultKind) -> bool:
    """Whether this call goes wrong; uses up one of a counted fault's times."""
    global _known  # one name, replaced as a whole: readers need no lock
    if time.monotonic() - _known.read_at > BELIEVED_SECONDS:
        _known = _read()
    rate = _known.per_mille.get(kind.value, 0)
    if rate and chance.randrange(PER_MILLE) < rate:
        return True
    if kind.value not in _known.counted:
        return False
    # The UPDATE decides among several.
    return SandboxFault.objects.filter(kind=kind, remaining__gt=0).update(remaining=F("remaining") - 1) == 1


def fail_if_told(kind: FaultKind) -> None:
    """Raises BankUnanswered when such a fault is set."""
    if is_fault_due(kind):
        raise BankUnanswered(kind.value)


def forget_faults() -> None:
    """Reads the table again at the next call."""
    global _known
    _known = _Known()


def _read() -> _Known:
    read_at = time.monotonic()
    rows = SandboxFault.objects.values_list("kind", "per_mille", "remaining")
    found = list(rows)
    return _Known(
        per_mille={kind: per_mille for kind, per_mille, _remaining in found if per_mille},
        counted=frozenset(kind for kind, _per_mille, remaining in found if remaining),
        read_at=read_at,
    )
