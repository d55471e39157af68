"""What a gateway's hint does: the refund that it tells about is asked about now, not when its pause is over."""

import structlog

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import alias_of_id
from pgs_task.payment.gateways.contract import NoticeHint
from pgs_task.payment.models import GatewayNumber, Refund
from pgs_task.payment.states import RefundState

log = structlog.get_logger(__name__)


def take_hint(*, gateway_code: str, hint: NoticeHint) -> None:
    """Makes the refund due, once a hint: it is sent again by process_due_refunds, which asks before it sends.

    A hint that is told again does nothing, so that nobody who repeats it drives a refund up its ladder. Dying after the
    claim loses the hint: the refund is asked about after its pause, as without one.
    """
    _claim, is_new = GatewayNumber.objects.get_or_create(
        gateway=gateway_code,
        kind=GatewayNumber.Kind.NOTICE.value,
        number=hint.notice_id,
        defaults={"payment_id": hint.payment_id},
    )
    if not is_new or not hint.refund_no:
        return
    # Only one that was tried: PROCESSING after a try means that the gateway is asked first.
    hurried = (
        Refund.objects.on_node(alias_of_id(hint.payment_id))
        .filter(
            payment_id=hint.payment_id,
            refund_no=hint.refund_no,
            state=RefundState.PROCESSING,
            attempts__gt=0,
            next_try_at__gt=DatabaseNow(),
        )
        .update(next_try_at=DatabaseNow())
    )
    log.info("refund_hinted", payment_id=hint.payment_id, refund_no=hint.refund_no, hurried=hurried)
