"""What a change of the configuration is refused for, and what a closed gateway tells."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal


class ConfigurationMoved(Refusal):
    """Somebody else made the next version first."""

    code = "configuration_moved"
    status = HTTPStatus.CONFLICT
    detail = _("Somebody else changed the gateways meanwhile. Look at them again, then repeat.")


class BadConfiguration(Refusal):
    code = "bad_configuration"
    status = HTTPStatus.BAD_REQUEST
    detail = _("These switches can't be used.")


class GatewayClosed(Refusal):
    code = "gateway_closed"
    status = HTTPStatus.CONFLICT
    detail = _("This gateway takes no new payments at the moment. Choose another one.")


class GatewayLimit(Refusal):
    code = "gateway_limit"
    status = HTTPStatus.CONFLICT
    detail = _("This gateway doesn't take so much at once. Choose another one.")
