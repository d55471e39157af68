"""What the games that are on add to the roles: everybody looks at their rows, acts are for whom they name."""

from pgs_web.plays.pages import PlayPage
from pgs_web.plays.registry import all_plays, pages_of


def acts_of_plays() -> dict[str, dict[str, str]]:
    """app_label.model → codename → what it allows."""
    return {
        page.model._meta.label_lower: {act.name: act.meaning for act in page.acts} for page in _pages() if page.acts
    }


def shown_of_plays() -> tuple[str, ...]:
    """app_label.model of every page."""
    return tuple(page.model._meta.label_lower for page in _pages())


def permissions_of_plays(role: str) -> frozenset[str]:
    """The acts of games that a role may do."""
    return frozenset(
        f"{page.model._meta.app_label}.{act.name}" for page in _pages() for act in page.acts if role in act.roles
    )


def _pages() -> list[PlayPage]:
    return [page for play in all_plays() for page in pages_of(play)]
