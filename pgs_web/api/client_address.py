"""Which network a request comes from."""

import ipaddress

from django.http import HttpRequest


def client_network(request: HttpRequest) -> str:
    """The caller's IPv4 address or IPv6 /64 (one household owns all of it), as text for rates and risk rules.

    The server has put the caller in the place of our own proxies already (`settings.TRUSTED_PROXIES`).
    """
    address = str(request.META.get("REMOTE_ADDR", ""))
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False))
    return str(parsed)
