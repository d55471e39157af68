"""Invitations over HTTP: start, share, join, follow."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_web.api.errors import NotFound
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
from pgs_web.marketing.invite_new.selectors import describe_progress, offered_campaigns, rewards_of
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
from pgs_web.plays.eligibility.errors import DeviceUnknown, NotNewMember
from pgs_web.plays.helping import read_helper
from pgs_web.plays.round_views import NO_HELP, NO_MORE_HELP, NO_START, OwnRoundsView, describe_call, read_campaign_id
from pgs_web.plays.rounds import get_own_round, get_round
from pgs_web.plays.shares import read_share_code
from pgs_web.plays.views import PublicView


class CampaignsView(PublicView):
    @describe_call("invite_new_campaigns", "List what you can invite to", CampaignsSerializer)
    def get(self, request: Request) -> Response:
        """What groups can be opened for new members now; few, so without pages."""
        return Response(CampaignsSerializer({"results": offered_campaigns()}).data)


class RoundsView(OwnRoundsView):
    serializer_class = RoundSerializer
    queryset = Round.objects.none()

    @describe_call("invite_new_list", "Your invitations", RoundSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your invitations, newest first."""
        page: Any = self.paginate_queryset(self.get_queryset()) or []
        context = {"rewards": rewards_of([round_.pk for round_ in page])}
        return self.get_paginated_response(RoundSerializer(page, many=True, context=context).data)

    @describe_call(
        "invite_new_start",
        "Start an invitation",
        RoundSerializer,
        body=StartSerializer,
        status=201,
        refused=(*NO_START, DeviceUnknown, LeaderIsNew, NotOnSale, RoundOpen, RoundLimit),
    )
    def post(self, request: Request) -> Response:
        """Gives you a pass to open a group, for one order, within minutes. From a device with a mark of `/devices/`."""
        campaign_id, device = read_campaign_id(request), read_device(request)
        round_id = start_round(member_id=member_of(request), campaign_id=campaign_id, device=device)
        return _show_own(request, round_id, code=status.HTTP_201_CREATED)


class RoundView(APIView):
    @describe_call("invite_new_read", "Read an invitation", RoundSerializer)
    def get(self, request: Request, round_id: int) -> Response:
        """An invitation of yours, with the pass while it waits to be opened."""
        return _show_own(request, round_id)


class ShareView(PublicView):
    @describe_call("invite_new_share", "Look at a shared invitation", ShareWithMembersSerializer, refused=(NotFound,))
    def get(self, request: Request, share_code: str) -> Response:
        """What everybody with the link sees; members are masked."""
        round_ = get_round(Round, round_id=read_share_code(CODE, share_code))
        return Response(ShareWithMembersSerializer(round_, context={"progress": describe_progress(round_)}).data)


class JoinView(APIView):
    @describe_call(
        "invite_new_join",
        "Join an invited group",
        JoinedSerializer,
        refused=(NotFound, NotOpen, AlreadyJoined, NewSeatsOnly, NotNewMember, *NO_HELP, *NO_MORE_HELP),
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


def _show_own(request: Request, round_id: int, *, code: int = status.HTTP_200_OK) -> Response:
    round_ = get_own_round(Round, member_id=member_of(request), round_id=round_id)
    context = {"rewards": rewards_of([round_.pk]), "progress": describe_progress(round_)}
    return Response(RoundSerializer(round_, context=context).data, status=code)
