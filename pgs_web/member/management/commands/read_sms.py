"""`manage.py read_sms PHONE`: the sign-in code that the sandbox provider wrote down."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from pgs_web.member.phones import read_phone
from pgs_web.member.sms.sandbox import read_sandbox_code


class Command(BaseCommand):
    help = "Prints the last sign-in code that the sandbox SMS provider wrote for a phone. Reads the database only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("phone", help="a mainland mobile number, for example 13800138000")
        parser.add_argument("--json", action="store_true", help='print {"phone": …, "code": …}')

    def handle(self, *args: Any, **options: Any) -> None:
        phone = read_phone(options["phone"])
        if phone is None:
            raise CommandError(_("Give a mainland mobile number of 11 digits: 13800138000."))
        code = read_sandbox_code(phone=phone)
        if code is None:
            raise CommandError(_("No message was written for this phone: POST /api/v1/auth/sms-codes/ first."))
        self.stdout.write(json.dumps({"phone": phone, "code": code}) if options["json"] else code)
