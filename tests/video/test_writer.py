"""What is written does not depend on when."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from syncline.video import VideoWriter


@pytest.mark.parametrize(("height", "width"), [(48, 64), (208, 156)])
def test_the_same_pictures_give_the_same_file(tmp_path: Path, height: int, width: int) -> None:
    """Twelve times, with other memory taken in between: x264 once read what nobody had written."""
    random = np.random.default_rng(0)
    still = random.integers(0, 255, (height, width, 3), dtype=np.uint8)
    files = set()
    for turn in range(12):
        path = tmp_path / f"{turn}.mp4"
        with VideoWriter(path, height=height, width=width, rate=10) as writer:
            for number in range(30):
                writer.write(np.roll(still, number, axis=1), number / 10)
        files.add(path.read_bytes())
        random.random(50_000 + 1_000 * turn)
    assert len(files) == 1
