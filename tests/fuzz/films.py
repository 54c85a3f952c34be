"""Odd but whole films, drawn at random, through reader, scan and the browser's copy: no frame off, no time off.

python -m tests.fuzz.films --count 100
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

import numpy as np
from bars import read_bar_code
from odd_films import draw_film, spelled

from syncline.video import VideoReader, plays_in_step, scan_file, write_browser_copy


def check(folder: Path, seed: int) -> None:
    """Raises an AssertionError that names the film."""
    film = draw_film(folder, seed)
    said = f"seed {seed}: {film.path.name}, {film.layout}"
    reader = VideoReader(film.path)
    assert (reader.height, reader.width) == (film.height, film.width), said
    assert scan_file(film.path).problem is None, said
    shown = film.path
    if not plays_in_step(reader):
        shown = folder / f"copy{seed}.mp4"
        write_browser_copy(film.path, shown)
    order = np.random.default_rng(seed).permutation(len(film.seconds))
    for one in (reader, VideoReader(shown)):
        assert len(one) == len(film.seconds), said
        assert np.abs(one.pts_seconds - film.seconds).max() < 1.5e-3, said
        assert [read_bar_code(spelled(film, picture)) for picture in one.frames(order).pixels] == order.tolist(), said


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.films", description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="films (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="first seed (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.seed, arguments.seed + arguments.count):
            check(Path(folder), seed)
    print(f"{arguments.count} odd films: no frame and no time off")


if __name__ == "__main__":
    main()
