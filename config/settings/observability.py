"""Errors to Sentry when a DSN is set, and what the probes allow themselves."""

import sentry_sdk

from config.env import env

SENTRY_DSN: str = env("SENTRY_DSN", default="")
if SENTRY_DSN:
    sentry_sdk.init(
        dsn=SENTRY_DSN,
        environment=env("SENTRY_ENVIRONMENT", default="production"),
        traces_sample_rate=env.float("SENTRY_TRACES_SAMPLE_RATE", default=0.0),
        # Bodies and local variables hold phones and addresses.
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
    )

# /readyz answers within this time whatever hangs; what hasn't answered by then is named as down.
READINESS_SECONDS: float = env.float("READINESS_SECONDS", default=0.85)
