"""P1: no phone or address in plain text where it doesn't belong."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from django.utils.translation import gettext_lazy as _
from msgspec import structs

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_count
from pgs_task.logistics.services import ASIDE, BUS
from pgs_task.order_drain.queue import streams_of
from pgs_task.reconciliation.contract import When, make_check
from pgs_web.trade.intake.documents import OTHER_VALUES_AN_ORDER, UnreadableDocument, read_document
from pgs_web.trade.intake.keys import set_aside_key

# A mobile number of mainland China standing by itself: ids and times are longer, and a trace id or UUID is full of
# digits and letters in a row.
PHONE = re.compile(rb"(?<![0-9A-Za-z])1[3-9]\d{9}(?![0-9A-Za-z])")
# The newest entries of each stream: what was written before was checked before.
ENTRIES_A_STREAM = 500


@make_check("P1", When.ALWAYS, _("no phone in plain text in the streams of orders and shipments"))
def streams_hide_phones() -> Iterator[str]:
    streams: list[tuple[int | None, str]] = [(None, BUS), (None, ASIDE)]
    for partition in range(partition_count()):
        streams += [(partition, stream) for stream in (*streams_of(partition), set_aside_key(partition))]
    for place, stream in streams:
        # redis-py's types allow for other protocols and decoded answers; this client has neither.
        entries: Any = ledger(place).xrevrange(stream, count=ENTRIES_A_STREAM)
        for entry_id, fields in entries:
            # The number itself stays out of the message, which goes into logs.
            for name, value in fields.items():
                if PHONE.search(_leave_out_keys(name, value)):
                    yield f"stream {stream} entry {entry_id.decode()} has a phone number in {name.decode()}"


def _leave_out_keys(name: bytes, value: bytes) -> bytes:
    """An entry's orders without their idempotency keys: their shoppers chose them, and may have typed a number."""
    if name == b"rest":
        try:
            others = msgspec.msgpack.decode(value, type=list[str])
        except msgspec.DecodeError:
            return value
        return msgspec.msgpack.encode([text for place, text in enumerate(others) if place % OTHER_VALUES_AN_ORDER])
    try:
        document = read_document(value)
    except UnreadableDocument:
        return value
    return msgspec.msgpack.encode(structs.replace(document, idempotency_key=""))


CHECKS = [streams_hide_phones]
