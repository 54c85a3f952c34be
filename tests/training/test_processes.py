"""Processes that are killed, asked to end, or are several."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from syncline.data import VideoSet
from syncline.encoder import FrameEncoder
from syncline.training import TrainConfig, fit
from syncline.training.checkpoint import trained_state
from syncline.training.config import as_yaml

pytestmark = pytest.mark.slow
Small = Callable[..., TrainConfig]

# trains on a folder by a configuration, and does something to itself after a step
SCRIPT = """
import os, signal, sys
from pathlib import Path
import yaml
from syncline.data import open_videos
from syncline.training import config_from, fit
folder, config, cache, run, step, number, resume = sys.argv[1:]
def harm(progress):
    if progress.phase == "training" and progress.done == int(step):
        os.kill(os.getpid(), int(number))
config = config_from(yaml.safe_load(Path(config).read_text()))
fit(open_videos(folder), config, cache=cache, out=run, resume=resume == "resume", callback=harm)
"""


def start(words: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=400, check=False)


def states(encoder: FrameEncoder) -> dict[str, torch.Tensor]:
    return trained_state(encoder)


@pytest.mark.parametrize("method", ["scl", "lac"])
def test_killed_and_resumed_is_bit_for_bit_the_same(
    method: str, folder: Path, cache: Path, small: Small, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(as_yaml(small(method, steps=9, checkpoint_seconds=0.0)))
    script = [sys.executable, "-c", SCRIPT, str(folder), str(config), str(cache)]
    whole = start([*script, str(tmp_path / "whole"), "0", "0", "new"])
    assert whole.returncode == 0, whole.stderr
    killed = start([*script, str(tmp_path / "run"), "5", str(int(signal.SIGKILL)), "new"])
    assert killed.returncode == -signal.SIGKILL
    assert json.loads((tmp_path / "run" / "checkpoint" / "checkpoint.json").read_text())["step"] == 4
    assert not (tmp_path / "run" / "model.safetensors").exists()
    done = start([*script, str(tmp_path / "run"), "0", "0", "resume"])
    assert done.returncode == 0, done.stderr
    one, other = (states(FrameEncoder.from_pretrained(tmp_path / name)) for name in ("whole", "run"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_sigterm_saves_and_ends_well(folder: Path, cache: Path, small: Small, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(as_yaml(small("scl", steps=100_000)))
    words = [sys.executable, "-m", "syncline", "train", str(folder), "--out", str(tmp_path / "run")]
    words += ["--config", str(config), "--cache", str(cache)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)
    metrics = tmp_path / "run" / "metrics.jsonl"
    while process.poll() is None and not (metrics.is_file() and metrics.stat().st_size):
        pass
    second = start(words)
    assert second.returncode == 1
    assert f"another process (pid {process.pid})" in second.stderr
    process.terminate()
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "--resume" in said
    assert FrameEncoder.from_pretrained(tmp_path / "run").config.width == 16


@pytest.mark.parametrize(
    ("method", "preset", "encoder"),
    [
        ("scl", None, {}), ("lac", "corrected", {}), ("lac", "cross_video", {}), ("tcc", None, {}),
        ("scl", None, {"head_norm": "none", "temporal": "lac", "projection_head": False}),
    ],
)  # fmt: skip
def test_two_processes_equal_one(
    method: str, preset: str | None, encoder: dict[str, Any], folder: Path, videos: VideoSet, cache: Path, small: Small,
    tmp_path: Path,
) -> None:  # fmt: skip
    # dropout is drawn by each process for its own part
    encoder = {"dropout": 0.0, **encoder}
    changes = {"steps": 4, "log_every": 1, "lr": 1e-2, "encoder": encoder, "views": {"batch_size": 3}}
    given = small(method, preset=preset, **changes)
    config = tmp_path / "config.yaml"
    config.write_text(as_yaml(given))
    one = fit(videos, given, cache=cache, out=tmp_path / "one")
    both = start(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
            "--log-dir", str(tmp_path / "log"), "-m", "syncline", "train", str(folder), "--out", str(tmp_path / "run"),
            "--config", str(config), "--cache", str(cache),
        ]
    )  # fmt: skip
    assert both.returncode == 0, both.stderr
    assert json.loads((tmp_path / "run" / "run.json").read_text())["processes"] == 2
    alone, together = (
        [json.loads(line)["loss"] for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("one", "run")
    )
    assert together == pytest.approx(alone, rel=1e-4)
    expected, found = states(one), states(FrameEncoder.from_pretrained(tmp_path / "run"))
    for name, value in expected.items():
        # no loss sees the bias of attention's keys or before a BatchNorm (nor TCC's one that shifts all frames alike):
        # their gradients are rounding errors, which Adam makes steps of, and running means follow
        if not name.endswith(("bias", "running_mean")):
            torch.testing.assert_close(found[name], value, atol=1e-4, rtol=1e-2)
