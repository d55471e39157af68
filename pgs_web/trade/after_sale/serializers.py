"""After-sale requests as shoppers' clients write and read them."""

from datetime import UTC
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from pgs_web.api.fields import CodeField, IdField, LineField, StrictIntegerField
from pgs_web.trade.after_sale.models import LONGEST_TEXT, AfterSaleRequest
from pgs_web.trade.after_sale.states import ASKED_CAUSES, RequestCause, RequestKind, RequestState

STAGES: dict[RequestState, Any] = {
    RequestState.REQUESTED: _("We have your request and decide about it."),
    RequestState.IN_REVIEW: _("We have your request and decide about it."),
    RequestState.RETURNING: _("Approved: send the goods back and tell us the parcel's number."),
    RequestState.REFUNDING: _("Approved: your money is on its way back."),
    RequestState.DONE: _("Your money is back."),
    RequestState.REFUSED: _("Not approved; the answer says why."),
    RequestState.CANCELLED: _("Ended without a refund."),
}
APPROVED_IN_PART: dict[RequestState, Any] = {
    RequestState.RETURNING: _("Approved in part: send the goods back and tell us the parcel's number."),
    RequestState.REFUNDING: _("Approved in part: that part of your money is on its way back."),
    RequestState.DONE: _("The part of your money that was approved is back."),
}
GOODS_ON_THEIR_WAY: Any = _("The goods are on their way back to us.")


class AskSerializer(serializers.Serializer[Any]):
    """What you want for goods that have left."""

    order_id = IdField(help_text=_("A SHIPPED or COMPLETED order of yours."))
    kind = CodeField(codes=list(RequestKind), help_text=_("Whether the goods go back first."))
    cause = CodeField(codes=ASKED_CAUSES)
    amount_fen = StrictIntegerField(min_value=1, help_text=_("At most what is left of what you paid."))
    quantity = StrictIntegerField(
        min_value=1,
        required=False,
        help_text=_("Of how many units it is, when not of all: then at most their share of what you paid goes back."),
    )
    text = LineField(max_length=LONGEST_TEXT, allow_blank=True, required=False, help_text=_("In your own words."))


class ParcelSerializer(serializers.Serializer[Any]):
    """Where the parcel that goes back is looked up."""

    carrier = LineField(max_length=40)
    tracking_no = LineField(max_length=64)


class AfterSaleSerializer(serializers.ModelSerializer[AfterSaleRequest]):
    request_id = IdField(source="pk")
    order_id = IdField()
    kind = serializers.ChoiceField(choices=[kind.value for kind in RequestKind])
    cause = serializers.ChoiceField(choices=[cause.value for cause in RequestCause])
    state = serializers.ChoiceField(choices=[state.value for state in RequestState])
    quantity = serializers.IntegerField(allow_null=True, help_text=_("Of how many units it is; null when not said."))
    amount_fen = serializers.IntegerField(help_text=_("What goes back, or is to."))
    asked_fen = serializers.IntegerField(source="asked", help_text=_("What you asked for; less may be approved."))
    stage = serializers.SerializerMethodField(help_text=_("The state in words, in your language."))
    answer = serializers.CharField(help_text=_("Why it was refused, ended or approved in part; empty otherwise."))
    requested_at = serializers.DateTimeField(default_timezone=UTC)
    latest_by = serializers.DateTimeField(
        default_timezone=UTC, allow_null=True, help_text=_("Until then the next step is taken; null once it is over.")
    )
    server_time = serializers.DateTimeField(source="now", default_timezone=UTC, help_text=_("The shop's clock."))

    class Meta:
        model = AfterSaleRequest
        fields = (
            "request_id",
            "order_id",
            "kind",
            "cause",
            "text",
            "quantity",
            "amount_fen",
            "asked_fen",
            "state",
            "stage",
            "answer",
            "carrier",
            "tracking_no",
            "requested_at",
            "latest_by",
            "server_time",
        )
        read_only_fields = fields

    def get_stage(self, request: AfterSaleRequest) -> str:
        if request.state == RequestState.RETURNING and request.tracking_no:
            return str(GOODS_ON_THEIR_WAY)
        if request.state in APPROVED_IN_PART and request.amount_fen < request.asked:
            return str(APPROVED_IN_PART[RequestState(request.state)])
        return str(STAGES[RequestState(request.state)])
