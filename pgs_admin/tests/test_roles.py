"""The roles are there after a migration, and each may do exactly what it should."""

import pytest
from django.contrib.auth.models import Group as Role
from django.contrib.auth.models import Permission, User
from django.core.management import call_command

from pgs_admin.roles import ACTS, ROLES, ensure_roles

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def permissions_of(name: str) -> set[str]:
    rows = Role.objects.get(name=name).permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in rows}


@pytest.mark.slow
def test_a_migration_makes_the_roles():
    Role.objects.all().delete()
    Permission.objects.filter(codename__in=ACTS["order.order"]).delete()
    call_command("migrate", database="default", verbosity=0)
    assert {name: permissions_of(name) for name in ROLES} == {name: set(wanted) for name, wanted in ROLES.items()}


def test_a_role_that_somebody_changed_is_as_written_again():
    ensure_roles()
    Role.objects.get(name="viewer").permissions.set(Permission.objects.all())
    operator = User.objects.create(username="one")
    operator.groups.set(Role.objects.filter(name="viewer"))
    ensure_roles()
    assert permissions_of("viewer") == set(ROLES["viewer"])
    assert [role.name for role in operator.groups.all()] == ["viewer"]


def test_nobody_but_an_administrator_steers_operators():
    for name, wanted in ROLES.items():
        assert not {one for one in wanted if one.startswith("auth.") or "delete" in one}, name


def test_viewers_only_view():
    assert not {one for one in ROLES["viewer"] if not one.split(".")[1].startswith(("view_", "watch_"))}
