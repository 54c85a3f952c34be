"""Processes that are killed, asked to end, or are several."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from syncline.data import VideoSet
from syncline.encoder import FrameEncoder
from syncline.training import TrainConfig, fit
from syncline.training.checkpoint import trained_state
from syncline.training.train_config import as_yaml

pytestmark = pytest.mark.slow
Small = Callable[..., TrainConfig]

# trains on a folder by a configuration, and kills itself after a step
SCRIPT = """
import os, signal, sys
from pathlib import Path
import yaml
from syncline.data import open_videos
from syncline.training import config_from, fit
folder, config, cache, run, step = sys.argv[1:]
def harm(progress):
    if progress.phase == "training" and progress.done == int(step):
        os.kill(os.getpid(), signal.SIGKILL)
config = config_from(yaml.safe_load(Path(config).read_text()))
fit(open_videos(folder), config, cache=cache, out=run, callback=harm)
"""

# trains by every configuration of a folder, each beside it, in the processes that torchrun started
SEVERAL = """
import sys
from pathlib import Path
from accelerate import Accelerator
from syncline.cli.main import main
folder, cache, place = sys.argv[1:]
end, configs = Accelerator.end_training, sorted(Path(place).glob("*.yaml"))
for config in configs:  # the last one alone ends the group of processes
    Accelerator.end_training = end if config is configs[-1] else lambda self: None
    out = str(config.with_suffix(""))
    if main(["train", folder, "--out", out, "--config", str(config), "--cache", cache]):
        sys.exit(1)
"""

METHODS: dict[str, dict[str, Any]] = {
    "scl": {},
    "lac, corrected": {"preset": "corrected"},
    "lac, cross_video": {"preset": "cross_video"},
    "tcc": {},
    # BatchNorms of two and three dimensions, of timm's backbone and of the head
    "scl, pixels": {"lr": 1e-4, "encoder": {"trainable": "last", "grid": 0, "head": "maxpool"}},
    "lav, pixels": {"lr": 1e-6, "encoder": {"trainable": "all", "grid": 0, "head": "conv3d", "head_norm": "none"}},
    "scl, bare": {"encoder": {"head_norm": "none", "temporal": "lac", "projection_head": False}},
}


def start(words: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=400, check=False)


def states(encoder: FrameEncoder) -> dict[str, torch.Tensor]:
    return trained_state(encoder)


def test_killed_and_resumed_is_bit_for_bit_the_same(
    videos: VideoSet, folder: Path, cache: Path, small: Small, tmp_path: Path
) -> None:
    given, config, run = small("lac", steps=9, checkpoint_seconds=0.0), tmp_path / "config.yaml", tmp_path / "run"
    config.write_text(as_yaml(given))
    whole = states(fit(videos, given, cache=cache))
    killed = start([sys.executable, "-c", SCRIPT, str(folder), str(config), str(cache), str(run), "5"])
    assert killed.returncode == -signal.SIGKILL
    assert json.loads((run / "checkpoint" / "checkpoint.json").read_text())["step"] == 4
    assert not (run / "model.safetensors").exists()
    resumed = states(fit(videos, given, cache=cache, out=run, resume=True))
    saved = states(FrameEncoder.from_pretrained(run))
    assert all(torch.equal(whole[name], resumed[name]) and torch.equal(whole[name], saved[name]) for name in whole)


def test_sigterm_saves_and_ends_well(folder: Path, cache: Path, small: Small, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(as_yaml(small("scl", steps=100_000)))
    words = [sys.executable, "-m", "syncline", "train", str(folder), "--out", str(tmp_path / "run")]
    words += ["--config", str(config), "--cache", str(cache)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)
    metrics = tmp_path / "run" / "metrics.jsonl"
    while process.poll() is None and not (metrics.is_file() and metrics.stat().st_size):
        time.sleep(0.05)
    second = start(words)
    assert second.returncode == 1
    assert f"another process (pid {process.pid})" in second.stderr
    process.terminate()
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "--resume" in said
    assert FrameEncoder.from_pretrained(tmp_path / "run").config.width == 16


@pytest.fixture(scope="module")
def together(
    folder: Path, cache: Path, small: Small, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[TrainConfig, Path]]:
    """By name the configuration and what two processes of one torchrun made of it."""
    place, made = tmp_path_factory.mktemp("two"), {}
    for name, changes in METHODS.items():
        # dropout is drawn by each process for its own part
        encoder = {"dropout": 0.0, **changes.get("encoder", {})}
        more = {"steps": 4, "log_every": 1, "lr": 1e-2, "views": {"batch_size": 3}, **changes, "encoder": encoder}
        made[name] = (small(name.partition(",")[0], **more), place / name)
        (place / f"{name}.yaml").write_text(as_yaml(made[name][0]))
    script = place / "several.py"
    script.write_text(SEVERAL)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = start([*torchrun, "--log-dir", str(place / "log"), str(script), str(folder), str(cache), str(place)])
    assert done.returncode == 0, done.stderr
    return made


@pytest.mark.parametrize("name", METHODS)
def test_two_processes_equal_one(
    name: str, together: dict[str, tuple[TrainConfig, Path]], videos: VideoSet, cache: Path, tmp_path: Path
) -> None:
    config, run = together[name]
    one = fit(videos, config, cache=cache, out=tmp_path / "one")
    assert json.loads((run / "run.json").read_text())["processes"] == 2
    alone, both = (
        [json.loads(line)["loss"] for line in (path / "metrics.jsonl").read_text().splitlines()]
        for path in (tmp_path / "one", run)
    )
    # a whole backbone in float32 makes more of rounding errors; BatchNorms of each process alone make 1 % of it
    assert both == pytest.approx(alone, rel=5e-4 if name == "lav, pixels" else 1e-4)
    expected, found = states(one), states(FrameEncoder.from_pretrained(run))
    for part, value in expected.items():
        # no loss sees the bias of attention's keys or before a BatchNorm (nor TCC's one that shifts all frames alike):
        # their gradients are rounding errors, which Adam makes steps of, and running means follow
        if not part.endswith(("bias", "running_mean")):
            torch.testing.assert_close(found[part], value, atol=1e-4, rtol=1e-2)
