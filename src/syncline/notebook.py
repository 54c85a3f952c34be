"""Displays results of videos in a notebook: a film of them in step, if the files are there and short."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from syncline.data.notebook_results import in_words
from syncline.tasks import Alignment, Timeline
from syncline.tasks.aligned_films import grid, side_by_side

LONGEST_SHOWN = 120.0
"""Seconds up to which videos are shown; a film of longer ones takes too long to make."""
MOST_IN_GRID = 9
AnyResult = TypeVar("AnyResult")


@dataclass(frozen=True, eq=False, repr=False)
class AlignedVideos(Alignment):
    """An ``Alignment`` that a notebook shows as two videos in step."""

    def _repr_html_(self) -> str:
        a, b = (Path(source) for source in self.sources)
        if not (len(self.times) and _at_hand([a, b]) and self.times.max() <= LONGEST_SHOWN):
            return super()._repr_html_()
        return in_words(self) + _film(lambda out: side_by_side(a, b, self, out, height=240))


@dataclass(frozen=True, eq=False, repr=False)
class VideosOnTimeline(Timeline):
    """A ``Timeline`` that a notebook shows as a grid of videos, of nine at most."""

    def _repr_html_(self) -> str:
        videos = [Path(source) for source in self.sources]
        short = len(self.seconds) > 0 and self.seconds[-1] <= LONGEST_SHOWN
        if not (short and len(videos) <= MOST_IN_GRID and _at_hand(videos)):
            return super()._repr_html_()
        return in_words(self) + _film(lambda out: grid(videos, self, out, height=180))


def shown_as(kind: type[AnyResult], result: Any) -> AnyResult:
    """The same result, which a notebook shows as ``kind`` does."""
    return kind(**{field.name: getattr(result, field.name) for field in fields(result)})


def _at_hand(videos: Sequence[Path]) -> bool:
    return all(video.is_file() for video in videos)


def _film(write: Callable[[Path], None]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "in_step.mp4"
        write(film)
        data = base64.b64encode(film.read_bytes()).decode()
    return f'<video controls loop style="max-width: 100%" src="data:video/mp4;base64,{data}"></video>'
