"""A store of embeddings: who may cut what, and which of two embeddings of one file counts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from syncline.data import Embedding
from syncline.encoder import EmbeddingStore
from syncline.errors import SynclineError


def embedding(source: str, value: float) -> Embedding:
    return Embedding(np.full((2, 3), value, np.float32), np.arange(2.0), source=source)


def test_a_second_writer_leaves_the_first_ones_lines_alone(tmp_path: Path) -> None:
    with EmbeddingStore(tmp_path) as store:
        store.write(embedding("a", 1))
        store.flush()
        manifest = tmp_path / "manifest.jsonl"
        whole = manifest.read_bytes()
        with open(manifest, "ab") as file:
            file.write(b'{"source": "b", "con')  # as another process sees a line that is being written
        with pytest.raises(SynclineError, match="another process writes"), EmbeddingStore(tmp_path):
            pass
        assert manifest.read_bytes() == whole + b'{"source": "b", "con'
    with EmbeddingStore(tmp_path) as store:
        store.write(embedding("c", 3))
    assert [found.source for found in EmbeddingStore.read(tmp_path)] == ["a", "c"], "what a kill left is cut off"


def test_the_embedding_of_the_file_as_it_is_counts_whichever_part_has_it(tmp_path: Path) -> None:
    video, folder = tmp_path / "v.mp4", tmp_path / "store"
    for part, content, value in (("1of2", b"first", 1.0), ("0", b"second", 2.0)):  # manifest.jsonl is read last
        video.write_bytes(content)
        with EmbeddingStore(folder, part=part) as store:
            store.write(embedding(str(video), value))
    assert EmbeddingStore.read(folder)[0].vectors[0, 0] == 2
    video.write_bytes(b"first")
    (found,) = EmbeddingStore.read(folder)
    assert found.vectors[0, 0] == 1
    video.unlink()
    assert EmbeddingStore.read(folder)[0].vectors[0, 0] in (1, 2)


def test_removing_a_damaged_shard_and_its_lines_leaves_the_others_whole(tmp_path: Path) -> None:
    for value, source in enumerate("abc"):
        with EmbeddingStore(tmp_path) as store:
            store.write(embedding(source, value))
    manifest = tmp_path / "manifest.jsonl"
    first, *others = manifest.read_text().splitlines(keepends=True)
    (tmp_path / "shards" / json.loads(first)["shard"]).unlink()
    manifest.write_text("".join(others))
    with EmbeddingStore(tmp_path) as store:
        store.write(embedding("a", 7))
    assert {e.source: e.vectors[0, 0] for e in EmbeddingStore.read(tmp_path)} == {"a": 7, "b": 1, "c": 2}
