"""Bargains over HTTP: start, share, help, buy, give up, and the proof that nobody was cheated."""

from typing import Any

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_web.api.errors import NotFound
from pgs_web.marketing.bargain.cards import tell_cut
from pgs_web.marketing.bargain.errors import NotAtFloor, NotOnSale, RoundLimit, RoundOver, RoundRunning
from pgs_web.marketing.bargain.models import Round
from pgs_web.marketing.bargain.selectors import describe_helps, describe_proof
from pgs_web.marketing.bargain.serializers import (
    CampaignsSerializer,
    HelpedSerializer,
    ProofSerializer,
    RoundSerializer,
    ShareSerializer,
    ShareWithHelpsSerializer,
    StartSerializer,
)
from pgs_web.marketing.bargain.services import buy_early, give_up, help_round, start_round
from pgs_web.marketing.bargain.states import CODE
from pgs_web.member.authentication import member_of
from pgs_web.plays.eligibility.devices import read_device
from pgs_web.plays.eligibility.errors import DeviceUnknown
from pgs_web.plays.helping import read_helper
from pgs_web.plays.round_views import (
    NO_HELP,
    NO_MORE_HELP,
    NO_START,
    OwnRoundsView,
    describe_call,
    read_campaign_id,
)
from pgs_web.plays.rounds import get_own_round, get_round
from pgs_web.plays.selectors import open_campaigns
from pgs_web.plays.shares import read_share_code
from pgs_web.plays.views import PublicView


class CampaignsView(PublicView):
    @describe_call("bargain_campaigns", "List bargains", CampaignsSerializer)
    def get(self, request: Request) -> Response:
        """What can be bargained for now; few, so without pages."""
        return Response(CampaignsSerializer({"results": open_campaigns(code=CODE)}).data)


class RoundsView(OwnRoundsView):
    queryset = Round.objects.none()
    serializer_class = RoundSerializer

    @describe_call("bargain_list", "Your bargains", RoundSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your bargains, newest first."""
        return self.list(request)

    @describe_call(
        "bargain_start",
        "Start a bargain",
        RoundSerializer,
        body=StartSerializer,
        status=201,
        refused=(*NO_START, DeviceUnknown, NotOnSale, RoundRunning, RoundLimit),
    )
    def post(self, request: Request) -> Response:
        """Starts a bargain; one at a time in a campaign. Share its code. From a device with a mark of `/devices/`."""
        campaign_id, device = read_campaign_id(request), read_device(request)
        round_id = start_round(member_id=member_of(request), campaign_id=campaign_id, device=device)
        return _show_own(request, round_id, code=status.HTTP_201_CREATED)


class RoundView(APIView):
    @describe_call("bargain_read", "Read a bargain", RoundSerializer)
    def get(self, request: Request, round_id: int) -> Response:
        """A bargain of yours."""
        return _show_own(request, round_id)


class BuyView(APIView):
    @describe_call(
        "bargain_buy", "Buy before the lowest price", RoundSerializer, refused=(RoundOver, NotAtFloor, NotOnSale)
    )
    def post(self, request: Request, round_id: int) -> Response:
        """Ends a bargain of yours at the price that it has, where the rules allow it; you get a coupon for it."""
        buy_early(member_id=member_of(request), round_id=round_id)
        return _show_own(request, round_id)


class GiveUpView(APIView):
    @describe_call("bargain_give_up", "Give a bargain up", RoundSerializer, refused=(RoundOver,))
    def post(self, request: Request, round_id: int) -> Response:
        """Ends a bargain of yours without a coupon."""
        give_up(member_id=member_of(request), round_id=round_id)
        return _show_own(request, round_id)


class ShareView(PublicView):
    @describe_call("bargain_share", "Look at a shared bargain", ShareWithHelpsSerializer, refused=(NotFound,))
    def get(self, request: Request, share_code: str) -> Response:
        """What everybody with the link sees; helpers are masked."""
        return _show(ShareWithHelpsSerializer, get_round(Round, round_id=read_share_code(CODE, share_code)))


class ProofView(PublicView):
    @describe_call("bargain_proof", "Verify a bargain", ProofSerializer, refused=(NotFound,))
    def get(self, request: Request, share_code: str) -> Response:
        """The hash that was told at the start, and at the end the seed that fixed every cut."""
        round_ = get_round(Round, round_id=read_share_code(CODE, share_code))
        return Response(ProofSerializer(describe_proof(round_)).data)


class HelpView(APIView):
    @describe_call(
        "bargain_help",
        "Help in a bargain",
        HelpedSerializer,
        refused=(NotFound, RoundOver, NotOnSale, *NO_HELP, *NO_MORE_HELP),
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


def _show_own(request: Request, round_id: int, *, code: int = status.HTTP_200_OK) -> Response:
    round_ = get_own_round(Round, member_id=member_of(request), round_id=round_id)
    return _show(RoundSerializer, round_, code=code)


def _show(serializer: type[ShareSerializer], round_: Round, *, code: int = status.HTTP_200_OK) -> Response:
    return Response(serializer(round_, context={"helps": describe_helps(round_)}).data, status=code)
