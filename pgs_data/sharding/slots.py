"""Where a row lives: an id carries one of 64 slots, and a map in the settings says which node holds a slot."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from pgs_data.sharding.errors import NoSuchSlot, UnknownNode

SLOT_COUNT = 64
ID_BITS = 63
SLOT_BITS = 6
# The slot is the top 6 of an id's 63 bits: ids of one slot are one contiguous range.
SLOT_SHIFT = ID_BITS - SLOT_BITS
LARGEST_ID = 2**ID_BITS - 1


def slot_of_key(key: int) -> int:
    """Slot 0..63 of a numeric key such as an account number; ten neighbours share one. Raises NoSuchSlot below 0."""
    if key < 0:
        raise NoSuchSlot(f"Keys are not negative, got {key}.")
    return (key // 10) % SLOT_COUNT


def slot_of_id(row_id: int) -> int:
    """Slot 0..63 that a 63-bit id carries; raises NoSuchSlot for what can't be an id."""
    if not 0 <= row_id <= LARGEST_ID:
        raise NoSuchSlot(f"Ids are 0..2^63-1, got {row_id}.")
    return row_id >> SLOT_SHIFT


def alias_of_slot(slot: int) -> str:
    """Database alias of the node that holds the slot; raises NoSuchSlot outside 0..63."""
    if not 0 <= slot < SLOT_COUNT:
        raise NoSuchSlot(f"Slots are 0..{SLOT_COUNT - 1}, got {slot}.")
    return slot_map()[slot]


def alias_of_id(row_id: int) -> str:
    """Database alias of the node on which the row of this id lives; raises NoSuchSlot."""
    return alias_of_slot(slot_of_id(row_id))


def node_aliases() -> list[str]:
    """Aliases of all data nodes, in the order of the settings."""
    return list(settings.DATA_NODES)


def is_node(alias: str | None) -> bool:
    """True for the alias of a data node."""
    return alias in settings.DATA_NODES


def require_node(alias: str) -> str:
    """The alias itself; raises UnknownNode when it isn't a data node."""
    if not is_node(alias):
        raise UnknownNode(f"{alias!r} is no data node; they are {', '.join(node_aliases())}.")
    return alias


def ids_by_node(ids: Iterable[int]) -> dict[str, list[int]]:
    """The distinct ids grouped by the node that holds them, in the order given; raises NoSuchSlot."""
    grouped: dict[str, list[int]] = {}
    for row_id in dict.fromkeys(ids):
        grouped.setdefault(alias_of_id(row_id), []).append(row_id)
    return grouped


def slot_map() -> tuple[str, ...]:
    """Node alias of each of the 64 slots; raises ImproperlyConfigured for a map that doesn't cover them."""
    written = settings.SLOT_MAP
    return _read_slot_map(written if isinstance(written, str) else tuple(written), tuple(settings.DATA_NODES))


@lru_cache(maxsize=8)
def _read_slot_map(written: str | tuple[str, ...], nodes: tuple[str, ...]) -> tuple[str, ...]:
    if not nodes:
        raise ImproperlyConfigured("DATA_NODES is empty: name at least one data node.")
    if not written:
        return tuple(nodes[slot * len(nodes) // SLOT_COUNT] for slot in range(SLOT_COUNT))
    held = _read_ranges(written) if isinstance(written, str) else _read_list(written)
    missing = [slot for slot in range(SLOT_COUNT) if slot not in held]
    if missing:
        raise ImproperlyConfigured(f"SLOT_MAP leaves slots without a node: {missing}.")
    unknown = sorted(set(held.values()) - set(nodes))
    if unknown:
        raise ImproperlyConfigured(f"SLOT_MAP names {unknown}, but the data nodes are {list(nodes)}.")
    return tuple(held[slot] for slot in range(SLOT_COUNT))


def _read_list(written: Sequence[str]) -> dict[int, str]:
    if len(written) != SLOT_COUNT:
        raise ImproperlyConfigured(f"SLOT_MAP as a list has one alias a slot: {SLOT_COUNT}, not {len(written)}.")
    return dict(enumerate(written))


def _read_ranges(written: str) -> dict[int, str]:
    """Reads "0-21:node0,22-42:node1,43:node2"."""
    held: dict[int, str] = {}
    for part in written.split(","):
        slots, _, alias = part.strip().partition(":")
        first, dash, last = slots.partition("-")
        if not (first.isdecimal() and alias and (last.isdecimal() if dash else True)):
            raise ImproperlyConfigured(f'SLOT_MAP: {part.strip()!r} is not like "0-21:node0".')
        low, high = int(first), int(last or first)
        if low > high or high >= SLOT_COUNT:
            raise ImproperlyConfigured(f"SLOT_MAP: {slots!r} is no range within 0-{SLOT_COUNT - 1}.")
        for slot in range(low, high + 1):
            if slot in held:
                raise ImproperlyConfigured(f"SLOT_MAP gives slot {slot} to {held[slot]} and to {alias}.")
            held[slot] = alias
    return held
