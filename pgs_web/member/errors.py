"""Why the member room refuses."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal


class WrongCode(Refusal):
    """Wrong, expired, used, or tried too often: nobody learns which."""

    code = "wrong_code"
    status = HTTPStatus.UNAUTHORIZED
    detail = _("The code is wrong or has expired. Ask for a new one.")


class WrongCredentials(Refusal):
    code = "wrong_credentials"
    status = HTTPStatus.UNAUTHORIZED
    detail = _("Username or password is wrong.")


class MemberBlocked(Refusal):
    code = "member_blocked"
    status = HTTPStatus.UNAUTHORIZED
    detail = _("This account is blocked. Contact customer service.")


class TokenNotValid(Refusal):
    code = "token_not_valid"
    status = HTTPStatus.UNAUTHORIZED
    detail = _("The token is broken, has expired or was signed out. Sign in again.")


class SmsNotSent(Refusal):
    """The provider can't be reached or refused; the shopper may try again."""

    code = "sms_not_sent"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    detail = _("The message couldn't be sent. Try again in a minute.")
    retry_after = 60


class TooManyAddresses(Refusal):
    code = "too_many_addresses"
    status = HTTPStatus.CONFLICT
    detail = _("There are 20 addresses already. Remove one first.")


class AlreadyInState(Refusal):
    """Somebody else moved the member first."""

    code = "wrong_state"
    status = HTTPStatus.CONFLICT
    detail = _("This was done already or the state doesn't allow it.")


class UsernameTaken(Refusal):
    code = "username_taken"
    status = HTTPStatus.CONFLICT
    detail = _("Somebody has this username. Choose another one.")


class UsernameUnusable(Refusal):
    code = "username_unusable"
    status = HTTPStatus.BAD_REQUEST
    detail = _("A username begins with a letter and has 3 to 64 letters, digits, dots, dashes and underscores.")
