"""The scripts of envelopes and packets, each on one campaign's keys; all raise RedisUnavailable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pgs_data.lua.blobs import pack
from pgs_data.lua.loader import Command, Script, run_command
from pgs_data.redis.connections import ledger
from pgs_data.redis.replicas import replicated
from pgs_web.marketing.red_packet.keys import CampaignKeys

_PACKAGE = "pgs_web.marketing.red_packet"
_open_packet = Script.load(_PACKAGE, "open_packet")
_reload_packet = Script.load(_PACKAGE, "reload_packet")
_take_help = Script.load(_PACKAGE, "take_help")
_return_help = Script.load(_PACKAGE, "return_help")
_settle_packet = Script.load(_PACKAGE, "settle_packet")
_restore_envelope = Script.load(_PACKAGE, "restore_envelope")

# Of a recount that died.
COUNTED_SECONDS = 600


class OpenReply(StrEnum):
    OPENED = "OPENED"
    ENOUGH = "ENOUGH"
    SHORT = "SHORT"
    LOST = "LOST"


class HelpReply(StrEnum):
    TAKEN = "TAKEN"
    REPEATED = "REPEATED"
    FULL = "FULL"
    SHORT = "SHORT"
    LOST = "LOST"


@dataclass(frozen=True, kw_only=True)
class PacketCopy:
    """What the ledger has to know of a packet; `ladder` is its worth after 0, 1, 2 … helps."""

    campaign_id: int
    packet_id: int
    mark: str
    helps: int
    base_fen: int
    ladder: Sequence[int]
    helper_ids: Sequence[int]

    def facts(self, **more: Any) -> bytes:
        """As the scripts read it."""
        known = {"mark": self.mark, "helps": self.helps, "base": self.base_fen, "ladder": list(self.ladder)}
        return pack({**known, "helpers": [str(helper_id) for helper_id in self.helper_ids], **more})


@dataclass(frozen=True, kw_only=True)
class TakenHelp:
    """A help that the ledger has counted; its row counts only while the packet's row bears the same mark."""

    campaign_id: int
    packet_id: int
    helper_id: int
    mark: str


@dataclass(frozen=True, kw_only=True)
class EnvelopeFigures:
    """What the ledger says of a campaign's money, fen."""

    budget_fen: int
    spent_fen: int
    packets: int


def open_packet(copy: PacketCopy, *, most_packets: int) -> OpenReply:
    """Reserves what the packet takes from the start; nothing more the second time."""
    keys = CampaignKeys(copy.campaign_id)
    args: dict[str, str | bytes | int] = {
        "packet_id": str(copy.packet_id),
        "most_packets": most_packets,
        "facts": copy.facts(),
    }
    with replicated(keys.partition) as client:
        reply = _open_packet(client, keys=keys.of_packet(copy.packet_id), args=args)
    return OpenReply(reply.decode())


def reload_packet(copy: PacketCopy, *, doubted: Sequence[int] = ()) -> bool:
    """Makes the ledger's packet what the row says; False when the envelope isn't there. Call it under the row's lock.

    Helps that were counted before, under another mark, can't be written any more.
    """
    keys = CampaignKeys(copy.campaign_id)
    facts = copy.facts(doubted=[str(helper_id) for helper_id in doubted])
    with replicated(keys.partition) as client:
        reply = _reload_packet(
            client,
            keys={**keys.of_packet(copy.packet_id), "under_way": keys.under_way()},
            args={"packet_id": str(copy.packet_id), "facts": facts},
        )
    return bool(reply == b"RELOADED")


def take_help(
    *, campaign_id: int, packet_id: int, helper_id: int, seen_helps: int
) -> tuple[HelpReply, TakenHelp | None]:
    """Counts a help and reserves its step; after a timeout it may be counted, until mend_helps looks at it.

    `seen_helps` were in the packet's row before: a ledger that knows of fewer is not trusted, and says LOST.
    """
    with replicated(CampaignKeys(campaign_id).partition) as client:
        command = take_help_command(
            campaign_id=campaign_id, packet_id=packet_id, helper_id=helper_id, seen_helps=seen_helps
        )
        word, *rest = run_command(client, command)
    if word != b"TAKEN":
        return HelpReply(word.decode()), None
    mark = rest[0].decode()
    return HelpReply.TAKEN, TakenHelp(campaign_id=campaign_id, packet_id=packet_id, helper_id=helper_id, mark=mark)


def take_help_command(*, campaign_id: int, packet_id: int, helper_id: int, seen_helps: int) -> Command:
    """The call of take_help, for a connection of one's own."""
    keys = CampaignKeys(campaign_id)
    return _take_help.command(
        keys={**keys.of_packet(packet_id), "under_way": keys.under_way()},
        args={"packet_id": str(packet_id), "helper_id": str(helper_id), "seen_helps": seen_helps},
    )


def return_help(taken: TakenHelp) -> bool:
    """Takes back a help that no row was written for; False when there is nothing to take back any more."""
    keys = CampaignKeys(taken.campaign_id)
    with replicated(keys.partition) as client:
        reply = _return_help(
            client,
            keys={**keys.of_packet(taken.packet_id), "under_way": keys.under_way()},
            args={"packet_id": str(taken.packet_id), "helper_id": str(taken.helper_id), "mark": taken.mark},
        )
    return bool(reply == b"RETURNED")


