"""Records anomalies, and the one door of their states."""

from datetime import datetime
from typing import Any

import structlog

from pgs_data.ids.snowflake import IdSourceUnavailable, new_id
from pgs_data.sharding.slots import slot_of_id
from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.anomalies.models import Anomaly
from pgs_task.payment.anomalies.states import ANOMALY_MOVES, AnomalyKind, AnomalyState
from pgs_task.payment.gateways.contract import VerifiedNotice
from pgs_task.payment.states import NoticeStatus
from pgs_web.api.errors import Unavailable

# Of a notice's text; what is longer was cut, and the gateway has it whole.
LONGEST_RAW = 4_000

log = structlog.get_logger(__name__)


def record_anomaly(
    *, kind: AnomalyKind, gateway: str, notice: VerifiedNotice, order_id: int | None, raw: str, now: datetime
) -> None:
    """Writes down that the gateway says it took this money; once a trade, however often it is told.

    Inside the caller's transaction on the payment's node, or in one of its own. Only a success is about money. Raises
    Unavailable when no id can be made: then the gateway has to tell it again.
    """
    if notice.status != NoticeStatus.SUCCESS:
        return
    try:
        anomaly_id = new_id(slot=slot_of_id(notice.payment_id))
    except IdSourceUnavailable as error:
        raise Unavailable from error
    anomaly = Anomaly(
        id=anomaly_id,
        payment_id=notice.payment_id,
        order_id=order_id,
        gateway=gateway,
        kind=kind,
        state=AnomalyState.OPEN,
        trade_no=notice.trade_no,
        amount_fen=notice.amount_fen,
        currency=notice.currency[:16],
        paid_at=min(notice.paid_at or now, now),
        raw=raw[:LONGEST_RAW],
        next_try_at=now,
        created_at=now,
    )
    with node_transaction(anomaly_id):
        # The unique key decides among copies that come at once.
        Anomaly.objects.bulk_create([anomaly], ignore_conflicts=True)
    log.error(
        "payment_anomaly",
        kind=kind.value,
        gateway=gateway,
        payment_id=notice.payment_id,
        trade_no=notice.trade_no,
        amount_fen=notice.amount_fen,
    )


def move_anomaly(*, anomaly: Anomaly, to_state: AnomalyState, **changes: Any) -> bool:
    """Moves an anomaly from the state it was read in; False when somebody else has moved it since."""
    from_state = AnomalyState(anomaly.state)
    if to_state not in ANOMALY_MOVES[from_state]:
        raise ValueError(f"No anomaly goes from {from_state} to {to_state}.")
    with node_transaction(anomaly.pk):
        rows = Anomaly.objects.filter(pk=anomaly.pk, state=from_state)
        is_moved = rows.update(state=to_state, **changes) == 1
    if is_moved:
        log.info("payment_anomaly_moved", anomaly_id=anomaly.pk, payment_id=anomaly.payment_id, state=to_state.value)
    return is_moved
