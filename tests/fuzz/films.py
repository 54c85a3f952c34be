"""Odd but whole films, drawn at random, by every way they are taken: no frame off, no time off.

    python -m tests.fuzz.films --count 100

Each goes through reader, scan, the browser's copy, embedding, labels of every form and the films of align; all of them
then through the viewer's page, where Chromium is installed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

import film_checks
from film_page import CHROMIUM, check_page, opened_page
from odd_films import OddFilm, draw_film


def check(film: OddFilm, work: Path, seed: int) -> None:
    """Raises an AssertionError that names the film."""
    try:
        film_checks.check_reading(film, seed)
        film_checks.check_browser_copy(film, work, seed)
        film_checks.check_embedding(film, work)
        film_checks.check_labels(film, work, seed)
        film_checks.check_side_by_side(film, work)
    except Exception as error:
        raise AssertionError(f"seed {seed}: {film.path.name}, {film.layout}: {error!r}") from error


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz.films", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100, help="films (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="first seed (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place, work = Path(folder) / "films", Path(folder) / "work"
        place.mkdir()
        work.mkdir()
        films = []
        for seed in range(arguments.seed, arguments.seed + arguments.count):
            films.append(draw_film(place, seed))
            check(films[-1], work, seed)
        print(f"{arguments.count} odd films: no frame and no time off")
        if not Path(CHROMIUM).exists():
            print("no chromium here: the viewer's page was not looked at")
            return
        with opened_page() as page:
            check_page(page, films, work)
        print("nor in the viewer's page")


if __name__ == "__main__":
    main()
