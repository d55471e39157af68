"""Makes the next version of the payment configuration, and what a payment that starts asks of the present one."""

from collections.abc import Iterable

import structlog
from django.db import IntegrityError, transaction

from pgs_data.clock import DatabaseNow
from pgs_data.redis.connections import RedisUnavailable, cache
from pgs_task.payment.configuration.errors import ConfigurationMoved, GatewayClosed, GatewayLimit
from pgs_task.payment.configuration.keys import CHANNEL
from pgs_task.payment.configuration.memory import current_configuration, read_newest
from pgs_task.payment.configuration.models import ConfigurationVersion
from pgs_task.payment.configuration.switches import GatewaySwitches, write_switches

log = structlog.get_logger(__name__)


def change_configuration(*, based_on: int, gateways: Iterable[GatewaySwitches], author: str, reason: str) -> int:
    """Makes version `based_on` + 1 and tells every process; returns its number.

    Raises ConfigurationMoved when `based_on` isn't the newest any more, BadConfiguration. The number is the primary
    key: of two editors who both saw version 7, one makes version 8. Dying before the push: every process asks by
    itself within seconds.
    """
    rows = write_switches(gateways)
    if read_newest().version != based_on:
        raise ConfigurationMoved
    version = based_on + 1
    try:
        with transaction.atomic():
            ConfigurationVersion.objects.create(
                version=version, gateways=rows, author=author[:64], reason=reason[:200], created_at=DatabaseNow()
            )
    except IntegrityError as error:
        raise ConfigurationMoved from error
    log.info("payment_configuration_changed", version=version, author=author)
    try:
        cache().publish(CHANNEL, version)
    except RedisUnavailable as error:
        log.warning("payment_configuration_not_pushed", version=version, error=type(error).__name__)
    return version


def require_offered(*, gateway_code: str, amount_fen: int) -> None:
    """Raises GatewayClosed or GatewayLimit when no payment of this amount is to be started there; from memory."""
    switches = current_configuration().switches_of(gateway_code)
    if not switches.is_open:
        raise GatewayClosed
    if switches.largest_fen is not None and amount_fen > switches.largest_fen:
        raise GatewayLimit
