"""Tests: everything private to the run; conftest.py starts the servers."""

from config.settings.base import *  # noqa: F403

PGS_DEPLOYMENT = "test"
