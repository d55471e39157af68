"""Claims a gateway's numbers for one payment over all nodes."""

import hashlib
import json

from pgs_task.payment.errors import NumberTaken
from pgs_task.payment.gateways.contract import VerifiedNotice
from pgs_task.payment.models import GatewayNumber


def claim_numbers(*, gateway: str, notice: VerifiedNotice, is_notice: bool) -> None:
    """Makes the trade number (and the notice's own) this payment's; raises NumberTaken when they are another's.

    A node's unique index can't see the other nodes, so the claim is in `default`, and comes first: dying after it
    leaves numbers that belong to this payment and nothing else, and the repeated notice finds them its own.
    """
    wanted = [_claim(gateway, GatewayNumber.Kind.TRADE, notice.trade_no, notice.payment_id, "")]
    if is_notice:
        digest = digest_of(notice)
        wanted.append(_claim(gateway, GatewayNumber.Kind.NOTICE, notice.notice_id, notice.payment_id, digest))
    held = _read(gateway, wanted)
    missing = [row for row in wanted if (row.kind, row.number) not in held]
    if missing:
        for row in missing:
            # The unique index decides among several at once; a row that is there is left as it is. A transaction each:
            # in one statement, two that wait for the same trade number deadlock over their notice numbers.
            GatewayNumber.objects.bulk_create([row], ignore_conflicts=True)
        held = _read(gateway, wanted)
    if any((row.payment_id, row.digest) != held[row.kind, row.number] for row in wanted):
        raise NumberTaken


def digest_of(notice: VerifiedNotice) -> str:
    """SHA-256 over what the notice says, however it was spelled; not its moment, which only the first one's decides."""
    content = [notice.payment_id, notice.trade_no, notice.status.value, notice.amount_fen, notice.currency]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _claim(gateway: str, kind: GatewayNumber.Kind, number: str, payment_id: int, digest: str) -> GatewayNumber:
    return GatewayNumber(gateway=gateway, kind=kind.value, number=number, payment_id=payment_id, digest=digest)


def _read(gateway: str, wanted: list[GatewayNumber]) -> dict[tuple[str, str], tuple[int, str]]:
    # Up to two rows by the unique index; the other combinations of kind and number are dropped here.
    numbers = [row.number for row in wanted]
    rows = GatewayNumber.objects.filter(gateway=gateway, kind__in=[row.kind for row in wanted], number__in=numbers)
    found = {(row.kind, row.number): (row.payment_id, row.digest) for row in rows}
    return {(row.kind, row.number): found[row.kind, row.number] for row in wanted if (row.kind, row.number) in found}
