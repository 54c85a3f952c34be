"""FrameEncoder: extraction that knows no chunks, windows, saving, sharing, ONNX."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from bars import write_bar_codes
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from syncline.data import Sampling
from syncline.encoder import (
    Backbone,
    EncoderConfig,
    FeatureCache,
    FrameEncoder,
    embed_features,
    extraction,
    frame_network,
    video_of,
)
from syncline.encoder.onnx_export import export_onnx
from syncline.encoder.saving_and_hub import save_encoder
from syncline.errors import SynclineError

SMALL: dict[str, Any] = {
    "backbone": "test_resnet", "weights": "none", "grid": 2, "hidden": 16, "width": 16, "heads": 2, "feed_forward": 32,
    "embedding_dim": 8, "sampling": Sampling(stride=2),
}  # fmt: skip


def small(**changes: Any) -> FrameEncoder:
    torch.manual_seed(0)
    return FrameEncoder(EncoderConfig(**{**SMALL, **changes})).eval()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bar_codes(tmp_path_factory.mktemp("video") / "a.mp4", 50)


ENCODERS = {
    (contexts, code): small(contexts=contexts, context_stride=2, pos_enc=code)
    for contexts in (1, 3)
    for code in ("relative", "rope")
}


@settings(max_examples=25, deadline=None)
@given(
    length=st.integers(1, 40), one=st.integers(1, 50), other=st.integers(1, 50), which=st.sampled_from(list(ENCODERS))
)
def test_the_size_of_chunks_does_not_matter(length: int, one: int, other: int, which: tuple[int, str]) -> None:
    encoder = ENCODERS[which]
    grid = np.random.default_rng(length).random((length, encoder.backbone.dim)).astype(np.float16)
    first, second = (embed_features(encoder, grid, chunk_size=size) for size in (one, other))
    np.testing.assert_allclose(first, second, atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("contexts", [1, 2])
def test_from_file_from_cache_and_in_any_chunks_the_same(contexts: int, video: Path, tmp_path: Path) -> None:
    encoder = small(contexts=contexts)
    cache = FeatureCache(tmp_path, encoder.backbone, encoder.config.sampling)
    expected = encoder.embed([video])[0]
    assert expected.vectors.shape == (25, 8)
    np.testing.assert_allclose(expected.pts_seconds, np.arange(0, 50, 2) / 30, atol=1e-6)
    for chunk, store in ((3, None), (64, cache), (7, cache)):
        found = encoder.embed([video], cache=store, chunk_size=chunk)[0]
        np.testing.assert_allclose(found.vectors, expected.vectors, atol=2e-3)
    again = encoder.embed([video_of(video)], cache=cache)[0]
    np.testing.assert_array_equal(again.vectors, encoder.embed([video], cache=cache)[0].vectors)


def test_training_and_extraction_see_the_same(video: Path, tmp_path: Path) -> None:
    encoder = small()
    features = FeatureCache(tmp_path, encoder.backbone, encoder.config.sampling).features(video_of(video))
    with torch.no_grad():
        direct = encoder(torch.from_numpy(np.array(features.features[0]))[None])[0].numpy()
    np.testing.assert_allclose(encoder.embed([video])[0].vectors, direct, atol=2e-3)


def test_windows_are_defined_by_the_place_of_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_network, "WINDOW", 16)
    monkeypatch.setattr(frame_network, "OVERLAP", 4)
    encoder = small(pos_enc="none")
    grid = np.random.default_rng(0).random((50, encoder.backbone.dim)).astype(np.float16)
    whole = embed_features(encoder, grid)
    assert np.isfinite(whole).all()
    np.testing.assert_allclose(whole, embed_features(encoder, grid, chunk_size=7), atol=2e-6)
    changed = grid.copy()
    changed[0] += 1
    moved = np.abs(whole - embed_features(encoder, changed)).max(axis=1) > 1e-7
    assert moved[:16].all()
    assert not moved[16:].any(), "outside of its window nothing sees a frame"
    # the first frames are in one window only, which is what the encoder makes of them alone
    np.testing.assert_allclose(whole[:12], embed_features(encoder, grid[:16])[:12], atol=2e-6)


def test_another_sampling_keeps_the_meaning_of_steps(video: Path) -> None:
    encoder = small(pos_enc="rope")
    dense = encoder.embed([video], sampling=Sampling(stride=1))[0]
    assert dense.vectors.shape == (50, 8)


def test_contexts_keep_their_distance_where_frames_are_sampled_more_sparsely() -> None:
    far, near = (small(contexts=2, context_stride=stride, temporal="none") for stride in (6, 3))
    grid = np.random.default_rng(0).random((20, far.backbone.dim)).astype(np.float16)
    sparse = embed_features(far, grid, steps=2.0 * np.arange(20))
    np.testing.assert_allclose(sparse, embed_features(near, grid), atol=2e-6)


def test_the_steps_of_a_part_of_a_file_begin_where_it_does(video: Path) -> None:
    part = replace(video_of(video), name="part", span=(20, 40))
    for trained in (Sampling(stride=2), Sampling(15.0)):
        frames, seconds = np.arange(20, 40), np.arange(20, 40) / 30
        steps = extraction.sampled_steps(trained, Sampling(stride=1), part, frames, seconds)
        np.testing.assert_allclose(steps, np.arange(20) / 2, atol=1e-9)


def test_saved_and_loaded_is_the_same(video: Path, tmp_path: Path) -> None:
    encoder = small(principal_dim=4, contexts=2)
    grid = np.random.default_rng(0).random((30, encoder.backbone.dim))
    encoder.calibrate([grid, grid[:10]])
    save_encoder(encoder, tmp_path / "one")
    loaded = FrameEncoder.from_pretrained(tmp_path / "one")
    assert loaded.config == encoder.config
    assert loaded.reference_length == 20
    np.testing.assert_array_equal(loaded.embed([video])[0].vectors, encoder.embed([video])[0].vectors)
    encoder.save_pretrained(tmp_path / "hub")
    assert sorted(p.name for p in (tmp_path / "hub").iterdir()) == ["README.md", "config.json", "model.safetensors"]
    card = (tmp_path / "hub" / "README.md").read_text()
    assert card.startswith("---\n")
    assert "test_resnet" in card


def test_what_is_no_encoder_is_told(tmp_path: Path) -> None:
    with pytest.raises(SynclineError, match=r"no trained run at .*nowhere: .* does not exist"):
        FrameEncoder.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(SynclineError, match=r"config\.json is missing"):
        FrameEncoder.from_pretrained(tmp_path)
    save_encoder(small(), tmp_path)
    weights = tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-4])
    with pytest.raises(SynclineError, match="not the one"):
        FrameEncoder.from_pretrained(tmp_path)
    weights.write_bytes(whole)
    config = json.loads((tmp_path / "config.json").read_text())
    for change in ({"backbone": "hf-hub:somebody/else"}, {"widht": 3}, {"width": 32}):
        (tmp_path / "config.json").write_text(json.dumps({**config, "encoder": {**config["encoder"], **change}}))
        with pytest.raises(SynclineError):
            FrameEncoder.from_pretrained(tmp_path)


def test_only_names_that_say_so_ask_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def download(name: str, **_: object) -> str:
        asked.append(name)
        raise OSError("no network here")

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    monkeypatch.chdir(tmp_path)
    for mistyped in ("runs/puor", "somebody/model", str(tmp_path / "pour")):
        with pytest.raises(SynclineError, match=r"no trained run at .*: .* does not exist; give the folder .* or hf:"):
            FrameEncoder.from_pretrained(mistyped)
    assert asked == []
    with pytest.raises(SynclineError, match=r"could be had from the hub under hf:somebody/model \(OSError\)"):
        FrameEncoder.from_pretrained("hf:somebody/model")
    assert asked == ["somebody/model"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"contexts": 2, "temporal": "none"},
        {"temporal": "carl", "projection_head": True, "pos_enc": "absolute"},
        {"grid": 3},
    ],
)
def test_onnx_computes_the_same(changes: dict[str, Any], tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    encoder = small(**changes)
    export_onnx(encoder, tmp_path / "model.onnx")
    logging.getLogger("onnxscript").setLevel(logging.ERROR)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for t in (2, 11):
        pictures = torch.rand(1, t, 3, *encoder.backbone.size)
        (found,) = session.run(None, {"pictures": pictures[0].numpy()})
        shown = pictures
        if encoder.config.contexts > 1:
            rows = (torch.arange(t)[:, None] - torch.tensor([1, 0])).clamp(min=0)
            shown = pictures[:, rows]
        with torch.no_grad():
            expected = encoder(shown)[0].numpy()
        np.testing.assert_allclose(found, expected, atol=5e-3)


def test_configurations_that_cannot_be_are_told() -> None:
    for change in (
        {"width": 30, "heads": 4}, {"dropout": 1.0}, {"principal_dim": 3, "head": "conv3d"}, {"contexts": 0},
        {"train_len": 0}, {"width": 24, "heads": 8, "pos_enc": "rope"}, {"principal_dim": 3, "trainable": "all"},
    ):  # fmt: skip
        with pytest.raises(SynclineError):
            replace(EncoderConfig(), **change)  # type: ignore[arg-type]
    with pytest.raises(SynclineError, match="at least 5x5"):
        small(head="conv3d")
    with pytest.raises(SynclineError, match="below the 384 numbers"):
        small(principal_dim=384)
    with pytest.raises(SynclineError, match=r"encoder\.temporal must be one of lac, carl, none; got 'LAC'"):
        EncoderConfig(temporal="LAC")  # type: ignore[arg-type]
    with pytest.raises(SynclineError, match="its intermediate maps are 0 to 4"):
        Backbone("test_resnet", weights="none", stage="99")
    for stage in ("layer9", "layer3.9", "conv1.0"):
        with pytest.raises(SynclineError, match="has no stage"):
            Backbone("torchvision/resnet50", weights="none", stage=stage)


def test_the_last_stage_is_the_one_where_the_backbone_is_cut() -> None:
    cut = Backbone("test_resnet", weights="none", stage="1", trainable="last")
    cut(torch.rand(1, 3, 32, 32)).sum().backward()  # type: ignore[no-untyped-call]
    names = {name.split(".")[2] for name, p in cut.named_parameters() if p.grad is not None}
    assert names == {"layer1"}


@pytest.mark.slow
def test_inception_sees_pictures_as_torchvision_shows_them_to_it() -> None:
    backbone = Backbone("torchvision/inception_v3", weights="none", stage="Conv2d_1a_3x3")
    theirs = torchvision.models.inception_v3(weights=None, init_weights=False, transform_input=True)
    pictures = torch.rand(2, 3, *backbone.size)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    expected = theirs._transform_input((pictures - mean) / std)
    torch.testing.assert_close(backbone.prepared(pictures), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_of_a_wrapped_encoder_are_found(suffix: str, tmp_path: Path) -> None:
    given = Backbone("test_resnet", weights="none")
    state = {f"module.encoder.{name}": value.contiguous() for name, value in given.model.net.state_dict().items()}
    state |= {name.replace("encoder", "encoder_k"): torch.zeros(1) for name in state}
    file = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"model": state}, file)
    else:
        save_file(state, file)
    assert Backbone("test_resnet", weights=str(file)).weights_hash() == given.weights_hash()


def test_the_names_of_0_1_0_are_still_understood() -> None:
    with pytest.warns(DeprecationWarning, match="principal_dim"):
        config = EncoderConfig(project=3)  # type: ignore[call-arg]
    assert config.principal_dim == 3
    with pytest.warns(DeprecationWarning, match="projection_head"):
        assert config.projection is config.projection_head
