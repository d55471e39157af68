"""Where a private shop listens: kept for the next run, free, and whole whoever is killed."""

import socket
import threading
from pathlib import Path

import pytest

from pgs_task.demo.address_book import open_address_book, read_address_book, replace_text


class KilledHere(BaseException):
    """A SIGKILL, as far as the files can tell."""


def test_ports_are_kept_for_the_next_run(tmp_path):
    first = open_address_book(tmp_path, nodes="sqlite", port=None)
    assert open_address_book(tmp_path, nodes="sqlite", port=None) == first
    assert read_address_book(tmp_path) == first


def test_a_taken_port_is_replaced(tmp_path):
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        taken = stranger.getsockname()[1]
        book = open_address_book(tmp_path, nodes="sqlite", port=taken)
    assert book.web_port != taken


def test_no_two_servers_share_a_port(tmp_path):
    book = open_address_book(tmp_path, nodes="mariadb", port=None)
    ports = [book.web_port, book.valkey_port, *book.mariadb_ports.values()]
    assert len(set(ports)) == len(ports)


def test_the_environment_names_every_database_and_role(tmp_path):
    book = open_address_book(tmp_path, nodes="sqlite", port=None)
    environment = book.environment()
    urls = [
        environment["DATABASE_URL"],
        *environment["NODE_DATABASE_URLS"].split(","),
        environment["BACKUP_DATABASE_URL"],
    ]
    assert len(set(urls)) == 5
    assert len({environment[f"REDIS_{role}_URL"] for role in ("LEDGER", "CACHE", "BROKER")}) == 3
    book.write_environment_file()
    assert "DJANGO_SETTINGS_MODULE" not in (tmp_path / "shop.env").read_text()


def test_a_port_that_was_taken_since_is_replaced_and_the_others_are_kept(tmp_path):
    first = open_address_book(tmp_path, nodes="mariadb", port=None)
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", first.valkey_port))
        stranger.listen()
        second = open_address_book(tmp_path, nodes="mariadb", port=None)
    assert second.valkey_port != first.valkey_port
    assert (second.web_port, second.mariadb_ports) == (first.web_port, first.mariadb_ports)
    assert read_address_book(tmp_path) == second


@pytest.mark.parametrize("text", ["", '{"web_port": 80', "[]", "null"])
def test_a_damaged_book_is_written_anew(tmp_path, text):
    (tmp_path / "addresses.json").write_text(text)
    book = open_address_book(tmp_path, nodes="sqlite", port=None)
    assert read_address_book(tmp_path) == book


@pytest.mark.parametrize("act", ["write_text", "replace"])
def test_a_kill_in_the_middle_leaves_the_whole_old_book(tmp_path, monkeypatch, act):
    first = open_address_book(tmp_path, nodes="sqlite", port=None)
    first.write_environment_file()
    environment = (tmp_path / "shop.env").read_text()

    def die(path: Path, content: object) -> None:
        if act == "write_text":
            with path.open("w") as half:
                half.write(str(content)[:20])
        raise KilledHere()

    with monkeypatch.context() as patch:
        patch.setattr(Path, act, die)
        with pytest.raises(KilledHere):
            open_address_book(tmp_path, nodes="mariadb", port=None)
        with pytest.raises(KilledHere):
            first.write_environment_file()
    assert read_address_book(tmp_path) == first
    assert (tmp_path / "shop.env").read_text() == environment
    assert open_address_book(tmp_path, nodes="mariadb", port=None).nodes == "mariadb"


def test_readers_never_see_half_a_file(tmp_path):
    path = tmp_path / "shop.env"
    texts = ["a" * 200_000, "b" * 300_000]
    replace_text(path, texts[0])
    is_over = threading.Event()

    def write() -> None:
        for number in range(100):
            replace_text(path, texts[number % 2])
        is_over.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not is_over.is_set():
        seen.add(path.read_text())
    writer.join()
    assert seen <= set(texts)
