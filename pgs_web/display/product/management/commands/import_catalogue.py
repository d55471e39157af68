"""`manage.py import_catalogue`: a retailer's catalogue out of its invoice lines."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, no_translations
from django.db import DatabaseError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from pgs_web.display.product.invoices.catalogue import CatalogueFinder
from pgs_web.display.product.invoices.reading import COLUMNS, DamagedFile, parse_mapping, read_invoices
from pgs_web.display.product.services import ImportCounts, ensure_merchant, import_products


class Command(BaseCommand):
    help = (
        "Reads a CSV file (plain or gzip) of invoice lines and writes a product with one SKU per stock code into the "
        "default database: its most used description, and the median of its prices (the file's unit × 100 = fen; "
        "a currency is not converted). Lines that are no products (postage, fees, discounts) and unusable ones are "
        "counted by reason. The whole file is read before anything is written, and written in one transaction; "
        "the same file again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the CSV file, also as .gz")
        parser.add_argument(
            "--map",
            default="",
            metavar="COLUMN=NAME,…",
            help=f"the file's names of our columns, like Quantity=qty,UnitPrice=price; ours: {', '.join(COLUMNS)}",
        )
        parser.add_argument("--encoding", default="utf-8", help="of the file (default: utf-8)")
        parser.add_argument("--merchant", default="online-retail", help="code of the merchant who sells (is made)")
        parser.add_argument("--merchant-name", default="Online Retail", help="its name, when it is made")
        parser.add_argument("--json", action="store_true", help="one JSON object, nothing else on stdout")

    # Engineers read English, as all of a command's words are; refusals would come in the shop's language.
    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        finder = self._read(options)
        try:
            merchant = ensure_merchant(code=options["merchant"], name=options["merchant_name"])
            counts = import_products(merchant=merchant, found=finder.products())
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        except DatabaseError as error:
            raise CommandError(f"The database refused, nothing was imported: {error}") from error
        if options["json"]:
            self.stdout.write(json.dumps(report_of(finder, counts)))
        else:
            console = Console()
            with console.capture() as report:
                console.print(table_of(finder, counts))
            self.stdout.write(report.get())

    def _read(self, options: dict[str, Any]) -> CatalogueFinder:
        path: Path = options["file"]
        finder = CatalogueFinder()
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        # On stderr: stdout belongs to the report.
        console = Console(stderr=True, quiet=not sys.stderr.isatty())
        try:
            mapping = parse_mapping(options["map"])
        except ValueError as error:
            raise CommandError(f"--map: {error}") from error
        try:
            "".encode(options["encoding"])
        except LookupError as error:
            raise CommandError(f"There is no encoding of text called {options['encoding']!r}.") from error
        try:
            with Progress(*columns, console=console, transient=True) as progress:
                bar = progress.add_task("reading", total=path.stat().st_size)
                rows = read_invoices(
                    path,
                    mapping=mapping,
                    encoding=options["encoding"],
                    on_bytes=lambda position: progress.update(bar, completed=position),
                )
                for row in rows:
                    finder.add(row)
        except DamagedFile as error:
            raise CommandError(f"{path.name}: {error} Nothing was imported.") from error
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror or error}.") from error
        return finder


def report_of(finder: CatalogueFinder, counts: ImportCounts) -> dict[str, Any]:
    """The import as plain values."""
    return {
        "lines_read": finder.rows,
        "products": counts.created + counts.updated + counts.unchanged,
        "created": counts.created,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "skipped": {reason.value: count for reason, count in finder.skipped.most_common()},
        "first_skipped_lines": {reason.value: number for reason, number in finder.first_lines.items()},
    }


def table_of(finder: CatalogueFinder, counts: ImportCounts) -> Table:
    """The import as a table for a terminal."""
    table = Table("what", "count", "first at line", title="Catalogue import")
    table.columns[1].justify = table.columns[2].justify = "right"
    table.add_row("lines read", f"{finder.rows:,}", "", end_section=True)
    table.add_row("products created", f"{counts.created:,}", "")
    table.add_row("products updated", f"{counts.updated:,}", "")
    table.add_row("products unchanged", f"{counts.unchanged:,}", "", end_section=True)
    for reason, count in finder.skipped.most_common():
        table.add_row(f"skipped: {reason.value}", f"{count:,}", f"{finder.first_lines[reason]:,}")
    return table
