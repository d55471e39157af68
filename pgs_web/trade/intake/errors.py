"""Why an order can't be placed, as shoppers see it; the codes are those of the published API."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal


class SoldOut(Refusal):
    code = "sold_out"
    status = HTTPStatus.CONFLICT
    detail = _("Not enough is left. Try a smaller quantity, or come back: unpaid units return to the sale.")


class LimitExceeded(Refusal):
    code = "limit_exceeded"
    status = HTTPStatus.CONFLICT
    detail = _("You would have more units of this offer than one member may buy.")


class GroupFull(Refusal):
    code = "group_full"
    status = HTTPStatus.CONFLICT
    detail = _("All seats of this group are taken. Join another group or open one.")


class GroupClosed(Refusal):
    code = "group_closed"
    status = HTTPStatus.CONFLICT
    detail = _("This group can't be joined any more. Join another group or open one.")


class AlreadyInGroup(Refusal):
    code = "already_in_group"
    status = HTTPStatus.CONFLICT
    detail = _("You are in this group already. Share its link to fill it.")


class NotStarted(Refusal):
    code = "not_started"
    status = HTTPStatus.CONFLICT
    detail = _("The sale has not started yet.")


class Ended(Refusal):
    code = "ended"
    status = HTTPStatus.CONFLICT
    detail = _("The sale is over.")


class Paused(Refusal):
    code = "paused"
    status = HTTPStatus.CONFLICT
    detail = _("The sale is paused. Try again in a while.")


class PassNeeded(Refusal):
    """A game sells it, and lets in whom it gave a pass (`entry_pass`)."""

    code = "pass_needed"
    status = HTTPStatus.CONFLICT
    detail = _("This offer is sold in a game only. Open the game, and buy from there.")


class PassNotValid(Refusal):
    """The pass is altered, too old, or for another member, offer, group, number of units or key."""

    code = "pass_not_valid"
    status = HTTPStatus.CONFLICT
    detail = _("This pass is not for this order, or its time is over. Get a new one in the game.")


class KeyReused(Refusal):
    """The key belongs to another body, or to an order that didn't come in and can't any more; nothing was ordered."""

    code = "idempotency_key_reused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    detail = _("This Idempotency-Key was used for another order. Send a new key with a new order.")


class TooManyUnpaid(Refusal):
    """The member has as many unpaid orders as one may have; nothing was ordered."""

    code = "too_many_unpaid"
    status = HTTPStatus.CONFLICT
    detail = _("You have too many unpaid orders. Pay or cancel one of them, then order again.")
