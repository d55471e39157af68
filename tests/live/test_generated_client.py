"""A Python client generated from the published schema drives a group from opening to success."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.live.running_shop import RunningShop, clean_environment
from tests.live.shopping import make_activity, make_shoppers

pytestmark = [pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(300)]

# Written against the generated package only, as another team would; names follow the operations' ids.
DRIVER = textwrap.dedent(
    """
    import sys, time, uuid
    import httpx
    from shop_client import AuthenticatedClient, Client
    from shop_client.api.activities import activities_groups_list, activities_read
    from shop_client.api.groups import groups_read
    from shop_client.api.orders import orders_list, orders_place, orders_read
    from shop_client.api.payments import payments_read, payments_start
    from shop_client.models import AcceptedOrder, GatewayEnum, OrderRequest, Problem, StartPaymentRequest

    base_url, activity, *people = sys.argv[1:]

    def wait_for(what, read, wanted):
        for _ in range(300):
            state = read().state.value
            if state == wanted:
                return
            time.sleep(0.1)
        raise SystemExit(f"{what} is {state}, not {wanted}")

    public = Client(base_url=base_url, raise_on_unexpected_status=True)
    offer = activities_read.sync(activity, client=public)
    assert offer.price_fen == 1000 and offer.state.value == "RUNNING", offer

    group_id = None
    orders = []
    for person in people:
        token, address = person.split("|")
        client = AuthenticatedClient(base_url=base_url, token=token, raise_on_unexpected_status=True)
        body = OrderRequest(activity_id=activity, quantity=1, address_id=address)
        if group_id:
            joinable = activities_groups_list.sync(activity, client=public).results
            assert [group.seats_left for group in joinable if group.id == group_id] == [1], joinable
            body.group_id = group_id
        key = str(uuid.uuid4())
        accepted = orders_place.sync(client=client, body=body, idempotency_key=key)
        assert isinstance(accepted, AcceptedOrder), accepted
        again = orders_place.sync(client=client, body=body, idempotency_key=key)
        assert again.order_id == accepted.order_id, again
        group_id = accepted.group_id
        wait_for("order", lambda: orders_read.sync(accepted.order_id, client=client), "UNPAID")
        orders.append((client, accepted.order_id))

    refused = orders_place.sync(client=client, body=body, idempotency_key=str(uuid.uuid4()))
    assert isinstance(refused, Problem) and refused.code in ("already_in_group", "limit_exceeded"), refused

    for client, order_id in orders:
        payment = payments_start.sync(
            client=client, body=StartPaymentRequest(order_id=order_id, gateway=GatewayEnum.SANDBOX)
        )
        assert payment.amount_fen == 1000, payment
        httpx.request(payment.pay.method, payment.pay.url).raise_for_status()
        wait_for("payment", lambda: payments_read.sync(payment.payment_id, client=client), "SUCCEEDED")
    wait_for("group", lambda: groups_read.sync(group_id, client=public), "SUCCEEDED")
    for client, order_id in orders:
        wait_for("order", lambda: orders_read.sync(order_id, client=client), "SHIPPED")
        assert [order.id for order in orders_list.sync(client=client).results] == [order_id]
    print("the group succeeded and its orders are shipped")
    """
)


def test_a_generated_client_opens_joins_pays_and_succeeds(running_shop: RunningShop, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("package_name_override: shop_client\npost_hooks: []\n")
    generator = Path(sys.executable).parent / "openapi-python-client"
    run(
        [
            *(str(generator), "generate", "--url", f"{running_shop.base_url}/api/v1/schema/?format=json"),
            *("--meta", "none", "--output-path", "shop_client", "--config", "config.yaml"),
        ],
        tmp_path,
    )
    (tmp_path / "driver.py").write_text(DRIVER)
    shoppers = make_shoppers(running_shop, 2)
    activity = make_activity(running_shop, stock=10, group_size=2)
    people = [f"{shopper.access}|{shopper.address_id}" for shopper in shoppers]
    said = run([sys.executable, "driver.py", running_shop.base_url, activity, *people], tmp_path)
    assert "the group succeeded and its orders are shipped" in said
    running_shop.assert_invariants_hold()


def run(command: list[str], folder: Path) -> str:
    ended = subprocess.run(
        command, cwd=folder, env=clean_environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, f"{command[:2]}\n{ended.stdout[-4000:]}\n{ended.stderr[-4000:]}"
    return ended.stdout
