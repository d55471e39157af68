"""`manage.py load_demo_catalogue`: the demo shop's merchants, products, SKUs and pictures."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from pgs_web.display.product.demo.loading import load_demo_catalogue


class Command(BaseCommand):
    help = (
        "Writes the demo catalogue (merchants, products in Chinese and English, SKUs) into the default database and "
        "its drawn pictures into MEDIA_ROOT. What is there and right stays untouched, so it can be run at any time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object, nothing else on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = load_demo_catalogue()
        except DatabaseError as error:
            raise CommandError(f"The database refused, nothing was loaded: {error}") from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(report)))
        else:
            self.stdout.write(
                f"{report.merchants} merchants, {report.products} products, {report.skus} SKUs; "
                f"{report.pictures_drawn} pictures drawn"
            )
