"""What `transfer` is given and gives: labelled videos, the events that were carried to one video, and how they turn out
on labelled videos that are left out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.alignment.alignment_settings import MATCH_THRESHOLD
from syncline.data import Embedding
from syncline.data.embedding import dataframe, equal_results
from syncline.data.notebook_results import NotebookResult
from syncline.tasks.event_confidence import calibrated_by


@dataclass(frozen=True)
class LabelledVideo:
    """An embedding and its key events in seconds, one a event in the common order; None where the event is absent."""

    embedding: Embedding
    events: tuple[float | None, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Transferred(NotebookResult):
    """The events carried to one video.

    Attributes:
        source: the video.
        events: seconds of each event, None where it was found absent.
        confidence: (k,) float64 in [0, 1], of each placed event the probability that it lies within `tolerance`; of an
            absent one, that it is absent.
        tolerance: seconds that count as the same moment.
        others: of each event the second of two clear peaks and its confidence; None where there is one.
        match_score: the best one that the video has with another that votes; NaN where there is none or it was not
            asked for. Below `MATCH_THRESHOLD` the video shows nothing in common with the others.
    """

    source: str
    events: tuple[float | None, ...]
    confidence: NDArray[np.float64]
    tolerance: float = 0.5
    others: tuple[tuple[float, float] | None, ...] = ()
    match_score: float = float("nan")

    @property
    def in_common(self) -> bool:
        """False where the video shows nothing in common with the others."""
        return not self.match_score < MATCH_THRESHOLD

    def without_events(self) -> Transferred:
        """The same with all events absent."""
        placed = np.array([event is not None for event in self.events], dtype=bool)
        confidence = np.where(placed, 1 - self.confidence, self.confidence)
        nothing = (None,) * len(self.events)
        return replace(self, events=nothing, confidence=confidence, others=nothing)

    def __repr__(self) -> str:
        pairs = zip(self.events, self.confidence.tolist(), strict=True)
        said = ", ".join(f"{'absent' if at is None else f'{at:.2f} s'} ({sure:.0%})" for at, sure in pairs)
        return f"Transferred({Path(self.source).name!r}: {said})"

    def __eq__(self, other: object) -> bool:
        return equal_results(self, other)

    def __hash__(self) -> int:
        return hash((self.source, self.events))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        seconds = np.array([np.nan if event is None else event for event in self.events])
        return np.array(seconds, dtype=dtype)

    def to_dataframe(self) -> Any:
        """A pandas ``DataFrame``: a row an event: its number, ``seconds`` (NaN: absent), ``confidence``."""
        rows = {"event": np.arange(len(self.events)), "seconds": np.asarray(self), "confidence": self.confidence}
        return dataframe(rows)

    def plot(self) -> Any:
        """A matplotlib ``Figure``: where each event is, the taller the surer; absent ones are left out."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5.6, 2.2), layout="constrained")
        axes = figure.add_subplot()
        shown = [(at, sure, i) for i, (at, sure) in enumerate(zip(self.events, self.confidence)) if at is not None]
        for at, sure, number in shown:
            axes.vlines(at, 0, sure, linewidth=2.0)
            axes.annotate(f"event {number}", (at, sure), ha="center", va="bottom", fontsize=7)
        axes.set(xlabel="seconds", ylabel="confidence", ylim=(0, 1.15), title=Path(self.source).name[-40:])
        return figure


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Events of each labelled video as placed by the others alone, one entry an event of a video.

    Attributes:
        confidence: (k,) float64 in [0, 1].
        hit: (k,) float64, 1 where the event was placed within the tolerance, or rightly called absent.
        placed: (k,) bool, whether it was placed at all.
        whose: (k,) int64, number of the labelled video.
    """

    confidence: NDArray[np.float64]
    hit: NDArray[np.float64]
    placed: NDArray[np.bool_]
    whose: NDArray[np.int64]

    def calibrated(self) -> NDArray[np.float64]:
        """(k,) confidences, each video's moved by the other videos' hits, as a new video's would be."""
        mapped = self.confidence.copy()
        for i in np.unique(self.whose):
            known, asked = self.placed & (self.whose != i), self.placed & (self.whose == i)
            mapped[asked] = calibrated_by(self.confidence[asked], self.confidence[known], self.hit[known])
        return mapped


@dataclass(frozen=True, eq=False)
class Carried:
    """The result of carrying events: targets, and labelled videos left out in turn.

    Attributes:
        targets: the events of every target.
        left_out: how they turn out on labelled videos; None where there are fewer than three.
        labelled_scores: of each labelled video the best match score with another one that votes; empty where it
            was not asked for.
    """

    targets: list[Transferred]
    left_out: LeftOut | None
    labelled_scores: list[float]
