"""What payment refuses: shoppers, and notices that claim to come from a gateway."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal


class PaymentNotReady(Refusal):
    """The order was accepted but isn't in a database yet."""

    code = "not_ready"
    status = HTTPStatus.CONFLICT
    detail = _("The order is still being written down. Try again in a second.")
    retry_after = 1


class PayByPassed(Refusal):
    """The order's time to be paid is over."""

    code = "pay_by_passed"
    status = HTTPStatus.CONFLICT
    detail = _("The time to pay this order is over. Place a new order.")


class RefundNotManual(Refusal):
    """Only a refund that waits for a person can be tried again by one."""

    code = "refund_not_manual"
    status = HTTPStatus.CONFLICT
    detail = _("This refund doesn't wait for a person: it is done, or will be tried by itself.")


class AnomalyNotManual(Refusal):
    """Only an anomaly that waits for a person can be settled by one."""

    code = "anomaly_not_manual"
    status = HTTPStatus.CONFLICT
    detail = _("This anomaly doesn't wait for a person: it is settled, or is being traced.")


class AnomalyWithoutPayment(Refusal):
    code = "anomaly_without_payment"
    status = HTTPStatus.CONFLICT
    detail = _("No payment of ours belongs to this money. Send it back at the gateway, then explain the anomaly.")


class RefundAtGateway(Refusal):
    """The gateway has this refund after all: paying it by hand would pay it twice."""

    code = "refund_at_gateway"
    status = HTTPStatus.CONFLICT
    detail = _("The gateway has done this refund or is doing it. Try it again instead: its answer is booked then.")


class RefundNotClaimed(Refusal):
    """Nobody says that the refund was paid by hand, or the same person did."""

    code = "refund_not_claimed"
    status = HTTPStatus.CONFLICT
    detail = _("First somebody else has to say, with evidence, that it was paid by hand.")


class NothingToRefund(RuntimeError):
    """An order is to be refunded that no payment has paid: the books are wrong, somebody has to look."""


class NoticeRefused(Refusal):
    """A notice that changes nothing; its subclasses say why."""

    code = "notice_refused"
    status = HTTPStatus.BAD_REQUEST
    detail = _("The notice was refused.")


class BadSignature(NoticeRefused):
    code = "bad_signature"
    status = HTTPStatus.FORBIDDEN
    detail = _("The signature is missing or isn't the gateway's.")


class StaleNotice(NoticeRefused):
    code = "stale_notice"
    status = HTTPStatus.FORBIDDEN
    detail = _("The timestamp is more than 5 minutes off. Sign the notice again with the present time.")


class MalformedNotice(NoticeRefused):
    code = "malformed_notice"
    detail = _("The notice can't be read.")


class WrongApp(NoticeRefused):
    code = "wrong_app"
    detail = _("The notice is for another shop.")


class UnknownPayment(NoticeRefused):
    code = "unknown_payment"
    status = HTTPStatus.NOT_FOUND
    detail = _("There is no such payment at this gateway.")


class WrongAmount(NoticeRefused):
    code = "wrong_amount"
    status = HTTPStatus.CONFLICT
    detail = _("The amount or currency isn't the payment's.")


class NumberTaken(NoticeRefused):
    """A notice number with other content, a trade number of another payment, or a second trade of a paid payment."""

    code = "number_taken"
    status = HTTPStatus.CONFLICT
    detail = _("The notice or trade number was already used for something else.")
