"""A tiny set with labels, re-cuts and splits, and the smallest encoder."""

from __future__ import annotations

from pathlib import Path

import pytest
from bars import write_bar_codes


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of six videos, four of them to train on, with two events each and re-cuts."""
    place = tmp_path_factory.mktemp("sets")
    (place / "tiny" / "videos").mkdir(parents=True)
    rows, recuts = ["video,split,num_frames,fps,events"], ["video,split,frames"]
    for number in range(6):
        length, split = 40 + 2 * number, "train" if number < 4 else "val"
        write_bar_codes(place / "tiny" / "videos" / f"{number}.mp4", length)
        rows.append(f"{number}.mp4,{split},{length},30,{10 + number};{25 + number}")
        recuts.append(f"{number}.mp4,{split},{';'.join(map(str, range(3, length, 3)))}")
    (place / "tiny" / "annotations.csv").write_text("\n".join(rows) + "\n")
    (place / "tiny" / "retimed.csv").write_text("\n".join(recuts) + "\n")
    for name, shift in (("early", -2), ("late", 3)):
        moved = [rows[0]] + [
            f"{n}.mp4,{'train' if n < 4 else 'val'},{40 + 2 * n},30,{10 + n + shift};{25 + n + shift}" for n in range(6)
        ]
        (place / "tiny" / f"annotations_{name}.csv").write_text("\n".join(moved) + "\n")
    return place
