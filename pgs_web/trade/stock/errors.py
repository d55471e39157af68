"""What can't be done with an activity's stock; operators and commands see these texts."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal


class StockInUse(Refusal):
    """A stock that was sold from is never loaded again."""

    code = "stock_in_use"
    status = HTTPStatus.CONFLICT
    detail = _("This activity's stock is loaded and was sold from. Change its total instead of loading it again.")


class StockMissing(Refusal):
    code = "stock_missing"
    status = HTTPStatus.CONFLICT
    detail = _("This activity's stock is not loaded. Preload it before the sale, or rebuild it from the orders.")


class StockTooShort(Refusal):
    code = "stock_too_short"
    status = HTTPStatus.CONFLICT
    detail = _("Fewer units remain than shall be taken out. Locked and sold units can't be taken out.")


class ActivityOver(Refusal):
    code = "activity_over"
    status = HTTPStatus.CONFLICT
    detail = _("This activity has ended or was withdrawn; that can't be undone. Create a new one.")


class GateMovedMeanwhile(Refusal):
    """Somebody else took over the steering of this sale."""

    code = "gate_moved_meanwhile"
    status = HTTPStatus.CONFLICT
    detail = _("Somebody else is steering this sale at the moment. Look at its state and try again.")


class SaleBusy(Refusal):
    code = "sale_busy"
    status = HTTPStatus.CONFLICT
    detail = _("Somebody else is changing this sale right now. Try again in a few seconds.")
    retry_after = 2


class RulesOutdated(Refusal):
    code = "rules_outdated"
    status = HTTPStatus.CONFLICT
    detail = _("Somebody changed the rules meanwhile. Read them again and repeat your change.")


class PriceTooLarge(Refusal):
    code = "price_too_large"
    status = HTTPStatus.BAD_REQUEST
    detail = _("Price times the units a member may buy is beyond what can be counted exactly. Lower one of them.")
