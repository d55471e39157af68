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
    trade = _claim(gateway, GatewayNumber.Kind.TRADE, notice.trade_no, notice.payment_id, "")
    wanted = [trade]
    if is_notice:
        # Before the trade: among several notices of one trade the statement then waits only once, at its end. The
        # other way round two that waited for the same trade deadlock over their own numbers in MariaDB.
        wanted.insert(
            0, _claim(gateway, GatewayNumber.Kind.NOTICE, notice.notice_id, notice.payment_id, digest_of(notice))
        )
    # The unique index decides among several at once; a row that is there is left as it is.
    GatewayNumber.objects.bulk_create(wanted, ignore_conflicts=True)
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
    # Found by the unique index; a kind with the other's number may come along and isn't looked at.
    rows = GatewayNumber.objects.filter(
        gateway=gateway, kind__in=[row.kind for row in wanted], number__in=[row.number for row in wanted]
    ).values_list("kind", "number", "payment_id", "digest")
    return {(kind, number): (payment_id, digest) for kind, number, payment_id, digest in rows}
