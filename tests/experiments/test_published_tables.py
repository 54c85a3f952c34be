"""The tables of the LAC paper: their plans, one run of each from pixels, weights from files, runs that were killed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_encoder import ENCODER

from syncline.cli.main import main
from syncline.errors import SynclineError
from syncline.experiments import BenchConfig, config_names, read_bench, rows_with_weights, run_bench
from syncline.experiments.compare_with_paper import compare_with_paper, paper_numbers, runs_missing, weights_used
from syncline.experiments.published_runs import measure_published, planned_runs
from syncline.experiments.run_bench import read_lines, shown_lines
from syncline.experiments.run_from_pixels import claimed
from syncline.training import merged, method_config
from syncline.training.optimiser_step import Stepper

TABLES = [f"table{number}" for number in range(1, 6)]


def test_the_tables_of_the_paper_are_shipped_in_both_sizes() -> None:
    assert {"g1_seeds", "real", *TABLES, *(f"small_{name}" for name in TABLES)} <= set(config_names())


@pytest.mark.parametrize("name", TABLES)
def test_the_plan_of_a_table_has_every_row_of_the_paper(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All of its runs, actions x rows x seeds, in ``--dry-run``; each row of the paper as printed and as corrected."""
    config = read_bench(name)
    runs = planned_runs(config.sets, list(config.methods), config.seeds, config.paper)
    actions = 13 if name == "table2" else 1
    assert len(runs) == len(set(runs)) == actions * len(config.methods) * len(config.seeds)
    assert {run.paper for run in runs} == set(paper_numbers(name)), (
        "no row of ours is foreign, none of theirs is missing"
    )
    rows = {run.row for run in runs}
    for row in paper_numbers(name):
        if row.startswith(("LAC", "ResNet", "gamma", "Lc")):
            assert {f"{row}, paper", f"{row}, corrected"} <= rows
    assert main(["bench", name, "--dry-run"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == f"{len(runs)} runs"
    assert len(printed) == len(runs) + 1
    assert all("epochs of" in line and "the paper's" in line for line in printed[:-1])


def test_table1_and_table2_have_all_forms_of_lac() -> None:
    forms = {f"LAC, {preset}" for preset in ("paper", "released", "released_vec", "corrected", "cross_video")}
    for name in ("table1", "table2"):
        config = read_bench(name)
        assert forms <= set(config.methods)
        assert all(config.training(row, 0).encoder.trainable != "frozen" for row in config.methods)


def test_a_method_that_is_trained_as_published_is_the_row_of_the_table() -> None:
    """`train --published --method tcn` is table1's TCN."""
    table = read_bench("table1")
    for row in ("TCN", "TCC", "LAV", "GTA", "SCL", "LRProp, our reconstruction"):
        expected = table.training(row, 0)
        assert method_config(expected.method, published=True) == expected
    for preset in ("paper", "corrected"):
        assert method_config("lac", preset=preset, published=True) == table.training(f"LAC, {preset}", 0)
    assert method_config("lac", published=True).preset == "corrected"


@pytest.mark.parametrize(
    ("name", "row"),
    [("table3", "ResNet-50 + Transformer"), ("table4", "gamma 0.8"), ("table5", "Lc + alpha (Ll + beta Lsw)")],
)
def test_tables_of_the_paper_share_the_row_that_they_share_in_print(name: str, row: str) -> None:
    """One training, LAC's as published, stands in Tables 1, 3, 4 and 5; so does the corrected one beside it."""
    table, first = read_bench(name), read_bench("table1")
    for form in ("paper", "corrected"):
        training, published = table.training(f"{row}, {form}", 0), first.training(f"LAC, {form}", 0)
        assert replace(training, loss={}) == published
        assert training.loss in ({}, {"gamma": 0.8})
    assert (published.views.num_frames, published.views.batch_size, published.lr) == (64, 2, 1e-4)


TINY_PIXELS: dict[str, Any] = {
    "epochs": 1, "store": False, "workers": 0,
    "encoder": {
        **ENCODER, "stage": None, "trainable": "all", "head": "grid", "head_norm": "none", "temporal": "none",
        "projection_head": False, "contexts": 1,
    },
    "views": {"num_frames": 4, "batch_size": 2},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_a_table_from_pixels_on_a_tiny_set(name: str, root: Path, tmp_path: Path) -> None:
    """One row of each table, trained on pixels and measured as published; the paper's numbers stand beside it."""
    config = read_bench(name)
    row = next(iter(config.methods))
    config = replace(
        config, sets=["tiny"], methods={row: merged(config.methods[row], TINY_PIXELS)}, seeds=[0], baseline=None
    )
    assert config.row_of_controls == row
    folder = run_bench(config, root, tmp_path)
    line, controls = read_lines(folder / "runs.jsonl")
    (measured,) = line["rows"]
    assert {one["protocol"] for one in (measured, *controls["rows"])} == {"published"}
    by_name = {one["method"]: one for one in controls["rows"]}
    assert list(by_name) == ["time-only", "untrained", "frozen", "frozen + time"]
    assert by_name["time-only"]["tau"] > 0.99
    assert by_name["untrained"] != measured
    assert 0 <= measured["class100"] <= 1
    assert measured["tau"] is None or -1 <= measured["tau"] <= 1
    assert line["config"]["encoder"]["trainable"] == "all"
    text = (folder / "tables.md").read_text(encoding="utf-8")
    assert text.startswith("**Backbones started from random weights: ")
    assert "| time-only | 1 |" in text
    ours_and_theirs = text.split(f"\n\n### Beside Table {name[-1]} of the paper\n")[1]
    assert "time-only" not in ours_and_theirs
    printed = paper_numbers(name)[row.split(", ")[0]]["class100"]
    ours = 100 * measured["class100"]
    assert f"] / {printed:.2f} / {ours - printed:+.2f}" in ours_and_theirs
    assert f"{ours:.2f} [" in ours_and_theirs
    assert "not there yet" not in text
    assert f"Backbones started from: random ({row})." in text
    for one in (measured, by_name["frozen"]):
        assert set(one["per_source"]["class100"]) == {"4.mp4", "5.mp4"}
        assert set(one["per_source"]) == {*paper_numbers("table1")["LAC"]}
    assert not (folder / "unfinished").exists()
    said: list[str] = []
    run_bench(config, root, tmp_path, callback=lambda told: said.append(told.message))
    assert said == [], "a run that is there is not done again"


def test_steps_on_the_line_replace_published_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--steps", "3"], ["--set", "steps=3"]):
        assert main(["bench", "table1", "--dry-run", "--seeds", "0", "--methods", "SCL", *words]) == 0
        assert "SCL, seed 0: 3 steps of " in capsys.readouterr().out
        assert main(["train", "--published", "--method", "scl", "--print_config", *words]) == 0
        said = capsys.readouterr().out
        assert "\nepochs: null\n" in said
        assert "\nsteps: 3\n" in said


def _seen_steps(monkeypatch: pytest.MonkeyPatch, dies_at: int | None) -> list[int]:
    """The steps that trainings do from here on; the process dies before one of them."""
    seen: list[int] = []
    real: Callable[..., Any] = Stepper.__call__

    def step(self: Stepper, number: int, steps: int, *, tell: bool = True) -> Any:
        if tell:  # and not only timed
            seen.append(number)
            if number == dies_at:
                raise MemoryError
        return real(self, number, steps, tell=tell)

    monkeypatch.setattr(Stepper, "__call__", step)
    return seen


@pytest.mark.slow
def test_a_run_of_a_table_that_was_killed_goes_on_where_it_was(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = read_bench("table5")
    row = "Lc, corrected"
    tiny = merged(TINY_PIXELS, {"epochs": None, "steps": 5, "checkpoint_seconds": 0.0, "log_every": 1})
    config = replace(
        config, sets=["tiny"], methods={row: merged(config.methods[row], tiny)}, seeds=[0], baseline=None, controls=[]
    )
    whole = read_lines(run_bench(config, root, tmp_path / "whole") / "runs.jsonl")
    with monkeypatch.context() as patch:
        _seen_steps(patch, dies_at=3)
        with pytest.raises(MemoryError):
            run_bench(config, root, tmp_path / "killed")
    (begun,) = (path for path in (tmp_path / "killed" / "table5" / "unfinished").iterdir() if path.is_dir())
    assert json.loads((begun / "checkpoint" / "checkpoint.json").read_text())["step"] == 3
    seen = _seen_steps(monkeypatch, dies_at=None)
    resumed = read_lines(run_bench(config, root, tmp_path / "killed") / "runs.jsonl")
    assert seen == [3, 4]
    assert [line["rows"] for line in resumed] == [line["rows"] for line in whole]
    assert [line["key"] for line in resumed] == [line["key"] for line in whole]
    assert not begun.exists()
    more_workers = replace(config, methods={row: merged(config.methods[row], {"workers": 2, "store": True})})
    assert len(shown_lines(more_workers, resumed)) == 1, "how pictures are read is no part of what a run is"
    run_bench(more_workers, root, tmp_path / "killed")
    assert seen == [3, 4]


@pytest.mark.slow
def test_a_run_whose_folder_is_damaged_begins_anew(root: Path, tmp_path: Path) -> None:
    config = read_bench("table5")
    row = "Lc, paper"
    config = replace(
        config, sets=["tiny"], methods={row: merged(config.methods[row], TINY_PIXELS)}, seeds=[0], controls=[]
    )
    log = run_bench(config, root, tmp_path) / "runs.jsonl"
    (line,) = read_lines(log)
    log.unlink()
    begun = log.parent / "unfinished" / line["key"]
    (begun / "checkpoint").mkdir(parents=True)
    (begun / "train.json").write_text("{}")
    (begun / "checkpoint" / "checkpoint.json").write_text("half of")
    run_bench(config, root, tmp_path)
    assert [one["rows"] for one in read_lines(log)] == [line["rows"]]


def _row(action: str, seed: int, value: float, *, name: str = "LAC, paper") -> dict[str, Any]:
    values = {f"{action}{video}": value + 0.01 * video for video in (-2, -1, 0, 1, 2)}
    return {"set": action, "method": name, "seed": seed, "class100": value, "per_source": {"class100": values}}


def test_means_beside_the_paper_are_over_actions_and_say_what_they_lack() -> None:
    rows = [_row("bowl", 0, 0.5), _row("bowl", 1, 0.7), _row("squat", 0, 0.9)]
    head, _, line = compare_with_paper(rows, "table2", actions=2).strip().splitlines()[-3:]
    assert head.split(" | ")[4] == "class100"
    cells = line.strip("| ").split(" | ")
    assert cells[:2] == ["LAC, paper", "1 to 2"]
    ours, printed, difference = cells[4].split(" / ")
    assert (printed, difference) == ("93.40", "-18.40")  # the mean of .6 and .9, not of the three runs
    mean, low, high = (float(word.strip("[],")) for word in ours.split())
    assert mean == 75.0
    assert low < mean < high
    assert high - low == pytest.approx(2 * 1.96 * 100 * 0.01 * (2 / 5 / 2) ** 0.5, rel=0.1)
    some = compare_with_paper(rows, "table2", actions=13)
    assert "| LAC, paper (2 of 13 actions) | 1 to 2 |" in some


def test_what_a_table_lacks_and_started_from_is_told() -> None:
    planned = [("pouring", "SCL", 0), ("pouring", "SCL", 1), ("pouring", "TCN", 0)]
    lines = [{"set": "pouring", "label": "SCL", "seed": 0, "weights": "byol.pth (SHA-256 0)"}]
    assert runs_missing(planned, lines) == "**2 of 3 runs are not there yet: SCL 1, TCN 1.**\n"
    assert runs_missing(planned[:1], lines) == ""
    assert weights_used(lines) == "Backbones started from: byol.pth (SHA-256 0) (SCL).\n"


def test_files_of_weights_go_to_the_rows_that_they_fit(tmp_path: Path) -> None:
    import timm

    tiny: dict[str, Any] = {"encoder": ENCODER}
    rows = {
        "a": merged(tiny, {"encoder": {"weights": None}}),
        "b": merged(tiny, {"encoder": {"weights": None, "backbone": "test_efficientnet"}}),
        "c": merged(tiny, {"encoder": {"weights": None}}),
        "w/o": tiny,
    }
    config = BenchConfig("t", ["tiny"], rows)
    files = {}
    for name in ("test_resnet", "test_efficientnet"):
        files[name] = str(tmp_path / f"{name}.pth")
        torch.save(timm.create_model(name, pretrained=False).state_dict(), files[name])
    given = [files["test_resnet"], files["test_efficientnet"]]
    assert _weights(rows_with_weights(config, given)) == {
        "a": given[0], "b": given[1], "c": given[0], "w/o": "none"
    }  # fmt: skip
    other = str(tmp_path / "other=.pth")
    Path(other).write_bytes(Path(given[0]).read_bytes())
    assert _weights(rows_with_weights(config, [given[0], f"c={other}"]))["c"] == other
    with pytest.raises(SynclineError, match=r"test_efficientnet.pth does not fit the backbone"):
        rows_with_weights(config, [f"a={given[1]}"])
    torch.save({"x": torch.zeros(2)}, other)
    with pytest.raises(SynclineError, match="fits no backbone of t"):
        rows_with_weights(config, [other])
    with pytest.raises(SynclineError, match="no file of weights"):
        rows_with_weights(config, [str(tmp_path / "missing.pth")])


def _weights(rows: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: row["encoder"]["weights"] for name, row in rows.items()}


def test_tau_needs_no_labels(root: Path) -> None:
    from syncline.data import open_videos

    videos = open_videos(root / "tiny")
    bare = replace(videos, videos=tuple(replace(video, phases=None) for video in videos))
    measured = measure_published(lambda video: torch.arange(video.num_frames)[:, None].numpy(), bare, stride=5)
    assert measured["tau"] == 1.0
    assert set(measured) == {"tau", "per_source"}
    assert set(measured["per_source"]["tau"]) == {"4.mp4", "5.mp4"}


@pytest.mark.slow
def test_a_run_that_another_process_has_is_left_to_it(root: Path, tmp_path: Path) -> None:
    """Two processes share a table: what the one has claimed, the other passes over, and does when it is free."""
    config = read_bench("table5")
    row = "Lc, paper"
    config = replace(
        config, sets=["tiny"], methods={row: merged(config.methods[row], TINY_PIXELS)}, seeds=[0, 1], controls=[]
    )
    log = run_bench(replace(config, seeds=[1]), root, tmp_path) / "runs.jsonl"
    key = read_lines(log)[0]["key"]
    log.unlink()
    said: list[str] = []
    with claimed(log.parent / "unfinished" / key) as own:
        assert own
        run_bench(config, root, tmp_path, callback=lambda told: said.append(told.message))
    assert f"tiny, {row}, seed 1: another process is at it" in said
    assert [line["seed"] for line in read_lines(log)] == [0]
    assert "1 of 2 runs are not there yet" in (log.parent / "tables.md").read_text(encoding="utf-8")
    run_bench(config, root, tmp_path)
    assert [line["seed"] for line in read_lines(log)] == [0, 1]
    assert not (log.parent / "unfinished").exists()


def test_a_bench_that_is_interrupted_says_how_it_continues(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("syncline.experiments.run_bench", interrupted)
    words = ["bench", "table5", "--root", str(root), "--out", str(tmp_path), "--cache", str(tmp_path)]
    with contextlib.suppress(KeyboardInterrupt):
        assert main(words) == 130
    assert "stopped; the same command continues" in capsys.readouterr().err
