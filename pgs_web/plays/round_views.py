"""What a game's views have in common: what the schema says of a call, a member's own rounds, a shared round."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request

from pgs_web.api.errors import NotFound, Refusal
from pgs_web.api.pagination import PageCursor
from pgs_web.api.schema import refusals
from pgs_web.member.authentication import member_of
from pgs_web.plays.eligibility.errors import AddressCap, AlreadyHelped, DeviceCap, DeviceUnknown, HelperCap, SelfHelp
from pgs_web.plays.errors import CampaignClosed, PlayDraining
from pgs_web.plays.rounds import own_rounds
from pgs_web.plays.serializers import RoundStartSerializer

# What starts and helps are refused with in every game; the schema lists them in the order they are given.
NO_START: Sequence[type[Refusal]] = (NotFound, PlayDraining, CampaignClosed)
NO_HELP: Sequence[type[Refusal]] = (SelfHelp, AlreadyHelped)
NO_MORE_HELP: Sequence[type[Refusal]] = (DeviceUnknown, HelperCap, DeviceCap, AddressCap)

View = TypeVar("View", bound=Callable[..., Any])


def describe_call(
    operation_id: str,
    summary: str,
    answer: Any,
    *,
    body: Any = None,
    status: int = 200,
    refused: Sequence[type[Refusal]] = (),
) -> Callable[[View], View]:
    """What the schema says of a game's call, besides the docstring: what is sent, answered, and refused."""
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        tags=["plays"],
        request=body,
        responses={status: answer, **refusals(*refused)},
    )


class OwnRoundsView(ListAPIView[Any]):
    """The signed-in member's rounds, newest first. A game sets `queryset`, of whose model they are, and
    `serializer_class`."""

    pagination_class = PageCursor

    def get_queryset(self) -> Any:
        """Of the member's node only."""
        model: Any = super().get_queryset().model
        return own_rounds(model, member_id=member_of(self.request))


def read_campaign_id(request: Request) -> int:
    """In which campaign a round is to be started; raises ValidationError."""
    body = RoundStartSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    campaign_id: int = body.validated_data["campaign_id"]
    return campaign_id
