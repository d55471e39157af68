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
