"""Names under which all games' figures are counted."""

LONGEST_FIGURE = 32

STARTED = "started"
HELPS = "helps"
# Helps by members who had never paid an order.
NEW_HELPERS = "new_helpers"
# Orders that were paid with what the game gave, and those of them whose money went back.
BOUGHT = "bought"
RETURNED = "returned"
# Orders of anything that were paid with what the game gave who helped; a game that gives it shows them as its own.
REWARD_ORDERS = "reward_orders"
# What the shop gave for them: discounts, rewards; less what came back.
COST = "cost_fen"
# Buyers who had never paid an order before.
NEW_MEMBERS = "new_members"

SHARED_FIGURES = frozenset({STARTED, HELPS, NEW_HELPERS, BOUGHT, RETURNED, COST, NEW_MEMBERS})


def ending(state: str) -> str:
    """The figure of rounds that ended in a state."""
    return f"ended.{state}"
