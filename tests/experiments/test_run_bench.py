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
from bars import write_bar_codes

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
from syncline.experiments.published_runs import paper_numbers, planned_runs
from syncline.experiments.result_tables import difference_rows
from syncline.experiments.run_bench import read_lines, run_bench, shown_lines
from syncline.files import append_jsonl
from syncline.training import merged

ENCODER = {
    "backbone": "test_resnet", "weights": "none", "grid": 1, "hidden": 16, "width": 16, "heads": 2, "feed_forward": 32,
    "embedding_dim": 8,
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of six videos, four of them to train on, with two events each and re-cuts."""
    place = tmp_path_factory.mktemp("sets")
    (place / "tiny" / "videos").mkdir(parents=True)
    rows, recuts = ["video,split,num_frames,fps,events"], ["video,split,frames"]
    for number in range(6):
        length, split = 40 + 2 * number, "train" if number < 4 else "val"
        write_bar_codes(place / "tiny" / "videos" / f"{number}.mp4", length)
        rows.append(f"{number}.mp4,{split},{length},30,{10 + number};{25 + number}")
        recuts.append(f"{number}.mp4,{split},{';'.join(map(str, range(3, length, 3)))}")
    (place / "tiny" / "annotations.csv").write_text("\n".join(rows) + "\n")
    (place / "tiny" / "retimed.csv").write_text("\n".join(recuts) + "\n")
    for name, shift in (("early", -2), ("late", 3)):
        moved = [rows[0]] + [
            f"{n}.mp4,{'train' if n < 4 else 'val'},{40 + 2 * n},30,{10 + n + shift};{25 + n + shift}" for n in range(6)
        ]
        (place / "tiny" / f"annotations_{name}.csv").write_text("\n".join(moved) + "\n")
    return place


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
    assert f"{ours:.2f} / {printed:.2f} / {ours - printed:+.2f}" in text
    said: list[str] = []
    run_bench(config, root, tmp_path, callback=lambda told: said.append(told.message))
    assert said == [], "a run that is there is not done again"


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


def test_steps_on_the_line_replace_published_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--steps", "3"], ["--set", "steps=3"]):
        assert main(["bench", "table1", "--dry-run", "--seeds", "0", "--methods", "SCL", *words]) == 0
        assert "SCL, seed 0: 3 steps of " in capsys.readouterr().out
        assert main(["train", "--published", "--method", "scl", "--print_config", *words]) == 0
        said = capsys.readouterr().out
        assert "\nepochs: null\n" in said
        assert "\nsteps: 3\n" in said


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
