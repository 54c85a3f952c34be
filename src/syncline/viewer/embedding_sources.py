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
from syncline.files import content_hash, content_of
from syncline.wording import counted

if TYPE_CHECKING:
    from syncline.encoder import FeatureCache, FrameEncoder
    from syncline.encoder.folder_fit import FolderFit
    from syncline.encoder.principal_space import PrincipalSpace


_log = logging.getLogger(__name__)

OWN_RUN = "run"
"""Name of the folder of the run that "Train on this folder" makes, beside the marks."""


class Source(Protocol):
    """The protocol of a source of embeddings."""

    name: str

    def prepare(self, video: Video) -> None:
        """Do the slow part of one video."""

    def embed(self, videos: Sequence[Video], *, whole: bool = False) -> list[Embedding]:
        """Embeddings of prepared videos, in their order; `whole` says that these are all that can be embedded."""


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

    def embed(self, videos: Sequence[Video], *, whole: bool = False) -> list[Embedding]:
        """The embeddings that `prepare` made."""
        return [self._done[video.name] for video in videos]


class Frozen:
    """Features of the frozen backbone at the folder's own rate, in the folder's own space: no training at all.

    Rate and space are those that the verbs of the command line use for the same folder and keep beside the cache.

    Args:
        videos: gives the set, which may grow.
        cache: folder of the features; None for the user's own.
        folder: where the videos are; None where that is not one folder, and nothing is kept.
    """

    name = "frozen features"

    def __init__(
        self, videos: Callable[[], Sequence[Video]], cache: Path | None = None, folder: Path | None = None
    ) -> None:
        self._videos, self._root, self._folder = videos, cache, folder
        self._cache: FeatureCache | None = None

    @property
    def cache(self) -> FeatureCache:
        """The feature cache at the folder's rate; no network is built before a feature is missing."""
        from syncline.data import Sampling, choose_rate
        from syncline.encoder import FeatureCache
        from syncline.encoder.deferred_backbone import frozen_backbone

        if self._cache is None:
            cache = FeatureCache(self._root, frozen_backbone())
            kept = self._kept(cache)
            cache.sampling = Sampling(choose_rate(self._videos()) if kept is None else kept.rate_hz)
            self._cache = cache
        return self._cache

    def _kept(self, cache: FeatureCache) -> FolderFit[PrincipalSpace] | None:
        from syncline.encoder.folder_fit import kept_fit

        if self._folder is None:
            return None
        return kept_fit(self._folder, cache, [content_of(video.path) for video in self._videos()])

    def described(self) -> str:
        """The measurements kept for the folder, as a word; "" without any."""
        kept = self._kept(self.cache)
        if kept is None:
            return ""
        return f"{kept.rate_hz:g} {hashlib.sha256(kept.space.directions.numpy().tobytes()).hexdigest()[:16]}"

    def prepare(self, video: Video) -> None:
        """Put the features of one video into the cache."""
        self.cache.features(video)

    def embed(self, videos: Sequence[Video], *, whole: bool = False) -> list[Embedding]:
        """Embeddings in the kept space; without one, the space of the whole set is measured and kept."""
        from syncline.encoder import folder_embeddings, frozen_embeddings

        if whole:
            return folder_embeddings(videos, self.cache, folder=self._folder)[0]
        kept = self._kept(self.cache)
        return frozen_embeddings(videos, self.cache, space=None if kept is None else kept.space)


class Trained:
    """Embeddings by a trained run.

    Args:
        run: folder of the run, or a repository of the hub.
        cache: folder of the features; None for the user's own.
        folder: where the videos are, as of `Frozen`.
    """

    def __init__(self, run: str | Path, cache: Path | None = None, folder: Path | None = None) -> None:
        self._run, self._root, self._folder = run, cache, folder
        name = Path(run).name
        self.name = "trained on this folder" if name == OWN_RUN else f"run {name}"
        self._encoder: FrameEncoder | None = None
        self._cache: FeatureCache | None = None
        self._done: dict[str, Embedding] = {}

    def prepare(self, video: Video) -> None:
        """Embed one video."""
        from syncline.encoder import FrameEncoder
        from syncline.encoder.choose_device import chosen_device
        from syncline.encoder.pose_inputs import encoder_inputs

        if self._encoder is None:
            self._encoder = FrameEncoder.from_pretrained(self._run, device=chosen_device())
            self._cache = encoder_inputs(self._encoder, self._root)
        self._done[video.name] = self._encoder.embed([video], cache=self._cache)[0]

    def embed(self, videos: Sequence[Video], *, whole: bool = False) -> list[Embedding]:
        """The embeddings that `prepare` made."""
        return [self._done[video.name] for video in videos]

    def beside_frozen(self, videos: Sequence[Video], *, scenes_must_differ: bool) -> list[Embedding] | None:
        """The embeddings that `prepare` made, with frozen features beside them to align (`encoder.run_beside_frozen`).

        None while some of the videos are not embedded by this run, as when the page shows those of another one.
        """
        from syncline.encoder.run_beside_frozen import beside_frozen

        if self._encoder is None or any(video.name not in self._done for video in videos):
            return None
        return beside_frozen(
            videos, self.embed(videos), self._encoder, self._cache, scenes_must_differ=scenes_must_differ,
            folder=self._folder,
        )  # fmt: skip


class Kept:
    """A source whose embeddings of a whole set are kept on disk, so that the folder opens at once the next time.

    Args:
        source: what makes them.
        folder: where; what lies there of other files, another source or another version is replaced.
        videos: gives the set, which may grow.
        described: gives a word that changes with what the source makes of the same files.
    """

    def __init__(
        self,
        source: Source,
        folder: Path,
        videos: Callable[[], Sequence[Video]],
        described: Callable[[], str] = lambda: "",
    ) -> None:
        self._source, self._folder, self.name, self._videos = source, folder, source.name, videos
        self._described = described
        self._hash = functools.cache(content_hash)
        self._read: tuple[str, dict[str, Embedding]] = ("", {})

    def _made_by(self) -> str:
        contents = (f"{video.name} {self._hash(video.path)}" for video in self._videos())
        return hashlib.sha256("\n".join([self.name, __version__, self._described(), *contents]).encode()).hexdigest()

    def _there(self) -> dict[str, Embedding]:
        """The kept embeddings of this set; read at first use, so that the page need not wait for them."""
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
        if video.video_id not in self._there():
            self._source.prepare(video)

    def embed(self, videos: Sequence[Video], *, whole: bool = False) -> list[Embedding]:
        """What is kept, or what the source makes; that of the whole set is kept."""
        there = self._there()
        if all(video.video_id in there for video in videos):
            return [there[video.video_id] for video in videos]
        made = self._source.embed(videos, whole=whole)
        if whole:
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
            f"{folder} holds embeddings of {counted(len(embeddings), 'video')}, none of which is where it was; "
            "view the folder of the videos"
        )
    return paths, Given(lambda video: embeddings[video.video_id], f"embeddings in {folder.name}")
