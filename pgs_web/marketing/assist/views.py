"""Assist groups over HTTP: start, share, help, buy, give up."""

from typing import Any

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_web.api.errors import NotFound
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
from pgs_web.plays.eligibility.errors import DeviceUnknown
from pgs_web.plays.helping import read_helper
from pgs_web.plays.round_views import NO_HELP, NO_MORE_HELP, NO_START, OwnRoundsView, describe_call, read_campaign_id
from pgs_web.plays.rounds import get_own_round, get_round
from pgs_web.plays.selectors import open_campaigns
from pgs_web.plays.shares import read_share_code
from pgs_web.plays.views import PublicView


class CampaignsView(PublicView):
    @describe_call("assist_campaigns", "List assist campaigns", CampaignsSerializer)
    def get(self, request: Request) -> Response:
        """What friends can help with now; few, so without pages."""
        return Response(CampaignsSerializer({"results": open_campaigns(code=CODE)}).data)


class RoundsView(OwnRoundsView):
    serializer_class = RoundSerializer
    queryset = Round.objects.none()

    @describe_call("assist_list", "Your assist groups", RoundSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your assist groups, newest first."""
        return self.list(request)

    @describe_call(
        "assist_start",
        "Start an assist group",
        RoundSerializer,
        body=StartSerializer,
        status=201,
        refused=(*NO_START, CampaignFull, DeviceUnknown, NotOnSale, SoldOut, WonBefore, RoundRunning, RoundLimit),
    )
    def post(self, request: Request) -> Response:
        """Starts an assist group; one at a time in a campaign. Share its code. From a device with a mark of
        `/devices/`."""
        campaign_id, device = read_campaign_id(request), read_device(request)
        round_id = start_round(member_id=member_of(request), campaign_id=campaign_id, device=device)
        return _show_own(request, round_id, code=status.HTTP_201_CREATED)


class RoundView(APIView):
    @describe_call("assist_read", "Read an assist group", RoundSerializer)
    def get(self, request: Request, round_id: int) -> Response:
        """An assist group of yours."""
        return _show_own(request, round_id)


class BuyView(APIView):
    @describe_call("assist_buy", "Buy at the assist price", PurchaseSerializer, refused=(RoundOver, NotComplete))
    def post(self, request: Request, round_id: int) -> Response:
        """Once all have helped: what you order the reserved unit with, until `buy_by`. Ask again after an order of it
        came to nothing: it takes a new key."""
        return Response(PurchaseSerializer(buy_round(member_id=member_of(request), round_id=round_id)).data)


class GiveUpView(APIView):
    @describe_call("assist_give_up", "Give an assist group up", RoundSerializer, refused=(RoundOver,))
    def post(self, request: Request, round_id: int) -> Response:
        """Ends an assist group of yours before all have helped."""
        give_up(member_id=member_of(request), round_id=round_id)
        return _show_own(request, round_id)


class ShareView(PublicView):
    @describe_call("assist_share", "Look at a shared assist group", ShareWithHelpsSerializer, refused=(NotFound,))
    def get(self, request: Request, share_code: str) -> Response:
        """What everybody with the link sees; helpers are masked."""
        return _show_share(read_share_code(CODE, share_code))


class HelpView(APIView):
    @describe_call(
        "assist_help",
        "Help in an assist group",
        HelpedSerializer,
        refused=(NotFound, RoundOver, NotOnSale, SoldOut, *NO_HELP, *NO_MORE_HELP),
    )
    def post(self, request: Request, share_code: str) -> Response:
        """Helps somebody else's group, once; from a device with a mark of `/devices/`. `reward` comes to your coupons
        within moments."""
        round_id = read_share_code(CODE, share_code)
        help_round(helper=read_helper(request), round_id=round_id)
        return _show_share(round_id, HelpedSerializer)


def _show_own(request: Request, round_id: int, *, code: int = status.HTTP_200_OK) -> Response:
    round_ = get_own_round(Round, member_id=member_of(request), round_id=round_id)
    return Response(RoundSerializer(round_, context={"helps": describe_helps(round_)}).data, status=code)


def _show_share(round_id: int, serializer: type[ShareWithHelpsSerializer] = ShareWithHelpsSerializer) -> Response:
    round_ = get_round(Round, round_id=round_id)
    context = {"helps": describe_helps(round_), "units_left": count_units_left(round_)}
    return Response(serializer(round_, context=context).data)
