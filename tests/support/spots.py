"""Films with one bright spot, for tests with the stand-in of the pose estimator."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from syncline.video import VideoWriter


def write_spot(path: Path, frames: int = 20, *, hidden: range = range(0), colour: tuple[int, int, int] = (20, 20, 20),
               size: tuple[int, int] = (96, 160), speed: float = 4.0) -> Path:  # fmt: skip
    """A film at 10 frames a second in which a bright square moves to the right; it is hidden in some frames."""
    height, width = size
    with VideoWriter(path, width=width, height=height, rate=10) as writer:
        for frame in range(frames):
            picture = np.full((height, width, 3), colour, np.uint8)
            if frame not in hidden:
                left = int(10 + speed * frame)
                picture[40:56, left : left + 16] = 255
            writer.write(picture, frame / 10)
    return path
