"""What the launcher tells the person in front of it."""

from rich.console import Console
from rich.table import Table

from pgs_task.demo.address_book import AddressBook

# Accounts of the demo, made by `manage.py open_demo_shop`; the demo listens on the loopback interface only.
DEMO_PASSWORD = "pgs-demo-2026"  # noqa: S105  # nosec B105
DEMO_OPERATORS = ("admin", "operations", "service", "finance", "viewer")
DEMO_SHOPPER = "demo-shopper"


def say_step(console: Console, text: str) -> None:
    console.print(f"[green]✓[/green] {text}")


def print_welcome(console: Console, book: AddressBook) -> None:
    """Addresses and accounts, until Ctrl-C."""
    table = Table(title="The shop is open", title_justify="left", show_header=False)
    rows = {
        "API docs": f"{book.base_url}/api/v1/docs/",
        "API schema": f"{book.base_url}/api/v1/schema/",
        "front page (JSON)": f"{book.base_url}/api/v1/home/",
        "games' pages": f"{book.base_url}/g/  any phone number; manage.py read_sms PHONE tells the code",
        "back office": f"{book.base_url}/admin/",
        "operators": f"{', '.join(DEMO_OPERATORS)}; password {DEMO_PASSWORD}",
        "shopper": f"{DEMO_SHOPPER}; password {DEMO_PASSWORD}",
        "health, metrics": f"{book.base_url}/readyz  {book.base_url}/metrics",
        "what runs": str(book.folder / "services.json"),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table)
    console.print("Commands in another terminal work on this shop, e.g. manage.py check_invariants. Ctrl-C ends it.")
