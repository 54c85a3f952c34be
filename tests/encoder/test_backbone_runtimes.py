"""Every runtime gives the features that PyTorch gives; one that cannot, or is not there, leaves PyTorch to compute."""

from __future__ import annotations

import copy
import importlib.util
import json
import logging
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from syncline.encoder import Backbone
from syncline.encoder.backbone_runtimes import SAME, VARIABLE, fastest, measured_rates, wanted_runtime
from syncline.errors import SynclineError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SYNCLINE_CACHE", str(tmp_path))
    return tmp_path


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=4), nn.ReLU(), nn.Conv2d(8, 5, 3)).eval()


def computed(monkeypatch: pytest.MonkeyPatch, runtime: str, model: nn.Module) -> Tensor:
    monkeypatch.setenv(VARIABLE, runtime)
    pictures = torch.rand(3, 3, 32, 48, generator=torch.Generator().manual_seed(1))
    return fastest(copy.deepcopy(model), size=(32, 48), dtype=torch.float32, identity="small")(pictures)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_a_runtime_gives_what_torch_gives(runtime: str, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    pytest.importorskip(runtime)
    model = small()
    expected = computed(monkeypatch, "torch", model)
    torch.testing.assert_close(computed(monkeypatch, runtime, model), expected, atol=1e-4, rtol=1e-4)
    (kept,) = own_cache.glob(f"graphs/*/{runtime}")
    before = {file: file.stat().st_mtime_ns for file in kept.iterdir()}
    torch.testing.assert_close(computed(monkeypatch, runtime, model), expected, atol=1e-4, rtol=1e-4)
    assert {file: file.stat().st_mtime_ns for file in kept.iterdir()} == before, "the graph is exported once"


@pytest.mark.slow
@pytest.mark.parametrize(("rates", "best"), [((10.0, 20.0), "openvino"), ((20.0, 10.0), "torch")])
def test_the_fastest_is_measured_once_and_remembered(
    rates: tuple[float, float], best: str, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    pytest.importorskip("openvino")
    measured: list[str] = []

    def measure(found: dict[str, object], size: tuple[int, int]) -> dict[str, float]:
        measured.extend(found)
        return dict(zip(found, rates, strict=True))

    monkeypatch.setattr("syncline.encoder.backbone_runtimes.measured_rates", measure)
    first = computed(monkeypatch, "auto", small())
    assert measured == ["torch", "openvino"]
    (kept,) = own_cache.glob("graphs/*/chosen.json")
    assert json.loads(kept.read_text())["runtime"] == best
    torch.testing.assert_close(computed(monkeypatch, "auto", small()), first, atol=1e-4, rtol=1e-4)
    assert measured == ["torch", "openvino"], "not measured again"


@pytest.mark.slow
def test_what_is_close_is_measured_anew(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setattr(
        "syncline.encoder.backbone_runtimes.measured_rates", lambda *_: {"torch": 10.0, "openvino": 11.0}
    )
    computed(monkeypatch, "auto", small())
    assert not list(own_cache.glob("graphs/*/chosen.json"))


def test_rates_are_frames_a_second() -> None:
    found = measured_rates({"slow": lambda x: (time.sleep(0.02), x)[1], "fast": lambda x: x}, (8, 8))
    assert found["fast"] > found["slow"] > 0


class _Branches(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise_if_traced = x.sum().item()  # an exporter cannot follow a value into Python
        if torch.jit.is_tracing() or raise_if_traced != raise_if_traced:
            raise RuntimeError("this model\ncannot be traced")
        return x[:, :, ::4, ::4]


def test_a_model_that_does_not_export_is_left_to_torch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("openvino")
    before = logging.getLogger().level
    with caplog.at_level(logging.WARNING, logger="syncline"):
        found = computed(monkeypatch, "openvino", _Branches())
    assert found.shape == (3, 3, 8, 12)
    assert "openvino cannot compute this backbone, PyTorch does" in caplog.text
    assert logging.getLogger().level == before, "an exporter that fails may silence nobody"
    assert caplog.text.count("\n") == 1


@pytest.mark.slow
def test_a_runtime_with_other_results_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    openvino = pytest.importorskip("openvino")
    convert = openvino.convert_model
    wrong = nn.Conv2d(5, 5, 1)
    monkeypatch.setattr(openvino, "convert_model", lambda model, **how: convert(nn.Sequential(model, wrong), **how))
    model = small()
    with caplog.at_level(logging.WARNING, logger="syncline"):
        found = computed(monkeypatch, "openvino", model)
    torch.testing.assert_close(found, computed(monkeypatch, "torch", model))
    assert "gives other features than PyTorch" in caplog.text


def test_what_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    lacking = ("openvino", "onnxruntime")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *of: None if name in lacking else find(name, *of))
    with pytest.raises(SynclineError, match=r"openvino is not installed: pip install 'syncline\[fast\]'"):
        computed(monkeypatch, "openvino", small())
    assert computed(monkeypatch, "auto", small()).shape[0] == 3
    monkeypatch.setenv(VARIABLE, "abacus")
    with pytest.raises(SynclineError, match=r"SYNCLINE_RUNTIME must be one of auto, torch.*abacus"):
        wanted_runtime()


@pytest.mark.slow
def test_a_backbone_computes_the_same_features_by_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino")
    backbone = Backbone("test_resnet", weights="none")
    pictures = torch.randint(0, 256, (4, 3, 60, 80), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    monkeypatch.setenv(VARIABLE, "torch")
    expected = backbone(pictures).flatten(1)
    monkeypatch.setenv(VARIABLE, "openvino")
    again = copy.deepcopy(backbone)
    found = again(pictures).flatten(1)
    assert torch.nn.functional.cosine_similarity(found, expected).min() > SAME
    assert copy.deepcopy(again)(pictures).shape == (4, backbone.channels, 3, 3), "what holds a graph can be copied"
