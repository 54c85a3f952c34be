"""Finds the moments of a collection most like a given one. `consensus_moments` finds those that are the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from syncline.alignment import unit_rows
from syncline.data import Embedding
from syncline.data.embedding import dataframe, equal_results
from syncline.data.notebook_results import NotebookResult
from syncline.errors import SynclineError
from syncline.files import replacing, write_json
from syncline.video import VideoReader
from syncline.video.on_display import nearest_frame
from syncline.wording import counted

FAISS_FROM = 1_000_000
"""Above this many frames FAISS serves where it is installed; below, an exact product is as fast."""


@dataclass(frozen=True, eq=False, repr=False)
class Hit(NotebookResult):
    """One hit: a moment of a video.

    Attributes:
        source: the video. seconds: of it.
        score: what hits are ordered by: `similarity`, or in [0, 1] the folder's consensus (`same_moments`).
        similarity: cosine of its frame and the query's, in [-1, 1].
    """

    source: str
    seconds: float
    score: float
    similarity: float = float("nan")

    def __repr__(self) -> str:
        return f"Hit({Path(self.source).name!r} at {self.seconds:.2f} s, score {self.score:.3f})"

    def __eq__(self, other: object) -> bool:
        return equal_results(self, other)

    def __hash__(self) -> int:
        return hash((self.source, self.seconds))

    def to_dataframe(self) -> Any:
        """A pandas ``DataFrame`` of one row: ``source``, ``seconds``, ``score``, ``similarity``."""
        return dataframe({field.name: [getattr(self, field.name)] for field in fields(self)})

    def plot(self) -> Any:
        """A matplotlib ``Figure``: the picture of this moment, where the video is a file that is there."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(2.6, 2.2), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(f"{Path(self.source).name[-24:]} at {self.seconds:.2f} s", fontsize=8)
        axes.set_axis_off()
        if Path(self.source).is_file():
            axes.imshow(VideoReader(Path(self.source)).frames_at([self.seconds]).pixels[0])
        else:
            axes.text(0.5, 0.5, "no picture: not a file", ha="center", va="center", fontsize=8)
        return figure


