"""Production: no defaults for secrets, https everywhere."""

from config.settings.base import *  # noqa: F403

PGS_DEPLOYMENT = "production"
