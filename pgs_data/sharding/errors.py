"""What can be wrong with a sharded read, write or transaction; all of them are mistakes of the calling code."""


class ShardingError(Exception):
    """Base of everything that this package refuses."""


class ShardKeyMissing(ShardingError):
    """Nothing in the query or row says on which data node it is."""


class CrossShardQuery(ShardingError):
    """One query or write names rows of several data nodes, or rows of another node than the chosen one."""


class CrossNodeTransaction(ShardingError):
    """A transaction or write would span two databases, which can't commit together."""


class UnknownNode(ShardingError, ValueError):
    """An alias that isn't one of the data nodes."""


class NoSuchSlot(ShardingError, ValueError):
    """A number that can't be an id or a key, so no slot belongs to it."""
