"""What schemathesis can't read in a schema: things that exist, so that its valid calls reach more than 404.

Loaded by name (SCHEMATHESIS_HOOKS) in schemathesis's own process; `world.json` of its working folder is what there is
(test_schema.make_world). Invalid calls stay as they were generated.
"""

import json
import random
import threading
import uuid
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.generation.modes import GenerationMode

# Part of the valid calls that is left as generated: they ask for what doesn't exist.
UNTOUCHED = 0.15
OFTEN = 0.7
# What is done to an order → its state when that works.
ACTS = {"cancel": "unpaid", "refund-requests": "paid", "confirm-receipt": "shipped"}

world: dict[str, Any] = json.loads(Path("world.json").read_text())
# The same choices in every run, as far as the server's own ids allow.
dice = random.Random(20261111)
# Access token → ids of the member's own things, by the name of the parameter or field that takes them.
own: dict[str, dict[str, list[str]]] = world["own"]
shared: dict[str, list[str]] = world["shared"]
guard = threading.Lock()


@schemathesis.auth(refresh_interval=None)
class Asking:
    """Who asks: one of the buyers, by turns of the dice."""

    def get(self, case: Any, _context: Any) -> str:
        with guard:
            # It must not end the sessions that the other calls are made with.
            return str(world["to_sign_out"]) if case.path.endswith("/sign-out/") else dice.choice(list(own))

    def set(self, case: Any, token: str, _context: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Puts existing things into a valid call."""
    if is_valid(case):
        token = (case.headers or {}).get("Authorization", "").removeprefix("Bearer ")
        with guard:
            make_meaningful(case, {**shared, **own.get(token, {})})


@schemathesis.hook
def after_call(_context: Any, case: Any, response: Any) -> None:
    """Remembers what was made."""
    if response.status_code not in {200, 201, 202} or case.method != "POST":
        return
    made = json.loads(response.content)
    with guard:
        token = response.request.headers.get("Authorization", "").removeprefix("Bearer ")
        things = own.get(token, {})
        if response.status_code == 202 and "order_id" in made:
            for name in ("order_id", "unpaid"):
                things[name].append(made["order_id"])
            if made["group_id"]:
                shared["group_id"].append(made["group_id"])
        if "payment_id" in made:
            things["payment_id"].append(made["payment_id"])
        if "receiver_name" in made:
            things["spare_address"].append(made["address_id"])
        if "refresh" in made:
            shared["refresh"].append(made["refresh"])


def is_valid(case: Any) -> bool:
    return case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE


def make_meaningful(case: Any, known: dict[str, list[str]]) -> None:
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
    if case.query:
        # A cursor is what a page wrote: none can be made up.
        case.query.pop("cursor", None)
    if isinstance(case.body, dict):
        if case.body.get("mode") == "alone":
            case.body.pop("group_id", None)
        # Fields that the schema doesn't name are ignored, but NUL is refused wherever it is.
        for name in [name for name, value in case.body.items() if "\\u0000" in json.dumps([name, value])]:
            del case.body[name]
    if dice.random() < UNTOUCHED:
        return
    for part in (case.path_parameters, case.query, case.body):
        if isinstance(part, dict):
            fill_in(part, known)
    act = case.path.rstrip("/").rsplit("/", 1)[-1]
    if known.get(ACTS.get(act, "")) and "order_id" in (case.path_parameters or {}):
        case.path_parameters["order_id"] = known[ACTS[act]].pop()
    if "address_id" in (case.path_parameters or {}) and case.method == "DELETE" and known.get("spare_address"):
        # The members' first addresses are what orders are sent to.
        case.path_parameters["address_id"] = known["spare_address"].pop()


def fill_in(part: dict[str, Any], known: dict[str, list[str]]) -> None:
    """Existing ids for generated ones, units that can be had, groups that can be joined, a password that is right."""
    for name in part:
        if known.get(name) and isinstance(part[name], str):
            # What was made last is in its first state, where most can be done with it.
            part[name] = known[name][-1] if dice.random() < OFTEN else dice.choice(known[name])
    if "quantity" in part:
        part["quantity"] = dice.randint(1, 3)
    if {"username", "password"} <= part.keys():
        part.update(world["sign_in"])
