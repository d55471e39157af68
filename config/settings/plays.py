"""The games that are on, one line a game: the module of a folder of pgs_web/marketing."""

PLAYS: list[str] = [
    "pgs_web.marketing.bargain",
    "pgs_web.marketing.invite_new",
    "pgs_web.marketing.red_packet",
    "pgs_web.marketing.assist",
]
