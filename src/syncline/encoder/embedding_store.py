"""`EmbeddingStore`: embeddings on disk, in safetensors shards with a manifest of one line a video.

    FOLDER/store.json        format, dtype, what made the vectors (a hash)
    FOLDER/manifest.jsonl    {"source", "content", "frames", "shard", "key", ...} a line, in the order of writing
    FOLDER/shards/*.safetensors   <key>.vectors (t, d) float32 or float16, <key>.pts_seconds (t,) float64

Notable choices:
- A shard is whole or not there; the manifest's line is written after the shard. Killed in between, the video is simply
  embedded again; a last line that is not whole is cut off by the next writer.
- Every writer has shards of its own name, so several may fill one folder (``part``); a second one of the same part is
  refused while the first one's block lasts.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from syncline.data import Embedding
from syncline.errors import SynclineError, check_choice
from syncline.files import append_jsonl, content_hash, holds_files, lock, read_jsonl, replacing, write_json

_SHARD_BYTES = 64 << 20
SHARD_SECONDS = 30.0  # what a kill can cost

Stored = Literal["float32", "float16"]


@dataclass(frozen=True)
class StoredEmbedding:
    """One line of the manifest: which video lies where.

    Attributes:
        source: as ``Embedding.source``. content: hash of the file, or "" where the source is no file.
        frames: t. shard: file in ``shards``. key: of the tensors in it.
    """

    source: str
    content: str
    frames: int
    shard: str
    key: str


class EmbeddingStore:
    """A folder of embeddings that can be written in several goes.

    Args:
        folder: where. dtype: of the stored vectors; ``float16`` halves the size and costs about 5e-4 of each number.
        made_by: hash or name of the encoder; a store holds embeddings of one only. part: a name of this writer's own
            when several write at a time.

    Raises:
        SynclineError: the folder holds embeddings of another encoder or type, or something else; on entering the block,
            another process writes this part.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with EmbeddingStore(folder) as store:
        ...         store.write(Embedding(np.ones((2, 3), np.float32), np.arange(2.0), source="a.mp4"))
        ...     EmbeddingStore.read(folder)[0].vectors.shape
        (2, 3)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        dtype: Stored = "float32",
        made_by: str = "",
        part: str = "0",
    ) -> None:
        check_choice("dtype", dtype, Stored)
        self.folder, self.dtype, self.part = Path(folder), dtype, part
        described = {"format": "syncline embeddings 1", "dtype": dtype, "made_by": made_by}
        foreign = holds_files(self.folder)  # asked first: another process may begin the same store meanwhile
        if (self.folder / "store.json").is_file():
            there = _describe(self.folder)
            for key, value in described.items():
                if there.get(key) != value:
                    raise SynclineError(
                        f"{self.folder} holds embeddings with {key} {there.get(key)!r}, these have {value!r}; "
                        "choose another folder"
                    )
        else:
            if foreign:
                raise SynclineError(f"{self.folder} holds other things than embeddings; choose another folder")
            write_json(self.folder / "store.json", described)
        self._manifest = self.folder / (f"manifest-{part}.jsonl" if part != "0" else "manifest.jsonl")
        self._lock: BinaryIO | None = None
        self._look()
        self._waiting: list[tuple[StoredEmbedding, Embedding]] = []
        self._bytes = 0
        self._flushed = time.monotonic()

    def _look(self) -> None:
        """Reads what is stored."""
        self._lines = {(line.source, line.content) for line in stored(self.folder)}
        # past the highest key, not the count: lines of a damaged shard may have been removed
        self._next = max((int(line.key) + 1 for line in _lines_of(self._manifest)), default=0)

    def __contains__(self, source: str) -> bool:
        """Whether the embeddings of this source, as the file is now, are there (written, not waiting)."""
        return (source, _content(source)) in self._lines

    def write(self, embedding: Embedding, *, content: str | None = None) -> None:
        """Takes an embedding in; on disk when the shard is full or half a minute old, at ``flush``, after the block.

        ``content`` is the hash of the source from before it was read, so that one that is replaced meanwhile does not
        count as embedded; None takes the file as it is now.
        """
        source = embedding.source
        line = StoredEmbedding(
            source, _content(source) if content is None else content, len(embedding.vectors), "", f"{self._next:08d}"
        )
        self._next += 1
        self._waiting.append((line, embedding))
        self._bytes += embedding.vectors.size * np.dtype(self.dtype).itemsize
        if self._bytes >= _SHARD_BYTES or time.monotonic() - self._flushed > SHARD_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Writes what waits: the shard, then its lines in the manifest."""
        if not self._waiting:
            return
        shard = f"{self.part}-{self._waiting[0][0].key}.safetensors"
        tensors: dict[str, np.ndarray[Any, Any]] = {}
        for line, embedding in self._waiting:
            tensors[f"{line.key}.vectors"] = np.ascontiguousarray(embedding.vectors, dtype=self.dtype)
            tensors[f"{line.key}.pts_seconds"] = np.ascontiguousarray(embedding.pts_seconds, dtype=np.float64)
        with replacing(self.folder / "shards" / shard) as temporary:
            save_file(tensors, temporary)
        lines = [dataclasses.replace(line, shard=shard) for line, _ in self._waiting]
        append_jsonl(self._manifest, map(dataclasses.asdict, lines))
        self._lines.update((line.source, line.content) for line in lines)
        self._waiting, self._bytes, self._flushed = [], 0, time.monotonic()

    def __enter__(self) -> EmbeddingStore:
        """Takes this part of the store for this process alone, and looks again at what is there."""
        self._lock = open(self.folder / f".lock-{self.part}", "ab")
        if not lock(self._lock):
            self._lock.close()
            raise SynclineError(
                f"another process writes embeddings into {self.folder}; wait for it, choose another folder, or give "
                "each its own --shard"
            )
        self._look()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.flush()
        finally:
            if self._lock is not None:
                self._lock.close()

    @staticmethod
    def read(folder: str | os.PathLike[str]) -> list[Embedding]:
        """All embeddings of a folder, as float32, in the order of writing; of a source written twice the one of the
        file as it is now, else the last.

        Raises:
            SynclineError: no store, or a shard of it is missing or damaged.
        """
        _describe(Path(folder))
        chosen: dict[str, StoredEmbedding] = {}
        for line in stored(folder):
            before = chosen.get(line.source)
            if before is None or before.content == line.content or before.content != _content(line.source):
                chosen[line.source] = line
        shards = itertools.groupby(chosen.values(), key=lambda line: line.shard)
        return [found for shard, lines in shards for found in _load(Path(folder), shard, lines)]


def stored(folder: str | os.PathLike[str]) -> Iterator[StoredEmbedding]:
    """The whole lines of all manifests of a store."""
    for manifest in sorted(Path(folder).glob("manifest*.jsonl")):
        yield from _lines_of(manifest)


def _lines_of(manifest: Path) -> Iterator[StoredEmbedding]:
    for line in read_jsonl(manifest, strict=True):
        try:
            yield StoredEmbedding(**line)
        except TypeError as error:
            raise SynclineError(f"{manifest}: {line} is no line of a manifest of embeddings") from error


def _load(folder: Path, shard: str, lines: Iterable[StoredEmbedding]) -> list[Embedding]:
    """Embeddings of one shard, which is opened once: its header has an entry for each of them."""
    if Path(shard).name != shard:
        raise SynclineError(f"{folder}: the manifest names {shard!r}, which is no file of the store")
    found = []
    try:
        with safe_open(folder / "shards" / shard, framework="np") as file:
            for line in lines:
                vectors = file.get_tensor(f"{line.key}.vectors").astype(np.float32)
                seconds = file.get_tensor(f"{line.key}.pts_seconds")
                found.append(Embedding(vectors=vectors, pts_seconds=seconds, source=line.source))
    except (OSError, SafetensorError) as error:
        raise SynclineError(
            f"{folder / 'shards' / shard} is missing or damaged; remove it and its lines, and embed again"
        ) from error
    return found


def _describe(folder: Path) -> dict[str, Any]:
    try:
        value = json.loads((folder / "store.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SynclineError(
            f"{folder} holds no embeddings (store.json is missing); make them with syncline embed"
        ) from error
    except ValueError as error:
        raise SynclineError(f"{folder / 'store.json'} is damaged") from error
    if not isinstance(value, dict) or value.get("format") != "syncline embeddings 1":
        raise SynclineError(f"{folder / 'store.json'} is not that of a store of embeddings")
    return value


def _content(source: str) -> str:
    return content_hash(source) if os.path.exists(source) else ""
