"""Where the viewer's embeddings come from: frozen features at once, a trained run, or a store on disk.

A source works in two steps, so that any two videos can be looked at before a whole folder is done: `prepare` does the
slow part of one video, `embed` turns prepared videos into embeddings of one space.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from syncline import __version__
from syncline.data import Embedding, Video
from syncline.errors import SynclineError
from syncline.files import content_hash

if TYPE_CHECKING:
    from syncline.encoder import FeatureCache, FrameEncoder


_log = logging.getLogger(__name__)

OWN_RUN = "run"
"""Name of the folder of the run that "Train on this folder" makes, beside the marks."""


class Source(Protocol):
    """What the viewer asks for embeddings."""

    name: str

    def prepare(self, video: Video) -> None:
        """Do the slow part of one video."""

    def embed(self, videos: Sequence[Video]) -> list[Embedding]:
        """Embeddings of prepared videos, in their order."""


class Given:
    """A function of videos, or embeddings that are there already.

    Args:
        embed: gives the embedding of one video.
        name: what the page calls it.
    """

    def __init__(self, embed: Callable[[Video], Embedding], name: str = "given embeddings") -> None:
        self._embed, self.name = embed, name
        self._done: dict[str, Embedding] = {}

    def prepare(self, video: Video) -> None:
        """Embed one video."""
        self._done[video.name] = self._embed(video)

    def embed(self, videos: Sequence[Video]) -> list[Embedding]:
        """As made by `prepare`."""
        return [self._done[video.name] for video in videos]


class Frozen:
    """Features of the frozen backbone, standardised over the videos: no training at all.

    Args:
        cache: folder of the features; None for the user's own.
    """

    name = "frozen features"

    def __init__(self, cache: Path | None = None) -> None:
        self._root = cache
        self._cache: FeatureCache | None = None

    @property
    def cache(self) -> FeatureCache:
        """The feature cache; its backbone is loaded when it is first asked for."""
        from syncline.encoder import FeatureCache

        if self._cache is None:
            self._cache = FeatureCache(self._root)
        return self._cache

    def prepare(self, video: Video) -> None:
        """Put the features of one video into the cache."""
        self.cache.features(video)

    def embed(self, videos: Sequence[Video]) -> list[Embedding]:
        """Standardised and projected over exactly these videos."""
        from syncline.encoder import frozen_embeddings

        return frozen_embeddings(videos, self.cache)


class Trained:
    """A trained run.

    Args:
        run: folder of the run, or a repository of the hub.
        cache: folder of the features; None for the user's own.
    """

    def __init__(self, run: str | Path, cache: Path | None = None) -> None:
        self._run, self._root = run, cache
        name = Path(run).name
        self.name = "trained on this folder" if name == OWN_RUN else f"run {name}"
        self._encoder: FrameEncoder | None = None
        self._cache: FeatureCache | None = None
        self._done: dict[str, Embedding] = {}

    def prepare(self, video: Video) -> None:
        """Embed one video."""
        from syncline.encoder import FeatureCache, FrameEncoder

        if self._encoder is None:
            self._encoder = FrameEncoder.from_pretrained(self._run)
            config = self._encoder.config
            if config.trainable == "frozen" and config.grid:
                self._cache = FeatureCache(self._root, self._encoder.backbone, config.sampling)
        self._done[video.name] = self._encoder.embed([video], cache=self._cache)[0]

    def embed(self, videos: Sequence[Video]) -> list[Embedding]:
        """As made by `prepare`."""
        return [self._done[video.name] for video in videos]


class Kept:
    """A source whose embeddings of a whole set are kept on disk, so that the folder opens at once the next time.

    Args:
        source: what makes them.
        folder: where; what lies there of other files, another source or another version is replaced.
        videos: gives the set, which may grow.
    """

    def __init__(self, source: Source, folder: Path, videos: Callable[[], Sequence[Video]]) -> None:
        self._source, self._folder, self.name, self._videos = source, folder, source.name, videos
        self._hash = functools.cache(content_hash)
        self._read: tuple[str, dict[str, Embedding]] = ("", {})

    def _made_by(self) -> str:
        contents = (f"{video.name} {self._hash(video.path)}" for video in self._videos())
        return hashlib.sha256("\n".join([self.name, __version__, *contents]).encode()).hexdigest()

    def _there(self) -> dict[str, Embedding]:
        """What is kept of this set; read when it is first asked for, so that the page need not wait for it."""
        made_by = self._made_by()
        if self._read[0] != made_by:
            self._read = (made_by, self._kept(made_by))
        return self._read[1]

    def _kept(self, made_by: str) -> dict[str, Embedding]:
        from syncline.encoder import EmbeddingStore

        try:
            if json.loads((self._folder / "store.json").read_text(encoding="utf-8"))["made_by"] != made_by:
                return {}
            return {embedding.source: embedding for embedding in EmbeddingStore.read(self._folder)}
        except (OSError, ValueError, KeyError, TypeError, SynclineError):
            return {}

    def prepare(self, video: Video) -> None:
        """Nothing, if it is kept."""
        if video.identity not in self._there():
            self._source.prepare(video)

    def embed(self, videos: Sequence[Video]) -> list[Embedding]:
        """What is kept, or what the source makes; that of the whole set is kept."""
        there = self._there()
        if all(video.identity in there for video in videos):
            return [there[video.identity] for video in videos]
        made = self._source.embed(videos)
        if len(videos) == len(self._videos()):
            try:
                self._write(made)
            except (OSError, SynclineError) as error:  # a full disk, or another viewer that writes there
                _log.warning("the embeddings are not kept for the next time: %s", error)
        return made

    def _write(self, embeddings: Sequence[Embedding]) -> None:
        from syncline.encoder import EmbeddingStore

        shutil.rmtree(self._folder, ignore_errors=True)
        with EmbeddingStore(self._folder, made_by=self._made_by()) as store:
            for embedding in embeddings:
                store.write(embedding)


def stored(folder: Path) -> tuple[list[Path], Given]:
    """The video files that a store of embeddings was made from, and the source that serves them.

    Raises:
        SynclineError: no store, or none of its videos is where it was.
    """
    from syncline.encoder import EmbeddingStore

    embeddings = {embedding.source: embedding for embedding in EmbeddingStore.read(folder)}
    paths = [Path(source) for source in embeddings if Path(source).exists()]
    if not paths:
        raise SynclineError(
            f"{folder} holds embeddings of {len(embeddings)} videos, none of which is where it was; "
            "view the folder of the videos"
        )
    return paths, Given(lambda video: embeddings[video.identity], f"embeddings in {folder.name}")
