"""What a campaign's rules will mean, for operators while they write them."""

import hashlib
from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from pgs_data.clock import database_now
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.marketing.bargain.schedule import make_cuts, sum_cuts
from pgs_web.plays.telling import PreviewLine, say_fen

# The same at every key that is pressed, so that only what was changed changes.
EXAMPLE_SEED = hashlib.sha256(b"an example").hexdigest()
CUTS_SHOWN = 12


def preview_rules(rules: Mapping[str, Any]) -> list[PreviewLine]:
    """Price, helpers, an example of the cuts, times, and what it costs the shop; one query of `default`."""
    activity = Activity.objects.filter(pk=rules["activity_id"]).first()
    if activity is None:
        return []
    price_fen, floor_fen, cuts = activity.alone_price_fen, rules["floor_price_fen"], rules["cuts"]
    made = make_cuts(seed=EXAMPLE_SEED, gap_fen=price_fen - floor_fen, cuts=cuts, min_cut_fen=rules["min_cut_fen"])
    of_new = made[: rules["new_member_cuts"]]
    fewest = -(-cuts // rules["new_member_cuts"])
    return [
        PreviewLine(title=_("For"), text=f"{activity.title} ({_say_sale(activity)})"),
        PreviewLine(title=_("Price before"), text=say_fen(price_fen)),
        PreviewLine(title=_("Lowest price"), text=say_fen(floor_fen)),
        PreviewLine(
            title=_("Helpers"),
            text=_("%(most)d members, or %(fewest)d if all of them are new") % {"most": cuts, "fewest": fewest},
        ),
        PreviewLine(title=_("Cuts, for example"), text=_say_some([say_fen(cut) for cut in made])),
        PreviewLine(
            title=_("The price then"), text=_say_some([say_fen(price_fen - off) for off in sum_cuts(made)[1:]])
        ),
        PreviewLine(
            title=_("First help"),
            text=_("by a member %(cut)s, by a new member %(new_cut)s")
            % {"cut": say_fen(made[0]), "new_cut": say_fen(sum(of_new))},
        ),
        PreviewLine(title=_("Time to bargain"), text=_say_minutes(rules["minutes"])),
        PreviewLine(title=_("Time to buy"), text=_say_minutes(rules["pay_minutes"])),
        PreviewLine(
            title=_("Can be bought"),
            text=_("at any price") if rules["may_buy_early"] else _("at the lowest price only"),
        ),
        PreviewLine(
            title=_("Costs the shop"),
            text=_("up to %(cost)s a bargain, %(most)d bargains a member")
            % {"cost": say_fen(price_fen - floor_fen), "most": rules["rounds_a_member"]},
        ),
    ]


def _say_sale(activity: Activity) -> str:
    ends_at = date_format(timezone.localtime(activity.ends_at), "Y-m-d H:i")
    if activity.state == ActivityState.RUNNING and activity.ends_at > database_now("default"):
        return _("on sale until %(time)s") % {"time": ends_at}
    return _("not on sale now: nobody can start")


def _say_some(texts: list[str]) -> str:
    if len(texts) <= CUTS_SHOWN:
        return ", ".join(texts)
    return f"{', '.join(texts[: CUTS_SHOWN - 1])} … {texts[-1]}"


def _say_minutes(minutes: int) -> str:
    days, hours = divmod(minutes // 60, 24)
    parts = [
        *([_("%(count)d d") % {"count": days}] if days else []),
        *([_("%(count)d h") % {"count": hours}] if hours else []),
        *([_("%(count)d min") % {"count": minutes % 60}] if minutes % 60 else []),
    ]
    return " ".join(parts)
