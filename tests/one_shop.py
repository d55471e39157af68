"""Keeps the tests of the running shop on one xdist worker: a second worker would start a second shop.

`--dist loadgroup` and the mark `xdist_group` promise that, but pytest-xdist 3.8 writes the group into an attribute of
the item that pytest 9.2 doesn't read any more, and says nothing: each worker started a shop of its own.
"""

from xdist.scheduler import LoadScopeScheduling

LIVE_TESTS = "tests/live/"


class OneShopScheduling(LoadScopeScheduling):
    """Every test goes to the next free worker, those of the running shop all to the same one, and first."""

    def _split_scope(self, nodeid: str) -> str:
        return LIVE_TESTS if nodeid.startswith(LIVE_TESTS) else nodeid
