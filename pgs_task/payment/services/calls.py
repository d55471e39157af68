"""Asks gateways, and notes who asked what and what came back."""

from collections.abc import Callable
from typing import TypeVar

import structlog

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import alias_of_id
from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.gateways.contract import GatewayUnavailable, RefundAnswer, TradeAnswer
from pgs_task.payment.models import GatewayCall
from pgs_task.payment.states import CallKind
from pgs_web.api.errors import OUTAGES

CLOCK = "clock"
NO_ANSWER = "no_answer"
# Of a payment; a sixteenth of the calls looks whether there are more.
CALLS_KEPT = 100
LOOK_EVERY = 16
LONGEST_DETAIL = 200

Answer = TypeVar("Answer", TradeAnswer, RefundAnswer)
log = structlog.get_logger(__name__)


def call_gateway(
    ask: Callable[[], Answer], *, payment_id: int, kind: CallKind, refund_no: str = "", asked_by: str = CLOCK
) -> Answer:
    """The gateway's answer; raises what `ask` raises. Call it outside of transactions.

    The note is for people: one that can't be written, or is lost with the process, changes nothing.
    """
    try:
        answer = ask()
    except GatewayUnavailable as error:
        _note(payment_id, kind=kind, refund_no=refund_no, asked_by=asked_by, answer=NO_ANSWER, detail=str(error))
        raise
    _note(payment_id, kind=kind, refund_no=refund_no, asked_by=asked_by, answer=answer.state, detail=_tell(answer))
    return answer


def _tell(answer: TradeAnswer | RefundAnswer) -> str:
    if isinstance(answer, RefundAnswer):
        return " ".join(filter(None, [answer.gateway_refund_no, answer.message]))
    return f"{answer.trade_no} {answer.amount_fen} {answer.currency}" if answer.trade_no else ""


def _note(payment_id: int, *, kind: CallKind, refund_no: str, asked_by: str, answer: str, detail: str) -> None:
    try:
        with node_transaction(payment_id):
            call = GatewayCall.objects.create(
                payment_id=payment_id,
                refund_no=refund_no,
                kind=kind,
                asked_by=asked_by,
                answer=answer,
                detail=detail[:LONGEST_DETAIL],
                answered_at=DatabaseNow(),
            )
            if call.pk % LOOK_EVERY == 0:
                _forget_oldest(payment_id)
    except OUTAGES as error:
        log.warning("gateway_call_not_noted", payment_id=payment_id, kind=kind, error=type(error).__name__)


def _forget_oldest(payment_id: int) -> None:
    calls = GatewayCall.objects.on_node(alias_of_id(payment_id)).filter(payment_id=payment_id)
    last_kept = calls.order_by("-pk").values_list("pk", flat=True)[CALLS_KEPT - 1 : CALLS_KEPT].first()
    if last_kept is not None:
        calls.filter(pk__lt=last_kept).delete()