class MomentIndex:
    """Unit vectors of all frames of a collection, searched exactly (or by FAISS above a million frames).

    ``notes`` are the caller's words that are saved with it (what made the vectors, of which files).

    Args:
        embeddings: any number, of one width.

    Examples:
        >>> t = np.linspace(0, 3, 31)
        >>> walk = Embedding(np.stack([np.cos(t), np.sin(t)], 1).astype(np.float32), t, "walk")
        >>> hits = MomentIndex([walk]).search(np.array([1.0, 0.0]), k=1)
        >>> hits[0].source, round(hits[0].seconds, 3)
        ('walk', 0.0)
    """

    def __init__(self, embeddings: Sequence[Embedding] = ()) -> None:
        self.sources: list[str] = []
        self.notes: dict[str, str] = {}
        self._vectors: list[torch.Tensor] = []
        self._seconds: list[NDArray[np.float64]] = []
        self._faiss: object | None = None
        self.add(embeddings)

    def __len__(self) -> int:
        return sum(len(vectors) for vectors in self._vectors)

    def add(self, embeddings: Sequence[Embedding]) -> None:
        """Add videos; one whose source is already there replaces the old one.

        Raises:
            SynclineError: if a width differs from what the index holds.
        """
        for embedding in embeddings:
            width = self._vectors[0].shape[1] if self._vectors else embedding.vectors.shape[1]
            if embedding.vectors.shape[1] != width:
                raise SynclineError(
                    f"{embedding.source} has width {embedding.vectors.shape[1]}, the index holds width {width}; "
                    "embed everything with the same run"
                )
            unit = unit_rows(torch.from_numpy(np.array(embedding.vectors, np.float32)))
            if embedding.source in self.sources:
                number = self.sources.index(embedding.source)
                self._vectors[number], self._seconds[number] = unit, embedding.pts_seconds
            else:
                self.sources.append(embedding.source)
                self._vectors.append(unit)
                self._seconds.append(embedding.pts_seconds)
        self._faiss = None

    def remove(self, source: str) -> None:
        """Take a video out, if it is there."""
        if source in self.sources:
            number = self.sources.index(source)
            del self.sources[number], self._vectors[number], self._seconds[number]
            self._faiss = None

    def embeddings(self) -> list[Embedding]:
        """The indexed embeddings, with vectors of length 1."""
        parts = zip(self.sources, self._vectors, self._seconds, strict=True)
        return [Embedding(vectors.numpy(), seconds, source) for source, vectors, seconds in parts]

    def query(self, source: str, start: float, end: float | None = None) -> NDArray[np.float32]:
        """The unit vector of a moment of an indexed video, or the mean one of the range from `start` to `end` seconds.

        Raises:
            SynclineError: unknown source, one without frames, or a time outside the video.
        """
        if source not in self.sources:
            raise SynclineError(
                f"{source!r} is not in the index of {counted(len(self.sources), 'video')}; add it first"
            )
        number = self.sources.index(source)
        seconds = self._seconds[number]
        if not len(seconds):
            raise SynclineError(f"{source} has no embedded frames, so no moment to look for")
        check_inside(source, seconds, start, end)
        first = nearest_frame(seconds, start)
        last = first if end is None else nearest_frame(seconds, end)
        mean = self._vectors[number][min(first, last) : max(first, last) + 1].mean(0)
        return np.asarray(unit_rows(mean).numpy())

    def search(
        self,
        vector: NDArray[np.floating],
        k: int = 10,
        *,
        per_video: int | None = None,
        min_separation: float = 1.0,
        exclude: str | None = None,
    ) -> list[Hit]:
        """The k most similar moments, best first, at most one within `min_separation` seconds of another of its video.

        Args:
            vector: (d,) query, of any length greater than 0.
            k: how many moments. per_video: how many of one video at most; None for any number.
            min_separation: seconds between two hits in the same video.
            exclude: a source that is not searched (the query's own).

        Raises:
            SynclineError: an empty index or a query of another width.
        """
        if not self._vectors:
            raise SynclineError("the index is empty; add embeddings first")
        query = torch.as_tensor(np.asarray(vector, dtype=np.float32))
        if query.shape != self._vectors[0].shape[1:]:
            raise SynclineError(f"query has shape {tuple(query.shape)}, the index holds vectors of width "
                                f"{self._vectors[0].shape[1]}")  # fmt: skip
        query = unit_rows(query)
        starts = np.cumsum([0] + [len(vectors) for vectors in self._vectors])
        wanted = 64 * k
        while True:
            scores, rows = self._nearest(query, min(wanted, len(self)))
            hits = self._suppress(scores, rows, starts, k, per_video, min_separation, exclude)
            if len(hits) == k or wanted >= len(self):
                return hits
            wanted *= 8

    def _nearest(self, query: torch.Tensor, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        if len(self) >= FAISS_FROM and (index := self._faiss_index()) is not None:
            scores, rows = index.search(query[None].numpy(), k)  # type: ignore[attr-defined]
            return scores[0], rows[0]
        scores = torch.cat([vectors @ query for vectors in self._vectors])
        best = scores.topk(k)
        return best.values.numpy(), best.indices.numpy()

    def _faiss_index(self) -> object | None:
        if self._faiss is None:
            try:
                import faiss
            except ImportError:
                return None
            index = faiss.IndexFlatIP(self._vectors[0].shape[1])
            for vectors in self._vectors:
                index.add(vectors.numpy())
            self._faiss = index
        return self._faiss

    def _suppress(
        self,
        scores: NDArray[np.float32],
        rows: NDArray[np.int64],
        starts: NDArray[np.int64],
        k: int,
        per_video: int | None,
        min_separation: float,
        exclude: str | None,
    ) -> list[Hit]:
        hits: list[Hit] = []
        taken: dict[int, list[float]] = {}
        for score, row in zip(scores, rows, strict=True):
            number = int(np.searchsorted(starts, row, side="right")) - 1
            seconds = float(self._seconds[number][row - starts[number]])
            near = taken.setdefault(number, [])
            if self.sources[number] == exclude or (per_video is not None and len(near) == per_video):
                continue
            if any(abs(seconds - other) < min_separation for other in near):
                continue
            near.append(seconds)
            hits.append(Hit(self.sources[number], seconds, float(score), float(score)))
            if len(hits) == k:
                break
        return hits

    def stale(self, embeddings: Sequence[Embedding]) -> list[str]:
        """Sources of `embeddings` that the index lacks or holds with other frames; empty if it is up to date."""
        held = dict(zip(self.sources, self._seconds, strict=True))
        return [
            embedding.source
            for embedding in embeddings
            if embedding.source not in held or not np.array_equal(held[embedding.source], embedding.pts_seconds)
        ]

    def save(self, folder: Path) -> None:
        """Write `index.safetensors` (vectors float16, seconds float64) and `index.json` (sources, counts).

        Raises:
            SynclineError: an empty index.
        """
        if not self._vectors:
            raise SynclineError("the index is empty; add embeddings first")
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            "vectors": torch.cat(self._vectors).half(),
            "seconds": torch.from_numpy(np.concatenate(self._seconds)),
        }
        with replacing(folder / "index.safetensors") as temporary:
            save_file(tensors, temporary)
        counts = [len(vectors) for vectors in self._vectors]
        write_json(folder / "index.json", {"sources": self.sources, "counts": counts, "notes": self.notes})

    @classmethod
    def load(cls, folder: Path) -> MomentIndex:
        """Read what `save` wrote.

        Raises:
            SynclineError: if the folder holds no index or its two files disagree.
        """
        try:
            described = json.loads((folder / "index.json").read_text(encoding="utf-8"))
            tensors = load_file(folder / "index.safetensors")
            notes = {str(key): str(value) for key, value in described.get("notes", {}).items()}
            sources, counts = list(described["sources"]), [int(count) for count in described["counts"]]
            vectors, seconds = torch.split(tensors["vectors"].float(), counts), torch.split(tensors["seconds"], counts)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
            raise SynclineError(f"{folder} holds no readable search index ({error}); build it again") from error
        index = cls()
        index.sources, index.notes = sources, notes
        index._vectors = [unit_rows(part) for part in vectors]
        index._seconds = [part.numpy() for part in seconds]
        return index


def check_inside(source: str, seconds: NDArray[np.float64], start: float, end: float | None = None) -> None:
    """Raises SynclineError where a moment lies before a video's first frame or after its last one has been shown."""
    step = float(np.diff(seconds).max()) if len(seconds) > 1 else 1.0
    for asked in (start,) if end is None else (start, end):
        if not seconds[0] - 1e-3 <= asked <= seconds[-1] + step:
            raise SynclineError(
                f"{source} runs from {seconds[0]:.2f} s to {seconds[-1]:.2f} s, asked for {asked:.2f} s"
            )
