"""What the activity room refuses, as operators and commands see it."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal
from pgs_web.display.activity.states import ActivityState


class ActivityNotFound(Refusal):
    """There is no activity of this number."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND
    detail = _("There is no such activity.")


class WrongActivityState(Refusal):
    """The activity is in a state in which this can't be done; nothing was changed."""

    code = "activity_wrong_state"
    detail = _("The activity's state does not allow this.")


class SameReviewer(Refusal):
    """Who submitted an activity can't approve it."""

    code = "same_reviewer"
    detail = _("You submitted this activity yourself: somebody else has to approve it.")


class ActivityOutdated(Refusal):
    """The activity was changed after it was read."""

    code = "activity_outdated"
    detail = _("Somebody changed this activity after you had opened it. Open it again and repeat your change.")


class ActivityTooLate(Refusal):
    """The activity's window is over before anybody could buy."""

    code = "activity_too_late"
    detail = _("The activity would end before it could be approved. Return it to draft and set a later end.")


def refuse_state(state: str, to: ActivityState) -> WrongActivityState:
    """A WrongActivityState that names both states."""
    return WrongActivityState(
        _("The activity is %(state)s, and can't become %(to)s from there.") % {"state": state, "to": to.value}
    )
