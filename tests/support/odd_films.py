"""Films of every odd kind whose truth is known: each frame spells its number, and times, sides and layout are drawn.

Nothing here asks FFmpeg what a file holds: the truth is what was written.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from bars import bar_code
from numpy.typing import NDArray

TICKS = 90_000
# the display matrix's (a, b, c, d), and how a picture becomes what is displayed
LAYOUTS: dict[str, tuple[tuple[int, int, int, int], Any]] = {
    "upright": ((1, 0, 0, 1), lambda p: p),
    "turned by 90": ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),
    "turned by 180": ((-1, 0, 0, -1), lambda p: np.rot90(p, 2)),
    "turned by 270": ((0, -1, 1, 0), np.rot90),
    "mirrored": ((-1, 0, 0, 1), np.fliplr),
    "upside down": ((1, 0, 0, -1), np.flipud),
    "transposed": ((0, 1, 1, 0), lambda p: p.swapaxes(0, 1)),
    "transverse": ((0, -1, -1, 0), lambda p: np.rot90(p, 2).swapaxes(0, 1)),
}
FORMS = {"mp4": "libx264", "mov": "libx264", "mkv": "libx264", "webm": "libvpx", "ts": "libx264", "mpg": "mpeg2video",
         "avi": "mpeg4", "fragmented.mp4": "libx264"}  # fmt: skip
UNTIMED = ("mpeg2video", "mpeg4")
"""Codecs that take no times but those of a rate."""


TELL_ASPECT = ("mp4", "mov", "mkv", "ts", "fragmented.mp4")
"""Forms in which this writer can say that pixels are not square."""


@dataclass(frozen=True)
class OddFilm:
    """A file and what is in it.

    Attributes:
        path: the file; frame k spells k before it is laid out. form: a key of `FORMS`.
        seconds: (n,) when each frame is shown after the first. layout: a key of `LAYOUTS`.
        height, width: as displayed. late: seconds from the container's beginning to the first picture.
    """

    path: Path
    form: str
    seconds: NDArray[np.float64]
    layout: str
    height: int
    width: int
    late: float
    aspect: Fraction


def draw_film(folder: Path, seed: int) -> OddFilm:
    """The film of a seed: container, codec, rate, layout, shape of pixels, sound and beginning are drawn."""
    rng = random.Random(seed)
    suffix = rng.choice(list(FORMS))
    layout = rng.choice(list(LAYOUTS)) if suffix in ("mp4", "mov", "fragmented.mp4") else "upright"
    aspect = rng.choice([Fraction(1), Fraction(1), Fraction(64, 45), Fraction(8, 9), Fraction(2)])
    aspect = aspect if suffix in TELL_ASPECT else Fraction(1)
    count, rate = rng.randrange(25, 60), rng.choice([24, 25, 30, 60])
    uneven = suffix in ("mp4", "mov", "mkv", "fragmented.mp4") and rng.random() < 0.5
    steps = [rng.choice([1, 1, 2, 5]) if uneven else 1 for _ in range(count - 1)]
    ticks = np.concatenate([[0], np.cumsum(steps)]) * (TICKS // rate)
    # of fragments with sound, FFmpeg's writer holds the first picture for longer
    sound = rng.random() < 0.6 and suffix != "fragmented.mp4"
    late = rng.choice([0.0, 0.007, 0.04, 0.4]) if sound and suffix not in ("mpg", "avi") else 0.0
    path = folder / f"film{seed}.{suffix}"
    height, width = rng.choice([(48, 96), (96, 192), (64, 96)])
    beginning = late if sound else None
    write_film(path, FORMS[suffix], ticks, (height, width), aspect, layout, rate, beginning, rng.choice([0, 2]))
    sides = height, round(width * aspect)
    if LAYOUTS[layout][0][0] == 0:
        sides = sides[::-1]
    return OddFilm(path, suffix, ticks / TICKS, layout, *sides, late=late, aspect=aspect)


def spelled(film: OddFilm, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The displayed picture laid back, so that its bar code can be read."""
    back = {"turned by 90": "turned by 270", "turned by 270": "turned by 90"}.get(film.layout, film.layout)
    return np.asarray(LAYOUTS[back][1](picture))


def write_film(
    path: Path,
    codec: str,
    ticks: NDArray[np.int64],
    size: tuple[int, int],
    aspect: Fraction,
    layout: str,
    rate: int,
    late: float | None,
    b_frames: int,
) -> None:
    """A film of bar codes at these ticks (90,000 a second); its sound begins `late` seconds before, None: no sound."""
    options = {"bf": str(b_frames), "g": "12"} | ({"x264-params": "mbtree=0"} if codec == "libx264" else {})
    if codec == "libvpx":
        options = {"b": "2M", "g": "12"}
    if codec in UNTIMED:
        options |= {"b": "2M"}
    pieces = {"movflags": "frag_keyframe+empty_moov+default_base_moof"} if ".fragmented" in path.name else {}
    with av.open(str(path), "w", options=pieces) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        if codec not in UNTIMED:
            stream.codec_context.time_base = Fraction(1, TICKS)
        a, b, c, d = (value << 16 for value in LAYOUTS[layout][0])
        if layout != "upright":
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        sound: Any = None
        if late is not None:
            sound = container.add_stream(
                {"webm": "libopus", "mpg": "mp2", "avi": "mp2"}.get(path.suffix[1:], "aac"), rate=48000
            )
            sound.layout, sound.bit_rate = "mono", 64_000
        begin = round((late or 0.0) * TICKS)
        for number, tick in enumerate(ticks.tolist()):
            frame = av.VideoFrame.from_ndarray(bar_code(number, *size), format="rgb24")
            frame.pts, frame.time_base = begin + tick, Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            _write_sound(container, sound, float(begin + ticks[-1]) / TICKS)


def _write_sound(container: Any, sound: Any, seconds: float) -> None:
    form = {"libopus": "s16", "mp2": "s16"}.get(sound.codec_context.codec.name, "fltp")
    kind = np.int16 if form == "s16" else np.float32
    for start in range(0, max(1, round(seconds * 48000)), 960):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), kind), format=form, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        container.mux(sound.encode(frame))
    container.mux(sound.encode(None))


def packed(source: Path, target: Path, *, sound: bool = True, later: float = 0.0, **options: str) -> Path:
    """The same packets in another container, without the sound or later."""
    with av.open(str(source)) as given, av.open(str(target), "w", options=options) as made:
        streams = {s.index: made.add_stream_from_template(s) for s in given.streams if sound or s.type == "video"}  # type: ignore[arg-type]
        for packet in given.demux(*(given.streams[index] for index in streams)):
            if packet.size and packet.pts is not None:
                offset = round(later / float(packet.time_base))
                packet.pts += offset
                if packet.dts is not None:  # Matroska has none, and the writer finds its own
                    packet.dts += offset
                packet.stream = streams[packet.stream_index]
                made.mux(packet)
    return target


def after_sound(source: Path, target: Path, late: float) -> Path:
    """The pictures of a file in another container whose sound, of silence, begins `late` seconds before them."""
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        pictures = made.add_stream_from_template(given.streams.video[0])
        sound: Any = made.add_stream("aac", rate=48000)
        sound.layout, sound.bit_rate = "mono", 64_000
        for packet in given.demux(video=0):
            if packet.size and packet.pts is not None and packet.dts is not None:
                offset = round(late / float(packet.time_base))
                packet.pts, packet.dts, packet.stream = packet.pts + offset, packet.dts + offset, pictures
                made.mux(packet)
        _write_sound(made, sound, 1.0)
    return target
