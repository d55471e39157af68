"""Assist groups over HTTP: start, share, help, buy, give up."""

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
from pgs_web.marketing.assist.errors import (
    CampaignFull,
    NotComplete,
    NotOnSale,
    RoundLimit,
    RoundOver,
    RoundRunning,
    SoldOut,
    WonBefore,
)
from pgs_web.marketing.assist.models import Round
from pgs_web.marketing.assist.selectors import count_units_left, describe_helps
from pgs_web.marketing.assist.serializers import (
    CampaignsSerializer,
    HelpedSerializer,
    PurchaseSerializer,
    RoundSerializer,
    ShareWithHelpsSerializer,
    StartSerializer,
)
from pgs_web.marketing.assist.services import buy_round, give_up, help_round, start_round
from pgs_web.marketing.assist.states import CODE
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
        operation_id="assist_campaigns",
        summary="List assist campaigns",
        tags=["plays"],
        responses={200: CampaignsSerializer},
    )
    def get(self, request: Request) -> Response:
        """What friends can help with now; few, so without pages."""
        return Response(CampaignsSerializer({"results": open_campaigns(code=CODE)}).data)


class RoundsView(ListAPIView[Round]):
    serializer_class = RoundSerializer
    pagination_class = PageCursor
    queryset = Round.objects.none()

    @extend_schema(
        operation_id="assist_list",
        summary="Your assist groups",
        tags=["plays"],
        responses={200: RoundSerializer(many=True)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your assist groups, newest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="assist_start",
        summary="Start an assist group",
        tags=["plays"],
        request=StartSerializer,
        responses={
            201: RoundSerializer,
            **refusals(NotFound, PlayDraining, CampaignClosed, CampaignFull, DeviceUnknown, NotOnSale, SoldOut),
            **refusals(WonBefore, RoundRunning, RoundLimit),
        },
    )
    def post(self, request: Request) -> Response:
        """Starts an assist group; one at a time in a campaign. Share its code. From a device with a mark of
        `/devices/`."""
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
        operation_id="assist_read", summary="Read an assist group", tags=["plays"], responses={200: RoundSerializer}
    )
    def get(self, request: Request, round_id: int) -> Response:
        """An assist group of yours."""
        return _show(member_of(request), round_id)


class BuyView(APIView):
    @extend_schema(
        operation_id="assist_buy",
        summary="Buy at the assist price",
        tags=["plays"],
        request=None,
        responses={200: PurchaseSerializer, **refusals(RoundOver, NotComplete)},
    )
    def post(self, request: Request, round_id: int) -> Response:
        """Once all have helped: what you order the reserved unit with, until `buy_by`. Ask again after an order of it
        came to nothing: it takes a new key."""
        return Response(PurchaseSerializer(buy_round(member_id=member_of(request), round_id=round_id)).data)


class GiveUpView(APIView):
    @extend_schema(
        operation_id="assist_give_up",
        summary="Give an assist group up",
        tags=["plays"],
        request=None,
        responses={200: RoundSerializer, **refusals(RoundOver)},
    )
    def post(self, request: Request, round_id: int) -> Response:
        """Ends an assist group of yours before all have helped."""
        give_up(member_id=member_of(request), round_id=round_id)
        return _show(member_of(request), round_id)


class ShareView(PublicView):
    @extend_schema(
        operation_id="assist_share",
        summary="Look at a shared assist group",
        tags=["plays"],
        responses={200: ShareWithHelpsSerializer, **refusals(NotFound)},
    )
    def get(self, request: Request, share_code: str) -> Response:
        """What everybody with the link sees; helpers are masked."""
        return _show_share(read_share_code(CODE, share_code))


class HelpView(APIView):
    @extend_schema(
        operation_id="assist_help",
        summary="Help in an assist group",
        tags=["plays"],
        request=None,
        responses={
            200: HelpedSerializer,
            **refusals(NotFound, RoundOver, NotOnSale, SoldOut, SelfHelp, AlreadyHelped, DeviceUnknown),
            **refusals(HelperCap, DeviceCap, AddressCap, WonBefore),
        },
    )
    def post(self, request: Request, share_code: str) -> Response:
        """Helps somebody else's group, once; from a device with a mark of `/devices/`. `reward` comes to your coupons
        within moments."""
        round_id = read_share_code(CODE, share_code)
        help_round(helper=read_helper(request), round_id=round_id)
        return _show_share(round_id, HelpedSerializer)


def _show(member_id: int, round_id: int, *, code: int = status.HTTP_200_OK) -> Response:
    return Response(RoundSerializer(get_own_round(Round, member_id=member_id, round_id=round_id)).data, status=code)


def _show_share(round_id: int, serializer: type[ShareWithHelpsSerializer] = ShareWithHelpsSerializer) -> Response:
    round_ = get_round(Round, round_id=round_id)
    context = {"helps": describe_helps(round_), "units_left": count_units_left(round_)}
    return Response(serializer(round_, context=context).data)
