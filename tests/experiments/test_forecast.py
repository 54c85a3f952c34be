"""What is said before runs from pixels begin, and one such run by the command line."""

from __future__ import annotations

from pathlib import Path

import data_forms as forms
import pytest
from data_forms import Item, phases

from syncline.cli.main import main
from syncline.data import Video, VideoSet
from syncline.errors import SynclineError
from syncline.experiments.forecast import forecast
from syncline.training import TrainConfig, method_config
from syncline.training.time_and_disk import Plan

TINY = [
    f"--set={setting}"
    for setting in (
        "encoder.backbone=test_resnet", "encoder.weights=none", "encoder.stage=null", "encoder.head=grid",
        "encoder.head_norm=none", "encoder.temporal=none", "encoder.hidden=16", "encoder.width=16", "encoder.grid=1",
        "views.num_frames=4", "epochs=1",
    )
]  # fmt: skip


def video_set(name: str, frames: list[int]) -> VideoSet:
    clips = (Video(Path(f"{name}{i}.mp4"), f"{name}{i}", f"{name}{i}", n, 25.0) for i, n in enumerate(frames))
    return VideoSet(tuple(clips), name)


def test_the_forecast_adds_up_rows_sets_and_seeds() -> None:
    first, second = video_set("a", [100, 300]), video_set("b", [200, 200, 200, 200])
    config = method_config("lac", published=True)  # 300 rounds, 2 pairs a step

    def plan(videos: VideoSet, training: TrainConfig) -> Plan:
        assert videos is first, "a row is planned on the videos of its first run"
        if training.method == "tcn":
            raise SynclineError("no weights")
        return Plan(2, 400, 400, 4_000_000, 0.01, 0.0, 4.0, 2.0, 300, memory=3 * 10**9, pixels=True)

    runs = [(row, videos, config) for videos in (first, second) for row in ("LAC", "again")]
    said = forecast([*runs, ("TCN", first, method_config("tcn", published=True))], plan)
    # 300 steps of 2 s on two videos, 600 on four, two rows each; 1,200 frames of 10 kB, once for both rows
    assert said == (
        "4 runs: about 60 min of training in all, as a few steps of each row took; 12 s to decode, 0.01 GB of disk; "
        "up to 3.0 GB of memory; TCN is not counted (no weights)"
    )


@pytest.mark.slow
def test_a_published_run_by_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCLINE_CACHE", str(tmp_path / "cache"))
    for split, count in (("train", 4), ("val", 2)):
        items = [Item(f"{split}{i}", phases(20 + i, 5), first=100 * i) for i in range(count)]
        forms.write_pickle(tmp_path / f"{split}.pkl", items)
        for item in items:
            forms.write_video(tmp_path, item)
    source, run = ["pouring", "--root", str(tmp_path)], str(tmp_path / "run")
    assert main(["train", *source, "--published", "--method", "lac", "--preset", "paper", "--out", run, *TINY]) == 0
    said = capsys.readouterr()
    assert "4 videos: about" in said.err
    assert f"next: syncline evaluate {run} pouring --root {tmp_path} --published\n" in said.out
    assert main(["evaluate", run, *source, "--published", "--out", str(tmp_path / "tables")]) == 0
    table = (tmp_path / "tables" / "tables.md").read_text()
    said = "**run: the backbone started from random weights. No published result.**\n\n"
    assert table.startswith(f"{said}### pouring, published\n")
    assert "AP@5" in table
    assert [line.split(" | ")[0] for line in table.splitlines()[7:11]] == [
        "| time-only", "| untrained", "| frozen", "| frozen + time"
    ]  # fmt: skip
    assert main(["evaluate", run, str(tmp_path / "videos"), "--published"]) == 1
    assert "on pouring or penn_action" in capsys.readouterr().err


def test_weights_on_the_line_are_the_backbones(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "--published", "--method", "scl", "--weights", "byol.pth", "--print_config"]
    assert main(words) == 0
    assert "weights: byol.pth\n" in capsys.readouterr().out
