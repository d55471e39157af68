"""Names in the ledger. A campaign and all its packets live in one partition, so that one script judges both.

They stay until the campaign is closed and all of its packets have ended; rows bring them back at any time.
"""

import zlib
from dataclasses import dataclass

from pgs_data.redis.partitions import partition_of, tag
from pgs_web.marketing.red_packet.states import CODE


@dataclass(frozen=True, slots=True)
class CampaignKeys:
    """The names of one campaign."""

    campaign_id: int

    @property
    def partition(self) -> int:
        """Where they live."""
        return partition_of(zlib.crc32(f"{CODE}:{self.campaign_id}".encode()))

    def envelope(self) -> str:
        """Hash budget, spent, packets."""
        return self._name("envelope")

    def reserved(self) -> str:
        """Hash packet → fen."""
        return self._name("reserved")

    def under_way(self) -> str:
        """Sorted set of helps whose rows may not be written yet."""
        return self._name("under_way")

    def counted(self, run: str) -> str:
        """What one recount has counted so far."""
        return self._name(f"counted:{run}")

    def packet(self, packet_id: int) -> str:
        """Hash of one packet."""
        return self._name(f"packet:{packet_id:d}")

    def helpers(self, packet_id: int) -> str:
        """Set of those who have helped its member."""
        return self._name(f"helpers:{packet_id:d}")

    def of_packet(self, packet_id: int) -> dict[str, str]:
        """What scripts about one packet name."""
        return {
            "envelope": self.envelope(),
            "reserved": self.reserved(),
            "packet": self.packet(packet_id),
            "helpers": self.helpers(packet_id),
        }

    def _name(self, what: str) -> str:
        return f"{tag(self.partition)}:{CODE}:{self.campaign_id:d}:{what}"
