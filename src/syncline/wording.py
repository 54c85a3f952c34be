"""Numbers and plurals in messages."""

from __future__ import annotations


def counted(number: int, what: str) -> str:
    """``1 video``, ``2 videos``.

    Examples:
        >>> counted(1, "video"), counted(3, "labelled video")
        ('1 video', '3 labelled videos')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def spoken(seconds: float) -> str:
    """Seconds in words.

    Examples:
        >>> spoken(42), spoken(400), spoken(9000)
        ('42 s', '7 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
