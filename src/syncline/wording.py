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


def sized(count: int) -> str:
    """Bytes in words.

    Examples:
        >>> sized(300), sized(45_480_000)
        ('1 kB', '45.5 MB')
    """
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"
