"""--device: named devices that are not there are refused in one line; one without memory is given less at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from bars import write_bar_codes
from torch import Tensor, nn

from syncline.cli.main import main
from syncline.data import Sampling
from syncline.encoder import Backbone, EncoderConfig, FrameEncoder, embed_features
from syncline.encoder.backbone import as_memory_allows
from syncline.encoder.choose_device import device_named
from syncline.encoder.deferred_backbone import frozen_backbone
from syncline.errors import SynclineError


def test_the_best_device_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device_named("auto").type == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device_named("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_named("auto").type == "cuda"
    assert device_named("cuda:1") == torch.device("cuda", 1)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert device_named("auto") == torch.device("cuda", 1), "a device of its own for each process of torchrun"
    with pytest.raises(SynclineError, match="there are 2 CUDA devices, numbered from 0"):
        device_named("cuda:2")


@pytest.mark.parametrize(
    ("name", "says"), [("cuda", "no CUDA device"), ("mps", "no Apple GPU"), ("abacus", "expected")]
)
def test_a_device_that_is_not_there(name: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SynclineError, match=says):
        device_named(name)


def test_a_name_that_is_no_device_ends_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["align", "a.mp4", "b.mp4", "--device", "tpu"])
    assert left.value.code == 2
    assert "'tpu' is none of auto, cpu, cuda, cuda:N, mps" in capsys.readouterr().err


def test_a_batch_is_halved_until_it_fits_the_memory() -> None:
    sizes: list[int] = []

    def compute(pictures: Tensor) -> Tensor:
        sizes.append(len(pictures))
        if len(pictures) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return pictures + 1

    pictures = torch.arange(7.0)
    torch.testing.assert_close(as_memory_allows(compute, pictures), pictures + 1)
    assert sizes == [7, 3, 1, 2, 4, 2, 2]


@pytest.mark.parametrize("part", ["backbone.model", "head"])
def test_a_trained_encoder_embeds_as_memory_allows(part: str, tmp_path: Path) -> None:
    """No more than three frames fit at a time, into the backbone or into the head; the embedding is the same."""
    config = EncoderConfig(
        backbone="test_resnet", weights="none", trainable="all", grid=0, head="conv3d", width=16, hidden=16, heads=2
    )
    encoder = FrameEncoder(config).eval()
    write_bar_codes(tmp_path / "video.mp4", 9)
    (expected,) = encoder.embed([tmp_path / "video.mp4"], sampling=Sampling(stride=1))
    sizes: list[int] = []

    def refuse(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        sizes.append(len(given[0]))
        if len(given[0]) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")

    encoder.get_submodule(part).register_forward_pre_hook(refuse)
    (found,) = encoder.embed([tmp_path / "video.mp4"], sampling=Sampling(stride=1))
    assert sizes == [9, 4, 2, 2, 5, 2, 3]
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-5)


def test_one_picture_that_does_not_fit_is_an_error() -> None:
    def compute(pictures: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        as_memory_allows(compute, torch.zeros(1))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_what_the_cpu_gives() -> None:
    config = EncoderConfig(backbone="test_resnet", weights="none", width=16, hidden=16, precision="float32")
    encoder = FrameEncoder(config).eval()
    features = np.random.default_rng(0).normal(size=(9, encoder.backbone.dim)).astype(np.float32)
    expected = embed_features(encoder, features)
    np.testing.assert_allclose(embed_features(encoder.to("cuda"), features), expected, atol=1e-3)
    assert Backbone("test_resnet", weights="none").to("cuda")(torch.zeros(2, 3, 60, 80, device="cuda")).is_cuda


VERBS_THAT_COMPUTE = ("align", "bench", "demo", "deviate", "embed", "evaluate", "scan", "search", "sync", "train",
                      "transfer", "view")  # fmt: skip


@pytest.mark.parametrize("verb", VERBS_THAT_COMPUTE)
def test_every_verb_that_computes_takes_a_device(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    assert "--device auto|cpu|cuda[:N]|mps" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["view", "."], ["demo"], ["scan", ".", "--deep"], ["bench", "table1"]])
def test_a_device_that_is_missing_is_refused_before_any_work(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main([*words, "--device", "cuda"]) == 1
    assert "--device cuda: PyTorch sees no CUDA device here; take --device cpu" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_frozen_backbones_are_made_where_the_process_was_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--device` is kept for what is embedded later, and by processes that are started."""
    monkeypatch.setenv("SYNCLINE_DEVICE", "meta")
    monkeypatch.setattr("syncline.encoder.choose_device.device_named", torch.device)
    built = frozen_backbone("test_resnet", weights="none")
    assert isinstance(built, Backbone)
    assert built.device == torch.device("meta")
