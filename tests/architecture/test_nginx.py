"""The real nginx with the real configuration file; only addresses and paths of the container are replaced.

Addresses need no `resolve`, which the container's nginx knows (1.27.3 and newer) and that of Debian 12 doesn't.
"""

import http.client
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pgs_data.private_servers.ports import free_port, is_listening
from pgs_data.private_servers.running import RunningServer, find_server
from tests.architecture.source_tree import ROOT

pytestmark = pytest.mark.real
CONFIGURATION = ROOT / "docker" / "config" / "nginx.conf"


class EchoHandler(BaseHTTPRequestHandler):
    """Plays a web process: answers with the headers that it got."""

    protocol_version = "HTTP/1.1"
    name = "web"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        said = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps({**said, "answered-by": self.name}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Silent."""


class ReceivingHandler(EchoHandler):
    name = "receiving"


@dataclass
class Front:
    plain_port: int
    tls_port: int
    shop: ThreadingHTTPServer

    def ask(
        self, method: str, path: str, *, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("127.0.0.1", self.tls_port, context=context, timeout=10)
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content


def write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "shop.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "shop.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    program = find_server("nginx")
    assert program, "nginx isn't installed: apt-get install nginx"
    folder = tmp_path_factory.mktemp("nginx")
    write_certificate(folder)
    static = folder / "static"
    static.mkdir()
    (static / "app.0123456789ab.js").write_text("hashed")
    (static / "plain.js").write_text("plain")
    shop = ThreadingHTTPServer(("127.0.0.1", 0), EchoHandler)
    receiving = ThreadingHTTPServer(("127.0.0.1", 0), ReceivingHandler)
    for echo in (shop, receiving):
        threading.Thread(target=echo.serve_forever, daemon=True).start()
    plain_port, tls_port = free_port(), free_port()
    text = CONFIGURATION.read_text(encoding="utf-8")
    for old, new in {
        "/etc/nginx/certificates/": f"{folder}/",
        "/srv/static/": f"{static}/",
        "pid /tmp/nginx.pid;": f"daemon off; pid {folder}/nginx.pid;",
        "server web:8000 resolve": f"server 127.0.0.1:{shop.server_address[1]}",
        "server receiving:8000 resolve": f"server 127.0.0.1:{receiving.server_address[1]}",
        "listen 80 ": f"listen 127.0.0.1:{plain_port} ",
        "listen 443 ": f"listen 127.0.0.1:{tls_port} ",
    }.items():
        assert text.count(old) >= 1, old
        text = text.replace(old, new)
    configuration = folder / "nginx.conf"
    configuration.write_text(text)
    checked = subprocess.run([program, "-t", "-c", configuration], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr, checked.stderr
    server = RunningServer(
        name="nginx",
        argv=[program, "-c", str(configuration)],
        port=tls_port,
        url="",
        data_dir=folder,
        mark=str(configuration),
        is_ready=is_listening,
    )
    server.start()
    yield Front(plain_port, tls_port, shop)
    server.stop()
    for echo in (shop, receiving):
        echo.shutdown()
        echo.server_close()
    shutil.rmtree(folder, ignore_errors=True)


def test_what_strangers_send_is_overwritten(front: Front):
    forged = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "X-Request-Id": "forged",
    }
    answer, content = front.ask("GET", "/api/v1/home/", headers=forged)
    seen = json.loads(content)
    assert answer.status == 200
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "https"
    assert "x-forwarded-host" not in seen
    assert len(seen["x-request-id"]) == 32
    assert seen["host"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("method", "path", "process"),
    [
        ("POST", "/api/v1/orders/", "receiving"),
        ("POST", "/api/v1/orders/?a=1", "receiving"),
        ("GET", "/api/v1/orders/", "web"),
        ("GET", "/api/v1/orders/5/", "web"),
        ("POST", "/api/v1/orders/5/cancel/", "web"),
        ("POST", "/api/v1/payments/", "web"),
    ],
)
def test_orders_go_to_the_processes_that_receive_them(front: Front, method: str, path: str, process: str):
    answer, content = front.ask(method, path)
    seen = json.loads(content)
    assert (answer.status, seen["answered-by"], seen["x-forwarded-proto"]) == (200, process, "https")


def test_trace_ids_of_clients_pass(front: Front):
    _answer, content = front.ask("GET", "/api/v1/home/", headers={"X-Trace-Id": "a" * 32})
    assert json.loads(content)["x-trace-id"] == "a" * 32


def test_a_body_over_64_kilobytes_never_reaches_the_shop(front: Front):
    assert front.ask("POST", "/api/v1/orders/", body=b"x" * 65_536)[0].status == 200
    answer, content = front.ask("POST", "/api/v1/orders/", body=b"x" * 65_537)
    problem = json.loads(content)
    assert (answer.status, problem["status"], problem["code"]) == (413, 413, "body_too_large")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Trace-Id"] == problem["trace_id"]


def test_operators_may_send_files(front: Front):
    assert front.ask("POST", "/admin/import/", body=b"x" * 1_000_000)[0].status == 200


def test_hashed_names_are_kept_for_ever_and_others_are_not(front: Front):
    hashed, _content = front.ask("GET", "/static/app.0123456789ab.js")
    plain, _content = front.ask("GET", "/static/plain.js")
    assert hashed.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert plain.headers["Cache-Control"] == "public, max-age=300"
    assert hashed.headers["X-Content-Type-Options"] == "nosniff"


def test_static_files_dont_lead_out_of_their_folder(front: Front):
    for path in ("/static../nginx.conf", "/static/..%2fnginx.conf", "/static/%2e%2e/nginx.conf"):
        _answer, content = front.ask("GET", path)
        assert b"worker_processes" not in content


def test_plain_http_is_sent_to_tls(front: Front):
    connection = http.client.HTTPConnection("127.0.0.1", front.plain_port, timeout=10)
    connection.request("POST", "/api/v1/orders/?a=1", headers={"Host": "shop.example.com"})
    answer = connection.getresponse()
    assert answer.status == 308
    assert answer.headers["Location"] == "https://shop.example.com/api/v1/orders/?a=1"
    connection.close()


def test_without_web_processes_the_answer_is_a_problem(front: Front, monkeypatch: pytest.MonkeyPatch):
    # It hangs up without an answer.
    monkeypatch.setattr(EchoHandler, "do_GET", lambda self: setattr(self, "close_connection", True))
    answer, content = front.ask("GET", "/api/v1/home/")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "1"
    assert json.loads(content)["code"] == "unavailable"
