"""The games that are on, one line a game: a folder of pgs_web/marketing."""

PLAYS: list[str] = []
