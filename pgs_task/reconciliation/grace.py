"""How late the clock may be before it counts as an offence: several beats of its task."""

from datetime import timedelta

UNPAID_GRACE = timedelta(seconds=20)
GROUP_GRACE = timedelta(seconds=20)
RESCUE_GRACE = timedelta(seconds=60)
OUTBOX_GRACE = timedelta(seconds=60)
# An entry of a stream that nobody has written down (O7).
STREAM_GRACE_SECONDS = 60
