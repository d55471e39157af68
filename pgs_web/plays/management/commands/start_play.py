"""`manage.py start_play NAME`: a new game that plays a little already."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from pgs_web.plays.new_plays import CannotStart, start_play


class Command(BaseCommand):
    help = (
        "Writes the folder of a new game below pgs_web/marketing and its line into config/settings/plays.py. The game"
        " plays already: members start rounds under a campaign's rules, the clock ends them, the back office shows"
        " them; its tests pass. Overwrites nothing. docs/add_a_play.md says how to go on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the game's code, such as lucky_draw: letters, digits and _")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        try:
            written = start_play(name, root=settings.BASE_DIR)
        except (CannotStart, OSError) as error:
            raise CommandError(str(error)) from error
        for path in written:
            self.stdout.write(str(path.relative_to(settings.BASE_DIR)))
        self.stdout.write(f"{name} is on. Next: docs/add_a_play.md")
