"""What shoppers are refused for."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal


class PacketRunning(Refusal):
    code = "red_packet_running"
    status = HTTPStatus.CONFLICT
    detail = _("You have an open red packet of this campaign. Go on with that one.")


class PacketLimit(Refusal):
    code = "red_packet_limit"
    status = HTTPStatus.CONFLICT
    detail = _("You have opened as many red packets of this campaign as a member may.")


class PacketsGone(Refusal):
    """Number or money of the campaign is given out."""

    code = "red_packets_gone"
    status = HTTPStatus.CONFLICT
    detail = _("All red packets of this campaign have been opened.")


class PacketOver(Refusal):
    code = "red_packet_over"
    status = HTTPStatus.CONFLICT
    detail = _("This red packet is redeemed, or its time is over.")


class PacketFull(Refusal):
    code = "red_packet_full"
    status = HTTPStatus.CONFLICT
    detail = _("This red packet is as large as it can be. It only has to be redeemed.")


class EnvelopeEmpty(Refusal):
    """The campaign's money doesn't reach for the next step; what packets are worth by now stays theirs."""

    code = "red_packet_envelope_empty"
    status = HTTPStatus.CONFLICT
    detail = _("The campaign's money is given out: this red packet can't grow at the moment, and keeps its worth.")


class CopyOutdated(Exception):
    """What the ledger knows of a packet isn't what its row says: repair it, then try again. No refusal."""
