"""The compose file, the image and their configuration files, as far as they can be judged without an engine."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from config.processes import PROCESSES_AT_SCALE as PROCESSES
from pgs_data.private_servers.mariadb import DURABLE_SETTINGS
from pgs_data.private_servers.valkey import ROLE_SETTINGS, Role
from tests.architecture.source_tree import ROOT

DOCKER = ROOT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DATABASES = {"default-db", "node0", "node1", "node2", "backup-db"}
REDIS = {"ledger", "cache", "broker"}
SERVICE_KEYS = {
    "ulimits",
    *("image", "build", "command", "environment", "env_file", "volumes", "networks", "ports", "init", "read_only"),
    *("tmpfs", "cap_drop", "security_opt", "restart", "stop_grace_period", "depends_on", "healthcheck"),
}
# Of the containers, not of the shop.
CONTAINER_VARIABLES = {"DATABASE_PASSWORD", "REDIS_PASSWORD"}
VARIABLE = re.compile(r"^#?([A-Z][A-Z0-9_]*)=", re.MULTILINE)


def text(name: str) -> str:
    return (DOCKER / name).read_text(encoding="utf-8")


def variables_of(content: str) -> set[str]:
    return set(VARIABLE.findall(content))


def test_every_process_runs_with_the_command_of_the_table():
    for process in PROCESSES:
        assert SERVICES[process.name]["command"] == ["python", *process.argv], process.name
    others = {"nginx", "migrate", *DATABASES, *REDIS}
    assert set(SERVICES) == {process.name for process in PROCESSES} | others
    assert SERVICES["migrate"]["command"] == ["python", "manage.py", "migrate_nodes"]


def test_the_image_starts_the_same_web_server():
    command = re.search(r"^CMD (\[.*\])$", text("Dockerfile"), re.MULTILINE)
    assert command
    assert json.loads(command[1]) == SERVICES["web"]["command"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_services_are_well_formed(name: str):
    service = SERVICES[name]
    assert not set(service) - SERVICE_KEYS
    assert service["image"]
    assert all(isinstance(word, str) for word in service.get("command", []))
    for other, condition in service.get("depends_on", {}).items():
        needed = SERVICES[other]
        if condition["condition"] == "service_healthy":
            assert needed["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), other
        else:
            assert condition["condition"] == "service_completed_successfully"
            assert needed["restart"] == "no"
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert source.startswith("./") or source in COMPOSE["volumes"], volume
        if source.startswith("./config/"):
            assert (DOCKER / source).is_file(), volume


def test_what_must_not_be_lost_is_on_a_volume():
    for name in (*DATABASES, "ledger", "broker"):
        assert any(volume.startswith(f"{name}:") for volume in SERVICES[name]["volumes"]), name


def test_stores_cant_be_reached_from_outside():
    assert COMPOSE["networks"]["stores"]["internal"] is True
    for name in DATABASES | REDIS:
        assert SERVICES[name]["networks"] == ["stores"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]


def test_processes_can_do_little_more_than_their_work():
    for process in PROCESSES:
        service = SERVICES[process.name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    assert re.search(r"^USER 10001$", text("Dockerfile"), re.MULTILINE)


@pytest.mark.parametrize("role", sorted(ROLE_SETTINGS))
def test_redis_roles_have_the_settings_of_the_private_servers(role: Role):
    lines = [line for line in text(f"config/valkey-{role}.conf").splitlines() if line and not line.startswith("#")]
    found = dict(line.split(" ", 1) for line in lines)
    assert found == {**ROLE_SETTINGS[role], "bind": "*", "dir": "/data"}
    assert f"./config/valkey-{role}.conf:/etc/valkey/valkey.conf:ro" in SERVICES[role]["volumes"]


def test_nodes_have_the_durable_settings_of_the_private_servers():
    lines = [line for line in text("config/mariadb.cnf").splitlines() if "=" in line and not line.startswith("#")]
    found = dict(line.split("=", 1) for line in lines)
    assert {name: found.get(name) for name in DURABLE_SETTINGS} == DURABLE_SETTINGS
    server_ids = {SERVICES[name]["command"][1] for name in DATABASES}
    assert len(server_ids) == len(DATABASES)
    for name in DATABASES:
        assert "./config/mariadb.cnf:/etc/mysql/conf.d/durable.cnf:ro" in SERVICES[name]["volumes"]


def test_each_database_url_names_a_service_and_its_database():
    environment = SERVICES["web"]["environment"]
    urls = ",".join(environment[name] for name in ("DATABASE_URL", "NODE_DATABASE_URLS", "BACKUP_DATABASE_URL"))
    found = re.findall(r"@([a-z0-9-]+):3306/(\w+)", urls)
    assert [host for host, _name in found] == ["default-db", "node0", "node1", "node2", "backup-db"]
    for host, name in found:
        assert SERVICES[host]["environment"]["MARIADB_DATABASE"] == name


def test_variables_are_known_and_secrets_come_from_outside():
    compose = text("compose.yaml")
    example = text("shop.env.example")
    known = variables_of((ROOT / ".env.example").read_text(encoding="utf-8"))
    assert set(SERVICES["web"]["environment"]) <= known
    assert variables_of(example) <= known | CONTAINER_VARIABLES
    assert set(re.findall(r"\$\{([A-Z_]+)", compose)) <= variables_of(example)
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or "AUTH" in name:
                assert re.fullmatch(r"\$\{[A-Z_]+\}|yes", value), name
            if "://" in value:
                assert all(password.startswith("${") for password in re.findall(r"://\w*:([^@]*)@", value)), name


def test_the_image_is_built_from_files_that_exist():
    dockerfile = text("Dockerfile")
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", dockerfile, re.MULTILINE))
    assert {service["build"]["target"] for service in SERVICES.values() if "build" in service} <= stages
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE):
        assert all((ROOT / source).exists() for source in line.split()), line
    assert "requirements/dev" not in dockerfile
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {".env", ".venv", "docker/shop.env", "docker/certificates"} <= set(ignored)


def run_check(**variables: str) -> subprocess.CompletedProcess[str]:
    """`manage.py check` under production settings with these variables and the databases of the compose file."""
    of_compose = {
        name: re.sub(r"\$\{[^}]+\}", "secret", value)
        for name, value in COMPOSE["x-shop"]["environment"].items()
        if "DATABASE" in name
    }
    environment = {"PATH": os.environ["PATH"], "PGS_ENV_FILE": os.devnull, **of_compose, **variables}
    return subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def example_variables() -> dict[str, str]:
    lines = [line for line in text("shop.env.example").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.slow
def test_the_example_is_refused_until_it_is_filled_in():
    refused = run_check(**example_variables())
    assert refused.returncode != 0
    filled = {
        **example_variables(),
        "ALLOWED_HOSTS": "shop.example.com",
        "SECRET_KEY": "s" * 40,
        "JWT_SIGNING_KEY": "j" * 40,
        "BLIND_INDEX_KEY": "b" * 40,
        "FIELD_ENCRYPTION_KEYS": "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "id",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret",
        "ALIBABA_CLOUD_SMS_SIGN_NAME": "sign",
        "ALIBABA_CLOUD_SMS_TEMPLATE_CODE": "template",
    }
    accepted = run_check(**filled)
    assert accepted.returncode == 0, accepted.stderr
