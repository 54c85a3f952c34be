"""`Report` and `Deviation`: the result of `deviate`, the stretches in which a video differs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from syncline.data.embedding import dataframe
from syncline.data.notebook_results import NotebookResult

TEMPO = ("slower", "faster")


@dataclass(frozen=True)
class Deviation:
    """One deviating stretch.

    Attributes:
        kind: `missing` (in the reference only), `extra` (in the video only), `repeated` (the video shows a part of the
            reference once more), `out_of_order` (shows it elsewhere), `slower` (halts included), `faster`.
        start, end: seconds of the reference for `missing`, of the video for all others.
        score: how much: seconds without counterpart weighted by how unlike they are (0.5 to 1 a second) for the
            first four, seconds times |log2 of the tempo ratio| for the last two (at either end of the video, where
            there is none, of the least ratio that counts).
        shown_at: seconds of the video: where a missing stretch ought to be; `start` for all others.
    """

    kind: str
    start: float
    end: float
    score: float
    shown_at: float

    def said(self, reference: str = "the reference") -> str:
        """In words; what is missing has the seconds of the reference, whose name this is."""
        of = f" of {reference}" if self.kind == "missing" else ""
        return f"{self.kind.replace('_', ' ')} {self.start:.2f}–{self.end:.2f} s{of}"


@dataclass(frozen=True, repr=False)
class Report(NotebookResult):
    """The deviations of one video.

    Attributes:
        source: the video.
        deviations: in order of `shown_at`.
        oddness: >= 0, by which `rank` sorts; 0 is like the reference. Tempo has no part in it.
        duration: seconds of the video.
        match_score: of its alignment with the reference.
        stranger: it shows another activity; then there are no deviations, and it is odder than all that are not.
    """

    source: str
    deviations: tuple[Deviation, ...]
    oddness: float
    duration: float
    match_score: float
    stranger: bool = False

    def __repr__(self) -> str:
        kinds = ", ".join(deviation.said() for deviation in self.deviations)
        said = "another activity" if self.stranger else kinds or "nothing deviates"
        return f"Report({Path(self.source).name!r}, oddness {self.oddness:.2f}: {said})"

    def to_dataframe(self) -> Any:
        """A pandas ``DataFrame``: a row a deviation, with ``kind``, ``start``, ``end``, ``score``, ``shown_at``."""
        names = [field.name for field in fields(Deviation)]
        return dataframe({name: [getattr(one, name) for one in self.deviations] for name in names})

    def plot(self) -> Any:
        """A matplotlib ``Figure``: the video as a bar, each deviation on it; a line is where something is missing."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5.6, 1.7), layout="constrained")
        axes = figure.add_subplot()
        axes.barh(0, self.duration, color="0.87")
        for number, one in enumerate(self.deviations):
            if one.kind == "missing":
                axes.vlines(one.shown_at, -0.4, 0.4, color="0.1", linewidth=2.0)
            else:
                axes.barh(0, one.end - one.start, left=one.start, color=f"C{number}")
            axes.annotate(
                one.kind.replace("_", " "), (one.shown_at, 0.45 + 0.2 * (number % 3)), fontsize=7, va="bottom"
            )
        axes.set(xlabel="seconds", ylim=(-0.5, 1.2), yticks=[], title=Path(self.source).name[-40:])
        return figure
