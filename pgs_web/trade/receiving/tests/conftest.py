"""Fixtures of the rooms that take orders: this one and the intake.

pytest may read this file before Django is set up: what needs Django is looked up by name.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils.module_loading import import_string


@pytest.fixture
def shoppers(db: None) -> Callable[..., list[Any]]:
    """Makes so many members with an address and a token each."""
    create_members = import_string("pgs_web.member.services.mass_creation.create_members")
    return lambda count=1: list(create_members(count=count, prefix="shopper"))


@pytest.fixture
def api(db: None) -> Iterator[Any]:
    """A client for the API, orders through the receiving service; a bug is an answer of 500, as outside."""
    client_class = import_string("pgs_web.trade.receiving.tests.asgi_client.OrdersClient")
    receiving_service = import_string("pgs_web.trade.receiving.tests.asgi_client.receiving_service")
    with receiving_service() as (thread, service):
        yield client_class(thread, service, raise_request_exception=False, headers={"Accept-Language": "en"})


@pytest.fixture
def buy(api: Any) -> Callable[..., Any]:
    """Sends an order for a shopper: buy(shopper, activity, key=…, **fields); fields override the valid body."""

    def send(shopper: Any, activity: Any, *, key: str | None = "key-1", headers: Any = None, **fields: Any) -> Any:
        body = {
            "activity_id": str(activity.pk),
            "quantity": 1,
            "address_id": str(shopper.address_id),
            **fields,
        }
        given = {"Authorization": f"Bearer {shopper.access}", **({"Idempotency-Key": key} if key is not None else {})}
        return api.post("/api/v1/orders/", body, headers={**given, **(headers or {})})

    return send


@pytest.fixture
def read(api: Any) -> Callable[..., Any]:
    """Reads a path of the API for a shopper."""
    return lambda shopper, path: api.get(path, headers={"Authorization": f"Bearer {shopper.access}"})
