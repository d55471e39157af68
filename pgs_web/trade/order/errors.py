"""What the order room refuses, as shoppers see it."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal
from pgs_web.trade.order.states import OrderState


class WrongState(Refusal):
    """The order is in a state in which this can't be done; nothing was changed."""

    code = "wrong_state"
    status = HTTPStatus.CONFLICT
    detail = _("The order's state does not allow this. Read the order again to see what it allows now.")


class PriceFixed(Refusal):
    """Somebody has begun to pay the order, at the amount that it has."""

    code = "price_fixed"
    status = HTTPStatus.CONFLICT
    detail = _("You have begun to pay for this order, so its price stays. Use coupons before you pay.")


class TimeToPayOver(Refusal):
    code = "time_to_pay_over"
    status = HTTPStatus.CONFLICT
    detail = _("The time to pay for this order is over.")


class OrderMovedMeanwhile(RuntimeError):
    """A locked order was changed by somebody else: the database does not lock as it should; all was rolled back."""


def refuse_state(state: str) -> WrongState:
    """A WrongState that names the state the order is in."""
    return WrongState(_("The order is %(state)s, which does not allow this.") % {"state": OrderState(state).value})


def refuse_unwritten() -> WrongState:
    """A WrongState for an order that was accepted but is not in its database yet."""
    return WrongState(
        _("The order was accepted and is still being written down. Try again in a moment."), retry_after=1
    )
