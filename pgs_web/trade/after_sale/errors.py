"""What the after-sale room refuses, as shoppers and operators see it."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal
from pgs_web.trade.after_sale.states import RequestState


class RequestOpen(Refusal):
    """The order has an open request with other content: one at a time."""

    code = "request_open"
    status = HTTPStatus.CONFLICT
    detail = _("This order has an open after-sale request. Wait for its end, or take it back first.")


class AfterSaleOver(Refusal):
    code = "after_sale_over"
    status = HTTPStatus.CONFLICT
    detail = _("The time to ask for after-sale service is over for this order.")


class AmountTooLarge(Refusal):
    code = "amount_too_large"
    status = HTTPStatus.CONFLICT
    detail = _("That is more than is left of what you paid for this order.")


class TooManyUnits(Refusal):
    code = "too_many_units"
    status = HTTPStatus.CONFLICT
    detail = _("These are more units than you bought, or than you haven't asked to return yet.")


class MoreThanAsked(Refusal):
    """Operators approve what was asked for, or less."""

    code = "more_than_asked"
    status = HTTPStatus.CONFLICT
    detail = _("The shopper asked for less.")


class TooManyRequestsOfOrder(Refusal):
    code = "request_limit"
    status = HTTPStatus.CONFLICT
    detail = _("This order has had too many after-sale requests. Contact us instead.")


class WrongRequestState(Refusal):
    """The request is in a state in which this can't be done; nothing was changed."""

    code = "wrong_request_state"
    status = HTTPStatus.CONFLICT
    detail = _("The request's state does not allow this. Read it again to see what it allows now.")


class SamePerson(Refusal):
    """Two people have to agree, and this one has before."""

    code = "same_person"
    status = HTTPStatus.CONFLICT
    detail = _("Somebody else has to agree: you were the first to.")


def refuse_state(state: str) -> WrongRequestState:
    """A WrongRequestState that names the state the request is in."""
    return WrongRequestState(
        _("The request is %(state)s, which does not allow this.") % {"state": RequestState(state).value}
    )
