"""What shoppers are refused for."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal


class RoundRunning(Refusal):
    code = "bargain_round_running"
    status = HTTPStatus.CONFLICT
    detail = _("You have a running bargain of this campaign. Go on with that one.")


class RoundLimit(Refusal):
    code = "bargain_round_limit"
    status = HTTPStatus.CONFLICT
    detail = _("You have started as many bargains of this campaign as a member may.")


class NotOnSale(Refusal):
    """The activity is over or paused, or its price leaves nothing to cut, or its end no time to buy."""

    code = "bargain_not_on_sale"
    status = HTTPStatus.CONFLICT
    detail = _("What this bargain is about is not on sale now.")


class RoundOver(Refusal):
    code = "bargain_over"
    status = HTTPStatus.CONFLICT
    detail = _("This bargain is over.")


class NotAtFloor(Refusal):
    code = "bargain_not_at_floor"
    status = HTTPStatus.CONFLICT
    detail = _("The price is not low enough yet.")
