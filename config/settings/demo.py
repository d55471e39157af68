"""Runs on one machine without services: SQLite nodes, one Valkey; `manage.py demo` sets the addresses."""

from config.env import env
from config.settings.base import *  # noqa: F403

PGS_DEPLOYMENT = "demo"
# `replay_orders` plays wholesale customers here: their invoices have hundreds of lines of the same minute.
INTAKE_MEMBER_ORDERS_A_SECOND = env.float("INTAKE_MEMBER_ORDERS_A_SECOND", default=0.0)
