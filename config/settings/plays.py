"""The games that are on, one line a game; see docs/add_a_play.md."""

PLAYS: list[str] = []
