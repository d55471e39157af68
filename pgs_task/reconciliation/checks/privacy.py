"""P1: no phone or address in plain text where it doesn't belong."""

import re
from collections.abc import Iterator
from typing import Any

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_count
from pgs_task.reconciliation.contract import When, make_check
from pgs_web.trade.intake.keys import intake_key

# A mobile number of mainland China standing by itself: ids and times are longer, and a trace id or UUID is full of
# digits and letters in a row.
PHONE = re.compile(rb"(?<![0-9A-Za-z])1[3-9]\d{9}(?![0-9A-Za-z])")
# The newest entries of each partition: what was written before was checked before.
ENTRIES_A_PARTITION = 500


@make_check("P1", When.ALWAYS, "no phone in plain text in the order streams")
def streams_hide_phones() -> Iterator[str]:
    for partition in range(partition_count()):
        # redis-py's types allow for other protocols and decoded answers; this client has neither.
        entries: Any = ledger(partition).xrevrange(intake_key(partition), count=ENTRIES_A_PARTITION)
        for entry_id, fields in entries:
            if any(PHONE.search(value) for value in fields.values()):
                yield f"partition {partition} entry {entry_id.decode()} carries a phone number"


CHECKS = [streams_hide_phones]
