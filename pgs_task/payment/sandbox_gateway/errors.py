"""What the sandbox gateway refuses."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal


class BankUnanswered(Exception):
    """The bank gives no answer, as a SandboxFault told it; what was asked may have been done."""


class TradeRefused(Refusal):
    code = "trade_refused"
    status = HTTPStatus.CONFLICT
    detail = _("The sandbox gateway can't do this with the trade as it is.")


class RefundRefused(Exception):
    """The bank won't refund; the text says why."""


class ShopUnreachable(Refusal):
    code = "shop_unreachable"
    status = HTTPStatus.BAD_GATEWAY
    detail = _("The sandbox gateway has booked it, but the shop didn't answer its notice. Call again to send it again.")


class NoNoticeAddress(Refusal):
    code = "no_notice_address"
    status = HTTPStatus.MISDIRECTED_REQUEST
    detail = _(
        "The sandbox gateway only sends notices to a loopback address. Call it at 127.0.0.1, or set"
        " SANDBOX_NOTICE_BASE_URL."
    )
