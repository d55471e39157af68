"""What shoppers are refused for."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal


class RoundRunning(Refusal):
    code = "assist_round_running"
    status = HTTPStatus.CONFLICT
    detail = _("You have a running assist group of this campaign. Go on with that one.")


class RoundLimit(Refusal):
    code = "assist_round_limit"
    status = HTTPStatus.CONFLICT
    detail = _("You have started as many assist groups of this campaign as a member may.")


class CampaignFull(Refusal):
    code = "assist_campaign_full"
    status = HTTPStatus.CONFLICT
    detail = _("As many assist groups as this campaign has were started.")


class WonBefore(Refusal):
    """A unit of the same activity is reserved for the member, or bought."""

    code = "assist_won_before"
    status = HTTPStatus.CONFLICT
    detail = _("One unit is reserved for you, or bought, already.")


class NotOnSale(Refusal):
    """The activity is over or paused, or its price isn't above the assist price, or its end leaves no time to buy."""

    code = "assist_not_on_sale"
    status = HTTPStatus.CONFLICT
    detail = _("What this assist group is about is not on sale now.")


class SoldOut(Refusal):
    """A unit may come back until the group's end: then helping goes on."""

    code = "assist_sold_out"
    status = HTTPStatus.CONFLICT
    detail = _("No unit is left at the moment. If one comes back in time, friends can go on helping.")


class RoundOver(Refusal):
    code = "assist_over"
    status = HTTPStatus.CONFLICT
    detail = _("This assist group is over.")


class NotComplete(Refusal):
    code = "assist_not_complete"
    status = HTTPStatus.CONFLICT
    detail = _("Not all the friends that it takes have helped yet.")
