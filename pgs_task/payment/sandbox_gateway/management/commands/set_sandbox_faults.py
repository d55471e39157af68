"""`manage.py set_sandbox_faults drop=5 duplicate=5 …`: how often the sandbox gateway misbehaves, in percent."""

import json
import re
from argparse import ArgumentParser
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from pgs_task.payment.sandbox_gateway.faults import NASTY, read_fault_rates, set_fault_rates
from pgs_task.payment.sandbox_gateway.models import FaultKind

WISH = re.compile(r"([a-z_]+)=([0-9]{1,3}(?:\.[0-9])?)")


class Command(BaseCommand):
    help = (
        "Sets how many of a hundred calls go wrong at the sandbox gateway, by chance, in every process of the shop "
        f"within a second: {', '.join(NASTY)}; all=5 sets each of them, off ends all. What isn't named stays as it is. "
        "Without arguments it says what is set. Everything that went wrong heals by itself once it is off: the shop "
        "asks the gateway about payments and refunds, and sends wrong amounts back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("wishes", nargs="*", metavar="FAULT=PERCENT", help="such as drop=5, all=2.5 or off")
        parser.add_argument("--json", action="store_true", help="print the rates that are set then, in percent")

    def handle(self, *args: Any, wishes: list[str], **options: Any) -> None:
        if "sandbox" not in settings.PAYMENT_GATEWAYS:
            raise CommandError("The sandbox gateway is off.")
        rates: dict[FaultKind, int] = {}
        for wish in wishes:
            rates |= _read_wish(wish)
        if rates:
            set_fault_rates(rates)
        now = read_fault_rates()
        percent = {word: now[kind] / 10 for word, kind in NASTY.items()}
        if options["json"]:
            self.stdout.write(json.dumps(percent))
            return
        for word, rate in percent.items():
            self.stdout.write(f"{word:<16} {rate:5.1f} %  {NASTY[word].label}")


def _read_wish(wish: str) -> dict[FaultKind, int]:
    if wish == "off":
        # Also those that have no word here.
        return dict.fromkeys(FaultKind, 0)
    match = WISH.fullmatch(wish)
    if match is None or (match[1] != "all" and match[1] not in NASTY):
        raise CommandError(f"{wish!r} is not like drop=5; the faults are {', '.join(NASTY)}.")
    per_mille = int(Decimal(match[2]) * 10)
    if per_mille > 1000:
        raise CommandError(f"{wish!r} is more than 100 percent.")
    return dict.fromkeys(NASTY.values(), per_mille) if match[1] == "all" else {NASTY[match[1]]: per_mille}
