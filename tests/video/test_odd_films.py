"""Films whose truth is known, whatever the container: the right pictures, times and shape by every way."""

from __future__ import annotations

from pathlib import Path

import film_checks
import pytest
from odd_films import FORMS, OddFilm, draw_film

SEEDS = (0, 1, 2, 3, 5, 6, 7, 9, 10, 12, 19, 28)


@pytest.fixture(scope="module", params=SEEDS)
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OddFilm:
    return draw_film(tmp_path_factory.mktemp("films"), request.param)


@pytest.fixture
def seed(film: OddFilm) -> int:
    return int(film.path.name.removeprefix("film").partition(".")[0])


def test_pictures_times_and_shape_are_those_that_were_written(film: OddFilm, seed: int) -> None:
    film_checks.check_reading(film, seed)


def test_the_browser_is_given_the_same_times(film: OddFilm, tmp_path: Path, seed: int) -> None:
    film_checks.check_browser_copy(film, tmp_path, seed)


def test_a_backbone_is_shown_the_frames_that_it_says(film: OddFilm, tmp_path: Path) -> None:
    film_checks.check_embedding(film, tmp_path)


def test_labels_of_every_form_come_back_on_the_same_frames(film: OddFilm, tmp_path: Path, seed: int) -> None:
    film_checks.check_labels(film, tmp_path, seed)


def test_films_beside_each_other_show_the_frames_on_display(film: OddFilm, tmp_path: Path) -> None:
    film_checks.check_side_by_side(film, tmp_path)


def test_every_form_and_oddity_is_among_them(tmp_path: Path) -> None:
    drawn = [draw_film(tmp_path, seed) for seed in SEEDS]
    assert {film.form for film in drawn} == set(FORMS)
    assert {film.layout for film in drawn} >= {"upright", "mirrored"}
    assert any(film.aspect != 1 for film in drawn)
    assert any(film.late for film in drawn)
