"""Runs on one machine without services: SQLite nodes, one Valkey; `manage.py demo` sets the addresses."""

from config.settings.base import *  # noqa: F403

PGS_DEPLOYMENT = "demo"
