"""What the daily report refuses."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal


class DayNotOver(Refusal):
    code = "day_not_over"
    status = HTTPStatus.BAD_REQUEST
    detail = _("A day is settled ten minutes after its end.")


class FileTooLong(Refusal):
    code = "file_too_long"
    status = HTTPStatus.BAD_REQUEST
    detail = _("The file would have more than 50,000 rows: choose fewer days.")
