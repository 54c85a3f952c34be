"""**Save as mp4**: writes what Compare shows, with names and times.

A sets the pace. A's sound is cut to the part; B's goes as fast as its pictures, at its own pitch, silent where B waits.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from syncline.errors import SynclineError
from syncline.progress import Callback, Steps, silent
from syncline.video import VideoReader, VideoWriter, frames_on_display
from syncline.video.sound import Sound, read_sound, retimed
from syncline.viewer.library import Library

if TYPE_CHECKING:
    from syncline.tasks import Alignment

LAYOUTS = ("side", "stack", "overlay", "wipe", "difference")
COLOURS = ("#55c5e6", "#e58fd2")
"""Of A and B, as on the page when it is dark."""
CAPTION = 26
MOST_ZOOM = 8.0
SOUND_STEPS = 50
"""A second: how often the sound looks where its pictures are."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Look:
    """How the two pictures are laid out.

    Attributes:
        layout: one of `LAYOUTS`. mix: opacity of B (overlay), or the share of the width where B begins (wipe).
        zoom: 1 shows whole pictures. x, y: how far they are moved, in shares of a picture's box.
        aspect: width of that box, in heights.
        height: pixels of the box.

    Raises:
        SynclineError: values that no page sends.
    """

    layout: str = "side"
    mix: float = 0.5
    zoom: float = 1.0
    x: float = 0.0
    y: float = 0.0
    aspect: float = 16 / 9
    height: int = 480

    def __post_init__(self) -> None:
        room = (self.zoom - 1) / 2 + 1e-6
        if self.layout not in LAYOUTS or not 0 <= self.mix <= 1 or not 1 <= self.zoom <= MOST_ZOOM:
            raise SynclineError(f"no such look: {self.layout!r}, mix {self.mix:g}, zoom {self.zoom:g}")
        if not (abs(self.x) <= room and abs(self.y) <= room and 0.2 <= self.aspect <= 5):
            raise SynclineError(f"no such look: moved by {self.x:g}, {self.y:g} at an aspect of {self.aspect:g}")

    @property
    def box(self) -> tuple[int, int]:
        """Height and width of the box of one picture, even."""
        return self.height, round(self.height * self.aspect / 2) * 2


def write_film(
    library: Library, pair: tuple[int, int], alignment: Alignment, out: Path, *, look: Look,
    part: tuple[float, float], sound: str = "", callback: Callback = silent,
) -> None:  # fmt: skip
    """Write the mp4, whole or not at all.

    Args:
        library: where the videos are. pair: A and B. alignment: of them.
        out: the file. look: the layout.
        part: from and to, seconds of A. sound: "a", "b" or "" for none.
        callback: told the frames that are done.

    Raises:
        SynclineError: nothing is aligned, or the part holds no frame.
    """
    from syncline.tasks.film_canvas import time_text  # which brings what aligns

    a, b = pair
    times_a = library.pts_seconds(a)
    frames_a = np.flatnonzero((times_a >= part[0] - 1e-3) & (times_a <= part[1] + 1e-3))
    if not len(frames_a):
        raise SynclineError(f"{library.videos[a].name} has no frame between {part[0]:.2f} s and {part[1]:.2f} s")
    seconds = times_a[frames_a]
    follow = alignment.follow(seconds)
    times_b = library.pts_seconds(b)
    frames_b = frames_on_display(times_b, follow)
    waits = np.any(
        [(seconds >= g.start) & (seconds < g.end) for g in alignment.gaps if g.video == "a"] or [seconds < 0], 0
    )
    pictures = zip(_shown(library, a, frames_a, look), _shown(library, b, frames_b, look), strict=True)
    names = [library.videos[number].name for number in pair]
    step = Steps("writing the film", len(seconds), callback)
    reader = library.reader(a)
    height, width = look.box
    height = (height + CAPTION) * (2 if look.layout == "stack" else 1)
    width *= 2 if look.layout == "side" else 1
    heard = _heard(library, pair["ab".index(sound)], seconds if sound == "a" else follow, seconds) if sound else None
    with VideoWriter(out, height=height, width=width, rate=reader.frame_rate, sound=heard, reorders=False) as writer:
        for k, (picture_a, picture_b) in enumerate(pictures):
            shown = (float(seconds[k]), float(times_b[frames_b[k]]))
            texts = [f"{name}   {time_text(second)}" for name, second in zip(names, shown, strict=True)]
            texts[1] += "  waits" if waits[k] else ""
            writer.write(_captioned(look, picture_a, picture_b, texts), float(seconds[k] - seconds[0]))
            step()


