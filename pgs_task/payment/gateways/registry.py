"""Which gateways are on, by their codes."""

from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from pgs_task.payment.gateways.contract import Gateway


class GatewayNotOffered(LookupError):
    """The code isn't one of the gateways that are on."""


def get_gateway(code: str) -> Gateway:
    """The adapter of a gateway that the environment turns on, also of one that an operator has closed to new payments.

    Raises GatewayNotOffered, ImproperlyConfigured for a broken setting.
    """
    if code not in settings.PAYMENT_GATEWAYS:
        raise GatewayNotOffered(code)
    return make_gateway(code)


def make_gateway(code: str) -> Gateway:
    """The adapter of a gateway, also of one that was switched off: its payments still have to be refunded."""
    path = settings.PAYMENT_GATEWAY_ADAPTERS.get(code)
    if path is None:
        raise ImproperlyConfigured(f"PAYMENT_GATEWAY_ADAPTERS has no adapter for the gateway {code!r}.")
    return _load(path)


def gateway_codes() -> list[str]:
    """Codes of the gateways that the environment turns on; pgs_task.payment.configuration says which are offered."""
    return list(settings.PAYMENT_GATEWAYS)


@lru_cache(maxsize=16)
def _load(path: str) -> Gateway:
    adapter: Gateway = import_string(path)()
    return adapter
