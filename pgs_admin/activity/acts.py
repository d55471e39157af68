"""What operators do to an activity: every act goes through the sale's services, which move database and Redis."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pgs_admin.activity.forms import ApproveForm, GoOnForm, StockForm, WithdrawForm
from pgs_admin.acts import Deed, make_act
from pgs_admin.audit import actor_of
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.services import return_to_draft, submit_for_review
from pgs_web.display.activity.states import MOVES, ActivityState
from pgs_web.trade.stock.sales import end_sale, pause_sale, resume_sale, schedule_sale, withdraw_sale
from pgs_web.trade.stock.services import change_stock_total

STEER = "activity.steer_activity"
APPROVE = "activity.approve_activity"
ON_SALE = {ActivityState.SCHEDULED, ActivityState.RUNNING, ActivityState.PAUSED}


def _states_before(state: ActivityState) -> set[ActivityState]:
    return {old for old, following in MOVES.items() if state in following}


def _submit(request: HttpRequest, activity_id: int, values: dict[str, Any]) -> str:
    submit_for_review(activity_id=activity_id, actor=actor_of(request))
    return _("Submitted; somebody else has to approve it.")


def _approve(request: HttpRequest, activity_id: int, values: dict[str, Any]) -> str:
    schedule_sale(activity_id=activity_id, actor=actor_of(request), rules_version=values["rules_version"])
    return _("Approved: its stock is loaded, and it starts by itself.")


def _because(service: Callable[..., object], said: str | Promise) -> Deed:
    """Acts by a service that keeps the operator's reason."""

    def act(request: HttpRequest, activity_id: int, values: dict[str, Any]) -> str:
        service(activity_id=activity_id, actor=actor_of(request), reason=values["reason"])
        return str(said)

    return act


def _change_stock(request: HttpRequest, activity_id: int, values: dict[str, Any]) -> str:
    change_stock_total(activity_id=activity_id, difference=values["difference"], change_id=values["change_id"].hex)
    return _("The stock is changed by %(units)+d units.") % {"units": values["difference"]}


submit = make_act(
    name="submit",
    title=gettext_lazy("Submit for review"),
    permission=STEER,
    model=Activity,
    deed=_submit,
    icon="send",
    states={ActivityState.DRAFT},
)
approve = make_act(
    name="approve",
    title=gettext_lazy("Approve"),
    permission=APPROVE,
    model=Activity,
    deed=_approve,
    form_class=ApproveForm,
    icon="check_circle",
    question=gettext_lazy("Loads the stock; shoppers can buy from the start on. Not by who submitted it."),
    states={ActivityState.IN_REVIEW},
)
send_back = make_act(
    name="send_back",
    title=gettext_lazy("Return to draft"),
    permission=APPROVE,
    model=Activity,
    deed=_because(return_to_draft, gettext_lazy("Returned to draft.")),
    icon="undo",
    states={ActivityState.IN_REVIEW},
)
pause = make_act(
    name="pause",
    title=gettext_lazy("Pause"),
    permission=STEER,
    model=Activity,
    deed=_because(pause_sale, gettext_lazy("Paused: nobody can buy; paying and groups go on.")),
    form_class=GoOnForm,
    icon="pause",
    question=gettext_lazy("Nobody buys or joins until it is resumed; paying and groups go on, and their time too."),
    states=_states_before(ActivityState.PAUSED),
)
resume = make_act(
    name="resume",
    title=gettext_lazy("Resume"),
    permission=STEER,
    model=Activity,
    deed=_because(resume_sale, gettext_lazy("Resumed: shoppers can buy within the window.")),
    icon="play_arrow",
    states={ActivityState.PAUSED},
)
end = make_act(
    name="end",
    title=gettext_lazy("End"),
    permission=STEER,
    model=Activity,
    deed=_because(end_sale, gettext_lazy("Ended.")),
    form_class=GoOnForm,
    icon="stop",
    question=gettext_lazy("Before its time, and for good. Nobody buys or joins any more; paying and groups go on."),
    states=_states_before(ActivityState.ENDED),
    is_grave=True,
)
withdraw = make_act(
    name="withdraw",
    title=gettext_lazy("Withdraw"),
    permission=STEER,
    model=Activity,
    deed=_because(withdraw_sale, gettext_lazy("Withdrawn; its running groups are being ended.")),
    form_class=WithdrawForm,
    icon="delete_forever",
    question=gettext_lazy(
        "Takes the activity back, for good; shoppers don't see it any more. Its running groups fail and everybody in"
        " them is refunded; complete groups ship."
    ),
    states=_states_before(ActivityState.WITHDRAWN),
    is_grave=True,
)
change_stock = make_act(
    name="change_stock",
    title=gettext_lazy("Change stock"),
    permission=STEER,
    model=Activity,
    deed=_change_stock,
    form_class=StockForm,
    icon="inventory",
    states=ON_SALE,
)