def _heard(library: Library, number: int, moments: NDArray[np.float64], seconds: NDArray[np.float64]) -> Sound | None:
    """The sound of a video that is shown at these moments of its own, at these seconds of A; None where it has none."""
    video = library.videos[number]
    whole = read_sound(video.path)
    if whole is None or len(seconds) < 2:
        return None
    begins = library.begins(number)
    even = np.arange(round((seconds[-1] - seconds[0]) * SOUND_STEPS) + 1) / SOUND_STEPS
    own = np.maximum.accumulate(np.interp(seconds[0] + even, seconds, moments))
    return retimed(whole, own + begins, SOUND_STEPS)


def _shown(library: Library, number: int, frames: NDArray[np.int64], look: Look) -> Iterator[Pixels]:
    """The picture of each frame in its box; frames that go back, as in a loop, are decoded anew."""
    first = library.videos[number].span
    indices = frames + (0 if first is None else first[0])
    reader = library.reader(number, min(1080, math.ceil(look.height * look.zoom / 2) * 2))
    edges = [0, *(np.flatnonzero(np.diff(indices) < 0) + 1).tolist(), len(indices)]
    for start, end in itertools.pairwise(edges):
        wanted = indices[start:end]
        pictures = _each(reader, np.unique(wanted))
        held, picture = -1, np.zeros((0, 0, 3), np.uint8)
        for index in wanted.tolist():
            if index != held:
                held, picture = index, _in_box(next(pictures), look)
            yield picture


def _each(reader: VideoReader, indices: NDArray[np.int64]) -> Iterator[Pixels]:
    for chunk in reader.chunks(indices, chunk_size=8):
        yield from chunk.pixels


def _in_box(picture: Pixels, look: Look) -> Pixels:
    """As the page shows it: contained in the box, then enlarged about its middle and moved."""
    height, width = look.box
    scale = min(width / picture.shape[1], height / picture.shape[0]) * look.zoom
    left = picture.shape[1] / 2 - (width / 2 + look.x * width) / scale
    top = picture.shape[0] / 2 - (height / 2 + look.y * height) / scale
    moved = Image.fromarray(picture).transform(
        (width, height), Image.Transform.AFFINE, (1 / scale, 0, left, 0, 1 / scale, top), Image.Resampling.BILINEAR
    )
    return np.asarray(moved, dtype=np.uint8)


def _composed(look: Look, a: Pixels, b: Pixels) -> Pixels:
    if look.layout == "side":
        return np.concatenate([a, b], axis=1)
    if look.layout == "stack":
        return np.concatenate([a, b], axis=0)
    if look.layout == "overlay":
        return np.asarray(a * (1 - look.mix) + b * look.mix + 0.5, dtype=np.uint8)
    if look.layout == "difference":
        return np.asarray(np.abs(a.astype(np.int16) - b), dtype=np.uint8)
    return np.where((np.arange(a.shape[1]) < look.mix * a.shape[1])[:, None], a, b)


def _captioned(look: Look, a: Pixels, b: Pixels, texts: list[str]) -> Pixels:
    """The composed picture with a strip of names and times under it (or under each, one above the other)."""
    if look.layout == "stack":
        return np.concatenate(
            [a, _strip(a.shape[1], texts[:1], COLOURS[:1]), b, _strip(a.shape[1], texts[1:], COLOURS[1:])]
        )
    composed = _composed(look, a, b)
    return np.concatenate([composed, _strip(composed.shape[1], texts, COLOURS)])


def _strip(width: int, texts: list[str], colours: tuple[str, ...]) -> Pixels:
    strip = Image.new("RGB", (width, CAPTION), "#0d0e12")
    pen, font = ImageDraw.Draw(strip), ImageFont.load_default(15)
    for k, (text, colour) in enumerate(zip(texts, colours, strict=True)):
        pen.text((8 + k * width // len(texts), CAPTION // 2), text, fill=colour, font=font, anchor="lm")
    return np.asarray(strip, dtype=np.uint8)
