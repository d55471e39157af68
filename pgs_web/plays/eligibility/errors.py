"""Why a help, or joining, is refused; shoppers read these."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal


class SelfHelp(Refusal):
    code = "self_help"
    status = HTTPStatus.CONFLICT
    detail = _("You can't help yourself. Share the page with your friends.")


class AlreadyHelped(Refusal):
    code = "already_helped"
    status = HTTPStatus.CONFLICT
    detail = _("You have helped this member before. Each friend can help once.")


class NotNewMember(Refusal):
    code = "not_new_member"
    status = HTTPStatus.CONFLICT
    detail = _("This is for new members only: you have paid an order here before.")


class DeviceUnknown(Refusal):
    """The browser sends no device mark of ours."""

    code = "device_unknown"
    status = HTTPStatus.CONFLICT
    detail = _("We couldn't recognise this device. Allow cookies, open the page again, then try once more.")


class HelperCap(Refusal):
    code = "helper_cap"
    status = HTTPStatus.TOO_MANY_REQUESTS
    detail = _("You have helped as often as possible today. Come back tomorrow.")
    retry_after = 3600


class DeviceCap(Refusal):
    code = "device_cap"
    status = HTTPStatus.TOO_MANY_REQUESTS
    detail = _("This device has been used for as many helps as possible today. Come back tomorrow.")
    retry_after = 3600


class AddressCap(Refusal):
    code = "address_cap"
    status = HTTPStatus.TOO_MANY_REQUESTS
    detail = _("There have been as many helps as possible from your network today. Come back tomorrow.")
    retry_after = 3600


class AccountCap(Refusal):
    code = "account_cap"
    status = HTTPStatus.TOO_MANY_REQUESTS
    detail = _("This payment account has been used for as many helps as possible today. Come back tomorrow.")
    retry_after = 3600
