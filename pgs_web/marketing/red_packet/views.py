"""Red packets over HTTP: open, share, help, redeem, and the proof that nobody was cheated."""

from typing import Any

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_web.api.errors import NotFound
from pgs_web.marketing.red_packet.cards import tell_growth
from pgs_web.marketing.red_packet.errors import (
    EnvelopeEmpty,
    PacketFull,
    PacketLimit,
    PacketOver,
    PacketRunning,
    PacketsGone,
)
from pgs_web.marketing.red_packet.models import Packet
from pgs_web.marketing.red_packet.selectors import describe_helps, describe_proof
from pgs_web.marketing.red_packet.serializers import (
    CampaignsSerializer,
    HelpedSerializer,
    PacketSerializer,
    ProofSerializer,
    ShareSerializer,
    ShareWithHelpsSerializer,
    StartSerializer,
)
from pgs_web.marketing.red_packet.services import help_packet, redeem_packet, start_packet
from pgs_web.marketing.red_packet.states import CODE
from pgs_web.member.authentication import member_of
from pgs_web.plays.eligibility.devices import read_device
from pgs_web.plays.eligibility.errors import DeviceUnknown, NotNewMember
from pgs_web.plays.helping import read_helper
from pgs_web.plays.round_views import NO_HELP, NO_MORE_HELP, NO_START, OwnRoundsView, describe_call, read_campaign_id
from pgs_web.plays.rounds import get_own_round, get_round
from pgs_web.plays.selectors import open_campaigns
from pgs_web.plays.shares import read_share_code
from pgs_web.plays.views import PublicView


class CampaignsView(PublicView):
    @describe_call("red_packet_campaigns", "List red packets", CampaignsSerializer)
    def get(self, request: Request) -> Response:
        """Which red packets can be opened now; few, so without pages."""
        return Response(CampaignsSerializer({"results": open_campaigns(code=CODE)}).data)


class PacketsView(OwnRoundsView):
    serializer_class = PacketSerializer
    queryset = Packet.objects.none()

    @describe_call("red_packet_list", "Your red packets", PacketSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your red packets, newest first."""
        return self.list(request)

    @describe_call(
        "red_packet_start",
        "Open a red packet",
        PacketSerializer,
        body=StartSerializer,
        status=201,
        refused=(*NO_START, DeviceUnknown, PacketRunning, PacketLimit, PacketsGone),
    )
    def post(self, request: Request) -> Response:
        """Opens a red packet; one at a time in a campaign. Share its code. From a device with a mark of `/devices/`."""
        campaign_id, device = read_campaign_id(request), read_device(request)
        packet_id = start_packet(member_id=member_of(request), campaign_id=campaign_id, device=device)
        return _show_own(request, packet_id, code=status.HTTP_201_CREATED)


class PacketView(APIView):
    @describe_call("red_packet_read", "Read a red packet", PacketSerializer)
    def get(self, request: Request, packet_id: int) -> Response:
        """A red packet of yours."""
        return _show_own(request, packet_id)


class RedeemView(APIView):
    @describe_call("red_packet_redeem", "Redeem a red packet", PacketSerializer, refused=(PacketOver,))
    def post(self, request: Request, packet_id: int) -> Response:
        """Makes a coupon of what a red packet of yours is worth now. It grows no more, and there is no way back."""
        redeem_packet(member_id=member_of(request), packet_id=packet_id)
        return _show_own(request, packet_id)


class ShareView(PublicView):
    @describe_call("red_packet_share", "Look at a shared red packet", ShareWithHelpsSerializer, refused=(NotFound,))
    def get(self, request: Request, share_code: str) -> Response:
        """What everybody with the link sees; helpers are masked."""
        return _show(ShareWithHelpsSerializer, get_round(Packet, round_id=read_share_code(CODE, share_code)))


class ProofView(PublicView):
    @describe_call("red_packet_proof", "Verify a red packet", ProofSerializer, refused=(NotFound,))
    def get(self, request: Request, share_code: str) -> Response:
        """The hash that was told at the start, and at the end the seed that fixed every raise."""
        packet = get_round(Packet, round_id=read_share_code(CODE, share_code))
        return Response(ProofSerializer(describe_proof(packet)).data)


class HelpView(APIView):
    @describe_call(
        "red_packet_help",
        "Help a red packet to grow",
        HelpedSerializer,
        refused=(NotFound, PacketOver, PacketFull, EnvelopeEmpty, *NO_HELP, NotNewMember, *NO_MORE_HELP),
    )
    def post(self, request: Request, share_code: str) -> Response:
        """Lets somebody else's red packet grow, once; from a device with a mark of `/devices/`."""
        packet_id = read_share_code(CODE, share_code)
        helped = help_packet(helper=read_helper(request), packet_id=packet_id)
        answer = {
            "added_fen": helped.added_fen,
            "said": tell_growth(helped.added_fen),
            "red_packet": get_round(Packet, round_id=packet_id),
        }
        return Response(HelpedSerializer(answer).data)


def _show_own(request: Request, packet_id: int, *, code: int = status.HTTP_200_OK) -> Response:
    packet = get_own_round(Packet, member_id=member_of(request), round_id=packet_id)
    return _show(PacketSerializer, packet, code=code)


def _show(serializer: type[ShareSerializer], packet: Packet, *, code: int = status.HTTP_200_OK) -> Response:
    return Response(serializer(packet, context={"helps": describe_helps(packet)}).data, status=code)
