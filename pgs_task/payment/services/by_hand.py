"""A refund that its gateway won't do is paid outside of it: one person says so with evidence, another one agrees."""

import structlog

from pgs_data.clock import database_now
from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.errors import RefundAtGateway, RefundNotClaimed, RefundNotManual
from pgs_task.payment.gateways.contract import GatewayUnavailable, RefundAnswerState
from pgs_task.payment.gateways.registry import make_gateway
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.services.books import book_given_back
from pgs_task.payment.services.calls import call_gateway
from pgs_task.payment.services.moves import lock_order, lock_payment, move_refund
from pgs_task.payment.services.refund_settling import settle_refund
from pgs_task.payment.states import BY_HAND, CallKind, RefundState
from pgs_web.api.errors import Unavailable

LONGEST_EVIDENCE = 200

log = structlog.get_logger(__name__)


def claim_paid_by_hand(*, payment_id: int, refund_no: str, evidence: str, actor: str) -> Refund:
    """Says that a MANUAL refund was paid outside of its gateway; somebody else has to confirm it.

    Raises RefundNotManual, RefundAtGateway when the gateway did it or does it, Unavailable while it doesn't say.
    """
    refund = _manual(payment_id, refund_no)
    _require_undone(refund, actor)
    with node_transaction(payment_id):
        changes = {"evidence": evidence[:LONGEST_EVIDENCE], "claimed_by": actor}
        # The first claim stands until somebody tries the refund again: its evidence is what the second person judged.
        rows = Refund.objects.filter(payment_id=payment_id, pk=refund.pk, state=RefundState.MANUAL, claimed_by=None)
        if rows.update(**changes) != 1:
            raise RefundNotManual
    log.warning("refund_claimed_by_hand", refund_no=refund_no, order_id=refund.order_id, actor=actor)
    refund.refresh_from_db()
    return refund


def confirm_paid_by_hand(*, payment_id: int, refund_no: str, actor: str) -> Refund:
    """Agrees to what somebody else has claimed: the refund is done, and everything that follows from that.

    Raises RefundNotManual, RefundNotClaimed (also for the person who claimed it), RefundAtGateway, Unavailable. The
    gateway is asked again, since it may have done it meanwhile; dying before the commit changes nothing.
    """
    refund = _manual(payment_id, refund_no)
    if refund.claimed_by in {None, actor}:
        raise RefundNotClaimed
    _require_undone(refund, actor)
    with node_transaction(payment_id) as alias:
        lock_order(order_id=refund.order_id)
        payment = lock_payment(payment_id=payment_id)
        _confirm(payment, refund, actor=actor, alias=alias)
    log.warning("refund_paid_by_hand", refund_no=refund_no, order_id=refund.order_id, actor=actor)
    return refund


def _confirm(payment: Payment, refund: Refund, *, actor: str, alias: str) -> None:
    now = database_now(alias)
    # The UPDATE itself asks whether it is still claimed, and by somebody else; a retry in between took the claim away.
    claimed = Refund.objects.on_node(alias).filter(payment_id=payment.pk, pk=refund.pk, claimed_by=refund.claimed_by)
    if claimed.exclude(claimed_by=actor).update(approved_by=actor) != 1:
        raise RefundNotClaimed
    done = {"gateway": BY_HAND, "finished_at": now, "last_error": ""}
    if not move_refund(refund=refund, to_state=RefundState.SUCCEEDED, **done):
        raise RefundNotManual
    refund.refresh_from_db()
    book_given_back(payment=payment, refund=refund, at=now)
    settle_refund(payment=payment, refund=refund)


def _manual(payment_id: int, refund_no: str) -> Refund:
    refund = Refund.objects.filter(payment_id=payment_id, refund_no=refund_no).first()
    if refund is None or refund.state != RefundState.MANUAL:
        raise RefundNotManual
    return refund


def _require_undone(refund: Refund, actor: str) -> None:
    try:
        gateway = make_gateway(refund.gateway)
        answer = call_gateway(
            lambda: gateway.query_refund(payment_id=refund.payment_id, refund_no=refund.refund_no),
            payment_id=refund.payment_id,
            kind=CallKind.QUERY_REFUND,
            refund_no=refund.refund_no,
            asked_by=actor,
        )
    except GatewayUnavailable as error:
        # A try that it didn't answer may have been done: nobody pays beside it before that is known.
        raise Unavailable from error
    if answer.state in {RefundAnswerState.SUCCEEDED, RefundAnswerState.PROCESSING}:
        raise RefundAtGateway
