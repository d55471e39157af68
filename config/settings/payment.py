"""Gateways, their secrets, and how long payments and refunds may take."""

from config.env import env

PAYMENT_GATEWAYS: list[str] = env.list("PAYMENT_GATEWAYS", default=["sandbox"])
SANDBOX_GATEWAY_SECRET: str = env("SANDBOX_GATEWAY_SECRET", default="sandbox-secret-for-demo-and-tests-only")
SANDBOX_GATEWAY_APP_ID: str = env("SANDBOX_GATEWAY_APP_ID", default="pgs-sandbox")
# Where the sandbox gateway sends its notices; empty: to the address at which it was called.
SANDBOX_NOTICE_BASE_URL: str = env("SANDBOX_NOTICE_BASE_URL", default="")
