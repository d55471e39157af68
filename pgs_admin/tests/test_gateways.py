"""The page of the gateways' switches: who sees and who changes them, and that every change leaves its row."""

import pytest
from auditlog.models import LogEntry
from django.urls import reverse

from pgs_admin.tests.making import HOSTILE, make_shop, sign_in
from pgs_admin.tests.test_acts import ROLES, outcomes, press
from pgs_task.payment.anomalies.states import AnomalyState
from pgs_task.payment.configuration.memory import read_newest
from pgs_task.payment.configuration.models import ConfigurationVersion
from pgs_task.payment.configuration.processes import acknowledge
from pgs_task.payment.configuration.switches import usual_switches
from pgs_task.payment.sandbox_gateway.faults import NASTY, forget_faults
from pgs_task.payment.sandbox_gateway.models import SandboxFault
from pgs_task.payment.services import trace_anomalies

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

PAGE = "back_office:gateways"


def post(client, **changes):
    values = {"based_on": "0", "reason": "incident", "sandbox-place": "1", "sandbox-fee_basis_points": "38", **changes}
    return client.post(reverse(PAGE), {name: value for name, value in values.items() if value is not None})


@pytest.mark.slow
def test_everybody_looks_and_two_roles_change():
    for version, role in enumerate(ROLES):
        client = sign_in(role)
        assert client.get(reverse(PAGE)).status_code == 200
        expected = 302 if role in {"operations", "finance"} else 403
        assert post(client, based_on=str(read_newest().version)).status_code == expected, (version, role)
    assert ConfigurationVersion.objects.count() == 2


def test_closing_a_gateway_makes_a_version_and_an_audit_row():
    client = sign_in("operations")
    post(client, reason=HOSTILE)
    (switches,) = read_newest().gateways
    assert (switches.is_open, switches.fee_basis_points, switches.largest_fen) == (False, 38, None)
    entry = LogEntry.objects.get(content_type__model="configurationversion")
    usual = str(usual_switches("sandbox").fee_basis_points)
    assert entry.changes == {"sandbox.is_open": ["True", "False"], "sandbox.fee_basis_points": [usual, "38"]}
    assert entry.additional_data["outcome"] == "done"
    shown = client.get(reverse(PAGE)).content.decode()
    assert HOSTILE not in shown


def test_the_second_of_two_editors_is_told():
    client = sign_in("operations")
    post(client)
    post(client, **{"sandbox-fee_basis_points": "1"})
    assert read_newest().gateways[0].fee_basis_points == 38
    assert outcomes() == [("configure_gateways", "done"), ("configure_gateways", "refused: configuration_moved")]


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": ""},
        {"based_on": "x"},
        {"based_on": str(10**30)},
        {"sandbox-place": "-1"},
        {"sandbox-fee_basis_points": "1001"},
        {"sandbox-fee_basis_points": "1e2"},
        {"sandbox-largest_fen": "0"},
        {"sandbox-largest_fen": HOSTILE},
        {"sandbox-place": None},
    ],
    ids=repr,
)
def test_values_that_cannot_be_used_change_nothing(changes):
    response = post(sign_in("operations"), **changes)
    assert response.status_code == 200
    assert HOSTILE not in response.content.decode()
    assert not ConfigurationVersion.objects.exists()
    assert not LogEntry.objects.exists()


@pytest.mark.slow
def test_the_page_names_who_has_not_acknowledged(redis_server):
    client = sign_in("viewer")

    def versions() -> list[int | None] | None:
        response = client.get(reverse(PAGE))
        shown = response.context["processes"]
        # Red is who runs with another version than the newest, and a Redis that is away.
        assert ("text-red-600" in response.content.decode()) == (shown is None or [response.context["newest"]] != [0])
        return None if shown is None else [process.version for process in shown]

    acknowledge(name="web", version=0)
    assert versions() == [0]
    post(sign_in("finance"))
    assert versions() == [0]
    redis_server.kill()
    assert versions() is None


def test_only_operations_let_the_sandbox_misbehave(settings):
    page = reverse("back_office:sandbox_faults")
    assert {role: sign_in(role).get(page).status_code for role in ROLES} == {
        role: 200 if role == "operations" else 403 for role in ROLES
    }
    rates = dict.fromkeys(NASTY, "50")
    assert sign_in("operations").post(page, rates | {"drop": "1001"}).status_code == 200
    assert not SandboxFault.objects.exists()
    assert sign_in("operations").post(page, rates).status_code == 302
    assert set(SandboxFault.objects.values_list("per_mille", flat=True)) == {50}
    assert outcomes() == [("set_sandbox_faults", "done")]
    forget_faults()
    SandboxFault.objects.all().delete()
    settings.PAYMENT_GATEWAYS = []
    assert sign_in("operations").get(page).status_code == 404


def test_an_anomaly_on_the_desk_is_settled_once():
    shop, client = make_shop(), sign_in("finance")
    press(client, "anomalies_anomaly_explain_anomaly", shop.anomaly)
    shop.anomaly.refresh_from_db()
    assert shop.anomaly.state == AnomalyState.OPEN
    trace_anomalies()
    for button in ("refund_anomaly", "explain_anomaly", "trace_anomaly"):
        press(client, f"anomalies_anomaly_{button}", shop.anomaly, reason="seen at the bank")
    shop.anomaly.refresh_from_db()
    assert (shop.anomaly.state, shop.anomaly.note) == (AnomalyState.REFUNDING, "seen at the bank")
    refused = "refused: anomaly_not_manual"
    assert outcomes() == [
        ("explain_anomaly", refused),
        ("refund_anomaly", "done"),
        ("explain_anomaly", refused),
        ("trace_anomaly", refused),
    ]
