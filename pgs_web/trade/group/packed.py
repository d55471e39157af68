"""A group as the ledger has it: one packed text, which admission and settling read and write.

    5|2|990|1|900000|42|85932800000|86400000|0|1|,42:AAABjNqy2Ac

activity, size, price, version of the rules, time to pay, leader, opened (since ids begin), how long it lasts, closed,
seats held, and a comma, member and order (a short text, written out by older versions) a seat.
"""

from collections.abc import Mapping
from typing import NamedTuple, Self

from pgs_data.ids.layout import EPOCH_MS
from pgs_data.ids.texts import read_id, short_id

SEAT_PREFIX = b"m:"


class PackedGroup(NamedTuple):
    """In the order of the packed fields; times in milliseconds since 1970.

    `held` is what admission compares with the size; `seats` is member id → order id, in the order in which they came.
    """

    activity_id: int
    size: int
    price_fen: int
    rules_version: int
    pay_within_ms: int
    leader_member_id: int
    opened_ms: int
    deadline_ms: int
    is_closed: bool
    held: int
    seats: dict[int, int]

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """The group that the scripts wrote; raises ValueError for anything else."""
        *texts, seats = packed.decode("ascii").split("|")
        try:
            activity, size, price, rules, pay_within, leader, opened, lasts, closed, held = map(int, texts)
        except ValueError as error:
            raise ValueError(f"Not a group: {packed!r}") from error
        taken: dict[int, int] = {}
        for seat in seats.split(",")[1:]:
            member, _, order = seat.partition(":")
            taken[int(member)] = read_id(order)
        return cls(
            activity,
            size,
            price,
            rules,
            pay_within,
            leader,
            EPOCH_MS + opened,
            EPOCH_MS + opened + lasts,
            bool(closed),
            held,
            taken,
        )

    @classmethod
    def from_hash(cls, fields: Mapping[bytes, bytes]) -> Self:
        """The group that version 1 kept in a hash of its own; raises KeyError, ValueError."""
        return cls(
            activity_id=int(fields[b"activity_id"]),
            size=int(fields[b"size"]),
            price_fen=int(fields[b"price_fen"]),
            rules_version=int(fields.get(b"rules_version", 1)),
            pay_within_ms=int(fields.get(b"pay_within_ms", 0)),
            leader_member_id=int(fields[b"leader_member_id"]),
            opened_ms=int(fields[b"opened_ms"]),
            deadline_ms=int(fields[b"deadline_ms"]),
            is_closed=fields.get(b"closed") == b"1",
            held=int(fields.get(b"held", 0)),
            seats={
                int(name.removeprefix(SEAT_PREFIX)): int(order)
                for name, order in fields.items()
                if name.startswith(SEAT_PREFIX)
            },
        )

    def pack(self) -> str:
        """The text that the scripts read; for the rebuild of a lost ledger from the databases."""
        numbers = (
            self.activity_id,
            self.size,
            self.price_fen,
            self.rules_version,
            self.pay_within_ms,
            self.leader_member_id,
            self.opened_ms - EPOCH_MS,
            self.deadline_ms - self.opened_ms,
            int(self.is_closed),
            self.held,
        )
        seats = "".join(f",{member}:{short_id(order)}" for member, order in self.seats.items())
        return "|".join([*map(str, numbers), seats])
