"""The folder's consensus in the viewer, computed in the background after the embeddings."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.progress import Progress
from syncline.viewer.background_threads import JobState, in_background
from syncline.viewer.embedding_queue import PATIENCE, EmbeddingQueue, thinned
from syncline.viewer.embedding_sources import Trained
from syncline.viewer.library import Library

if TYPE_CHECKING:
    from syncline.tasks import FolderConsensus

LEAST, MOST = 3, 200
"""Videos: two agree on nothing beyond their own alignment, and more than so many take minutes."""


class Group:
    """The consensus of a library, kept until embeddings or pins change.

    Args:
        library: the videos and their pins.
        embedder: their embeddings.
    """

    def __init__(self, library: Library, embedder: EmbeddingQueue) -> None:
        self._library, self._embedder = library, embedder
        self.state = JobState()
        self.version = 0
        """Counts the consensuses that were made."""
        self._made: FolderConsensus | None = None
        self._numbers: list[int] = []
        self._moments: tuple[FolderConsensus, FolderConsensus] | None = None
        """The consensus, and that which carries moments beside it."""
        self._one_at_a_time = threading.Lock()
        self._news = threading.Condition()
        self._wanted = 0

    def renew(self) -> None:
        """Embeddings or pins have changed: make it anew, if there are videos enough and not too many."""
        with self._news:
            self._wanted += 1
            mine, self._made = self._wanted, None
            if not (self._embedder.ready and LEAST <= len(self._embedder.all()) <= MOST):
                self.state = JobState()
                return
            self.state = JobState("working", 0, len(self._embedder.all()), "comparing all videos with each other")
        in_background(self._make, mine)

    def _make(self, mine: int) -> None:
        from syncline.tasks import gather_folder

        try:
            found = self._embedder.all()
            numbers = list(found)
            embeddings = self._beside_frozen(numbers, list(map(thinned, found.values())), scenes_must_differ=True)

            def told(progress: Progress) -> None:
                self._tell(mine, JobState("working", progress.done, progress.total, self.state.message))

            made = gather_folder(embeddings, pins=pins_of(self._library, numbers, embeddings), callback=told)
            with self._news:
                if mine == self._wanted:
                    self._made, self._numbers = made, numbers
                    self.version += 1
            self._tell(mine, JobState("ready", len(numbers), len(numbers)))
        except Exception as error:
            self._tell(mine, JobState("failed", 0, 0, str(error)))
            if not isinstance(error, SynclineError | ValueError):
                raise

    def _tell(self, mine: int, state: JobState) -> None:
        with self._news:
            if mine == self._wanted:
                self.state = state
                self._news.notify_all()

    def get(self) -> tuple[FolderConsensus, list[int]]:
        """The consensus and the numbers of its videos; waits while it is being made.

        Raises:
            SynclineError: there is none, because of too few or too many videos, or because it failed.
        """
        with self._news:
            self._news.wait_for(lambda: self.state.state != "working", PATIENCE)
            if self._made is None:
                text = self.state.message or f"a consensus takes {LEAST} to {MOST} videos that are embedded"
                raise SynclineError(text)
            return self._made, self._numbers

    def for_moments(self) -> tuple[FolderConsensus, list[int]]:
        """The consensus for moments, and the numbers of its videos; with a run, of frozen features beside the run.

        Made when it is first asked for, as `transfer` and `search` of the command line do.

        Raises:
            SynclineError: as `get`.
        """
        folder, numbers = self.get()
        with self._one_at_a_time:
            if self._moments is None or self._moments[0] is not folder:
                self._moments = folder, self._with_moments(folder, numbers)
            return self._moments[1], numbers

    def _with_moments(self, folder: FolderConsensus, numbers: Sequence[int]) -> FolderConsensus:
        from syncline.tasks import gather_folder

        if folder.embeddings[0].frame_vectors is not None:
            return folder
        beside = self._beside_frozen(numbers, folder.embeddings, scenes_must_differ=False)
        if all(one.frame_vectors is None for one in beside):
            return folder
        return gather_folder(beside, pins=pins_of(self._library, numbers, beside))

    def _beside_frozen(
        self, numbers: Sequence[int], shown: Sequence[Embedding], *, scenes_must_differ: bool
    ) -> list[Embedding]:
        """What is shown, or of a run with frozen features beside it; in the page each begins at 0, by its number."""
        source = self._embedder.source
        if not isinstance(source, Trained) or source.name != self._embedder.source_name:
            return list(shown)
        videos = [self._library.videos[number] for number in numbers]
        made = source.beside_frozen(videos, scenes_must_differ=scenes_must_differ)
        if made is None:
            return list(shown)
        return [
            replace(thinned(one), pts_seconds=each.pts_seconds, source=each.source)
            for each, one in zip(shown, made, strict=True)
        ]


def pins_of(
    library: Library, numbers: Sequence[int], embeddings: Sequence[Embedding]
) -> dict[tuple[int, int], NDArray[np.int64]]:
    """The journal's pins between some videos, as `Consensus` takes them, with what they imply together.

    Args:
        library: the videos and their pins. numbers: which of them. embeddings: theirs, in this order.

    Raises:
        SynclineError: pins that contradict each other.
    """
    from syncline.tasks import Pin, pinned_frames

    index = {library.videos[number].name: k for k, number in enumerate(numbers)}
    pins = [
        Pin(pin.video_a, pin.seconds_a, pin.video_b, pin.seconds_b)
        for pin in library.journal.pins()
        if pin.video_a in index and pin.video_b in index
    ]
    return pinned_frames(pins, embeddings, index.__getitem__)
