"""What can be wrong in the group room; shoppers never see it."""


class GroupChangedMeanwhile(RuntimeError):
    """Rows below a locked group were changed by somebody who did not lock it; all was rolled back."""


class CapMovedMeanwhile(RuntimeError):
    """Somebody else used up an activity's cap of guaranteed seats; all was rolled back."""
