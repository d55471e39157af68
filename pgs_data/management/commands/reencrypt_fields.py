"""`manage.py reencrypt_fields`: puts everything encrypted under the current key, so that an old key can go."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections, models, transaction

from pgs_data.encryption import EncryptedTextField, current_key_id, decrypt_text, encrypt_text
from pgs_data.sharding.models import ShardedModel

CHUNK = 1000


class Command(BaseCommand):
    help = (
        "Rewrites every encrypted column of every database with the first key of FIELD_ENCRYPTION_KEYS. The shop may go"
        " on meanwhile: a value that somebody else changes first is left to them. Repeat it until it changes nothing,"
        " then take the old key out."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options of the command."""
        parser.add_argument("--json", action="store_true", help="one JSON object a column, nothing else")

    def handle(self, *_args: str, **options: Any) -> None:
        """Raises CannotDecrypt, which names the column whose key is missing."""
        for model, field in find_encrypted_columns():
            for alias in databases_of(model):
                changed = reencrypt_column(model, field, alias=alias)
                column = f"{model._meta.db_table}.{field.column}"
                if options["json"]:
                    self.stdout.write(json.dumps({"database": alias, "column": column, "changed": changed}))
                else:
                    self.stdout.write(f"{alias}: {column}: {changed}")


def find_encrypted_columns() -> Iterator[tuple[type[models.Model], EncryptedTextField]]:
    for model in apps.get_models():
        for field in model._meta.local_concrete_fields:
            if isinstance(field, EncryptedTextField):
                yield model, field


def databases_of(model: type[models.Model]) -> list[str]:
    """Every database that holds rows of the model, apart from the backup, which copies them."""
    return list(settings.DATA_NODES) if issubclass(model, ShardedModel) else ["default"]


def reencrypt_column(model: type[models.Model], field: EncryptedTextField, *, alias: str) -> int:
    """How many values were rewritten; works on the stored texts themselves, a chunk at a time by primary key."""
    connection = connections[alias]
    quote = connection.ops.quote_name
    pk = model._meta.pk
    table, key, column = quote(model._meta.db_table), quote(str(pk.column)), quote(str(field.column))
    # Names come from the models, values are parameters.
    read = f"SELECT {key}, {column} FROM {table} WHERE {key} > %s AND {column} IS NOT NULL ORDER BY {key} LIMIT {CHUNK}"  # noqa: S608
    write = f"UPDATE {table} SET {column} = %s WHERE {key} = %s AND {column} = %s"  # noqa: S608
    current = f"{current_key_id()}:"
    changed = 0
    last: Any = "" if isinstance(pk, models.CharField) else -(2**63)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(read, [last])
            rows = cursor.fetchall()
        old = [(row_key, stored) for row_key, stored in rows if not stored.startswith(current)]
        fresh = [reencrypt_text(stored, context=field.context) for _row_key, stored in old]
        # One transaction a chunk, hence one wait for the disk; death in it leaves the chunk for the next run.
        with transaction.atomic(using=alias), connection.cursor() as cursor:
            for (row_key, stored), text in zip(old, fresh, strict=True):
                # Whoever changed the value since it was read has encrypted it with the current key already.
                cursor.execute(write, [text, row_key, stored])
                changed += cursor.rowcount
        if len(rows) < CHUNK:
            return changed
        last = rows[-1][0]


def reencrypt_text(stored: str, *, context: str) -> str:
    return encrypt_text(decrypt_text(stored, context=context), context=context)
