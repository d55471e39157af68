"""A member helps with another's round: who, from where, and judged by the rules that the round was started under."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rest_framework.request import Request

from pgs_web.api.client_address import client_network
from pgs_web.member.authentication import member_of
from pgs_web.member.selectors import get_masked_names
from pgs_web.plays.eligibility.devices import read_device
from pgs_web.plays.eligibility.models import Help
from pgs_web.plays.eligibility.scripts import HelpCaps
from pgs_web.plays.eligibility.services import HelpWish, helping
from pgs_web.plays.round_models import RoundModel
from pgs_web.plays.selectors import read_rules


@dataclass(frozen=True, kw_only=True)
class Helper:
    """Who helps, and from where: see HelpWish."""

    member_id: int
    device: str | None
    network: str


def read_helper(request: Request) -> Helper:
    """The signed-in member, with the device and the network of the request."""
    return Helper(member_id=member_of(request), device=read_device(request), network=client_network(request))


@contextmanager
def helping_round(play: str, round_: RoundModel, helper: Helper) -> Iterator[Help]:
    """`helping` with the caps of the round's rules (forms.RoundRules); raises what it raises."""
    rules = read_rules(campaign_id=round_.campaign_id, version=round_.rules_version).rules
    wish = HelpWish(
        code=play,
        campaign_id=round_.campaign_id,
        round_id=round_.pk,
        initiator_id=round_.member_id,
        helper_id=helper.member_id,
        device=helper.device,
        network=helper.network,
        initiator_device=round_.initiator_device,
    )
    caps = HelpCaps(helper=rules["helps_a_helper"], device=rules["helps_a_device"], address=rules["helps_an_address"])
    with helping(wish, caps=caps) as help_:
        yield help_


def tell_helpers(helps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A round's helps as everybody may read them: with `helper`, a masked name, for `helper_id`; one query of names."""
    rows = [dict(help_) for help_ in helps]
    names = get_masked_names(row["helper_id"] for row in rows)
    return [{"helper": names[row.pop("helper_id")], **row} for row in rows]
