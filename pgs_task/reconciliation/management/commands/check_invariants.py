"""`manage.py check_invariants`: everything that must always hold, over every node, Redis and gateway statement."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations

from pgs_task.reconciliation.contract import Verdict
from pgs_task.reconciliation.quiet import wait_for_quiet
from pgs_task.reconciliation.runner import LOOKS, all_checks, run_checks

LONGEST_WAIT = 86_400


class Command(BaseCommand):
    help = (
        "Checks what must always hold (docs/journey_of_an_order.md names the ids) over all data nodes, Redis and the "
        "gateways' statements; reads only. What must hold when quiet (Q) is looked at up to five times, and only what "
        "each look finds counts. Exits 1 when an invariant fails."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object a check, nothing else on stdout")
        parser.add_argument(
            "--wait",
            type=_seconds,
            default=0.0,
            metavar="SECONDS",
            help="first wait until nothing is on its way (streams, outbox, refunds), at most so long",
        )
        parser.add_argument("--only-always", action="store_true", help="only those that hold at any moment (A)")
        parser.add_argument(
            "--only",
            type=_ids,
            default=frozenset(),
            metavar="ID,ID",
            help="only these: some look at every order, and take minutes for each million",
        )

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        restless = wait_for_quiet(options["wait"]) if options["wait"] else []
        failed = 0
        checks = run_checks(only_always=options["only_always"], restless=restless, looks=LOOKS, only=options["only"])
        for verdict in checks:
            failed += not verdict.is_ok
            self.stdout.write(_as_json(verdict) if options["json"] else _as_text(verdict))
            # A line a check, as it is judged, also into a pipe: the slow ones are awaited one by one.
            self.stdout.flush()
        problems = [f"Not quiet after {options['wait']:.0f} s: {'; '.join(restless)}."] if restless else []
        if failed:
            judged = len(options["only"]) or len(all_checks())
            problems.append(f"{failed} of {judged} invariants do not hold or could not be judged.")
        if problems:
            raise CommandError(" ".join(problems))


def _ids(text: str) -> frozenset[str]:
    wanted = frozenset(text.split(","))
    if unknown := wanted - {check.id for check in all_checks()}:
        raise ArgumentTypeError(f"no check is called {', '.join(sorted(unknown))}")
    return wanted


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= LONGEST_WAIT:
        raise ValueError(text)
    return seconds


def _as_json(verdict: Verdict) -> str:
    return json.dumps(
        {
            "id": verdict.check.id,
            "when": verdict.check.when.value,
            "promise": str(verdict.check.promise),
            "ok": verdict.is_ok,
            "judged": verdict.is_judged,
            "count": verdict.count,
            "offenders": verdict.offenders,
            "seconds": round(verdict.seconds, 3),
        },
        ensure_ascii=False,
    )


def _as_text(verdict: Verdict) -> str:
    head = f"{verdict.check.id:<3} {verdict.check.when.value}  "
    if verdict.is_ok:
        return f"{head}ok     {verdict.check.promise}"
    lines = [f"{head}{verdict.count:<6} {verdict.check.promise}"]
    return "\n".join([*lines, *(f"          {offender}" for offender in verdict.offenders)])