def settle_packet(*, campaign_id: int, packet_id: int, kept_fen: int, is_undone: bool = False) -> bool:
    """Ends a packet's reservation but for what is kept of it; False when the envelope isn't there."""
    keys = CampaignKeys(campaign_id)
    args: dict[str, str | bytes | int] = {
        "packet_id": str(packet_id),
        "kept_fen": kept_fen,
        "is_undone": int(is_undone),
    }
    with replicated(keys.partition) as client:
        reply = _settle_packet(client, keys={**keys.of_packet(packet_id), "under_way": keys.under_way()}, args=args)
    return bool(reply == b"SETTLED")


def restore_envelope(*, campaign_id: int, run: str, figures: EnvelopeFigures) -> str:
    """Opens the envelope with what add_counted collected under this run's name: RESTORED, THERE or GONE."""
    keys = CampaignKeys(campaign_id)
    args = {"budget": figures.budget_fen, "spent": figures.spent_fen, "packets": figures.packets}
    names = {"envelope": keys.envelope(), "reserved": keys.reserved(), "counted": keys.counted(run)}
    with replicated(keys.partition) as client:
        reply: bytes = _restore_envelope(client, keys=names, args=args)
    return reply.decode()


def add_counted(*, campaign_id: int, run: str, reserved: Mapping[int, int]) -> None:
    """Collects packet → fen for a recount; forgotten by itself when the recount dies."""
    keys = CampaignKeys(campaign_id)
    pipeline = ledger(keys.partition).pipeline(transaction=False)
    # Packet 0 says that something was collected, if only that there are no packets.
    pipeline.hset(keys.counted(run), mapping={"0": 0, **{str(packet_id): fen for packet_id, fen in reserved.items()}})
    pipeline.expire(keys.counted(run), COUNTED_SECONDS)
    pipeline.execute()


def forget_envelope(campaign_id: int) -> None:
    """Takes the envelope away: nothing of the campaign can be taken before it is restored from the rows."""
    keys = CampaignKeys(campaign_id)
    with replicated(keys.partition) as client:
        client.delete(keys.envelope())


def forget_campaign(campaign_id: int) -> None:
    """Takes away all that isn't a packet's own of a campaign in which nothing happens any more."""
    keys = CampaignKeys(campaign_id)
    with replicated(keys.partition) as client:
        client.delete(keys.envelope(), keys.reserved(), keys.under_way())


def read_envelope(campaign_id: int) -> EnvelopeFigures | None:
    """What the ledger says now; None when it has no envelope of the campaign."""
    keys = CampaignKeys(campaign_id)
    values: Any = ledger(keys.partition).hmget(keys.envelope(), "budget", "spent", "packets")
    if values[0] is None:
        return None
    budget, spent, packets = map(int, values)
    return EnvelopeFigures(budget_fen=budget, spent_fen=spent, packets=packets)


def read_reserved(*, campaign_id: int, packet_ids: Sequence[int]) -> list[int | None]:
    """What is reserved for each of these packets; None for one that nothing is reserved for."""
    keys = CampaignKeys(campaign_id)
    values: Any = ledger(keys.partition).hmget(keys.reserved(), [str(packet_id) for packet_id in packet_ids])
    return [None if value is None else int(value) for value in values]


def read_copy(*, campaign_id: int, packet_id: int) -> tuple[str, int] | None:
    """(mark, helps) of the ledger's packet; None when it, or the campaign's envelope, isn't there."""
    keys = CampaignKeys(campaign_id)
    pipeline = ledger(keys.partition).pipeline(transaction=False)
    pipeline.exists(keys.envelope())
    pipeline.hmget(keys.packet(packet_id), "mark", "helps")
    has_envelope, (mark, helps) = pipeline.execute()
    return (mark.decode(), int(helps)) if has_envelope and mark is not None else None


def confirm_help(taken: TakenHelp) -> None:
    """Says that the help's row is written."""
    forget_under_way(taken.campaign_id, [(taken.packet_id, taken.helper_id)])


def forget_under_way(campaign_id: int, helps: Sequence[tuple[int, int]]) -> None:
    """Says that these helps, (packet, helper), are written."""
    keys = CampaignKeys(campaign_id)
    names = [f"{packet_id}:{helper_id}" for packet_id, helper_id in helps]
    with replicated(keys.partition) as client:
        client.zrem(keys.under_way(), *names)


def read_under_way(*, campaign_id: int, older_than_ms: int, limit: int) -> list[tuple[int, int]]:
    """(packet, helper) of helps that were counted so long ago by the ledger's clock, the oldest first."""
    keys = CampaignKeys(campaign_id)
    client = ledger(keys.partition)
    seconds, microseconds = client.time()
    before = seconds * 1000 + microseconds // 1000 - older_than_ms
    found: Any = client.zrangebyscore(keys.under_way(), "-inf", before, start=0, num=limit)
    return [(int(packet_id), int(helper_id)) for packet_id, helper_id in (name.decode().split(":") for name in found)]


def count_under_way(campaign_id: int) -> int:
    """How many helps are counted whose rows may not be written yet."""
    keys = CampaignKeys(campaign_id)
    return int(ledger(keys.partition).zcard(keys.under_way()))
