"""Red packets over HTTP: open, share, help, redeem, and the proof that nobody was cheated."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_web.api.errors import NotFound
from pgs_web.api.pagination import PageCursor
from pgs_web.api.schema import refusals
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
from pgs_web.marketing.red_packet.selectors import (
    describe_helps,
    describe_proof,
    get_own_packet,
    get_packet,
    own_packets,
)
from pgs_web.marketing.red_packet.serializers import (
    CampaignsSerializer,
    HelpedSerializer,
    PacketSerializer,
    ProofSerializer,
    ShareWithHelpsSerializer,
    StartSerializer,
)
from pgs_web.marketing.red_packet.services import help_packet, redeem_packet, start_packet
from pgs_web.marketing.red_packet.states import CODE
from pgs_web.member.authentication import member_of
from pgs_web.plays.eligibility.devices import read_device
from pgs_web.plays.eligibility.errors import (
    AddressCap,
    AlreadyHelped,
    DeviceCap,
    DeviceUnknown,
    HelperCap,
    NotNewMember,
    SelfHelp,
)
from pgs_web.plays.errors import CampaignClosed, PlayDraining
from pgs_web.plays.helping import read_helper
from pgs_web.plays.selectors import open_campaigns
from pgs_web.plays.shares import read_share_code
from pgs_web.plays.views import PublicView


class CampaignsView(PublicView):
    @extend_schema(
        operation_id="red_packet_campaigns",
        summary="List red packets",
        tags=["plays"],
        responses={200: CampaignsSerializer},
    )
    def get(self, request: Request) -> Response:
        """Which red packets can be opened now; few, so without pages."""
        return Response(CampaignsSerializer({"results": open_campaigns(code=CODE)}).data)


class PacketsView(ListAPIView[Packet]):
    serializer_class = PacketSerializer
    pagination_class = PageCursor
    queryset = Packet.objects.none()

    @extend_schema(
        operation_id="red_packet_list",
        summary="Your red packets",
        tags=["plays"],
        responses={200: PacketSerializer(many=True)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your red packets, newest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="red_packet_start",
        summary="Open a red packet",
        tags=["plays"],
        request=StartSerializer,
        responses={
            201: PacketSerializer,
            **refusals(NotFound, PlayDraining, CampaignClosed, DeviceUnknown),
            **refusals(PacketRunning, PacketLimit, PacketsGone),
        },
    )
    def post(self, request: Request) -> Response:
        """Opens a red packet; one at a time in a campaign. Share its code. From a device with a mark of `/devices/`."""
        body = StartSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        member_id = member_of(request)
        campaign_id = body.validated_data["campaign_id"]
        packet_id = start_packet(member_id=member_id, campaign_id=campaign_id, device=read_device(request))
        return _show(member_id, packet_id, code=status.HTTP_201_CREATED)

    def get_queryset(self) -> Any:
        return own_packets(member_id=member_of(self.request))


class PacketView(APIView):
    @extend_schema(
        operation_id="red_packet_read", summary="Read a red packet", tags=["plays"], responses={200: PacketSerializer}
    )
    def get(self, request: Request, packet_id: int) -> Response:
        """A red packet of yours."""
        return _show(member_of(request), packet_id)


class RedeemView(APIView):
    @extend_schema(
        operation_id="red_packet_redeem",
        summary="Redeem a red packet",
        tags=["plays"],
        request=None,
        responses={200: PacketSerializer, **refusals(PacketOver)},
    )
    def post(self, request: Request, packet_id: int) -> Response:
        """Makes a coupon of what a red packet of yours is worth now. It grows no more, and there is no way back."""
        redeem_packet(member_id=member_of(request), packet_id=packet_id)
        return _show(member_of(request), packet_id)


class ShareView(PublicView):
    @extend_schema(
        operation_id="red_packet_share",
        summary="Look at a shared red packet",
        tags=["plays"],
        responses={200: ShareWithHelpsSerializer, **refusals(NotFound)},
    )
    def get(self, request: Request, share_code: str) -> Response:
        """What everybody with the link sees; helpers are masked."""
        packet = get_packet(packet_id=read_share_code(CODE, share_code))
        return Response(ShareWithHelpsSerializer(packet, context={"helps": describe_helps(packet)}).data)


class ProofView(PublicView):
    @extend_schema(
        operation_id="red_packet_proof",
        summary="Verify a red packet",
        tags=["plays"],
        responses={200: ProofSerializer, **refusals(NotFound)},
    )
    def get(self, request: Request, share_code: str) -> Response:
        """The hash that was told at the start, and at the end the seed that fixed every raise."""
        return Response(ProofSerializer(describe_proof(get_packet(packet_id=read_share_code(CODE, share_code)))).data)


class HelpView(APIView):
    @extend_schema(
        operation_id="red_packet_help",
        summary="Help a red packet to grow",
        tags=["plays"],
        request=None,
        responses={
            200: HelpedSerializer,
            **refusals(NotFound, PacketOver, PacketFull, EnvelopeEmpty, SelfHelp, AlreadyHelped),
            **refusals(NotNewMember, DeviceUnknown, HelperCap, DeviceCap, AddressCap),
        },
    )
    def post(self, request: Request, share_code: str) -> Response:
        """Lets somebody else's red packet grow, once; from a device with a mark of `/devices/`."""
        packet_id = read_share_code(CODE, share_code)
        helped = help_packet(helper=read_helper(request), packet_id=packet_id)
        answer = {
            "added_fen": helped.added_fen,
            "said": tell_growth(helped.added_fen),
            "red_packet": get_packet(packet_id=packet_id),
        }
        return Response(HelpedSerializer(answer).data)


def _show(member_id: int, packet_id: int, *, code: int = status.HTTP_200_OK) -> Response:
    return Response(PacketSerializer(get_own_packet(member_id=member_id, packet_id=packet_id)).data, status=code)
