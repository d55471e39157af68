"""Invitations over HTTP: start, share, join, follow."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_web.api.errors import NotFound
from pgs_web.api.pagination import PageCursor
from pgs_web.api.schema import refusals
from pgs_web.marketing.invite_new.errors import (
    AlreadyJoined,
    LeaderIsNew,
    NewSeatsOnly,
    NotOnSale,
    NotOpen,
    RoundLimit,
    RoundOpen,
)
from pgs_web.marketing.invite_new.models import Round
from pgs_web.marketing.invite_new.selectors import (
    describe_progress,
    get_own_round,
    get_round,
    offered_campaigns,
    own_rounds,
    rewards_of,
)
from pgs_web.marketing.invite_new.serializers import (
    CampaignsSerializer,
    JoinedSerializer,
    RoundSerializer,
    ShareWithMembersSerializer,
    StartSerializer,
)
from pgs_web.marketing.invite_new.services import join_round, start_round
from pgs_web.marketing.invite_new.services.door import describe_joining
from pgs_web.marketing.invite_new.states import CODE
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
from pgs_web.plays.shares import read_share_code
from pgs_web.plays.views import PublicView


class CampaignsView(PublicView):
    @extend_schema(
        operation_id="invite_new_campaigns",
        summary="List what you can invite to",
        tags=["plays"],
        responses={200: CampaignsSerializer},
    )
    def get(self, request: Request) -> Response:
        """What groups can be opened for new members now; few, so without pages."""
        return Response(CampaignsSerializer({"results": offered_campaigns()}).data)


class RoundsView(ListAPIView[Round]):
    serializer_class = RoundSerializer
    pagination_class = PageCursor
    queryset = Round.objects.none()

    @extend_schema(
        operation_id="invite_new_list",
        summary="Your invitations",
        tags=["plays"],
        responses={200: RoundSerializer(many=True)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your invitations, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(_describe(page, many=True))

    @extend_schema(
        operation_id="invite_new_start",
        summary="Start an invitation",
        tags=["plays"],
        request=StartSerializer,
        responses={
            201: RoundSerializer,
            **refusals(NotFound, PlayDraining, CampaignClosed, DeviceUnknown, LeaderIsNew, NotOnSale),
            **refusals(RoundOpen, RoundLimit),
        },
    )
    def post(self, request: Request) -> Response:
        """Gives you a pass to open a group, for one order, within minutes. From a device with a mark of `/devices/`."""
        body = StartSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        member_id = member_of(request)
        campaign_id = body.validated_data["campaign_id"]
        round_id = start_round(member_id=member_id, campaign_id=campaign_id, device=read_device(request))
        return Response(
            _describe(get_own_round(member_id=member_id, round_id=round_id)), status=status.HTTP_201_CREATED
        )

    def get_queryset(self) -> Any:
        return own_rounds(member_id=member_of(self.request))


class RoundView(APIView):
    @extend_schema(
        operation_id="invite_new_read", summary="Read an invitation", tags=["plays"], responses={200: RoundSerializer}
    )
    def get(self, request: Request, round_id: int) -> Response:
        """An invitation of yours, with the pass while it waits to be opened."""
        round_ = get_own_round(member_id=member_of(request), round_id=round_id)
        return Response(_describe(round_, progress=describe_progress(round_)))


class ShareView(PublicView):
    @extend_schema(
        operation_id="invite_new_share",
        summary="Look at a shared invitation",
        tags=["plays"],
        responses={200: ShareWithMembersSerializer, **refusals(NotFound)},
    )
    def get(self, request: Request, share_code: str) -> Response:
        """What everybody with the link sees; members are masked."""
        round_ = get_round(round_id=read_share_code(CODE, share_code))
        return Response(ShareWithMembersSerializer(round_, context={"progress": describe_progress(round_)}).data)


class JoinView(APIView):
    @extend_schema(
        operation_id="invite_new_join",
        summary="Join an invited group",
        tags=["plays"],
        request=None,
        responses={
            200: JoinedSerializer,
            **refusals(NotFound, NotOpen, AlreadyJoined, NewSeatsOnly, NotNewMember, SelfHelp, AlreadyHelped),
            **refusals(DeviceUnknown, HelperCap, DeviceCap, AddressCap),
        },
    )
    def post(self, request: Request, share_code: str) -> Response:
        """Judges you once, and gives you a pass to join by an order; again, a newer pass. From a device with a mark of
        `/devices/`."""
        round_, join = join_round(friend=read_helper(request), round_id=read_share_code(CODE, share_code))
        answer = {
            "is_new_member": join.is_new_member,
            "entry": describe_joining(round_, join),
            "invitation": round_,
            "said": _("You may join: order within minutes."),
        }
        return Response(JoinedSerializer(answer).data)


def _describe(rounds: Any, *, many: bool = False, progress: Mapping[str, Any] | None = None) -> Any:
    rewards = rewards_of([round_.pk for round_ in (rounds if many else [rounds])])
    return RoundSerializer(rounds, many=many, context={"rewards": rewards, "progress": progress}).data
