"""Everything the pages compute from embeddings: alignments, matrices, moments, the map, odd videos."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.progress import Progress
from syncline.viewer.background_threads import JobState, in_background
from syncline.viewer.embedding_queue import EmbeddingQueue, thinned
from syncline.viewer.library import Library
from syncline.viewer.viewer_consensus import LEAST, Group, pins_of

if TYPE_CHECKING:
    from syncline.tasks import Alignment, Gap, MomentIndex, Timeline

MATRIX_SIDE = 384
MAP_POINTS = 20_000
GRID_VIDEOS = 4


class Analysis:
    """Numbers of one library; kept until new embeddings come.

    Args:
        library: the videos.
        embedder: their embeddings.
    """

    def __init__(self, library: Library, embedder: EmbeddingQueue) -> None:
        self._library, self.embedder, self.group = library, embedder, Group(library, embedder)
        self.ranking, self.rankings = JobState(), 0  # the second counts those that are done
        self.oddness: dict[int, dict[str, Any]] = {}
        self._ranks = threading.Lock()
        self._align = functools.lru_cache(maxsize=256)(self._aligned)
        self._timeline = functools.lru_cache(maxsize=64)(self._synchronized)
        self._index = functools.lru_cache(maxsize=1)(self._indexed)
        self._course = functools.lru_cache(maxsize=4096)(self._shared)
        self._plane = functools.lru_cache(maxsize=1)(self._mapped)

    # ---- two videos

    def alignment(self, a: int, b: int, mode: str = "local") -> Alignment:
        """Alignment of two videos (of long ones at most `embedding_queue.LONGEST` frames each).

        Args:
            a, b: the videos.
            mode: of `align`, or `folder`: as all videos of the folder see the two. Pins hold in all of them.
        """
        a, b = self._library.checked(a), self._library.checked(b)
        pins = tuple((pin["number"], pin["a"], pin["b"]) for pin in self._library.pins_between(a, b))
        version = self.group.version if mode == "folder" else 0
        return self._align(self.embedder.generation, version, pins, a, b, mode)

    def _aligned(self, generation: int, version: int, pins: tuple[Any, ...], a: int, b: int, mode: str) -> Alignment:
        from syncline.alignment.consensus import Consensus
        from syncline.tasks import align, align_within
        from syncline.tasks.gap_scale import pair_gap_seconds

        if mode == "folder":
            folder, numbers = self.group.get()
            if a not in numbers or b not in numbers:
                raise SynclineError("one of these two has not been embedded")
            pair_of = numbers.index(a), numbers.index(b)
            return align_within(folder.group, folder.embeddings, *pair_of, votes=folder.votes)
        pair = [thinned(embedding) for embedding in self.embedder.of([a, b])]
        held = pins_of(self._library, [a, b], pair) if pins else {}
        if held and mode == "local":
            alone = Consensus([embedding.vectors for embedding in pair], pins=held)
            return align_within(alone, pair, 0, 1, min_gap=pair_gap_seconds(*pair))
        return align(*pair, mode=mode, pins=held.get((0, 1)))  # type: ignore[arg-type]

    def compare(self, a: int, b: int, mode: str) -> dict[str, Any]:
        """Everything that the compare page draws and plays by."""
        from syncline.alignment.alignment_settings import MATCH_THRESHOLD
        from syncline.tasks import tempo_curve
        from syncline.tasks.alignment_result import LEAST_CARRIED

        alignment = self.alignment(a, b, mode)
        rows = np.concatenate([alignment.times, alignment.confidence[:, None]], axis=1)
        return {
            "provisional": not self.embedder.ready,
            "matches": alignment.matches,
            "matchScore": round(alignment.match_score, 3) if np.isfinite(alignment.match_score) else None,
            "threshold": MATCH_THRESHOLD,
            "carried": None if alignment.carried is None else round(alignment.carried, 3),
            "leastCarried": LEAST_CARRIED,
            "gapScale": round(self._gap_scale(a, b, mode), 3),
            "names": self._library.event_names,
            "rows": rows.round(6).tolist(),
            "segments": _pieces(alignment),
            "gaps": _stretches(alignment.gaps),
            "slower": _stretches(alignment.slower),
            "tempo": tempo_curve(alignment).round(4).tolist(),
            "events": [self._library.events(a), self._library.events(b)],
        }

    def _gap_scale(self, a: int, b: int, mode: str) -> float:
        from syncline.tasks.gap_scale import gap_seconds, pair_gap_seconds

        if mode == "folder":
            return gap_seconds(self.group.get()[0].embeddings)
        return pair_gap_seconds(*(thinned(embedding) for embedding in self.embedder.of([a, b])))

    def matrix(
        self, a: int, b: int, window: tuple[float, float, float, float] | None = None
    ) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
        """Cosine similarity as bytes, rows B and columns A, each cell the mean of the frames in it.

        Args:
            a, b: the videos.
            window: start and end in A, start and end in B, in seconds; None for everything.

        Returns:
            At most `MATRIX_SIDE` cells a side, and what they cover: start and end in A and in B, in seconds.
        """
        x, y = self.embedder.of([self._library.checked(a), self._library.checked(b)])
        window = window or (-np.inf, np.inf, -np.inf, np.inf)
        x_means, x_extent = _pooled(x, window[0], window[1])
        y_means, y_extent = _pooled(y, window[2], window[3])
        cells = y_means @ x_means.T
        overview = _pooled(y)[0][::4] @ _pooled(x)[0][::4].T
        low, high = np.quantile(overview, [0.02, 0.995])
        scaled = np.clip((cells - low) / max(high - low, 1e-6), 0, 1) * 255
        return scaled.astype(np.uint8), (*x_extent, *y_extent)

    def partner(self, a: int) -> int:
        """The video that matches best, of a dozen others."""
        numbers = [number for number in self.embedder.all() if number != self._library.checked(a)]
        if not numbers:
            raise SynclineError("there is no other video to compare with")
        chosen = [numbers[(k * len(numbers)) // min(12, len(numbers))] for k in range(min(12, len(numbers)))]
        return max(chosen, key=lambda number: self.alignment(a, number).match_score)

    # ---- several videos

    def timeline(self, numbers: tuple[int, ...]) -> Timeline:
        """Two to four videos on one timeline: that of the whole folder, or of these alone while there is none."""
        if not 2 <= len(set(numbers)) == len(numbers) <= GRID_VIDEOS:
            raise SynclineError(f"the grid shows two to {GRID_VIDEOS} different videos, asked for {len(numbers)}")
        chosen = tuple(self._library.checked(number) for number in numbers)
        if self.group.state.state == "ready":
            whole = self._timeline(self.embedder.generation, self.group.version, ())
            rows = [self.group.get()[1].index(number) for number in chosen if number in self.group.get()[1]]
            if len(rows) == len(chosen):
                return _rows_of(whole, rows)
        return self._timeline(self.embedder.generation, 0, chosen)

    def _synchronized(self, generation: int, version: int, numbers: tuple[int, ...]) -> Timeline:
        from syncline.tasks import synchronize

        if not numbers:
            folder, _ = self.group.get()
            return synchronize(folder.embeddings, consensus=folder)
        return synchronize([thinned(embedding) for embedding in self.embedder.of(numbers)], method="star")

    def _indexed(self, generation: int) -> MomentIndex:
        from syncline.tasks import MomentIndex

        return MomentIndex([Embedding(e.vectors, e.pts_seconds, str(i)) for i, e in self.embedder.all().items()])

    def search(
        self, number: int, second: float, k: int, *, per_video: int | None = 1, own: bool = False
    ) -> dict[str, Any]:
        """The k moments that are the same as one, by the folder's consensus; by single frames while there is none.

        Args:
            number, second: the moment. k: how many at most. per_video: of one video at most; None for any number.
            own: look in its own video, too.
        """
        from syncline.tasks import same_moments

        self._library.checked(number)
        wanted = min(max(k, 1), 100)
        folder, numbers = self.group.for_moments() if self.group.state.state == "ready" else (None, [])
        if folder is not None and number in numbers:
            hits = same_moments(folder, numbers.index(number), second, k=wanted, per_video=per_video, own=own)
            at = {embedding.source: numbers[slot] for slot, embedding in enumerate(folder.embeddings)}
        else:
            self.embedder.all()
            index = self._index(self.embedder.generation)
            exclude = None if own else str(number)
            hits = index.search(index.query(str(number), second), wanted, per_video=per_video, exclude=exclude)
            at = {source: int(source) for source in index.sources}
        shown = [
            {"id": at[hit.source], "second": hit.seconds, "score": round(hit.score, 4),
             "similarity": round(hit.similarity, 4), "matches": self._same_course(number, at[hit.source])}
            for hit in hits
        ]  # fmt: skip
        return {"hits": shown, "by": "frames" if folder is None else "folder"}

    def _same_course(self, a: int, b: int) -> bool | None:
        """Whether two videos match by themselves; None of one with itself."""
        from syncline.alignment.alignment_settings import MATCH_THRESHOLD

        return None if a == b else self._course(self.embedder.generation, a, b) >= MATCH_THRESHOLD

    def _shared(self, generation: int, a: int, b: int) -> float:
        from syncline.tasks.pair_similarity import shared_course

        one, other = self.embedder.of([a, b])
        return shared_course(one, other)

    def map(self) -> dict[str, Any]:
        """All frames in two dimensions (principal components), thinned to `MAP_POINTS`."""
        return self._plane(self.embedder.generation)

    def _mapped(self, generation: int) -> dict[str, Any]:
        from syncline.alignment import unit_rows

        embeddings = self.embedder.all()
        every = max(1, sum(len(e) for e in embeddings.values()) // MAP_POINTS)
        parts = [(i, np.arange(0, len(e), every)) for i, e in embeddings.items()]
        vectors = np.concatenate([unit_rows(embeddings[i].vectors[rows]).astype(np.float64) for i, rows in parts])
        vectors -= vectors.mean(0)
        plane = vectors @ np.linalg.eigh(vectors.T @ vectors)[1][:, [-1, -2]]
        plane /= np.abs(plane).max(0).clip(1e-9)
        seconds = [embeddings[i].pts_seconds[rows] for i, rows in parts]
        return {
            "x": plane[:, 0].round(4).tolist(),
            "y": plane[:, 1].round(4).tolist(),
            "video": np.concatenate([np.full(len(rows), i) for i, rows in parts]).tolist(),
            "second": np.concatenate(seconds).round(5).tolist(),
            "progress": np.concatenate([rows / max(1, len(embeddings[i]) - 1) for i, rows in parts]).round(3).tolist(),
            "phase": np.concatenate(
                [self._library.phase_at(i, part) for (i, _), part in zip(parts, seconds, strict=True)]
            ).tolist(),
        }

    # ---- typical to odd, in the background

    def rank(self) -> None:
        """Compare every video with the one that represents the folder, in the background; `oddness` holds the results.

        Raises:
            SynclineError: it is being done already, or there are too few videos.
        """
        with self._ranks:
            if self.ranking.state == "working":
                raise SynclineError("the videos are being compared already")
            count = len(self.embedder.all())
            if count < LEAST:
                raise SynclineError(f"finding the odd ones needs at least {LEAST} videos")
            self.ranking = JobState("working", 0, count, "comparing every video with the group")
        in_background(self._rank, self.embedder.generation)

    def _rank(self, generation: int) -> None:
        from syncline.alignment.alignment_settings import MATCH_THRESHOLD
        from syncline.tasks import deviate_from_group

        try:
            folder, numbers = self.group.get()

            def told(progress: Progress) -> None:
                self._tell(generation, JobState("working", progress.done, progress.total, self.ranking.message))

            typical, reports = deviate_from_group(
                folder.embeddings, folder.group, doubtful=folder.votes.doubtful, callback=told
            )
            found: dict[int, dict[str, Any]] = {numbers[typical]: {"oddness": 0.0, "why": [], "typical": True}}
            others = [number for number in numbers if number != numbers[typical]]
            for number, report in zip(others, reports, strict=True):
                why = [[d.kind, round(d.start, 2), round(d.end, 2)] for d in report.deviations]
                found[number] = {"oddness": round(report.oddness, 4), "why": why, "stranger": report.stranger,
                                 "unsure": report.match_score < MATCH_THRESHOLD}  # fmt: skip
            self._tell(generation, JobState("ready", len(numbers), len(numbers)), found)
        except Exception as error:
            self._tell(generation, JobState("failed", 0, 0, str(error)))
            if not isinstance(error, SynclineError):
                raise

    def _tell(self, generation: int, progress: JobState, found: dict[int, dict[str, Any]] | None = None) -> None:
        """Set progress and results of a ranking, unless embeddings have come that are newer than those it looks at."""
        with self._ranks:
            if generation != self.embedder.generation:
                return
            self.ranking = progress
            if found is not None:
                self.oddness = found
                self.rankings += 1

    def changed(self) -> None:
        """New embeddings are there: what was computed from the old ones is forgotten."""
        with self._ranks:
            self.oddness, self.ranking = {}, JobState()
        self.group.renew()


def _rows_of(timeline: Timeline, rows: list[int]) -> Timeline:
    """The timeline of some of its videos."""
    return replace(
        timeline, sources=tuple(timeline.sources[k] for k in rows), positions=timeline.positions[rows],
        inconsistency=timeline.inconsistency[rows], coverage=timeline.coverage[rows],
        match_score=None if timeline.match_score is None else timeline.match_score[rows],
    )  # fmt: skip


def _stretches(found: Iterable[Gap]) -> list[dict[str, Any]]:
    return [{"video": one.video, "from": round(one.start, 6), "to": round(one.end, 6)} for one in found]


def _pieces(alignment: Alignment) -> list[dict[str, Any]]:
    """Matched stretches, cut wherever either video has a gap inside one: there B waits or skips instead of crawling."""
    pieces = []
    for segment in alignment.segments:
        times = alignment.times[segment.first : segment.last + 1]
        cuts = [0, len(times)]
        for gap in alignment.gaps:
            column = 0 if gap.video == "a" else 1
            cuts.append(int(np.searchsorted(times[:, column], gap.start)))
        for first, end in itertools.pairwise(sorted(set(cuts))):
            rows = times[first:end]
            (start_a, start_b), (end_a, end_b) = rows[0].tolist(), rows[-1].tolist()
            rows_of = {"first": segment.first + first, "last": segment.first + end - 1, "knots": _knots(rows)}
            pieces.append({"a": [start_a, end_a], "b": [start_b, end_b], **rows_of})
    return pieces


def _knots(times: NDArray[np.float64]) -> list[list[float]]:
    """(second of A, second of B) of a matched stretch; see `knots`."""
    from syncline.tasks.alignment_result import knots

    return np.stack(knots(times[:, 0], times[:, 1]), axis=1).round(6).tolist()  # type: ignore[no-any-return]


def _pooled(
    embedding: Embedding, start: float = -np.inf, end: float = np.inf
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Means of unit vectors over at most `MATRIX_SIDE` runs of frames, and the seconds from the first to the last."""
    from syncline.alignment import unit_rows

    inside = np.flatnonzero((embedding.pts_seconds >= start) & (embedding.pts_seconds <= end))
    if not len(inside):
        raise SynclineError(f"{embedding.source} has no embedded frame between {start:.2f} s and {end:.2f} s")
    starts = np.unique(np.linspace(0, len(inside), min(len(inside), MATRIX_SIDE), endpoint=False).astype(np.int64))
    sums = np.add.reduceat(unit_rows(embedding.vectors[inside]).astype(np.float64), starts, axis=0)
    counts = np.diff(np.append(starts, len(inside)))[:, None]
    seconds = embedding.pts_seconds[inside]
    return sums / counts, (float(seconds[0]), float(seconds[-1]))
