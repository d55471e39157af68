"""Reads a notice of Alipay: a form whose fields are signed together, sorted by name."""

import re
import time
from urllib.parse import parse_qsl

from pgs_task.payment.alipay.account import AlipayAccount
from pgs_task.payment.alipay.client import AlipayClient
from pgs_task.payment.errors import BadSignature, MalformedNotice, StaleNotice, WrongApp
from pgs_task.payment.gateways.contract import NoticeHint, VerifiedNotice
from pgs_task.payment.gateways.moments import read_shanghai
from pgs_task.payment.gateways.notice_fields import read_number, read_payment_id
from pgs_task.payment.gateways.yuan import read_yuan
from pgs_task.payment.states import NoticeStatus

MOST_FIELDS = 64
FIELD_NAME = re.compile(r"[a-z0-9_]{1,64}")
# Signed is "name=value&name=value": with this inside a value the same signature would fit other fields too.
FIELD_START = re.compile(r"&[a-z0-9_]+=")
# Alipay sends a notice again for 24 hours and 22 minutes: so old it may be. A copy that somebody else sends again does
# nothing, because the first one was applied once.
OLDEST_SECONDS = 25 * 3600
FUTURE_SECONDS = 300
HOME_CURRENCY = "CNY"

_STATUSES = {
    "TRADE_SUCCESS": NoticeStatus.SUCCESS,
    "TRADE_FINISHED": NoticeStatus.SUCCESS,
    # Also told of a payment that was refunded in full: it is ignored where the payment is decided.
    "TRADE_CLOSED": NoticeStatus.CLOSED,
}


def read_notice(*, body: bytes, client: AlipayClient, account: AlipayAccount) -> VerifiedNotice | NoticeHint:
    """What a notice says; raises a NoticeRefused."""
    form = _read_form(body)
    signature = form.pop("sign", "")
    if form.get("sign_type") != "RSA2" or not client.is_signed(form, signature):
        raise BadSignature
    if form.get("app_id") != account.app_id or form.get("seller_id") != account.seller_id:
        raise WrongApp
    _refuse_stale(form)
    if form.get("notify_type") != "trade_status_sync":
        raise MalformedNotice("notify_type must be trade_status_sync.")
    return _read_trade(form)


def _read_form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError as error:
        raise MalformedNotice("The notice isn't a form in UTF-8.") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise MalformedNotice("A field is there twice.")
    if not all(FIELD_NAME.fullmatch(name) and not FIELD_START.search(value) for name, value in pairs):
        raise MalformedNotice("A field's name or value can't be told from its neighbours.")
    return form


def _refuse_stale(form: dict[str, str]) -> None:
    try:
        sent_at = read_shanghai(form.get("notify_time")).timestamp()
    except ValueError as error:
        raise StaleNotice from error
    # The web server's clock: it judges the age of a message, not a deadline of the shop.
    age = time.time() - sent_at
    if not -FUTURE_SECONDS <= age <= OLDEST_SECONDS:
        raise StaleNotice


def _read_trade(form: dict[str, str]) -> VerifiedNotice | NoticeHint:
    notice_id = read_number(form, "notify_id")
    payment_id = read_payment_id(form, "out_trade_no")
    trade_status = form.get("trade_status", "")
    if trade_status == "WAIT_BUYER_PAY":
        return NoticeHint(notice_id=notice_id, payment_id=payment_id)
    if trade_status not in _STATUSES:
        raise MalformedNotice("trade_status is none that is known.")
    status = _STATUSES[trade_status]
    try:
        amount_fen = read_yuan(form.get("total_amount"))
        paid_at = read_shanghai(form["gmt_payment"]) if form.get("gmt_payment") else None
    except ValueError as error:
        raise MalformedNotice(str(error)) from error
    if amount_fen == 0 or (status == NoticeStatus.SUCCESS and paid_at is None):
        raise MalformedNotice("A success must say how much was paid, and when.")
    return VerifiedNotice(
        notice_id=notice_id,
        payment_id=payment_id,
        trade_no=read_number(form, "trade_no"),
        amount_fen=amount_fen,
        # Only trades in another currency name one.
        currency=form.get("trans_currency") or HOME_CURRENCY,
        status=status,
        paid_at=paid_at,
    )
