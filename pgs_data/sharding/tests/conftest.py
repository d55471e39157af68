"""Makes the tables of the test-only models; tests here roll back, so nothing has to empty them."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connections

from pgs_data.sharding.slots import node_aliases


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """The project's databases, with three more tables on the nodes and in the backup."""
    # By name: this file is read before Django is set up, the test modules with their models after it.
    models = [apps.get_model("pgs_data", name) for name in ("Record", "Entry", "Note")]
    with django_db_blocker.unblock():
        for alias in (*node_aliases(), "backup"):
            with connections[alias].schema_editor() as editor:
                for model in models:
                    editor.create_model(model)
