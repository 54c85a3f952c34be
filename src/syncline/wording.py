"""How numbers are said in messages."""

from __future__ import annotations


def counted(number: int, what: str) -> str:
    """``1 video``, ``2 videos``.

    Examples:
        >>> counted(1, "video"), counted(3, "labelled video")
        ('1 video', '3 labelled videos')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"
