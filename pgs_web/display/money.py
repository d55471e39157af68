"""Money as people read it."""


def show_yuan(fen: int) -> str:
    """¥12.34 of 1234 fen."""
    sign = "-" if fen < 0 else ""
    return f"{sign}¥{abs(fen) // 100:,}.{abs(fen) % 100:02d}"
