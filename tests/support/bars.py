"""Videos whose frames carry their own number as a bar code, so that a test can tell which frame it got."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

BITS = 12


def bar_code(number: int, height: int, width: int) -> NDArray[np.uint8]:
    """A picture whose columns spell a number, the highest bit at the left."""
    bits = [(number >> k) & 1 for k in reversed(range(BITS))]
    columns = np.repeat(bits, width // BITS)
    picture = np.full((height, width, 3), 128, dtype=np.uint8)
    picture[:, : len(columns)] = np.where(columns, 230, 25)[None, :, None]
    return picture


def read_bar_code(picture: NDArray[np.uint8]) -> int:
    """The number of a picture, whatever its size."""
    height, width = picture.shape[:2]
    row = picture[height // 4 : 3 * height // 4].mean(axis=(0, 2))
    cell = (width - width % BITS) / BITS if width % BITS < BITS else width / BITS
    centres = ((np.arange(BITS) + 0.5) * cell).astype(int)
    return int(sum(1 << k for k, on in zip(reversed(range(BITS)), row[centres] > 128) if on))


def write_bar_codes(
    path: Path,
    count: int = 60,
    *,
    height: int = 48,
    width: int = 96,
    rate: int = 30,
    times: Sequence[float] | None = None,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> Path:
    """A video of `count` bar-code frames, at `times` (seconds) or `rate` a second."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.height, stream.width = height, width
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        # without mbtree the same pictures give the same file on every machine (see VideoWriter)
        stream.options = ({"x264-params": "mbtree=0"} if codec == "libx264" else {}) | (options or {})
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 90_000)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(bar_code(number, height, width), format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = round(times[number] * 90_000), Fraction(1, 90_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
