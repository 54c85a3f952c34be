"""What the verbs share: options that cannot be met end in one line."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from syncline.cli.embedder import Embedder, add_embedding_options
from syncline.encoder import EncoderConfig, FrameEncoder
from syncline.errors import SynclineError


def test_a_picture_is_refused_by_a_run_that_looks_at_several_frames(tmp_path: Path) -> None:
    config = EncoderConfig(backbone="test_resnet", weights="none", width=16, hidden=16, contexts=2)
    with pytest.raises(SynclineError, match="looks at 2 frames at once, a picture is one"):
        Embedder(None, FrameEncoder(config), None).embed_picture(tmp_path / "still.png", [])


@pytest.mark.parametrize("rate", ["0", "-3", "nan"])
def test_a_rate_that_is_none_is_refused(tmp_path: Path, rate: str) -> None:
    parser = argparse.ArgumentParser()
    add_embedding_options(parser)
    words = ["--rate", rate, "--backbone", "test_resnet", "--weights", "none", "--cache", str(tmp_path)]
    with pytest.raises(SynclineError, match=f"--rate must be above 0, got {float(rate)}"):
        Embedder.of(parser.parse_args(words))
