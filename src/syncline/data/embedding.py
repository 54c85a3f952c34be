"""The embedding of one video: a vector for every sampled frame, and when that frame is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError


@dataclass(frozen=True, eq=False)
class Embedding:
    """Vectors that never travel without their times.

    Attributes:
        vectors: (t, d) float32.
        pts_seconds: (t,) float64, when each frame is shown, ascending.
        source: whose frames these are (the video's name or path).
        frame_vectors: (t, e) float32, by which single frames are compared where `vectors` are those that are aligned:
            of a trained run beside frozen features. None: `vectors` serve for both.

    Raises:
        SynclineError: shapes that do not fit, times that do not ascend, or values that are not finite.

    Examples:
        >>> Embedding(np.eye(3, dtype=np.float32), np.array([0.0, 0.1, 0.2]), "three.mp4").vectors.shape
        (3, 3)
    """

    vectors: NDArray[np.float32]
    pts_seconds: NDArray[np.float64]
    source: str
    frame_vectors: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        vectors, seconds = np.asarray(self.vectors), np.asarray(self.pts_seconds)
        if vectors.ndim != 2 or seconds.shape != (len(vectors),):
            raise SynclineError(
                f"embedding of {self.source}: vectors {vectors.shape} and pts_seconds {seconds.shape} do not fit; "
                "expected (t, d) and (t,)"
            )
        if not np.isfinite(vectors).all() or not np.isfinite(seconds).all():
            raise SynclineError(f"embedding of {self.source} holds values that are not finite")
        if (np.diff(seconds) < 0).any():
            raise SynclineError(f"embedding of {self.source}: pts_seconds do not ascend")
        if self.frame_vectors is not None:
            frames = np.asarray(self.frame_vectors)
            if frames.ndim != 2 or len(frames) != len(vectors) or not np.isfinite(frames).all():
                raise SynclineError(
                    f"embedding of {self.source}: frame_vectors {frames.shape} must be ({len(vectors)}, e) and finite"
                )
            object.__setattr__(self, "frame_vectors", frames.astype(np.float32, copy=False))
        object.__setattr__(self, "vectors", vectors.astype(np.float32, copy=False))
        object.__setattr__(self, "pts_seconds", seconds.astype(np.float64, copy=False))

    def __len__(self) -> int:
        return len(self.vectors)

    def __repr__(self) -> str:
        t, d = self.vectors.shape
        span = f", {self.pts_seconds[0]:.2f} to {self.pts_seconds[-1]:.2f} s" if t else ""
        return f"Embedding({Path(self.source).name!r}, {t} frames of {d} numbers{span})"

    def __eq__(self, other: object) -> bool:
        return equal_results(self, other)

    def __hash__(self) -> int:
        return hash((self.source, self.vectors.shape))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.vectors, dtype=dtype, copy=copy)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return iter(self.vectors)

    def __getitem__(self, seconds: slice) -> Embedding:
        """The frames that are shown from ``seconds.start`` on and before ``seconds.stop``, as ``e[1.5:3.0]``."""
        if not isinstance(seconds, slice) or seconds.step is not None:
            raise TypeError("an embedding is sliced by seconds, as embedding[1.5:3.0]; its rows are .vectors")
        for end in (seconds.start, seconds.stop):
            if not isinstance(end, int | float | np.number | None):
                raise TypeError(f"an embedding is sliced by seconds, as embedding[1.5:3.0]; got {end!r}")
        rows = rows_between(self.pts_seconds, seconds)
        frames = None if self.frame_vectors is None else self.frame_vectors[rows]
        return Embedding(self.vectors[rows], self.pts_seconds[rows], self.source, frames)

    @property
    def by_frame(self) -> NDArray[np.float32]:
        """(t, e) vectors by which single frames are compared."""
        return self.vectors if self.frame_vectors is None else self.frame_vectors

    def beside(self, aligned: Embedding) -> Embedding:
        """``aligned``, of the same frames, for alignments, and these vectors for single frames.

        Raises:
            SynclineError: other frames.
        """
        if len(aligned) != len(self) or np.abs(aligned.pts_seconds - self.pts_seconds).max(initial=0.0) > 1e-6:
            raise SynclineError(f"embeddings of {aligned.source} and {self.source} are not of the same frames")
        return Embedding(aligned.vectors, self.pts_seconds, self.source, self.by_frame)

    def to_dataframe(self) -> Any:
        """A pandas ``DataFrame``: a row a frame, indexed by ``seconds``, a column a number (needs pandas)."""
        return dataframe(dict(enumerate(self.vectors.T)), index=("seconds", self.pts_seconds))

    def plot(self) -> Any:
        """A matplotlib ``Figure``: how alike all frames are, on both axes the time."""
        from matplotlib.figure import Figure

        from syncline.alignment.similarity import unit_rows

        rows = unit_rows(self.vectors)
        figure = Figure(figsize=(4.2, 3.6), layout="constrained")
        axes = figure.add_subplot()
        ends = (float(self.pts_seconds[0]), float(self.pts_seconds[-1])) if len(self) else (0.0, 0.0)
        picture = axes.imshow(rows @ rows.T, origin="lower", extent=(*ends, *ends))
        figure.colorbar(picture, label="cosine")
        axes.set(xlabel="seconds", ylabel="seconds", title=Path(self.source).name[-40:])
        return figure


def rows_between(pts_seconds: NDArray[np.float64], seconds: slice) -> slice:
    """Rows of times (t,), ascending, from ``seconds.start`` on and before ``seconds.stop``."""
    first = 0 if seconds.start is None else int(np.searchsorted(pts_seconds, seconds.start))
    end = len(pts_seconds) if seconds.stop is None else int(np.searchsorted(pts_seconds, seconds.stop))
    return slice(first, end)


def equal_results(one: Any, other: object) -> bool:
    """Whether two results of one class hold the same: arrays equal in all entries; NaN equals NaN."""
    alike = isinstance(other, type(one)) or isinstance(one, type(other))  # one may know besides how to show itself
    if not alike or not is_dataclass(other) or isinstance(other, type):
        return False
    return all(_same(getattr(one, field.name), getattr(other, field.name)) for field in fields(other))


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f")
    return bool(a == b) or (isinstance(a, float) and isinstance(b, float) and a != a and b != b)


def dataframe(columns: Mapping[Any, Any], *, index: tuple[str, Any] | None = None) -> Any:
    """A pandas ``DataFrame`` of columns.

    Raises:
        SynclineError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise SynclineError("a DataFrame needs the package pandas: pip install pandas") from error
    rows = None if index is None else pandas.Index(index[1], name=index[0])
    return pandas.DataFrame(dict(columns), index=rows)
