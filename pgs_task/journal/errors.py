"""What the journal refuses; each is a mistake of the caller."""


class NotAMovement(ValueError):
    """An amount that isn't positive, or a movement without a reference."""


class JournalIsAppendOnly(TypeError):
    """A journal row is never changed and never deleted: a wrong movement is corrected by another movement."""
