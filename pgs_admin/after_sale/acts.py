"""What operators do with after-sale requests."""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from pgs_admin.acts import ReasonForm, make_act
from pgs_admin.audit import actor_of
from pgs_admin.words import WORDS
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.after_sale.services import (
    RequestWish,
    approve_request,
    ask_for_member,
    receive_goods,
    refuse_request,
)
from pgs_web.trade.after_sale.states import ASKED_CAUSES, UNDECIDED, RequestCause, RequestKind, RequestState

DECIDE = "after_sale.decide_request"


class AskForm(ReasonForm):
    """What the shopper wants, who called."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        choices=[(kind.value, WORDS[kind]) for kind in RequestKind],
        widget=UnfoldAdminSelectWidget,
    )
    cause = forms.ChoiceField(
        label=gettext_lazy("Cause"),
        choices=[(cause.value, WORDS[cause]) for cause in ASKED_CAUSES],
        widget=UnfoldAdminSelectWidget,
    )
    amount_fen = forms.IntegerField(
        label=gettext_lazy("Amount (fen)"), min_value=1, max_value=2**63 - 1, widget=UnfoldAdminIntegerFieldWidget
    )

    quantity = forms.IntegerField(
        label=gettext_lazy("Units"),
        min_value=1,
        max_value=2**31 - 1,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("When it isn't of all of them."),
    )

    field_order = ["kind", "cause", "amount_fen", "quantity", "reason"]


class ApproveForm(ReasonForm):
    """All that was asked for, or less; of less the shopper reads the reason."""

    amount_fen = forms.IntegerField(
        label=gettext_lazy("Amount (fen)"),
        min_value=1,
        max_value=2**63 - 1,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("When it is less than was asked for; the shopper reads the reason then."),
    )

    field_order = ["amount_fen", "reason"]


class RefuseForm(ReasonForm):
    """The shopper reads the reason."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = gettext_lazy("Told to the shopper, and kept in the audit log.")


def ask_for_shopper(request: HttpRequest, order_id: int, values: dict[str, Any]) -> str:
    """The deed of the order page's button."""
    wish = RequestWish(
        kind=RequestKind(values["kind"]),
        cause=RequestCause(values["cause"]),
        amount_fen=values["amount_fen"],
        quantity=values["quantity"],
    )
    ask_for_member(order_id=order_id, wish=wish, actor=actor_of(request))
    return _("The request is there; somebody else has to approve it.")


def _approve(request: HttpRequest, request_id: int, values: dict[str, Any]) -> str:
    approved = approve_request(
        request_id=request_id, actor=actor_of(request), amount_fen=values["amount_fen"], answer=values["reason"]
    )
    if approved.state == RequestState.IN_REVIEW:
        return _("Noted; the amount needs a second person.")
    return _("Approved; the shopper sees it.")


def _refuse(request: HttpRequest, request_id: int, values: dict[str, Any]) -> str:
    refuse_request(request_id=request_id, actor=actor_of(request), answer=values["reason"])
    return _("Refused; the shopper reads why.")


def _receive(request: HttpRequest, request_id: int, values: dict[str, Any]) -> str:
    receive_goods(request_id=request_id, actor=actor_of(request))
    return _("The refund is on its way.")


approve = make_act(
    name="approve_request",
    title=gettext_lazy("Approve"),
    permission=DECIDE,
    model=AfterSaleRequest,
    deed=_approve,
    form_class=ApproveForm,
    icon="check_circle",
    question=gettext_lazy("Large amounts need two people, and what an operator asked for somebody else approves."),
    states=UNDECIDED,
)
refuse = make_act(
    name="refuse_request",
    title=gettext_lazy("Refuse"),
    permission=DECIDE,
    model=AfterSaleRequest,
    deed=_refuse,
    form_class=RefuseForm,
    icon="block",
    states=UNDECIDED | {RequestState.RETURNING},
    is_grave=True,
)
receive = make_act(
    name="receive_goods",
    title=gettext_lazy("The goods are back"),
    permission=DECIDE,
    model=AfterSaleRequest,
    deed=_receive,
    icon="inventory",
    question=gettext_lazy("And as they should be: the money goes back."),
    states={RequestState.RETURNING},
)
