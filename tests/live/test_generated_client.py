"""A Python client generated from the published schema drives a group from opening to success."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.live.running_shop import RunningShop, clean_environment
from tests.live.shopping import make_activity, make_shoppers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live"), pytest.mark.timeout(300)]

# Written against the generated package only, as another team would; names follow the operations' ids.
DRIVER = textwrap.dedent(
    """
    import sys, time, uuid
    import httpx
    from shop_client import AuthenticatedClient, Client
    from shop_client.api.orders import place_order, retrieve_order
    from shop_client.api.groups import retrieve_group
    from shop_client.api.payments import start_payment
    from shop_client.models import OrderRequestRequest, PaymentRequestRequest

    base_url, activity, *people = sys.argv[1:]

    def wait_for(what, read, wanted):
        for _ in range(200):
            state = read()
            if state == wanted:
                return
            time.sleep(0.1)
        raise SystemExit(f"{what} is {state}, not {wanted}")

    group_id = None
    orders = []
    for person in people:
        token, address = person.split("|")
        client = AuthenticatedClient(base_url=base_url, token=token, raise_on_unexpected_status=True)
        body = OrderRequestRequest(activity_id=activity, quantity=1, address_id=address)
        if group_id:
            body.group_id = group_id
        accepted = place_order.sync(client=client, body=body, idempotency_key=str(uuid.uuid4()))
        group_id = accepted.group_id
        orders.append((client, accepted.order_id))
    for client, order_id in orders:
        wait_for("order", lambda: retrieve_order.sync(client=client, id=order_id).state, "UNPAID")
        payment = start_payment.sync(
            client=client, body=PaymentRequestRequest(order_id=order_id, gateway="sandbox")
        )
        assert payment.amount_fen == 1000, payment
        httpx.post(f"{base_url}/sandbox-gateway/payments/{payment.payment_id}/pay/").raise_for_status()
    public = Client(base_url=base_url, raise_on_unexpected_status=True)
    wait_for("group", lambda: retrieve_group.sync(client=public, id=group_id).state, "SUCCEEDED")
    for client, order_id in orders:
        wait_for("order", lambda: retrieve_order.sync(client=client, id=order_id).state, "SHIPPED")
    print("the group succeeded and its orders are shipped")
    """
)


def test_a_generated_client_opens_joins_pays_and_succeeds(running_shop: RunningShop, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("project_name_override: shop-client\npackage_name_override: shop_client\n")
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
