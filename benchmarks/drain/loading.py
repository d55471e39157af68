"""The same rows into the same tables of the same servers by LOAD DATA: what the nodes can take at most."""

import threading
import time
from pathlib import Path
from urllib.parse import urlparse

import MySQLdb

from pgs_data.private_servers.running import RunningServer

TABLES = (
    "trade_order",
    "trade_order_log",
    "trade_stock_entry",
    "outbox_message",
    "trade_group",
    "trade_group_log",
    "trade_seat",
)


def dump_rows(nodes: list[RunningServer], folder: Path) -> int:
    """Writes every table of every node into a file of its own; how many rows there were."""
    rows = 0
    for number, node in enumerate(nodes):
        connection = _connect(node)
        cursor = connection.cursor()
        for table in TABLES:
            rows += cursor.execute(f"SELECT * FROM {table} INTO OUTFILE '{_file(folder, number, table)}'")
        connection.close()
    return rows


def empty_tables(nodes: list[RunningServer]) -> None:
    """Makes room for the same rows."""
    for node in nodes:
        connection = _connect(node)
        for table in TABLES:
            connection.cursor().execute(f"TRUNCATE TABLE {table}")
        connection.close()


def load_rows(nodes: list[RunningServer], folder: Path) -> float:
    """Loads the files, all nodes at once, one transaction a table; the seconds it took. Raises what a node raised."""
    errors: list[MySQLdb.Error] = []

    def load(number: int, node: RunningServer) -> None:
        try:
            connection = _connect(node)
            cursor = connection.cursor()
            for table in TABLES:
                cursor.execute(f"LOAD DATA LOCAL INFILE '{_file(folder, number, table)}' INTO TABLE {table}")
                connection.commit()
            connection.close()
        except MySQLdb.Error as error:
            errors.append(error)

    threads = [threading.Thread(target=load, args=pair) for pair in enumerate(nodes)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return time.perf_counter() - started


def count_rows(nodes: list[RunningServer]) -> int:
    """Rows of all tables of all nodes."""
    total = 0
    for node in nodes:
        connection = _connect(node)
        cursor = connection.cursor()
        for table in TABLES:
            cursor.execute(f"SELECT COUNT(*) FROM {table}")
            total += cursor.fetchone()[0]
        connection.close()
    return total


def _file(folder: Path, number: int, table: str) -> Path:
    return folder / f"{number}-{table}.rows"


def _connect(node: RunningServer) -> "MySQLdb.Connection":
    address = urlparse(node.url)
    return MySQLdb.connect(
        host=address.hostname,
        port=address.port,
        user=address.username,
        db=address.path.removeprefix("/"),
        charset="utf8mb4",
        local_infile=True,
    )
