"""The sandbox gateway's own pages: they play the shopper who pays or can't, and show the statement."""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt

from pgs_data.clock import database_now
from pgs_task.payment.gateways.contract import LineKind
from pgs_task.payment.gateways.statement_days import day_of
from pgs_task.payment.sandbox_gateway.models import SandboxTrade
from pgs_task.payment.sandbox_gateway.notices import notice_base_url, tell_shop
from pgs_task.payment.sandbox_gateway.selectors import BookLine, list_statement, sum_statement
from pgs_task.payment.sandbox_gateway.services import fail_attempt, take_money
from pgs_task.payment.states import NoticeStatus
from pgs_web.api.errors import OUTAGES, NotFound, Refusal, Unavailable, problem_response, refusal_response
from pgs_web.api.ids import read_id

LARGEST_PAGE = 10_000
DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
SIZE = re.compile(r"[1-9][0-9]{0,4}")

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponse]


def bank_page(method: str) -> Callable[[View[Arguments]], View[Arguments]]:
    """A page of the bank: 404 when the gateway is off, 405 for other methods, refusals and outages as problems."""

    def decorate(view: View[Arguments]) -> View[Arguments]:
        @csrf_exempt
        @wraps(view)
        def page(request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponse:
            try:
                if "sandbox" not in settings.PAYMENT_GATEWAYS:
                    raise NotFound
                if request.method != method:
                    return problem_response(
                        status=405,
                        code="method_not_allowed",
                        detail=_("Use another method."),
                        headers={"Allow": method},
                    )
                return view(request, *args, **kwargs)
            except Refusal as refusal:
                return refusal_response(refusal)
            except OUTAGES:
                return refusal_response(Unavailable())

        return page

    return decorate


@bank_page("POST")
def pay(request: HttpRequest, payment_id: int) -> HttpResponse:
    """Takes the money once, tells the shop, answers what the shop answered; again: tells it again."""
    base_url = notice_base_url(request)
    return _tell(take_money(payment_id=payment_id), NoticeStatus.SUCCESS, base_url)


@bank_page("POST")
def fail(request: HttpRequest, payment_id: int) -> HttpResponse:
    """Lets the attempt fail and tells the shop; the payment can still be paid."""
    base_url = notice_base_url(request)
    return _tell(fail_attempt(payment_id=payment_id), NoticeStatus.FAIL, base_url)


@bank_page("GET")
def statement(request: HttpRequest) -> HttpResponse:
    """What the bank took and refunded on `?date=` (Asia/Shanghai; today when absent): payments, then refunds."""
    day = _read_day(request.GET.get("date"))
    size = _read_size(request.GET.get("page_size"))
    lines = list_statement(day=day, after=_read_cursor(request.GET.get("cursor")), limit=size + 1)
    page, rest = lines[:size], lines[size:]
    following = f"{request.path}?date={day}&page_size={size}&cursor={_write_cursor(page[-1])}" if rest else None
    totals = sum_statement(day=day)
    body = {
        "date": day.isoformat(),
        "taken": {"count": totals.taken_count, "amount_fen": totals.taken_fen},
        "refunded": {"count": totals.refunded_count, "amount_fen": totals.refunded_fen},
        "next": request.build_absolute_uri(following) if following else None,
        "results": [_describe(line) for line in page],
    }
    return JsonResponse(body)


def _tell(trade: SandboxTrade | None, status: NoticeStatus, base_url: str) -> HttpResponse:
    if trade is None:
        raise NotFound
    answer = tell_shop(trade=trade, status=status, base_url=base_url)
    return HttpResponse(answer.content, status=answer.status, content_type=answer.content_type)


def _describe(line: BookLine) -> dict[str, Any]:
    described: dict[str, Any] = {
        "kind": line.kind.value,
        "payment_id": str(line.payment_id),
        "trade_no": line.trade_no,
        "amount_fen": line.amount_fen,
        "fee_fen": line.fee_fen,
        "currency": "CNY",
        "at": line.at.astimezone(UTC).isoformat(),
    }
    if line.kind == LineKind.REFUND:
        described |= {"refund_no": line.refund_no, "gateway_refund_no": line.gateway_refund_no}
    return described


def _read_day(text: str | None) -> date:
    if text is None:
        return day_of(database_now("default"))
    try:
        day = date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise _bad_parameter(_("date must be a day like 2026-11-11."))
    return day


def _read_size(text: str | None) -> int:
    if text is None:
        return LARGEST_PAGE
    if not SIZE.fullmatch(text) or int(text) > LARGEST_PAGE:
        raise _bad_parameter(_("page_size must be a whole number from 1 to 10000."))
    return int(text)


def _write_cursor(line: BookLine) -> str:
    return base64.urlsafe_b64encode(f"{line.kind}|{line.at.isoformat()}|{line.key}".encode()).decode()


def _read_cursor(text: str | None) -> tuple[LineKind, datetime, str] | None:
    if text is None:
        return None
    try:
        word, moment, key = base64.urlsafe_b64decode(text[:300].encode("ascii")).decode("ascii").split("|")
        kind, at = LineKind(word), datetime.fromisoformat(moment).astimezone(UTC)
    except (ValueError, binascii.Error, OverflowError) as error:
        raise _bad_parameter(_("Take the cursor from a page's next.")) from error
    # A payment's key is compared as a number, a refund's as text.
    if "\x00" in key or (kind == LineKind.PAYMENT and read_id(key) is None):
        raise _bad_parameter(_("Take the cursor from a page's next."))
    return kind, at, key


def _bad_parameter(detail: Any) -> Refusal:
    return Refusal(detail, code="validation_error", status=400)
