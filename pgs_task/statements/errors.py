"""What the desk of differences and the upload of statements refuse."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal


class DifferenceSettled(Refusal):
    code = "difference_settled"
    status = HTTPStatus.CONFLICT
    detail = _("This difference is not open any more. Look at it again.")


class StatementNotRead(Refusal):
    code = "statement_not_read"
    status = HTTPStatus.BAD_REQUEST
    detail = _("The file is no statement of this gateway that can be read.")


class DayNotOver(Refusal):
    code = "day_not_over"
    status = HTTPStatus.BAD_REQUEST
    detail = _("Only a day that is over, and of the last two years, can be reconciled.")
