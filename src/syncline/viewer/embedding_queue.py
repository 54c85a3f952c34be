"""Embeds the videos of a library in the background, those on screen first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from syncline.data import Embedding, VideoSet
from syncline.errors import SynclineError
from syncline.viewer.background_threads import JobState, ending, in_background
from syncline.viewer.embedding_sources import Source

PATIENCE = 300.0
"""Seconds that a request waits for two videos to be embedded before it gives up."""
LONGEST = 3000
"""Frames of an embedding that pairwise work looks at; longer ones are thinned evenly (an hour: one frame in 1.2 s)."""


def thinned(embedding: Embedding, most: int = LONGEST) -> Embedding:
    """At most `most` frames, evenly spaced."""
    if len(embedding) <= most:
        return embedding
    rows = np.linspace(0, len(embedding) - 1, most).round().astype(np.int64)
    frames = None if embedding.frame_vectors is None else embedding.frame_vectors[rows]
    return Embedding(embedding.vectors[rows], embedding.pts_seconds[rows], embedding.source, frames)


class EmbeddingQueue:
    """Embeddings of all videos of a set, made by one background thread.

    Args:
        videos: the set.
        changed: called (from the thread) whenever a whole new set of embeddings is there.
        begins: when a video begins within its file, in seconds; its embedding then starts at 0.
    """

    def __init__(
        self, videos: VideoSet, changed: Callable[[], None], begins: Callable[[int], float] = lambda number: 0.0
    ) -> None:
        self._videos, self._changed, self._begins = videos, changed, begins
        self.progress = JobState()
        self.source_name = ""
        self.generation = 0
        self.problems: dict[int, str] = {}
        self._final: dict[int, Embedding] | None = None
        self.source: Source | None = None
        """What makes, or made, the embeddings; `source_name` is that of those that are shown."""
        self._prepared: set[int] = set()
        self.wanted: list[int] = []
        """Numbers of the videos that somebody waits for, the latest first."""
        self._begin_at = 0.0
        self._news = threading.Condition()
        self._one_at_a_time = threading.Lock()

    def start(self, source: Source, *, after: float = 0.0) -> None:
        """Begin with a source; embeddings that are there serve until its are ready.

        Args:
            source: where they come from.
            after: seconds to wait first, at most: until somebody asks for a video's, or `begin_within` says otherwise.

        Raises:
            SynclineError: while another source is being worked on.
        """
        with self._news:
            if self.progress.state == "working":
                raise SynclineError("the videos are still being embedded; wait until that is done")
            self.progress = JobState("working", 0, len(self._videos), f"embedding the videos ({source.name})")
            self.source, self._prepared, self.problems = source, set(), {}
            self._begin_at = time.monotonic() + after
        in_background(self._run, source)

    def take_in(self, videos: VideoSet) -> None:
        """Videos have been added at the end of the set: they are embedded too, with what is there as it is."""
        with self._news:
            self._videos = videos
            working = self.progress.state == "working"
            if working or self.source is None:
                self.progress = replace(self.progress, total=len(videos))
                return
            source = self.source
            self.progress = JobState(
                "working", len(self._prepared), len(videos), f"embedding the videos ({source.name})"
            )
        in_background(self._run, source)

    def begin_within(self, seconds: float) -> None:
        """Shortens the wait before the first video."""
        with self._news:
            self._begin_at = min(self._begin_at, time.monotonic() + seconds)
            self._news.notify_all()

    def _run(self, source: Source) -> None:
        try:
            with self._news:
                while not self.wanted and (left := self._begin_at - time.monotonic()) > 0:
                    self._news.wait(left)
            while not self._finish(source):
                while (waiting := self._waiting()) and not ending.is_set():
                    self._prepare(source, next((number for number in self.wanted if number in waiting), waiting[0]))
                if ending.is_set():
                    return
            self._changed()
        except Exception as error:
            text = str(error) if isinstance(error, SynclineError) else f"{type(error).__name__}: {error}"
            with self._news:
                self.progress = JobState("failed", 0, 0, text)
                self._news.notify_all()
            if not isinstance(error, SynclineError):
                raise

    def _waiting(self) -> list[int]:
        with self._news:
            known = self._prepared | self.problems.keys()
            return [number for number in range(len(self._videos)) if number not in known]

    def _finish(self, source: Source) -> bool:
        """Embed what is prepared and show it, unless videos are waiting."""
        if self._waiting():
            return False
        good = sorted(self._prepared)
        if not good:
            raise SynclineError(next(iter(self.problems.values()), "there is no video"))
        made = self._embed(source, good, whole=True)
        with self._news:
            if len(good) + len(self.problems) < len(self._videos):  # one was added meanwhile
                return False
            self._final, self.source_name = made, source.name
            self.generation += 1
            self.progress = JobState("ready", len(made), len(self._videos))
            self._news.notify_all()
        return True

    def _prepare(self, source: Source, number: int) -> None:
        try:
            source.prepare(self._videos[number])
        except SynclineError as error:
            self.problems[number] = str(error)
        else:
            self._prepared.add(number)
        with self._news:
            self.progress = replace(self.progress, done=self.progress.done + 1)
            self._news.notify_all()

    def _embed(self, source: Source, numbers: Sequence[int], *, whole: bool = False) -> dict[int, Embedding]:
        """Embeddings of prepared videos, each from 0 s on."""
        with self._one_at_a_time:
            made = source.embed([self._videos[number] for number in numbers], whole=whole)
        starts = [self._begins(number) for number in numbers]
        return {
            number: embedding if start == 0 else replace(embedding, pts_seconds=embedding.pts_seconds - start)
            for number, embedding, start in zip(numbers, made, starts, strict=True)
        }

    @property
    def ready(self) -> bool:
        """Whether a whole set of embeddings is there."""
        return self._final is not None

    def all(self) -> dict[int, Embedding]:
        """Every embedding by the video's number.

        Raises:
            SynclineError: while they are being made.
        """
        if self._final is None:
            raise SynclineError(
                self.progress.message if self.progress.state == "failed" else "the videos are still being embedded"
            )
        return self._final

    def of(self, numbers: Sequence[int]) -> list[Embedding]:
        """Embeddings of a few videos: the final ones, or before those are there, of these alone in one space.

        Raises:
            SynclineError: a video that cannot be embedded, or embedding that failed.
        """
        if self._final is None:
            self._wait(numbers)
        for number in numbers:
            if number in self.problems:
                raise SynclineError(self.problems[number])
        final = self._final
        if final is not None:
            return [final[number] for number in numbers]
        assert self.source is not None
        distinct = sorted(set(numbers))
        made = self._embed(self.source, distinct)
        return [made[number] for number in numbers]

    def _wait(self, numbers: Sequence[int]) -> None:
        with self._news:
            self.wanted = [*numbers, *self.wanted][:16]
            self._news.notify_all()

            def there() -> bool:
                known = self._prepared | self.problems.keys()
                return self._final is not None or self.progress.state != "working" or known.issuperset(numbers)

            if not self._news.wait_for(there, PATIENCE):
                raise SynclineError("these two videos are still being embedded; try again in a minute")
            if self.progress.state != "working" and self._final is None:
                raise SynclineError(self.progress.message or "the videos have not been embedded")
