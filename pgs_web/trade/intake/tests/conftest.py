"""Fixtures of this room: orders as the receiving service takes them."""

from pgs_web.trade.receiving.tests.conftest import api, buy, read, shoppers

__all__ = ["api", "buy", "read", "shoppers"]
