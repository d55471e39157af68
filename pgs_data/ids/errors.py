"""What can be wrong with ids."""


class InvalidId(ValueError):
    """A text that isn't the one canonical spelling of an id, or a part that doesn't fit into one."""


class IdSourceUnavailable(Exception):
    """No id can be made now: the ledger doesn't answer or every machine number is taken. Worth a retry in a second."""
