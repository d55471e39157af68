"""Red packets are opened, grow by helps, become coupons, and end by the clock; their money is reserved and counted."""

from pgs_web.marketing.red_packet.services.counting import count_envelopes
from pgs_web.marketing.red_packet.services.ending import end_overdue_packets, redeem_packet, settle_ended_packets
from pgs_web.marketing.red_packet.services.envelopes import recount_envelope
from pgs_web.marketing.red_packet.services.helping import help_packet
from pgs_web.marketing.red_packet.services.mending import keep_envelopes
from pgs_web.marketing.red_packet.services.starting import start_packet

__all__ = [
    "count_envelopes",
    "end_overdue_packets",
    "help_packet",
    "keep_envelopes",
    "recount_envelope",
    "redeem_packet",
    "settle_ended_packets",
    "start_packet",
]
