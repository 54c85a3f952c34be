"""Rewrites the table of docs/data-videos.md from films that the tests' generator draws.

python docs/scripts/video_forms.py --count 240
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HOME / "tests" / "support"))

import numpy as np  # noqa: E402
from bars import read_bar_code  # noqa: E402
from odd_films import FORMS, draw_film, spelled  # noqa: E402

from syncline.video import VideoReader, plays_in_step  # noqa: E402

PAGE = HOME / "docs" / "data-videos.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def rows(count: int) -> list[str]:
    """One row a form of file."""
    films: dict[str, list[tuple[int, int, float, bool]]] = defaultdict(list)
    drawn: dict[str, set[str]] = defaultdict(set)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(count):
            film = draw_film(Path(folder), seed)
            reader, wanted = VideoReader(film.path), np.arange(len(film.seconds))
            read = [read_bar_code(spelled(film, picture)) for picture in reader.frames(wanted).pixels]
            apart = float(np.abs(reader.pts_seconds - film.seconds).max())
            form = film.form
            off = sum(found != number for found, number in zip(read, wanted.tolist(), strict=True))
            films[form].append((len(read), off, apart, plays_in_step(reader)))
            drawn[form] |= {film.layout} | ({"late pictures"} if film.late else set())
            drawn[form] |= {"pixels that are not square"} if film.aspect != 1 else set()
            drawn[form] |= {"uneven times"} if np.ptp(np.diff(film.seconds)) > 1e-3 else set()
            film.path.unlink()
    lines = [
        "| form | films | drawn among them | frames | frames off | times off by (ms, most) | played without a copy |",
        "|---|---|---|---|---|---|---|",
    ]
    for form, found in sorted(films.items()):
        total, off = sum(one[0] for one in found), sum(one[1] for one in found)
        worst, played = 1000 * max(one[2] for one in found), sum(one[3] for one in found)
        kinds = ", ".join(sorted(drawn[form]))
        name = f"{form.replace('.', ' ')} ({FORMS[form]})"
        lines.append(f"| {name} | {len(found)} | {kinds} | {total} | {off} | {worst:.2f} | {played} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=240, help="films (default: %(default)s)")
    table = "\n".join(rows(parser.parse_args().count))
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
