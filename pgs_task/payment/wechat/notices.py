"""Reads a notice of WeChat Pay: JSON whose bytes are signed and whose resource is encrypted."""

from collections.abc import Mapping
from typing import Any

from pgs_task.payment.errors import MalformedNotice, WrongApp
from pgs_task.payment.gateways.contract import NoticeHint, VerifiedNotice
from pgs_task.payment.gateways.notice_fields import (
    read_amount_fen,
    read_json_object,
    read_moment,
    read_number,
    read_payment_id,
    read_text,
)
from pgs_task.payment.states import NoticeStatus
from pgs_task.payment.wechat.account import WeChatAccount
from pgs_task.payment.wechat.client import WeChatClient

PAID = "TRANSACTION.SUCCESS"
# Succeeded, closed, or stuck: which of them is asked, because the refund's own row has to follow either way.
REFUND_EVENTS = frozenset({"REFUND.SUCCESS", "REFUND.CLOSED", "REFUND.ABNORMAL"})


def read_notice(
    *, headers: Mapping[str, str], body: bytes, client: WeChatClient, account: WeChatAccount
) -> VerifiedNotice | NoticeHint:
    """What a notice says; raises a NoticeRefused. Nothing unsigned is parsed."""
    client.keys.verify(headers=headers, body=body)
    document = read_json_object(body)
    notice_id = read_number(document, "id")
    event = read_text(document, "event_type")
    text = _decrypt(document, client)
    content = read_json_object(text.encode())
    if content.get("mchid") != account.mchid:
        raise WrongApp
    if event in REFUND_EVENTS:
        return NoticeHint(
            notice_id=notice_id,
            payment_id=read_payment_id(content, "out_trade_no"),
            refund_no=read_number(content, "out_refund_no"),
        )
    if event != PAID:
        raise MalformedNotice("event_type is none that is known.")
    if content.get("appid") != account.appid:
        raise WrongApp
    return _read_transaction(content, notice_id=notice_id, text=text)


def _decrypt(document: dict[str, Any], client: WeChatClient) -> str:
    resource = document.get("resource")
    if document.get("resource_type") != "encrypt-resource" or not isinstance(resource, dict):
        raise MalformedNotice("The notice has no encrypted resource.")
    if resource.get("algorithm") != "AEAD_AES_256_GCM":
        raise MalformedNotice("The resource's algorithm is none that is known.")
    return client.decrypt_resource(
        nonce=read_text(resource, "nonce"),
        ciphertext=read_text(resource, "ciphertext"),
        associated_data=read_text({"associated_data": "", **resource}, "associated_data"),
    )


def _read_transaction(content: dict[str, Any], *, notice_id: str, text: str) -> VerifiedNotice:
    amount = content.get("amount")
    paid_at = read_moment(content, "success_time")
    if content.get("trade_state") != "SUCCESS" or not isinstance(amount, dict) or paid_at is None:
        raise MalformedNotice("A success must say how much was paid, and when.")
    return VerifiedNotice(
        notice_id=notice_id,
        payment_id=read_payment_id(content, "out_trade_no"),
        trade_no=read_number(content, "transaction_id"),
        amount_fen=read_amount_fen(amount, "total"),
        currency=read_text(amount, "currency"),
        status=NoticeStatus.SUCCESS,
        paid_at=paid_at,
        text=text,
    )
