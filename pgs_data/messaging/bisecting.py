"""Calls a batch handler so that one bad message neither spoils nor delays its neighbours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from pgs_data.messaging.errors import RetryLater, is_outage


class Identified(Protocol):
    """What a batch consists of; the id names a message within its stream or node."""

    @property
    def id(self) -> str | int: ...


Item = TypeVar("Item", bound=Identified)


@dataclass
class Outcome(Generic[Item]):
    """What became of each message of a batch; every one of them is in exactly one list."""

    # True when messages were put off because a server was away, and not by the handler's own judgement.
    met_outage: bool = False
    done: list[Item] = field(default_factory=list)
    put_off: list[tuple[Item, str]] = field(default_factory=list)
    poisoned: list[tuple[Item, Exception]] = field(default_factory=list)


def handle_batch(
    items: Sequence[Item],
    handler: Callable[[Sequence[Item]], None],
    *,
    on_done: Callable[[Sequence[Item]], None] | None = None,
    passing: tuple[type[Exception], ...] = (),
) -> Outcome[Item]:
    """Calls the handler with all items; on an exception with halves, down to the single message that raises it.

    RetryLater and outages put messages off, and after an outage no further half is tried. `on_done` is called after
    each part that succeeded, before the next is tried: a crash later repeats less. The handler must do all or nothing
    of a call, or be repeatable: parts of a failed batch are given to it again. `passing` exceptions aren't about the
    messages and go through to the caller.
    """
    outcome: Outcome[Item] = Outcome()
    # A stack instead of recursion, left half on top: messages keep their order.
    parts: list[Sequence[Item]] = [items] if items else []
    while parts:
        part = parts.pop()
        try:
            handler(part)
        except passing:
            raise
        except RetryLater as later:
            kept = [item for item in part if later.only is None or item.id in later.only]
            done = [item for item in part if later.only is not None and item.id not in later.only]
            outcome.put_off += [(item, later.reason) for item in kept]
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is a verdict on its messages
            if is_outage(error):
                # The next half would only wait for the same server. Nothing was wrong with any of them.
                reason = f"{type(error).__name__}: {error}"
                outcome.met_outage = True
                outcome.put_off += [(item, reason) for rest in (part, *reversed(parts)) for item in rest]
                return outcome
            if len(part) == 1:
                outcome.poisoned.append((part[0], error))
            else:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
            continue
        else:
            done = list(part)
        outcome.done += done
        if on_done is not None and done:
            on_done(done)
    return outcome
