"""Helpers of red packets, their calls made beforehand, and what the ledger has to say of them afterwards."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.engine.client import send_all
from pgs_data.lua.loader import Command, Script, with_source
from pgs_data.redis.connections import ledger
from pgs_web.marketing.red_packet.keys import CampaignKeys
from pgs_web.marketing.red_packet.ladders import MOST_HELPS
from pgs_web.marketing.red_packet.scripts import read_envelope, take_help_command
from pgs_web.marketing.red_packet.services import start_packet
from pgs_web.marketing.red_packet.services.mending import mend_helps
from pgs_web.marketing.red_packet.states import CODE
from pgs_web.plays.services import create_campaign

FACE_FEN = 100
STAIRS = {"rungs": "", "most_helps": MOST_HELPS, "least_fen": 1, "most_fen": 1}

_count_help = Script.load(Path(__file__).parent, "count_help")


class Crowd:
    """One campaign, `packets` red packets that a fen a help makes larger, and `left_fen` to grow by, all together."""

    def __init__(self, port: int, *, packets: int = 1, left_fen: int | None = None) -> None:
        self._port = port
        steps = MOST_HELPS
        left_fen = packets * steps if left_fen is None else left_fen
        self.campaign_id = create_campaign(
            code=CODE,
            title="Crowd",
            rules={
                "face_fen": FACE_FEN,
                "cap_fen": FACE_FEN + steps,
                **STAIRS,
                "packets": packets,
                "packets_a_member": 1,
                "minutes": 600,
                "threshold_fen": 0,
                "coupon_hours": 1,
                # A packet alone has to be able to grow to its end: what is short is taken off below.
                "envelope_fen": max(packets * FACE_FEN + left_fen, FACE_FEN + steps),
                **dict.fromkeys(("helps_a_helper", "helps_a_device", "helps_an_address"), 1_000_000),
            },
            author="bench",
            reason="bench",
        ).pk
        self.packet_ids = [
            start_packet(member_id=member_id, campaign_id=self.campaign_id, device=f"bench-{member_id}")
            for member_id in range(1, packets + 1)
        ]
        self.budget_fen = packets * FACE_FEN + left_fen
        keys = CampaignKeys(self.campaign_id)
        ledger(keys.partition).hset(keys.envelope(), "budget", self.budget_fen)
        self._keys = keys

    def help_all(self, count: int, *, at_once: int, is_one_helper: bool = False) -> tuple[float, Counter[str]]:
        """Helps a second, and what they were told; the packets take turns, each helper helps each packet once."""
        packets = len(self.packet_ids)
        commands = [
            take_help_command(
                campaign_id=self.campaign_id,
                packet_id=self.packet_ids[number % packets],
                helper_id=1_000_000 + (0 if is_one_helper else number // packets),
                seen_helps=0,
            )
            for number in range(count)
        ]
        values, rate = self._send(commands, at_once)
        return rate, Counter(value[0].decode() for value in values)

    def count_blindly(self, count: int, *, at_once: int) -> float:
        """Helps a second of the bare minimum, on a key of its own."""
        command = _count_help.command(keys={"packet": f"{self._keys.packet(self.packet_ids[0])}:bare"})
        values, rate = self._send([command] * count, at_once)
        if max(values) % count:
            raise RuntimeError(f"{max(values)} helps were counted, {count} were sent.")
        return rate

    def _send(self, commands: Sequence[Command], at_once: int) -> tuple[list[Any], float]:
        # No measurement sends a whole script.
        ledger(self._keys.partition).script_load(str(with_source(commands[0])[1]))
        answers = send_all(self._port, commands, at_once=at_once)
        return answers.values, len(commands) / answers.seconds

    def find_wrong(self, *, taken: int) -> list[str]:
        """Where the ledger says something else than `taken` helps of a fen each."""
        client, keys, problems = ledger(self._keys.partition), self._keys, []
        known = read_envelope(self.campaign_id)
        expected_fen = len(self.packet_ids) * FACE_FEN + taken
        if known is None or known.spent_fen != expected_fen or known.spent_fen > self.budget_fen:
            problems.append(f"{expected_fen} of {self.budget_fen} fen should be given, the ledger says {known}")
        reserved: Any = client.hvals(keys.reserved())
        if sum(map(int, reserved)) != expected_fen:
            problems.append(f"packets have {sum(map(int, reserved))} fen, {expected_fen} are given")
        helps = sum(int(client.hget(keys.packet(packet_id), "helps") or 0) for packet_id in self.packet_ids)
        helpers = sum(int(client.scard(keys.helpers(packet_id))) for packet_id in self.packet_ids)
        if {helps, helpers} != {taken}:
            problems.append(f"{taken} helps were taken, {helps} are counted, of {helpers} helpers")
        return problems

    def take_back(self) -> None:
        """What the clock does for helps that no process wrote a row for."""
        keys = self._keys
        ledger(keys.partition).hset(keys.envelope(), "budget", self._budget_of_rules())
        while mend_helps(self.campaign_id, older_than_ms=0, limit=2_000):
            pass

    def _budget_of_rules(self) -> int:
        return max(self.budget_fen, FACE_FEN + MOST_HELPS)
