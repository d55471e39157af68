"""`manage.py create_members N`: shoppers for load tests, each with an address and a token."""

import json
import os
import re
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations
from django.db import IntegrityError
from django.utils.translation import gettext as _

from pgs_web.member.services.mass_creation import create_members

PREFIX = re.compile(r"[a-z][a-z0-9_]{0,39}")
MOST = 1_000_000


class Command(BaseCommand):
    help = (
        "Creates N members named PREFIX-1, PREFIX-2, … in the default database, each with an address, and prints for "
        "each a line of member id, username, access token (valid for a day), address id. A second run goes on counting."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("count", type=int, metavar="N", help=f"how many, 1 to {MOST}")
        parser.add_argument("--prefix", default="shopper", help="lower-case letters, digits, _; default: shopper")
        parser.add_argument("--password", help="lets them sign in with it; without, only the token is good")
        parser.add_argument("--json", action="store_true", help="one JSON object a line and nothing else")

    # Engineers read English.
    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        count, prefix = options["count"], options["prefix"]
        if not 1 <= count <= MOST:
            raise CommandError(_("N must be from 1 to %(most)d.") % {"most": MOST})
        if not PREFIX.fullmatch(prefix):
            raise CommandError(_("The prefix must begin with a letter and hold a-z, 0-9 and _ only, 40 at most."))
        began = time.monotonic()
        try:
            for created in create_members(count=count, prefix=prefix, password=options["password"]):
                line = {
                    "member_id": str(created.member_id),
                    "username": created.username,
                    "access": created.access,
                    "address_id": str(created.address_id),
                }
                self.stdout.write(json.dumps(line) if options["json"] else "\t".join(line.values()))
        except IntegrityError as error:
            raise CommandError(
                _("Another run is creating members named %(prefix)s-…: choose another --prefix.") % {"prefix": prefix}
            ) from error
        except BrokenPipeError:
            # `create_members … | head`: whole chunks stay, the reader has what it wanted.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        if not options["json"]:
            seconds = time.monotonic() - began
            self.stderr.write(_("%(count)d members in %(seconds).1f s") % {"count": count, "seconds": seconds})
