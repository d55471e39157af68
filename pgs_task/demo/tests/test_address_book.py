import socket

from pgs_task.demo.address_book import open_address_book, read_address_book


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
