"""Production: no defaults for secrets, https everywhere."""

from config.env import env
from config.settings.base import *  # noqa: F403

PGS_DEPLOYMENT = "production"

# nginx ends TLS and says so; it must overwrite this header in every request.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
# Probes and metrics come from inside, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
# Units are for who buys them.
UNPAID_ORDERS_A_MEMBER = env.int("UNPAID_ORDERS_A_MEMBER", default=20)
