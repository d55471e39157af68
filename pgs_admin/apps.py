from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PgsAdminConfig(AppConfig):
    name = "pgs_admin"
    label = "pgs_admin"

    def ready(self) -> None:
        # The last app of the list: permissions and content types of all others exist when its signal comes.
        post_migrate.connect(make_roles, sender=self)


def make_roles(using: str, **kwargs: Any) -> None:
    """Roles live in `default`; the nodes have no operators."""
    if using == "default":
        # Models can't be imported before the apps are ready, which this module is imported for.
        import_module("pgs_admin.roles").ensure_roles()
