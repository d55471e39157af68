"""Bargains over HTTP: start, share, help, buy, give up, and the proof that nobody was cheated."""

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
from pgs_web.marketing.bargain.cards import tell_cut
from pgs_web.marketing.bargain.errors import NotAtFloor, NotOnSale, RoundLimit, RoundOver, RoundRunning
from pgs_web.marketing.bargain.models import Round
from pgs_web.marketing.bargain.selectors import describe_helps, describe_proof
from pgs_web.marketing.bargain.serializers import (
    CampaignsSerializer,
    HelpedSerializer,
    ProofSerializer,
    RoundSerializer,
    ShareWithHelpsSerializer,
    StartSerializer,
)
from pgs_web.marketing.bargain.services import buy_early, give_up, help_round, start_round
from pgs_web.marketing.bargain.states import CODE
from pgs_web.member.authentication import member_of
from pgs_web.plays.eligibility.devices import read_device
from pgs_web.plays.eligibility.errors import (
    AddressCap,
    AlreadyHelped,
    DeviceCap,
    DeviceUnknown,
    HelperCap,
    SelfHelp,
)
from pgs_web.plays.errors import CampaignClosed, PlayDraining
from pgs_web.plays.helping import read_helper
from pgs_web.plays.rounds import get_own_round, get_round, own_rounds
from pgs_web.plays.selectors import open_campaigns
from pgs_web.plays.shares import read_share_code
from pgs_web.plays.views import PublicView


class CampaignsView(PublicView):
    @extend_schema(
        operation_id="bargain_campaigns",
        summary="List bargains",
        tags=["plays"],
        responses={200: CampaignsSerializer},
    )
    def get(self, request: Request) -> Response:
        """What can be bargained for now; few, so without pages."""
        return Response(CampaignsSerializer({"results": open_campaigns(code=CODE)}).data)


class RoundsView(ListAPIView[Round]):
    serializer_class = RoundSerializer
    pagination_class = PageCursor
    queryset = Round.objects.none()

    @extend_schema(
        operation_id="bargain_list",
        summary="Your bargains",
        tags=["plays"],
        responses={200: RoundSerializer(many=True)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your bargains, newest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="bargain_start",
        summary="Start a bargain",
        tags=["plays"],
        request=StartSerializer,
        responses={
            201: RoundSerializer,
            **refusals(NotFound, PlayDraining, CampaignClosed, DeviceUnknown, NotOnSale, RoundRunning, RoundLimit),
        },
    )
    def post(self, request: Request) -> Response:
        """Starts a bargain; one at a time in a campaign. Share its code. From a device with a mark of `/devices/`."""
        body = StartSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        member_id = member_of(request)
        campaign_id = body.validated_data["campaign_id"]
        round_id = start_round(member_id=member_id, campaign_id=campaign_id, device=read_device(request))
        return _show(member_id, round_id, code=status.HTTP_201_CREATED)

    def get_queryset(self) -> Any:
        return own_rounds(Round, member_id=member_of(self.request))


class RoundView(APIView):
    @extend_schema(
        operation_id="bargain_read", summary="Read a bargain", tags=["plays"], responses={200: RoundSerializer}
    )
    def get(self, request: Request, round_id: int) -> Response:
        """A bargain of yours."""
        return _show(member_of(request), round_id)


class BuyView(APIView):
    @extend_schema(
        operation_id="bargain_buy",
        summary="Buy before the lowest price",
        tags=["plays"],
        request=None,
        responses={200: RoundSerializer, **refusals(RoundOver, NotAtFloor, NotOnSale)},
    )
    def post(self, request: Request, round_id: int) -> Response:
        """Ends a bargain of yours at the price that it has, where the rules allow it; you get a coupon for it."""
        buy_early(member_id=member_of(request), round_id=round_id)
        return _show(member_of(request), round_id)


class GiveUpView(APIView):
    @extend_schema(
        operation_id="bargain_give_up",
        summary="Give a bargain up",
        tags=["plays"],
        request=None,
        responses={200: RoundSerializer, **refusals(RoundOver)},
    )
    def post(self, request: Request, round_id: int) -> Response:
        """Ends a bargain of yours without a coupon."""
        give_up(member_id=member_of(request), round_id=round_id)
        return _show(member_of(request), round_id)


class ShareView(PublicView):
    @extend_schema(
        operation_id="bargain_share",
        summary="Look at a shared bargain",
        tags=["plays"],
        responses={200: ShareWithHelpsSerializer, **refusals(NotFound)},
    )
    def get(self, request: Request, share_code: str) -> Response:
        """What everybody with the link sees; helpers are masked."""
        round_ = get_round(Round, round_id=read_share_code(CODE, share_code))
        return Response(ShareWithHelpsSerializer(round_, context={"helps": describe_helps(round_)}).data)


class ProofView(PublicView):
    @extend_schema(
        operation_id="bargain_proof",
        summary="Verify a bargain",
        tags=["plays"],
        responses={200: ProofSerializer, **refusals(NotFound)},
    )
    def get(self, request: Request, share_code: str) -> Response:
        """The hash that was told at the start, and at the end the seed that fixed every cut."""
        return Response(
            ProofSerializer(describe_proof(get_round(Round, round_id=read_share_code(CODE, share_code)))).data
        )


class HelpView(APIView):
    @extend_schema(
        operation_id="bargain_help",
        summary="Help in a bargain",
        tags=["plays"],
        request=None,
        responses={
            200: HelpedSerializer,
            **refusals(NotFound, RoundOver, NotOnSale, SelfHelp, AlreadyHelped, DeviceUnknown),
            **refusals(HelperCap, DeviceCap, AddressCap),
        },
    )
    def post(self, request: Request, share_code: str) -> Response:
        """Cuts the price of somebody else's bargain, once; from a device with a mark of `/devices/`."""
        round_id = read_share_code(CODE, share_code)
        helped = help_round(helper=read_helper(request), round_id=round_id)
        answer = {
            "cuts": helped.cuts,
            "cut_fen": helped.cut_fen,
            "said": tell_cut(helped.cut_fen),
            "bargain": get_round(Round, round_id=round_id),
        }
        return Response(HelpedSerializer(answer).data)


def _show(member_id: int, round_id: int, *, code: int = status.HTTP_200_OK) -> Response:
    return Response(RoundSerializer(get_own_round(Round, member_id=member_id, round_id=round_id)).data, status=code)
