"""Draws films: planes of brightness and colour, as encoders take them, with pictures, text and bars.

Everything is laid out in even pixels, because two planes of colour have half the size. A picture is never converted to
RGB and back, which took half of the time of a film.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from syncline.tasks.colours import GAP_COLOUR
from syncline.video.geometry import split_planes

BAR = 12
"""Height of the bar that shows where in a video a film is."""
_WORDS = "#8c8c8c"
_REST = "#464646"
_HERE, _OTHER = "#ffb020", "#d0d0d0"
Planes = NDArray[np.uint8]


def foot_height(height: int) -> int:
    """Pixels under a picture of that height: a line of words and a bar."""
    return _line_height(height) + BAR


def _line_height(height: int) -> int:
    return max(16, height // 48 * 2)


class Canvas:
    """A black picture of even sides."""

    def __init__(self, height: int, width: int) -> None:
        self.planes = np.full((height * 3 // 2, width), 128, np.uint8)
        self.height, self.width = height, width
        split_planes(self.planes)[0][:] = 16

    def paste(self, picture: Planes, top: int, left: int, *, dimmed: bool = False) -> None:
        """Put a picture (3 h / 2, w) there, half as bright where it is dimmed."""
        for number, (target, source) in enumerate(zip(split_planes(self.planes), split_planes(picture), strict=True)):
            y, x = (top, left) if number == 0 else (top // 2, left // 2)
            shown = source // 2 + (8 if number == 0 else 64) if dimmed else source
            target[y : y + len(source), x : x + source.shape[1]] = shown

    def fill(self, top: int, left: int, height: int, width: int, colour: str) -> None:
        """Fill a rectangle; what does not fit is cut."""
        for number, (target, value) in enumerate(zip(split_planes(self.planes), _in_planes(colour), strict=True)):
            half = 1 if number == 0 else 2
            target[top // half : (top + height) // half, left // half : max(left + 2, left + width) // half] = value

    def write(self, text: str, top: int, left: int, height: int, width: int, *, right: bool = False) -> None:
        """Write a line of words into a rectangle, cut to its width, at its left or right side."""
        words = _lettering(text, height)
        shown = min(words.shape[1], width - width % 2)
        if shown < 2:
            return
        edge = left + width - width % 2 - shown if right else left
        planes = np.ascontiguousarray(_cut(words, shown))
        self.paste(planes, top, edge)


@dataclass(frozen=True)
class Foot:
    """The strip under one picture: its name, its time, and a bar.

    Attributes:
        top, left, width: where it is. height: of the picture above it. name: of the video. colour: its own.
        duration: seconds that the bar stands for.
        stretches: (start, end) seconds in its colour. gaps: those that only it shows.
    """

    top: int
    left: int
    width: int
    height: int
    name: str
    colour: str
    duration: float
    stretches: Sequence[tuple[float, float]]
    gaps: Sequence[tuple[float, float]]

    def draw(self, canvas: Canvas) -> None:
        """Draws what does not change: the name and the bar."""
        line = _line_height(self.height)
        canvas.fill(self.top + 4, self.left + 2, line - 8, 6, self.colour)
        room = self.width * 11 // 20 - 12
        canvas.write(shortened(self.name, line, room), self.top, self.left + 12, line, room)
        canvas.fill(self.top + line, self.left, BAR, self.width, _REST)
        for spans, colour in ((self.stretches, self.colour), (self.gaps, GAP_COLOUR)):
            for start, end in spans:
                first, last = self._column(start), self._column(end)
                canvas.fill(self.top + line + 2, self.left + first, BAR - 4, last - first + 2, colour)

    def draw_moment(
        self, canvas: Canvas, second: float, note: str = "", other: float = float("nan"), *, at: float | None = None
    ) -> None:
        """Draws what changes: the time, a note, and on the bar this moment and, half as high, the other video's.

        Args:
            second: of the video. note: a few words. other: second of this video that the other one shows.
            at: where on the bar the moment is, if the bar does not stand for the video's own time.
        """
        line = _line_height(self.height)
        here = second if at is None else at
        text, room = time_text(second), self.width * 9 // 20 // 2 * 2
        if note and words_width(f"{note}   {text}", line) <= room - 4:
            text = f"{note}   {text}"
        elif note:  # narrow pictures have no room for it beside the time
            canvas.write(note, self.top - line, self.left, line, self.width)
        canvas.write(text, self.top, self.left + self.width - room, line, room - 4, right=True)
        if np.isfinite(other):
            canvas.fill(self.top + line, self.left + self._column(other), BAR // 4 * 2, 2, _OTHER)
        if np.isfinite(here):
            canvas.fill(self.top + line, self.left + self._column(here), BAR, 2, _HERE)

    def _column(self, second: float) -> int:
        share = min(1.0, max(0.0, second / max(self.duration, 1e-6)))
        return int(share * (self.width - 2)) // 2 * 2


def words_width(text: str, height: int) -> int:
    """Pixels that a line of words takes."""
    return int(_font_of(height).getlength(text)) + 2


def shortened(name: str, height: int, width: int) -> str:
    """A name that fits, with its end, by which names differ mostly; a letter in front ("A  ") stays."""
    letter, gap, rest = name.rpartition("  ")
    for first in range(len(rest)):
        shown = letter + gap + (rest if first == 0 else f"…{rest[first:]}")
        if words_width(shown, height) <= width:
            return shown
    return letter


def time_text(second: float) -> str:
    """A time as players show it.

    Examples:
        >>> time_text(64.239), time_text(float("nan"))
        ('1:04.24', '–')
    """
    if not np.isfinite(second):
        return "–"
    hundredths = round(max(0.0, second) * 100)
    return f"{hundredths // 6000}:{hundredths // 100 % 60:02d}.{hundredths % 100:02d}"


def fitted(height: int, width: int, into: tuple[int, int]) -> tuple[int, int]:
    """Even (h, w) of a picture scaled to fit, without changing its shape.

    Examples:
        >>> fitted(192, 108, (240, 320)), fitted(1080, 1920, (240, 320))
        ((240, 136), (180, 320))
    """
    scale = min(into[0] / height, into[1] / width)
    tall, wide = (max(2, round(side * scale / 2) * 2) for side in (height, width))
    return min(tall, into[0]), min(wide, into[1])


@functools.lru_cache(maxsize=4096)
def _lettering(text: str, height: int) -> Planes:
    """A line of words as planes, as wide as it needs."""
    font = _font_of(height)
    width = max(2, (int(font.getlength(text)) + 2) // 2 * 2)
    picture = Image.new("L", (width, height))
    ImageDraw.Draw(picture).text((0, height // 2), text, font=font, fill=255, anchor="lm")
    share = np.asarray(picture) / 255.0
    bright = _in_planes(_WORDS)[0]
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    split_planes(planes)[0][:] = (16 + share * (bright - 16)).astype(np.uint8)
    return planes


def _cut(planes: Planes, width: int) -> Planes:
    """The first columns of a picture."""
    height = len(planes) * 2 // 3
    cut = np.empty((len(planes), width), np.uint8)
    for number, (target, source) in enumerate(zip(split_planes(cut), split_planes(planes), strict=True)):
        target[:] = source[:, : width if number == 0 else width // 2]
    assert len(cut) == height * 3 // 2
    return cut


def _font_of(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font of a line of that height."""
    return _font(max(8, height * 3 // 4 - 1))


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu, which knows most alphabets, where matplotlib brought it; otherwise the font of the picture library."""
    found = importlib.util.find_spec("matplotlib")
    if found is not None and found.origin is not None:
        file = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if file.is_file():
            return ImageFont.truetype(str(file), size)
    return ImageFont.load_default(size)


@functools.cache
def _in_planes(colour: str) -> tuple[int, int, int]:
    """Brightness and the two colours of #rrggbb, by ITU-R BT.601."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return (
        round(16 + 0.257 * red + 0.504 * green + 0.098 * blue),
        round(128 - 0.148 * red - 0.291 * green + 0.439 * blue),
        round(128 + 0.439 * red - 0.368 * green - 0.071 * blue),
    )
