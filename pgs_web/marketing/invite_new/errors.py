"""What shoppers are refused for."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal


class RoundOpen(Refusal):
    code = "invite_new_round_open"
    status = HTTPStatus.CONFLICT
    detail = _("You have an open invitation of this campaign. Go on with that one.")


class RoundLimit(Refusal):
    code = "invite_new_round_limit"
    status = HTTPStatus.CONFLICT
    detail = _("You have started as many invitations of this campaign as a member may.")


class LeaderIsNew(Refusal):
    code = "invite_new_leader_is_new"
    status = HTTPStatus.CONFLICT
    detail = _("Only who has paid an order here may invite. Join a friend's group first.")


class NotOnSale(Refusal):
    """The activity is over or paused, or was edited so that the campaign's rules don't fit it any more."""

    code = "invite_new_not_on_sale"
    status = HTTPStatus.CONFLICT
    detail = _("What this invitation is about is not on sale now.")


class NotOpen(Refusal):
    """The group isn't there yet, complete, or over."""

    code = "invite_new_not_open"
    status = HTTPStatus.CONFLICT
    detail = _("This group can't be joined now.")


class AlreadyJoined(Refusal):
    code = "invite_new_already_joined"
    status = HTTPStatus.CONFLICT
    detail = _("You have an order in this group. You find it among your orders.")


class NewSeatsOnly(Refusal):
    """All seats that don't need a new member are taken."""

    code = "invite_new_new_seats_only"
    status = HTTPStatus.CONFLICT
    detail = _("The seats that are left are for new members, and you have paid an order here before.")
