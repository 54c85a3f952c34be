"""What all videos of the folder agree on: their consensus, made in the background once they are embedded."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.viewer.background import JobState, in_background
from syncline.viewer.embedding_queue import PATIENCE, EmbeddingQueue, thinned
from syncline.viewer.journal import PinnedPair
from syncline.viewer.library import Library

if TYPE_CHECKING:
    from syncline.alignment.consensus import Consensus

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
        self._made: Consensus | None = None
        self._numbers: list[int] = []
        self._embeddings: list[Embedding] = []
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
        from syncline.alignment.consensus import Consensus

        try:
            found = self._embedder.all()
            numbers, embeddings = list(found), [thinned(embedding) for embedding in found.values()]
            done = 0

            def step() -> None:
                nonlocal done
                done += 1
                self._tell(mine, JobState("working", done, len(numbers), self.state.message))

            pins = pinned_frames(self._library.journal.pins(), self._library, numbers, embeddings)
            made = Consensus([embedding.vectors for embedding in embeddings], pins=pins, step=step)
            with self._news:
                if mine == self._wanted:
                    self._made, self._numbers, self._embeddings = made, numbers, embeddings
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

    def get(self) -> tuple[Consensus, list[int], list[Embedding]]:
        """The consensus, the numbers of its videos and their embeddings; waits while it is being made.

        Raises:
            SynclineError: there is none, because of too few or too many videos, or because it failed.
        """
        with self._news:
            self._news.wait_for(lambda: self.state.state != "working", PATIENCE)
            if self._made is None:
                text = self.state.message or f"a consensus takes {LEAST} to {MOST} videos that are embedded"
                raise SynclineError(text)
            return self._made, self._numbers, self._embeddings


def pinned_frames(
    pins: Sequence[PinnedPair], library: Library, numbers: Sequence[int], embeddings: Sequence[Embedding]
) -> dict[tuple[int, int], NDArray[np.int64]]:
    """Pins as `Consensus` takes them: (i, j) with i < j -> (k, 2) sampled steps that belong together.

    Args:
        pins: of the journal; those of other videos are passed over.
        library, numbers: whose names they use, and which of its videos the embeddings are of.
        embeddings: a moment goes to its nearest sampled frame.

    Raises:
        SynclineError: pins that cross.
    """
    index = {library.videos[number].name: k for k, number in enumerate(numbers)}
    found: dict[tuple[int, int], dict[int, int]] = {}
    for pin in pins:
        if pin.video_a not in index or pin.video_b not in index:
            continue
        sides = [(index[pin.video_a], pin.seconds_a), (index[pin.video_b], pin.seconds_b)]
        (i, at_i), (j, at_j) = sorted(sides)
        steps = [int(np.abs(embeddings[k].pts_seconds - at).argmin()) for k, at in ((i, at_i), (j, at_j))]
        found.setdefault((i, j), {})[steps[0]] = steps[1]
    made = {pair: np.array(sorted(steps.items()), dtype=np.int64) for pair, steps in found.items()}
    for (i, j), joined in made.items():
        if (np.diff(joined[:, 1]) <= 0).any():
            names = [library.videos[numbers[k]].name for k in (i, j)]
            raise SynclineError(f"pins of {names[0]} and {names[1]} cross; remove one of them")
    return made
