"""The negative control of test_receiving.py: a server with a worker a connection suffers from what ours doesn't notice.

The same slow, idle and half-closed clients, against gunicorn's synchronous worker, which waits for each of them.
"""

import socket
import sys
import time
from collections.abc import Iterator

import pytest

from pgs_data.private_servers.ports import LOOPBACK, free_port, is_listening
from pgs_data.private_servers.running import RunningServer

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
# A server that takes others meanwhile answers at once; this one is given so long to show that it doesn't.
PATIENCE_SECONDS = 0.7
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def blocking_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder, port = tmp_path_factory.mktemp("blocking"), free_port()
    address = f"{LOOPBACK}:{port}"
    server = RunningServer(
        name="gunicorn",
        argv=[
            sys.executable,
            "-m",
            "gunicorn",
            "-k",
            "sync",
            "-w",
            "1",
            "-b",
            address,
            "wsgiref.simple_server:demo_app",
        ],
        port=port,
        url=f"http://{address}",
        data_dir=folder,
        mark=address,
        is_ready=is_listening,
        binds_port=True,
    )
    server.start()
    yield server
    server.kill()


def connect(server: RunningServer) -> socket.socket:
    return socket.create_connection((LOOPBACK, server.port), timeout=10)


def is_answered(server: RunningServer, *, within: float) -> bool:
    """Whether somebody else's request is."""
    with connect(server) as other:
        other.sendall(REQUEST)
        other.settimeout(within)
        try:
            return other.recv(65536).startswith(b"HTTP/1.1 200")
        except TimeoutError:
            return False


@pytest.mark.parametrize("sent", [b"", REQUEST[:20]], ids=["idle", "drop by drop"])
def test_one_client_keeps_everybody_waiting(blocking_server: RunningServer, sent: bytes) -> None:
    assert is_answered(blocking_server, within=10)
    with connect(blocking_server) as bad:
        bad.sendall(sent)
        # Until the worker has taken it.
        time.sleep(0.2)
        assert not is_answered(blocking_server, within=PATIENCE_SECONDS)
    assert is_answered(blocking_server, within=10)
