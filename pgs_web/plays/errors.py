"""What games are refused for."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal


class PlayDraining(Refusal):
    """Nothing new starts; what runs is finished and settled."""

    code = "play_draining"
    status = HTTPStatus.CONFLICT
    detail = _("This game takes no new rounds at the moment. Those that are running go on to their end.")


class PlayMoved(Refusal):
    """Somebody else switched the game, or changed the campaign, first."""

    code = "play_moved"
    status = HTTPStatus.CONFLICT
    detail = _("Somebody else changed this meanwhile. Look at it again, then repeat.")


class CampaignClosed(Refusal):
    code = "campaign_closed"
    status = HTTPStatus.CONFLICT
    detail = _("This campaign is over. Rounds that are running go on to their end.")


class BadRules(Refusal):
    """`errors` name the fields."""

    code = "bad_rules"
    status = HTTPStatus.BAD_REQUEST
    detail = _("These rules can't be used.")
