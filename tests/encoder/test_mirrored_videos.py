"""Clips in a mirror: who is turned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from syncline.cli.main import main
from syncline.data import Embedding
from syncline.encoder import EmbeddingStore
from syncline.encoder.mirrored_videos import mirrored_rows, turned_videos
from syncline.video import VideoWriter

CHANNELS, GRID = 6, 2


def clips(count: int, frames: int = 50) -> list[NDArray[np.float64]]:
    """Maps (t, c g g) of one course, each clip at its own pace and with noise."""
    waves, phases = np.random.default_rng(0).normal(0, 9, (2, 1, CHANNELS * GRID * GRID))
    made = []
    for k in range(count):
        at = np.linspace(0, 1, frames + 3 * k) ** (0.7 + 0.1 * k)
        noise = np.random.default_rng(k + 1).standard_normal((len(at), waves.shape[1]))
        made.append(np.cos(at[:, None] * waves + phases) + 0.3 * noise)
    return made


def test_who_is_seen_in_a_mirror_is_turned_and_nobody_else() -> None:
    maps = clips(8)
    for k in (2, 5):
        maps[k] = mirrored_rows(maps[k], CHANNELS, GRID)
    embeddings = [Embedding(m.astype(np.float32), np.arange(len(m)) / 10, str(k)) for k, m in enumerate(maps)]

    def mirrored(i: int) -> Embedding:
        rows = mirrored_rows(embeddings[i].vectors, CHANNELS, GRID)
        return Embedding(rows, embeddings[i].pts_seconds, embeddings[i].source)

    turned = turned_videos(embeddings, mirrored)
    assert sorted(turned) == [2, 5]
    np.testing.assert_allclose(turned[2].vectors, clips(8)[2], atol=1e-6)
    assert turned_videos(embeddings[:3], mirrored) == {}
    noise = [Embedding(np.random.default_rng(k).standard_normal((40, 24)).astype(np.float32), np.arange(40.0), str(k))
             for k in range(6)]  # fmt: skip
    assert turned_videos(noise, lambda i: noise[i]) == {}


def test_the_command_line_says_who_was_turned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bright square that wanders from the left to the right; in one clip the pictures are turned."""
    (tmp_path / "clips").mkdir()
    for k in range(6):
        with VideoWriter(tmp_path / "clips" / f"{k}.mp4", height=64, width=96, rate=10) as writer:
            for frame, t in enumerate(np.linspace(0, 1, 24 + k) ** (0.8 + 0.1 * k)):
                picture = np.zeros((64, 96, 3), np.uint8)
                x, y = int(70 * t), int(20 + 18 * np.sin(6 * t))
                picture[y : y + 20, x : x + 20] = (255, int(255 * t), 90)
                writer.write(np.ascontiguousarray(picture[:, ::-1]) if k == 4 else picture, frame / 10)
    words = ["transfer", str(tmp_path / "clips"), "--suggest", "1", "--cache", str(tmp_path / "cache"), "--mirror"]
    assert main([*words, "auto"]) == 0
    assert "mirrored, left for right, as they match the others so: 4.mp4" in capsys.readouterr().err
    assert main([*words, "off"]) == 0
    assert "mirrored" not in capsys.readouterr().err
    words = ["embed", str(tmp_path / "clips"), "--cache", str(tmp_path / "cache"), "--rate", "10", "--out"]
    assert main([*words, str(tmp_path / "turned"), "--mirror", "auto", "--features", "pictures"]) == 0
    assert "mirrored, left for right, as they match the others so: 4.mp4" in capsys.readouterr().err
    assert main([*words, str(tmp_path / "plain")]) == 0
    for turned, plain in zip(*(EmbeddingStore.read(tmp_path / name) for name in ("turned", "plain")), strict=True):
        same = np.allclose(turned.vectors, plain.vectors)
        assert same == (not turned.source.endswith("4.mp4"))
