"""How a game tells the back office about its rows: plain descriptions, which pgs_admin makes pages, roles and audit of.

A game's `admin.py` has `PAGES`, a tuple of these.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.utils.functional import Promise

# (id of the row, who acts as logs name them, the operator's reason) → what the operator is told.
Deed = Callable[[int, str, str], str]


@dataclass(frozen=True, kw_only=True)
class PlayAct:
    """A button on a row's page. `deed` calls a service; a Refusal or an outage that it raises is told to the operator.

    `name` is the permission too; `roles` are those of pgs_admin/roles.py that have it. The audit row is written before
    the deed. `states` are those of the row in which the button is shown; the service decides.
    """

    name: str
    title: str | Promise
    meaning: str
    deed: Deed
    roles: Sequence[str]
    question: str | Promise = ""
    states: Collection[str] | None = None
    is_grave: bool = False


@dataclass(frozen=True, kw_only=True)
class PlayPage:
    """A list of a model's rows and a page a row, for looking only. `made_at` names the column with a row's time where
    its primary key doesn't tell it."""

    model: type[Model]
    columns: Sequence[str]
    fields: Sequence[Any]
    search: Sequence[str] = ("id",)
    acts: Sequence[PlayAct] = ()
    made_at: str | None = None
