"""What one run of the viewer holds: the library, its embeddings, and what is computed from them."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from syncline.errors import SynclineError
from syncline.progress import Progress
from syncline.viewer.background_threads import JobState
from syncline.viewer.background_training import Trainer, is_finished
from syncline.viewer.carry_marks import Labelling
from syncline.viewer.compare_film import Look, write_film
from syncline.viewer.embedding_queue import EmbeddingQueue
from syncline.viewer.embedding_sources import Source, Trained
from syncline.viewer.library import Library
from syncline.viewer.page_analysis import Analysis
from syncline.viewer.playable_copies import Proxies
from syncline.viewer.pose_source import BodySource


class Session:
    """The parts that the routes share.

    Args:
        library: what is served.
        source: where embeddings come from at first.
        trainer: of this folder, or None.
    """

    def __init__(self, library: Library, source: Source, trainer: Trainer | None) -> None:
        self.library, self.trainer = library, trainer
        self.queue = EmbeddingQueue(library.videos, lambda: self.analysis.changed(), library.begins)
        self.analysis = Analysis(library, self.queue)
        self.labelling = Labelling(library, self.queue, self.analysis.group)
        self.proxies = Proxies(library)
        self.filming, self._one_film = JobState(), threading.Lock()
        self.bodies: BodySource | None = None
        """Poses of the videos, where they were asked for."""
        self.sources: dict[str, Source] = {source.name: source}
        """What the page can switch between, by name."""
        if trainer is not None:
            trainer.finished = self._trained
            if is_finished(trainer.run):
                self._add(Trained(trainer.run, trainer.cache))

    def add_bodies(self, bodies: BodySource, beside: Source | None = None, *, beside_first: bool = False) -> None:
        """Poses among the embeddings that the page switches between, and pictures and poses together, if there are.

        What somebody asked for is added last, which is what is shown first.
        """
        self.bodies = bodies
        added: list[Source] = [bodies] if beside is None else [beside, bodies]
        for source in reversed(added) if beside_first else added:
            self._add(source)

    def _add(self, source: Source) -> None:
        self.sources.pop(source.name, None)
        self.sources[source.name] = source

    @property
    def latest(self) -> Source:
        """The source that was added last."""
        return next(reversed(self.sources.values()))

    def _trained(self, run: Path) -> None:
        assert self.trainer is not None
        self._add(Trained(run, self.trainer.cache))
        self.queue.start(self.latest)

    def switch(self, name: str) -> None:
        """Show the embeddings of another source; those of the present one serve until they are there.

        Raises:
            SynclineError: no such source, or another one is being worked on.
        """
        if name not in self.sources:
            raise SynclineError(f"there are no embeddings called {name!r}; there are {', '.join(self.sources)}")
        self.queue.start(self.sources[name])

    def film(self, pair: tuple[int, int], mode: str, look: Look, part: tuple[float, float], sound: str) -> bytes:
        """The mp4 of what is seen in Compare; `filming` tells how far it is.

        Raises:
            SynclineError: as `write_film`; another film is being written.
        """
        if not self._one_film.acquire(blocking=False):
            raise SynclineError("a film is being written already; wait until it is done")
        try:
            alignment = self.analysis.alignment(*pair, mode)
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "film.mp4"
                write_film(self.library, pair, alignment, out, look=look, part=part, sound=sound, callback=self._told)
                return out.read_bytes()
        finally:
            self.filming = JobState()
            self._one_film.release()

    def _told(self, progress: Progress) -> None:
        self.filming = JobState("working", progress.done, progress.total, progress.phase, progress.seconds_left)

    def add(self, path: Path) -> int:
        """Take in a video file; it is embedded in the background. Returns its number."""
        number = self.library.add(path)
        self.queue.take_in(self.library.videos)
        return number
