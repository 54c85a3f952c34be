"""What version 0.1.0 wrote still opens."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from bars import write_bar_codes
from safetensors.torch import save_file

from syncline.cli.main import main
from syncline.encoder import Backbone, EmbeddingStore, FeatureCache, FrameEncoder
from syncline.encoder.deferred_backbone import DeferredBackbone
from syncline.encoder.feature_file import read_features
from syncline.files import read_jsonl, sha256
from syncline.tasks import MomentIndex
from syncline.training import read_config
from syncline.viewer.marks_journal import Journal

OLD = Path(__file__).parent / "written_by_0_1_0"


def test_a_store_of_embeddings(tmp_path: Path) -> None:
    (found,) = EmbeddingStore.read(OLD / "store")
    assert found.source == "a.mp4"
    np.testing.assert_array_equal(found.vectors, np.eye(3, 4))
    shutil.copytree(OLD / "store", tmp_path / "store")
    with EmbeddingStore(tmp_path / "store", made_by="run 0.1.0") as store:  # and is written on
        store.write(found.__class__(found.vectors, found.pts_seconds, "b.mp4"), content="")
    assert [one.source for one in EmbeddingStore.read(tmp_path / "store")] == ["a.mp4", "b.mp4"]


def test_an_index_of_moments() -> None:
    index = MomentIndex.load(OLD / "index")
    assert index.notes == {"made_with": "x"}
    assert index.search(np.array([0, 1, 0, 0], np.float32), k=1)[0].seconds == 1.0


def test_a_journal_of_marks() -> None:
    journal = Journal(OLD / "labels.jsonl")
    assert journal.marks() == {"a.mp4": {0: 1.5, 1: None}}
    assert journal.names() == {0: "lift"}


def test_a_file_of_features() -> None:
    found = read_features(OLD / "features.safetensors", copies=2, dim=4)
    assert found is not None
    assert found.frame_indices.tolist() == [0, 2, 4]
    assert found.pts_seconds.tolist() == [0.0, 0.2, 0.4, 0.6, 0.8]
    np.testing.assert_array_equal(found.features[1], np.arange(12).reshape(3, 4) + 1)


def test_the_folder_of_a_cache_has_the_same_name(tmp_path: Path) -> None:
    known = json.loads((OLD / "feature_folder.json").read_text())
    remembered = {"description": known["description"], "channels": 384, "map_size": [5, 5]}
    backbone = DeferredBackbone(remembered, lambda: pytest.fail("built"), lambda: None)
    assert FeatureCache(tmp_path, backbone).folder == tmp_path / known["folder"]


def test_a_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(OLD / "run", run)
    shapes = json.loads((run / "tensors.json").read_text())
    tensors = {name: torch.ones(shape, dtype=getattr(torch, dtype)) for name, (dtype, shape) in shapes.items()}
    backbone = Backbone("test_resnet", weights="none", grid=1).state_dict()
    save_file(
        tensors | {f"backbone.{name}": tensor.contiguous() for name, tensor in backbone.items()},
        run / "model.safetensors",
    )
    described = json.loads((run / "config.json").read_text())
    described["weights_sha256"] = sha256(run / "model.safetensors")
    (run / "config.json").write_text(json.dumps(described))
    encoder = FrameEncoder.from_pretrained(run)
    assert encoder(torch.zeros(1, 3, encoder.backbone.dim)).shape == (1, 3, 4)
    config = read_config(run).encoder
    assert (config.sampling.rate_hz, config.projection_head, config.principal_dim) == (5.0, True, None)
    assert [line["step"] for line in read_jsonl(run / "metrics.jsonl")] == [1, 2]


def test_a_run_that_was_interrupted_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last two losses are those of version 0.1.0 when it resumes the run itself."""
    monkeypatch.setenv("SYNCLINE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "videos").mkdir()
    for number in range(3):
        write_bar_codes(tmp_path / "videos" / f"{number}.mp4", 36 + 4 * number)
    run = tmp_path / "run"
    shutil.copytree(OLD / "interrupted", run)
    assert main(["train", str(tmp_path / "videos"), "--out", str(run), "--resume"]) == 0
    lines = read_jsonl(run / "metrics.jsonl")
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert lines[:2] == read_jsonl(OLD / "interrupted" / "metrics.jsonl")
    assert [line["loss"] for line in lines[2:]] == pytest.approx([4.560977, 4.669535], rel=1e-3)
    assert FrameEncoder.from_pretrained(run).config.projection_head
