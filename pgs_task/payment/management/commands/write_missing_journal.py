"""`manage.py write_missing_journal`: journal rows of payments and refunds that are older than the journal."""

from typing import Any

from django.core.management.base import BaseCommand

from pgs_task.payment.services import write_missing_journal


class Command(BaseCommand):
    help = (
        "Writes the journal rows that payments and refunds on the data nodes are missing, because an older version "
        "booked them. Fees are those of today's settings. Repeatable; run it once after every process was updated."
    )

    def handle(self, **options: Any) -> None:
        """Says how many movements it wrote."""
        self.stdout.write(f"{write_missing_journal()} movements written.")
