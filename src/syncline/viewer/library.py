"""What the viewer knows about one folder: videos, embeddings, and everything computed from them, kept for reuse."""

from __future__ import annotations

import functools
import io
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from syncline.data import Embedding, VideoSet
from syncline.errors import SynclineError
from syncline.tasks import (
    Alignment,
    LabelledVideo,
    MomentIndex,
    Timeline,
    Transferred,
    align,
    deviate,
    similarity,
    synchronize,
    tempo_curve,
    transfer_events,
)
from syncline.video import VideoReader
from syncline.viewer.journal import Journal

MATRIX_SIDE = 512
MAP_POINTS = 20_000
PLAYABLE = {"h264", "vp8", "vp9", "av1"}
PLAYABLE_SUFFIXES = {".mp4", ".m4v", ".webm", ".mov"}
GRID_VIDEOS = 4


@dataclass
class Progress:
    """Long work in the background: `state` is idle | working | ready | failed; `done` of `total` steps; a message."""

    state: str = "idle"
    done: int = 0
    total: int = 0
    message: str = ""


class Library:
    """One folder in the browser.

    Args:
        videos: what is served; nothing else ever is.
        embed: makes the embeddings, one a video in the same order; called once in the background with a function
            that takes (done, total).
        work: a folder for the journal and proxies.
        event_names: names of the key events; taken from the set if None.
    """

    def __init__(
        self,
        videos: VideoSet,
        embed: Callable[[Callable[[int, int], None]], Sequence[Embedding]],
        work: Path,
        event_names: Sequence[str] | None = None,
    ) -> None:
        self.videos = videos
        self.work = work
        self.journal = Journal(work / "labels.jsonl")
        self.event_names = list(event_names or videos.event_names)
        self.progress = Progress()
        self._embed = embed
        self._embeddings: list[Embedding] | None = None
        self._oddness: dict[int, float] = {}
        self._lock = threading.Lock()
        self._places = {video.name: i for i, video in enumerate(videos)}

    # ---- embeddings, in the background

    def start(self) -> None:
        """Begin embedding; the pages work meanwhile without alignments."""
        self.replace(self._embed)

    def replace(self, embed: Callable[[Callable[[int, int], None]], Sequence[Embedding]]) -> None:
        """Make embeddings another way (a trained run); the old ones serve until the new ones are ready."""
        if self.progress.state == "working":
            raise SynclineError("the library is still at work; wait until it is ready")
        self.progress = Progress("working", 0, len(self.videos), "embedding the videos")
        threading.Thread(target=self._run, args=(embed,), daemon=True).start()

    def _run(self, embed: Callable[[Callable[[int, int], None]], Sequence[Embedding]]) -> None:
        def report(done: int, total: int) -> None:
            self.progress.done, self.progress.total = done, total

        try:
            embeddings = list(embed(report))
            with self._lock:
                self._embeddings = embeddings
                self._oddness = {}
                self.alignment.cache_clear()
                self.timeline.cache_clear()
                self._index.cache_clear()
                self.map.cache_clear()
            self.progress = Progress("ready", len(self.videos), len(self.videos), "")
        except SynclineError as error:
            self.progress = Progress("failed", 0, 0, str(error))
        except Exception as error:
            self.progress = Progress("failed", 0, 0, f"{type(error).__name__}: {error}")
            raise

    @property
    def embeddings(self) -> list[Embedding]:
        """The embeddings, in the order of the videos.

        Raises:
            SynclineError: while they are being made.
        """
        if self._embeddings is None:
            raise SynclineError(self.progress.message or "the embeddings are not ready yet")
        return self._embeddings

    # ---- what the pages ask for

    def place(self, number: int) -> int:
        """The number itself, if it is one of a served video."""
        if not 0 <= number < len(self.videos):
            raise SynclineError(f"there is no video {number}; the library has {len(self.videos)}")
        return number

    def describe(self) -> list[dict[str, Any]]:
        """One dictionary a video, for the library page."""
        marks = self.journal.marks()
        found = []
        for i, video in enumerate(self.videos):
            phases = None if video.phases is None else int(video.phases.max()) + 1
            found.append(
                {
                    "id": i,
                    "name": video.name,
                    "split": video.split,
                    "duration": video.num_frames / video.frame_rate,
                    "frames": video.num_frames,
                    "rate": video.frame_rate,
                    "phases": phases,
                    "playable": self.plays(i),
                    "oddness": self._oddness.get(i),
                    "marks": {str(k): seconds for k, seconds in marks.get(video.name, {}).items()},
                }
            )
        return found

    def plays(self, number: int) -> bool:
        """Whether browsers play the file itself; otherwise a proxy is made."""
        path = self.videos[number].path
        return path.suffix.lower() in PLAYABLE_SUFFIXES and self._codec(number) in PLAYABLE

    @functools.lru_cache(maxsize=4096)  # noqa: B019  the library lives as long as the server
    def _codec(self, number: int) -> str:
        return VideoReader(self.videos[number].path).codec

    @functools.lru_cache(maxsize=1024)  # noqa: B019
    def strip(self, number: int, count: int = 8, height: int = 60) -> bytes:
        """`count` evenly spaced pictures in one JPEG."""
        reader = self._small(number, height)
        seconds = np.linspace(reader.pts_seconds[0], reader.pts_seconds[-1], count + 2)[1:-1]
        return _jpeg(np.concatenate(list(reader.frames_at(seconds).pixels), axis=1))

    @functools.lru_cache(maxsize=512)  # noqa: B019
    def picture(self, number: int, second: float, height: int = 120) -> bytes:
        """The frame on display at a moment, as JPEG."""
        return _jpeg(self._small(number, height).frames_at(np.array([second])).pixels[0])

    def _small(self, number: int, height: int) -> VideoReader:
        path = self.videos[self.place(number)].path
        full = VideoReader(path)
        return VideoReader(path, size=(height, max(2, round(full.width / full.height * height / 2) * 2)))

    @functools.lru_cache(maxsize=256)  # noqa: B019
    def alignment(self, a: int, b: int, mode: str = "local") -> Alignment:
        """Alignment of two videos."""
        embeddings = self.embeddings
        return align(embeddings[self.place(a)], embeddings[self.place(b)], mode=mode)  # type: ignore[arg-type]

    def compare(self, a: int, b: int, mode: str) -> dict[str, Any]:
        """What the compare page draws; `times` are pairs (second of A, second of B, confidence)."""
        alignment = self.alignment(a, b, mode)
        triples = np.concatenate([alignment.times, alignment.confidence[:, None]], axis=1)
        return {
            "mode": mode,
            "matches": alignment.matches,
            "matchScore": _number(alignment.match_score),
            "times": triples.round(4).tolist(),
            "segments": [[s.start_a, s.end_a, s.start_b, s.end_b] for s in alignment.segments],
            "gaps": [[gap.video, gap.start, gap.end] for gap in alignment.gaps],
            "tempo": tempo_curve(alignment).round(4).tolist(),
            "events": [self._events(a), self._events(b)],
        }

    def _events(self, number: int) -> list[list[float]]:
        """Known key events of a video as [event, second]: marked by hand, else from its phases."""
        video = self.videos[number]
        marked = self.journal.marks().get(video.name, {})
        found = {k: second for k, second in marked.items() if second is not None}
        if not found and video.phases is not None:
            starts = np.flatnonzero(np.diff(video.phases) > 0) + 1
            found = {int(video.phases[start]) - 1: float(start / video.frame_rate) for start in starts}
        return [[k, found[k]] for k in sorted(found)]

    def matrix(self, a: int, b: int) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
        """Cosine similarity as bytes, reduced to at most 512 a side, and its extent (start, end of A; of B) in seconds."""
        x, y = self.embeddings[self.place(a)], self.embeddings[self.place(b)]
        x_rows, y_rows = _thin(len(x.vectors)), _thin(len(y.vectors))
        small = similarity(
            Embedding(x.vectors[x_rows], x.pts_seconds[x_rows], x.source),
            Embedding(y.vectors[y_rows], y.pts_seconds[y_rows], y.source),
        ).numpy()
        low, high = np.quantile(small, [0.02, 0.995])
        scaled = np.clip((small - low) / max(high - low, 1e-6), 0, 1) * 255
        extent = (x.pts_seconds[0], x.pts_seconds[-1], y.pts_seconds[0], y.pts_seconds[-1])
        return scaled.astype(np.uint8), tuple(float(second) for second in extent)  # type: ignore[return-value]

    @functools.lru_cache(maxsize=64)  # noqa: B019
    def timeline(self, numbers: tuple[int, ...]) -> Timeline:
        """Up to four videos on one clock."""
        if not 2 <= len(numbers) <= GRID_VIDEOS:
            raise SynclineError(f"the grid shows two to {GRID_VIDEOS} videos, asked for {len(numbers)}")
        return synchronize([self.embeddings[self.place(number)] for number in numbers], method="star")

    @functools.lru_cache(maxsize=1)  # noqa: B019
    def _index(self) -> MomentIndex:
        return MomentIndex([Embedding(e.vectors, e.pts_seconds, str(i)) for i, e in enumerate(self.embeddings)])

    def search(self, number: int, second: float, k: int) -> list[dict[str, Any]]:
        """The k moments most like one, in other videos."""
        index = self._index()
        vector = index.query(str(self.place(number)), second)
        hits = index.search(vector, min(max(k, 1), 100), exclude=str(number))
        return [{"id": int(hit.source), "second": hit.seconds, "score": round(hit.score, 4)} for hit in hits]

    @functools.lru_cache(maxsize=1)  # noqa: B019
    def map(self) -> dict[str, Any]:
        """All frames in two dimensions (PCA), thinned: columns x, y, video, second, progress (share of the video)."""
        every = max(1, sum(len(e.vectors) for e in self.embeddings) // MAP_POINTS)
        parts = [(i, np.arange(0, len(e.vectors), every)) for i, e in enumerate(self.embeddings)]
        vectors = np.concatenate([self.embeddings[i].vectors[rows] for i, rows in parts]).astype(np.float64)
        vectors -= vectors.mean(0)
        plane = vectors @ np.linalg.eigh(vectors.T @ vectors)[1][:, -2:]
        plane /= np.abs(plane).max() or 1.0
        seconds = np.concatenate([self.embeddings[i].pts_seconds[rows] for i, rows in parts])
        share = np.concatenate([rows / max(1, len(self.embeddings[i].vectors) - 1) for i, rows in parts])
        phase = np.concatenate([self._phase(i, self.embeddings[i].pts_seconds[rows]) for i, rows in parts])
        return {
            "x": plane[:, 1].round(4).tolist(),
            "y": plane[:, 0].round(4).tolist(),
            "video": np.concatenate([np.full(len(rows), i) for i, rows in parts]).tolist(),
            "second": seconds.round(3).tolist(),
            "progress": share.round(3).tolist(),
            "phase": phase.tolist(),
        }

    def _phase(self, number: int, seconds: NDArray[np.float64]) -> NDArray[np.int64]:
        video = self.videos[number]
        if video.phases is None:
            return np.full(len(seconds), -1)
        rows = np.clip(np.round(seconds * video.frame_rate).astype(int), 0, len(video.phases) - 1)
        return np.asarray(video.phases[rows])

    # ---- labels

    def labelled(self) -> list[tuple[int, LabelledVideo]]:
        """Videos with at least one mark, with all events that anybody marked."""
        marks = self.journal.marks()
        count = max([len(self.event_names)] + [max(events) + 1 for events in marks.values()])
        found = []
        for name, events in marks.items():
            if name in self._places:
                i = self._places[name]
                seconds = tuple(events.get(k) for k in range(count))
                found.append((i, LabelledVideo(self.embeddings[i], seconds)))
        return found

    def transfer(self) -> list[dict[str, Any]]:
        """Events of all unlabelled videos, carried from the labelled ones."""
        labelled = self.labelled()
        if not labelled:
            return []
        known = {i for i, _ in labelled}
        rest = [i for i in range(len(self.videos)) if i not in known]
        carried: list[Transferred] = transfer_events(
            [video for _, video in labelled], [self.embeddings[i] for i in rest]
        )
        return [
            {"id": i, "events": list(video.events), "confidence": video.confidence.round(3).tolist()}
            for i, video in zip(rest, carried, strict=True)
        ]

    def rank(self) -> None:
        """Compute the oddness of every video against the best reference of the folder, in the background."""
        if self.progress.state == "working":
            raise SynclineError("the library is still at work; wait until it is ready")
        embeddings = self.embeddings

        def work() -> None:
            from syncline.tasks import medoid

            self.progress = Progress("working", 0, len(embeddings), "comparing every video with the most typical one")
            reference = embeddings[medoid(embeddings)]
            for i, embedding in enumerate(embeddings):
                self._oddness[i] = round(deviate(reference, embedding).oddness, 4)
                self.progress.done = i + 1
            self.progress = Progress("ready", len(embeddings), len(embeddings), "")

        threading.Thread(target=work, daemon=True).start()


def _thin(length: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, length - 1, min(length, MATRIX_SIDE)).round().astype(np.int64))


def _number(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
