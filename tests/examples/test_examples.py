"""Every training script runs from videos to a saved encoder, and its loss falls."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from syncline.encoder import FrameEncoder
from syncline.video import VideoWriter

FOLDER = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos in which a square crosses the picture, each at a speed of its own."""
    folder = tmp_path_factory.mktemp("videos")
    for k, count in enumerate((60, 75, 90)):
        with VideoWriter(folder / f"{k}.mp4", height=64, width=96, rate=15) as writer:
            for i in range(count):
                picture = np.full((64, 96, 3), 40 + 30 * k, np.uint8)
                left = int(80 * (i / (count - 1)) ** (1 + 0.3 * k))
                picture[24:40, left : left + 16] = (230, 120, 40 + 150 * i // count)
                writer.write(picture, i / 15)
    return folder


def test_there_is_one_script_a_method() -> None:
    assert SCRIPTS == ["gta", "lac", "lav", "lrprop", "scl", "tcc", "tcn"]
    for name in SCRIPTS:
        assert 60 <= len((FOLDER / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 90


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_script(name: str, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(videos), "--out", str(tmp_path / "run"), "--cache", str(videos / "cache"), "--backbone", "test_resnet"]
    words += ["--weights", "none", "--steps", "40", "--frames", "12", "--batch", "3", "--copies", "2", "--lr", "1e-3"]
    losses = script(name).main(words)
    assert len(losses) == 40
    assert np.isfinite(losses).all()
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    printed = capsys.readouterr().out
    assert "step 0: loss" in printed
    assert "step 39: loss" in printed
    (embedding,) = FrameEncoder.from_pretrained(tmp_path / "run").embed([videos / "0.mp4"])
    # 4 s of 15 frames a second; the default run looks at every frame of clips that short, the others at 7.5 a second
    assert embedding.vectors.shape[0] == (60 if name == "lac" else 30)
    assert np.isfinite(embedding.vectors).all()
