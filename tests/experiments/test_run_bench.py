"""A bench on tiny videos: lines, tables, going on after a stop; and what the tables make of rows."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_encoder import ENCODER

from syncline.cli.main import main
from syncline.data.synthetic import read_truth
from syncline.encoder import Backbone, FeatureCache
from syncline.errors import SynclineError
from syncline.experiments import (
    BenchConfig,
    as_csv,
    as_latex,
    as_markdown,
    bench_sets,
    config_names,
    make_tables,
    read_bench,
)
from syncline.experiments.bench_sets import open_sets
from syncline.experiments.result_tables import difference_rows
from syncline.experiments.run_bench import read_lines, run_bench, shown_lines
from syncline.files import append_jsonl


def _config(**changes: Any) -> BenchConfig:
    common = {"steps": 3, "encoder": ENCODER, "views": {"num_frames": 6, "batch_size": 2}}
    methods = {"SCL": {"method": "scl"}, "LAC": {"method": "lac"}}
    return BenchConfig(
        **{"name": "t", "sets": ["tiny"], "methods": methods, "common": common, "seeds": [0, 1]} | changes
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> FeatureCache:
    return FeatureCache(tmp_path_factory.mktemp("cache"), Backbone("test_resnet", weights="none"))


@pytest.mark.slow
def test_runs_are_lines_and_a_stopped_bench_goes_on(root: Path, tmp_path: Path, cache: FeatureCache) -> None:
    said: list[str] = []
    place = run_bench(
        _config(seeds=[0], draws=2), root, tmp_path, cache=cache, callback=lambda told: said.append(told.message)
    )
    assert said == ["tiny, SCL, seed 0", "tiny, LAC, seed 0", "tiny, controls, seed 0"]
    log = place / "runs.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole[: whole.rstrip(b"\n").rfind(b"\n") + 40])  # killed while it wrote the third line
    said.clear()
    run_bench(_config(draws=2), root, tmp_path, cache=cache, callback=lambda told: said.append(told.message))
    assert said == ["tiny, controls, seed 0", "tiny, SCL, seed 1", "tiny, LAC, seed 1", "tiny, controls, seed 1"]
    lines = read_lines(log)
    assert len({line["key"] for line in lines}) == len(lines) == 6
    said.clear()
    run_bench(_config(draws=2), root, tmp_path, cache=cache, callback=lambda told: said.append(told.message))
    assert said == []
    trained = next(line for line in lines if line["label"] == "SCL")
    assert trained["config"]["encoder"]["sampling"]["stride"] == 4
    assert trained["steps_per_second"] > 0
    assert trained["environment"]["torch"]
    rows = {(row["protocol"], row["method"]): row for line in lines for row in line["rows"]}
    assert {protocol for protocol, _ in rows} == {"whole", "retimed", "spliced"}
    assert set(rows["whole", "frozen"]["per_source"]["class100"]) == {"4.mp4", "5.mp4"}
    assert rows["whole", "labels: early"]["event_nearest_median"] == pytest.approx(2 / 30, abs=1e-5)
    assert "class100" not in rows["spliced", "SCL"]
    assert rows["whole", "time-only"]["tau"] > 0.9
    text = (place / "tables.md").read_text()
    assert "### tiny, retimed" in text
    assert "| SCL | 2 |" in text
    found = json.loads((place / "differences.json").read_text())
    assert {row["method"] for row in found} >= {"LAC", "frozen", "time-only"}


def test_tables_hold_the_runs_of_their_own_configuration(root: Path, tmp_path: Path, cache: FeatureCache) -> None:
    only = {"SCL": {"method": "scl"}}
    common = _config().common
    place = run_bench(_config(methods=only, seeds=[0], draws=2), root, tmp_path, cache=cache)
    longer = _config(methods=only, seeds=[0, 1], draws=2, common=common | {"steps": 4})
    run_bench(longer, root, tmp_path, cache=cache)
    lines = read_lines(place / "runs.jsonl")
    assert Counter(line["label"] for line in lines) == {"SCL": 3, "controls": 2}
    for config, steps, seeds in (
        (longer, {4}, {0, 1}),
        (replace(longer, seeds=[1]), {4}, {1}),
        (replace(longer, common=common), {3}, {0}),
    ):
        shown = [line for line in shown_lines(config, lines) if line["label"] == "SCL"]
        assert {line["config"]["steps"] for line in shown} == steps
        assert {line["seed"] for line in shown} == seeds
    assert "| SCL | 2 |" in (place / "tables.md").read_text()
    assert shown_lines(replace(longer, sets=["other"]), lines) == []
    assert len(shown_lines(longer, [*lines, *lines])) == len(shown_lines(longer, lines)), "no run counts twice"
    wider = longer.common | {"encoder": ENCODER | {"hidden": 8}}
    assert shown_lines(replace(longer, common=wider), lines) == [], "nor the controls of another encoder"


def _row(method: str, seed: int, values: dict[str, float], *, name: str = "s") -> dict[str, Any]:
    mean = sum(values.values()) / len(values)
    return {
        "set": name, "protocol": "whole", "method": method, "seed": seed, "ap5": mean, "event_nearest_median": 1 - mean,
        "tau": 0.9, "per_source": {"ap5": values, "event_nearest_median": {k: 1 - v for k, v in values.items()}},
    }  # fmt: skip


def test_bold_is_what_leads_beyond_doubt_and_never_a_control() -> None:
    videos = {str(i): 0.5 + 0.01 * i for i in range(12)}
    better = {k: v + 0.1 for k, v in videos.items()}
    rows = [_row("A", seed, videos) for seed in (0, 1)] + [_row("B", seed, better) for seed in (0, 1)]
    rows.append(_row("frozen", 0, {k: v + 0.4 for k, v in videos.items()}))
    table = make_tables(rows)[0]
    bold = {method: [cell.bold for cell in cells] for method, cells in table.methods.items()}
    assert bold == {"A": [False] * 3, "B": [True, True, False], "frozen": [False] * 3}
    assert list(table.methods) == ["A", "B", "frozen"]
    found = {row["metric"]: row for row in difference_rows(rows, "A") if row["method"] == "B"}
    assert found["AP@5"]["mean"] == pytest.approx(10)
    assert (found["AP@5"]["wins"], found["nearest median s"]["wins"], found["nearest median s"]["sure"]) == (
        12,
        12,
        True,
    )
    uneven = {k: v + (0.3 if k == "0" else -0.01) for k, v in videos.items()}
    doubtful = make_tables([_row("A", 0, videos), _row("B", 0, uneven)])[0]
    assert not any(cell.bold for cells in doubtful.methods.values() for cell in cells)


def test_tables_in_three_forms_and_the_mean_of_sets() -> None:
    rows = [_row("A", 0, {"v": 0.5}), _row("A", 0, {"w": 0.7}, name="r")]
    tables = make_tables(rows)
    assert [table.title for table in tables] == ["s, whole", "r, whole", "mean of 2 sets, whole"]
    assert tables[2].methods["A"][1].mean == pytest.approx(60)
    assert "| A | 1 | 0.400 | 60.0 | 90.0 |" in as_markdown(tables)
    assert r"tau (unranked) \\ \hline" in as_latex(tables)
    read = list(csv.DictReader(io.StringIO(as_csv(tables))))
    assert read[1] == {
        "table": "s, whole", "method": "A", "seeds": "1", "metric": "AP@5", "mean": "50.0000",
        "deviation": "", "bold": "0",
    }  # fmt: skip


def test_a_line_that_was_cut_short_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(b'{"key": "a", "ro')
    append_jsonl(path, [{"key": "b", "rows": []}])
    assert [line["key"] for line in read_lines(path)] == ["b"]


def test_controls_measured_by_0_1_0_have_the_names_of_today(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    append_jsonl(path, [{"key": "a", "rows": [{"method": "time only", "tau": 1.0}, {"method": "frozen"}]}])
    assert [row["method"] for row in read_lines(path)[0]["rows"]] == ["time-only", "frozen"]
    config = BenchConfig("own", ["synthetic"], {"LAC": {}}, controls=["time only", "frozen"])
    assert config.controls == ["time-only", "frozen"]


@pytest.mark.slow
@pytest.mark.parametrize("name", config_names())
def test_every_shipped_config_names_methods_that_exist(name: str) -> None:
    """Reading makes the loss and the training configuration of every row."""
    config = read_bench(name)
    assert config.training(next(iter(config.methods)), 3).seed == 3
    assert config.name == name


@pytest.mark.parametrize(
    ("name", "row"),
    [("small_table3", "head + transformer"), ("small_table4", "gamma 0.8"), ("small_table5", "Lc + Ll + Lsw")],
)
def test_small_tables_share_that_row_too(name: str, row: str) -> None:
    table, first = read_bench(name), read_bench("small_table1")
    for found, expected in ((row, "LAC paper"), (f"corrected {row}", "LAC corrected")):
        training, own = table.training(found, 0), first.training(expected, 0)
        assert replace(training, loss={}) == own
        assert training.loss in ({}, {"gamma": 0.8})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sets: [a]\nmethods: {x: {method: scl}}\nspeed: 3", "speed"),
        ("sets: [a]\nmethods: {x: {method: nope}}", "nope"),
        ("sets: [a]\nmethods: {x: {method: scl}}\nprotocols: [fast]", "fast"),
        ("sets: []\nmethods: {x: {method: scl}}", "must not be empty"),
        ("sets: [a]\nmethods: {x: {method: scl}}\nbaseline: y", "baseline"),
        ("sets: [", "no bench"),
    ],
)
def test_bad_configs_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bench.yaml"
    path.write_text(text)
    with pytest.raises(SynclineError, match=message):
        read_bench(path)


def test_the_command_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "real", "--out", str(tmp_path), "--only-tables"]) == 1
    assert main(["bench", "nothing"]) == 1
    assert main(["evaluate", "-", str(tmp_path), "--no-controls"]) == 1
    errors = capsys.readouterr().err
    assert "runs.jsonl" in errors
    assert "g1_seeds" in errors
    assert main(["bench", "--list"]) == 0
    assert "g1_seeds" in capsys.readouterr().out


def test_a_set_may_be_split_by_a_column_of_its_manifest(root: Path, tmp_path: Path) -> None:
    (found,) = open_sets("tiny:num_frames=42", root, tmp_path)
    assert [video.name for video in found.videos.split("train")] == ["1.mp4"]
    assert len(found.videos.split("val")) == 5
    assert found.recuts is not None
    assert [video.source for video in found.recuts.split("train")] == ["1.mp4"]
    with pytest.raises(SynclineError, match="num_frames=7 holds of no videos"):
        list(open_sets("tiny:num_frames=7", root, tmp_path))
    with pytest.raises(SynclineError, match="no column 'direction'"):
        list(open_sets("tiny:direction=left", root, tmp_path))


def test_a_set_may_be_rendered_with_its_troubles(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_sets, "RENDERED", 3)
    (found,) = open_sets("synthetic:missing,extra", root, tmp_path)
    assert len(found.videos.split("train")) == 2
    for video in read_truth(tmp_path / "synthetic_missing_extra"):
        assert {"missing", "extra"} <= {kind for kind, _, _ in video.segments}
    made = (tmp_path / "synthetic_missing_extra" / "truth.json").stat().st_mtime_ns
    (again,) = open_sets("synthetic:missing,extra", root, tmp_path)
    assert [video.name for video in again.videos] == [video.name for video in found.videos]
    assert (tmp_path / "synthetic_missing_extra" / "truth.json").stat().st_mtime_ns == made, "rendered once"
    with pytest.raises(SynclineError, match="'fog'; expected pauses, missing, repeated, extra"):
        list(open_sets("synthetic:fog", root, tmp_path))
