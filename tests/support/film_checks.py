"""What must hold of a film whose truth is known, by every way it is taken: no frame off, no time off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from bars import read_bar_code
from numpy.typing import NDArray
from odd_films import OddFilm, spelled

from syncline.data import Embedding, Sampling, open_videos
from syncline.data.labels.attach_labels import attach_labels
from syncline.data.labels.label_formats import ENDINGS, FORMS, ONE_VIDEO, read_labels, write_labels
from syncline.data.labels.video_labels import LabelTrack
from syncline.encoder import Backbone, FeatureCache
from syncline.tasks import align
from syncline.tasks.aligned_films import side_by_side
from syncline.video import VideoReader, plays_in_step, scan_file, write_browser_copy

NEAR = 1.5e-3
"""Seconds by which a container may round the times of its frames."""


def number_of(film: OddFilm, picture: NDArray[np.uint8]) -> int:
    """The number of the frame that a displayed picture shows."""
    return read_bar_code(spelled(film, picture))


def check_reading(film: OddFilm, seed: int) -> None:
    """Reader and scan: shape, times, and every picture in any order."""
    reader, info = VideoReader(film.path), scan_file(film.path)
    assert info.problem is None
    assert (info.height, info.width, info.num_frames) == (film.height, film.width, len(film.seconds))
    assert (reader.height, reader.width) == (film.height, film.width)
    _check_frames(film, reader, seed)


def check_browser_copy(film: OddFilm, folder: Path, seed: int) -> None:
    """What the viewer sends: the file itself or a copy, which begins with the first picture."""
    path = film.path
    if not plays_in_step(VideoReader(path)):
        path = folder / f"copy of {film.path.stem}.mp4"
        write_browser_copy(film.path, path)
    reader = VideoReader(path)
    assert (reader.container_offset, reader.first_pts_seconds) == (0, 0)
    _check_frames(film, reader, seed)


def _check_frames(film: OddFilm, reader: VideoReader, seed: int) -> None:
    assert len(reader) == len(film.seconds)
    assert np.abs(reader.pts_seconds - film.seconds).max() < NEAR
    for order in (np.arange(len(film.seconds)), np.random.default_rng(seed).permutation(len(film.seconds))):
        assert [number_of(film, picture) for picture in reader.frames(order).pixels] == order.tolist()


def check_embedding(film: OddFilm, folder: Path) -> None:
    """The frames that a backbone is shown are those that the embedding names, laid out as displayed, at their times."""
    backbone, shown = Backbone("test_resnet", weights="none"), []
    backbone.register_forward_pre_hook(lambda module, given: shown.append(given[0].permute(0, 2, 3, 1).numpy()))
    video = next(video for video in open_videos([film.path]))
    found = FeatureCache(folder / f"features of {film.path.stem}", backbone).features(video, sampling=Sampling(10))
    assert np.abs(found.pts_seconds - film.seconds[found.frame_indices]).max() < NEAR
    assert [number_of(film, picture) for picture in np.concatenate(shown)] == found.frame_indices.tolist()


def check_labels(film: OddFilm, folder: Path, seed: int) -> None:
    """Labels of every form, written and read back: the same frames."""
    frames = np.sort(np.random.default_rng(seed).permutation(np.arange(1, len(film.seconds)))[:4])
    names = ("reach", "grasp", "lift", "release")
    events = tuple((name, round(float(film.seconds[frame]), 3)) for name, frame in zip(names, frames, strict=True))
    videos = open_videos([film.path])
    track = LabelTrack(videos[0].name, events)
    for form in FORMS:
        target = folder / f"labels of {film.path.stem}" / (form if form in ONE_VIDEO else f"{form}{ENDINGS[form]}")
        (target if form in ONE_VIDEO else target.parent).mkdir(parents=True, exist_ok=True)
        write_labels(target, [track], form=form, videos=videos)
        phases = attach_labels(videos, read_labels(target))[0].phases
        assert phases is not None, form
        assert (np.flatnonzero(np.diff(phases)) + 1).tolist() == frames.tolist(), form


def check_side_by_side(film: OddFilm, folder: Path) -> None:
    """`align --films` of a film with itself: at every moment both halves show the frame on display then."""
    course = np.linspace(0, 3, len(film.seconds))[:, None] * np.arange(1, 9)
    rows = np.concatenate([np.cos(course), np.sin(course)], axis=1).astype(np.float32)
    embedding = Embedding(rows, film.seconds, film.path.name)
    alignment: Any = align(embedding, embedding, mode="global", verdict=False)
    out = folder / f"side by side {film.path.stem}.mp4"
    side_by_side(film.path, film.path, alignment, out, height=film.height, max_rate=60)
    reader = VideoReader(out)
    asked = np.linspace(0, len(reader) - 1, 12).astype(int)
    on_display = np.searchsorted(film.seconds, reader.pts_seconds[asked] + NEAR, side="right") - 1
    half = reader.width // 2
    for picture, frame in zip(reader.frames(asked).pixels[:, : film.height], on_display.tolist(), strict=True):
        for side in (picture[:, :half], picture[:, half:]):
            assert number_of(film, side) == frame
