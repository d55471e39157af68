"""A gateway's API on a free port of this machine, and key pairs for both sides."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


@dataclass(frozen=True)
class Call:
    """A request as it came; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Said:
    """An answer; `pause` seconds pass before its first byte, and before each of its bytes when it `drips`."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    drips: bool = False


@contextmanager
def serve(answer: Callable[[Call], Said]) -> Iterator[str]:
    """Answers at the address that it yields until the block ends."""
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = answer(Call(self.command, self.path, headers, self.rfile.read(length)))
            try:
                stop.wait(said.pause)
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said.body)))
                self.end_headers()
                for piece in [bytes([byte]) for byte in said.body] if said.drips else [said.body]:
                    self.wfile.write(piece)
                    self.wfile.flush()
                    if said.drips:
                        stop.wait(said.pause)
            except OSError:
                # The shop has had enough, as it should.
                self.close_connection = True

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        stop.set()
        server.shutdown()
        thread.join()
        server.server_close()


@cache
def key_of(_owner: str) -> rsa.RSAPrivateKey:
    """One key pair an owner for all tests: making one costs a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


def private_pem(owner: str) -> str:
    encoding, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key_of(owner).private_bytes(encoding, kind, serialization.NoEncryption()).decode()


def public_pem(owner: str) -> str:
    encoding, kind = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key_of(owner).public_key().public_bytes(encoding, kind).decode()


def sign(owner: str, message: bytes) -> bytes:
    return key_of(owner).sign(message, padding.PKCS1v15(), hashes.SHA256())


def check_signature(owner: str, signature: bytes, message: bytes) -> None:
    """Raises InvalidSignature."""
    key_of(owner).public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
