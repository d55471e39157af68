"""What can be switched at a gateway without a deploy, and how it is written into a version."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from pgs_task.payment.configuration.errors import BadConfiguration

# Whoever types more has mistaken the unit.
LARGEST_FEE_BASIS_POINTS = 1_000
LARGEST_LIMIT_FEN = 10**12


@dataclass(frozen=True, kw_only=True)
class GatewaySwitches:
    """A closed gateway starts no payment; what is open there, its notices, queries and refunds go on.

    `fee_basis_points` is what the gateway keeps of a payment, in hundredths of a percent; `largest_fen` is the largest
    single payment that is started there, None for any.
    """

    code: str
    is_open: bool = True
    fee_basis_points: int = 0
    largest_fen: int | None = None


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One version; 0 is the environment alone. A gateway of the environment that it doesn't name is open, and last."""

    version: int = 0
    gateways: tuple[GatewaySwitches, ...] = ()

    def installed(self) -> list[GatewaySwitches]:
        """All gateways of PAYMENT_GATEWAYS, in the order in which they are offered."""
        named = [switches for switches in self.gateways if switches.code in settings.PAYMENT_GATEWAYS]
        known = {switches.code for switches in named}
        return named + [usual_switches(code) for code in settings.PAYMENT_GATEWAYS if code not in known]

    def offered(self) -> list[GatewaySwitches]:
        """Those that take new payments."""
        return [switches for switches in self.installed() if switches.is_open]

    def switches_of(self, code: str) -> GatewaySwitches:
        """A gateway's switches, also of one that the environment has switched off; the usual ones when unnamed."""
        named = next((switches for switches in self.gateways if switches.code == code), None)
        return named or usual_switches(code)


def usual_switches(code: str) -> GatewaySwitches:
    """A gateway's switches while no version names it: open, at the environment's fee."""
    return GatewaySwitches(code=code, fee_basis_points=settings.PAYMENT_FEE_BASIS_POINTS.get(code, 0))


def write_switches(gateways: Iterable[GatewaySwitches]) -> list[dict[str, Any]]:
    """The switches as a version keeps them; raises BadConfiguration when they can't be used."""
    rows = list(gateways)
    for switches in rows:
        _check(switches)
    if len({switches.code for switches in rows}) != len(rows):
        raise BadConfiguration(_("A gateway is named twice."))
    return [asdict(switches) for switches in rows]


def read_switches(rows: Iterable[dict[str, Any]]) -> tuple[GatewaySwitches, ...]:
    """The switches of a version; what a newer program added to it is passed over."""
    known = {field.name for field in fields(GatewaySwitches)}
    return tuple(GatewaySwitches(**{name: value for name, value in row.items() if name in known}) for row in rows)


def _check(switches: GatewaySwitches) -> None:
    if switches.code not in settings.PAYMENT_GATEWAY_ADAPTERS:
        raise BadConfiguration(_("There is no gateway with this code."))
    if not 0 <= switches.fee_basis_points <= LARGEST_FEE_BASIS_POINTS:
        raise BadConfiguration(_("A fee is from 0 to 1000 basis points."))
    if switches.largest_fen is not None and not 0 < switches.largest_fen <= LARGEST_LIMIT_FEN:
        raise BadConfiguration(_("A limit is a positive amount in fen, or nothing."))
