"""The drain: how many orders a transaction of a node takes, and when a node no longer keeps up."""

from config.env import env

# Bounds of the number of orders in one transaction of a node; between them the drain finds it by itself.
DRAIN_WIDTH_LEAST: int = env.int("DRAIN_WIDTH_LEAST", default=50)
DRAIN_WIDTH_MOST: int = env.int("DRAIN_WIDTH_MOST", default=1000)
# A transaction that takes longer makes the next ones smaller.
DRAIN_TRANSACTION_SECONDS: float = env.float("DRAIN_TRANSACTION_SECONDS", default=0.25)
# Fresh orders wait so long for a node that hangs; then they wait in a stream of its own, and nobody else's behind them.
DRAIN_PATIENCE_SECONDS: float = env.float("DRAIN_PATIENCE_SECONDS", default=2.0)
