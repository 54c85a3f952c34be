"""Runs a bench (methods x sets x seeds), a JSON line for each run, and resumes one that was stopped.

Notable choices:
- A line is identified by the hash of everything that decides it (training configuration, set, seed, protocols):
  finished runs are not repeated when the bench configuration changes elsewhere.
- The controls of a set have lines of their own; those that do not depend on the seed are measured once.
- From pixels, several processes share the runs of a table: each does those that no other has begun.
- Tables are written again after every run; those of an unfinished bench say how many seeds each method has.
- Every method of a table has the same features, and unless it says otherwise the same views, steps and seeds.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import logging
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from syncline.data.published.published_actions import DATASETS
from syncline.encoder import Backbone, EncoderConfig, FeatureCache
from syncline.encoder.choose_device import chosen_device
from syncline.encoder.encoder_config import named_as_0_1
from syncline.errors import SynclineError
from syncline.evaluation.controls import NAMES_OF_0_1
from syncline.evaluation.evaluate_encoder import evaluate, prepare
from syncline.evaluation.protocols import Protocol, evaluation_sampling
from syncline.experiments.bench_config import BenchConfig
from syncline.experiments.bench_sets import BenchSet, open_sets
from syncline.experiments.compare_with_paper import compare_with_paper, runs_missing, weights_used
from syncline.experiments.environment import environment, peak_memory
from syncline.experiments.forecast import Run, forecast
from syncline.experiments.published_runs import PROTOCOL as PUBLISHED
from syncline.experiments.published_runs import planned_runs
from syncline.experiments.result_tables import as_csv, as_latex, as_markdown, difference_rows, make_tables
from syncline.experiments.run_from_pixels import claimed, measure_controls, train_and_measure
from syncline.files import append_jsonl, read_jsonl, write_json, write_text
from syncline.progress import Callback, Progress, silent
from syncline.training import TrainConfig, fit
from syncline.training.train_config import current_settings

_log = logging.getLogger(__name__)
_SINCE_0_1 = {"sample_rate_hz": None, "align_with_gaps": False, "epochs": None, "workers": 0, "store": False}
"""Settings that version 0.1.0 did not have, and their values then: runs of that version keep their keys."""
_NO_PART = {"workers": 0, "store": False}
"""Settings that change nothing of what is learned, as they count for keys and tables."""
_CONTROLS_IN_0_1 = {new: old for old, new in NAMES_OF_0_1.items()}
_BACKBONE = ("backbone", "stage", "weights", "trainable", "precision", "grid")


def run_bench(
    config: BenchConfig,
    root: str | Path,
    out: str | Path,
    *,
    cache: FeatureCache | None = None,
    callback: Callback = silent,
) -> Path:
    """Does the runs that are not there yet and writes the tables; returns the folder of the results.

    Args:
        root: folder of the sets. out: gets `NAME/runs.jsonl`, the tables, and rendered sets in `sets`.
        cache: of features; None for the user's.
        callback: told in a message which run begins, and what it plans.

    Raises:
        SynclineError: a set that is not there. A run that fails is logged and tried again by the next call.
    """
    folder = Path(out) / config.name
    log = folder / "runs.jsonl"
    done = keys_in(log)
    cache = FeatureCache() if cache is None else cache
    published = PUBLISHED in config.protocols
    if published:
        left = _left(config, Path(root), Path(out) / "sets", done)
        if len(left) > 1:
            callback(Progress("plan", message=forecast(left)))
    for name in config.sets:
        for found in open_sets(name, Path(root), Path(out) / "sets"):
            if published:
                _run_set_from_pixels(config, found, cache.root, log, callback)
            else:
                _run_set(config, found, cache, log, done, callback)
            write_tables(config, folder)
    write_tables(config, folder)
    return folder


def _left(config: BenchConfig, root: Path, rendered: Path, done: set[str]) -> list[Run]:
    """The runs from pixels that are still to be done."""
    runs: list[Run] = []
    for name in config.sets:
        for found in open_sets(name, root, rendered):
            for seed, label in itertools.product(config.seeds, config.methods):
                training = config.training(label, seed, {})
                if _key(config, found, label, training, ()) not in done:
                    runs.append((label, found.videos.split("train"), training))
    return runs


@dataclass(frozen=True)
class _Wanted:
    """A run of a bench on one set; ``label``: a row, or ``controls``, which are then named."""

    label: str
    seed: int
    training: TrainConfig
    controls: Sequence[str]
    key: str


def _wanted(config: BenchConfig, found: BenchSet, extra: Mapping[str, Any]) -> Iterator[_Wanted]:
    """All runs on one set, whether they are done or not; ``extra``: settings of the set."""
    for seed, label in itertools.product(config.seeds, (*config.methods, "controls")):
        training = config.training(config.row_of_controls if label == "controls" else label, seed, extra)
        names = config.controls if seed == config.seeds[0] else [c for c in config.controls if c == "untrained"]
        if label != "controls" or names:
            yield _Wanted(label, seed, training, names, _key(config, found, label, training, names))


def _run_set(
    config: BenchConfig, found: BenchSet, cache: FeatureCache, log: Path, done: set[str], callback: Callback
) -> None:
    """Does the runs on cached features of one set that are not done."""
    extra = {"encoder": {"sampling": {"stride": evaluation_sampling(found.videos).stride}}}
    ready: dict[str, tuple[FeatureCache, list[Protocol]]] = {}
    for run in _wanted(config, found, extra):
        if run.key in done:
            continue
        callback(Progress("run", message=f"{found.name}, {run.label}, seed {run.seed}"))
        look = repr([getattr(run.training.encoder, name) for name in ("sampling", *_BACKBONE)])
        with _told(found, run):
            if look not in ready:
                ready[look] = _prepared(config, found, run.training, cache)
            line = _run(found, run.label, run.training, run.controls, *ready[look], config.draws)
            _keep(config, log, run, line)
            done.add(run.key)


def _run_set_from_pixels(config: BenchConfig, found: BenchSet, root: Path, log: Path, callback: Callback) -> None:
    """Does the runs from pixels of one set that are neither done nor being done by another process."""
    for run in _wanted(config, found, {}):
        if run.key in keys_in(log):
            continue
        name, folder = f"{found.name}, {run.label}, seed {run.seed}", log.parent / "unfinished" / run.key
        with claimed(folder) as own, _told(found, run):
            if not own:
                callback(Progress("run", message=f"{name}: another process is at it"))
            elif run.key not in keys_in(log):
                callback(Progress("run", message=name))
                if run.label == "controls":
                    line = measure_controls(found, run.training.encoder, run.seed, run.controls, root)
                else:
                    line = train_and_measure(found, run.label, run.training, folder, callback)
                _keep(config, log, run, line)
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _told(found: BenchSet, run: _Wanted) -> Iterator[None]:
    """A run that fails is told and left for the next call."""
    try:
        yield
    except SynclineError as error:
        _log.warning("%s, %s, seed %d failed: %s", found.name, run.label, run.seed, error)


def _keep(config: BenchConfig, log: Path, run: _Wanted, line: dict[str, Any]) -> None:
    """Writes the line of a run, and the tables."""
    append_jsonl(log, [{"key": run.key} | line])
    write_tables(config, log.parent)


def _prepared(
    config: BenchConfig, found: BenchSet, training: TrainConfig, cache: FeatureCache
) -> tuple[FeatureCache, list[Protocol]]:
    """The cache of a row's backbone, and what is measured with it."""
    own = _own_cache(training.encoder, cache)
    encoder, protocols = training.encoder, config.protocols
    return own, prepare(found.videos, own, config=encoder, recuts=found.recuts, protocols=protocols)


def _own_cache(encoder: EncoderConfig, cache: FeatureCache) -> FeatureCache:
    """The cache, or one beside it for an encoder with another backbone than the cache's."""
    if encoder.features != "pictures":
        raise SynclineError("a bench measures encoders of pictures; syncline evaluate measures a run that takes poses")
    default = EncoderConfig()
    if all(getattr(encoder, name) == getattr(default, name) for name in _BACKBONE):
        return cache
    if encoder.trainable != "frozen":
        raise SynclineError("a bench measures encoders on frozen features; trainable must be frozen")
    torch.manual_seed(0)  # of weights that are drawn
    backbone = Backbone(
        encoder.backbone, grid=encoder.grid or None, weights=encoder.weights, stage=encoder.stage,
        precision=encoder.precision,
    )  # fmt: skip
    return FeatureCache(cache.root, backbone.to(chosen_device()))


def _run(
    found: BenchSet,
    label: str,
    training: TrainConfig,
    controls: Sequence[str],
    cache: FeatureCache,
    material: Sequence[Protocol],
    draws: int,
) -> dict[str, Any]:
    started = time.perf_counter()
    line: dict[str, Any] = {"set": found.name, "label": label, "seed": training.seed}
    options: dict[str, Any] = {"cache": cache, "material": material, "draws": draws, "seed": training.seed}
    if label == "controls":
        rows = _controls(found, training, controls, options)
        line["config"] = training.encoder.as_dict()
    else:
        ticks: list[float] = []

        def tick(told: Progress) -> None:
            if told.phase == "training":
                ticks.append(time.perf_counter())

        train = found.videos.split("train")
        videos = train if len(train) else found.videos
        encoder = fit(videos, training, cache=cache, callback=tick)
        line["train_seconds"] = round(time.perf_counter() - started, 2)
        passed = ticks[-1] - ticks[0] if len(ticks) > 1 else 0.0
        line["steps_per_second"] = round((len(ticks) - 1) / passed, 2) if passed > 0 else None
        rows = evaluate(encoder, found.videos, controls=False, name=label, **options)
        line["config"] = training.as_dict()
    for row in rows:
        row["set"] = found.name
    line["seconds"] = round(time.perf_counter() - started, 2)
    return line | {"peak_memory_mb": peak_memory(), "environment": environment(), "rows": rows}


def _controls(
    found: BenchSet, training: TrainConfig, controls: Sequence[str], options: dict[str, Any]
) -> list[dict[str, Any]]:
    """The rows of the controls; the untrained encoder is that of the first method."""
    other = found.other_labels if "time-only" in controls else {}
    return evaluate(None, found.videos, controls=controls, other_labels=other, config=training.encoder, **options)


def _key(config: BenchConfig, found: BenchSet, label: str, training: TrainConfig, controls: Sequence[str]) -> str:
    decides: dict[str, Any] = {
        "set": found.name,
        "videos": len(found.videos),
        "label": label,
        "protocols": sorted(config.protocols),
        "draws": config.draws,
        "seed": training.seed,
        "config": named_as_0_1(training.encoder.as_dict()) if label == "controls" else _as_in_0_1(training),
        "controls": [_CONTROLS_IN_0_1.get(name, name) for name in controls] if label == "controls" else None,
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


def _as_in_0_1(training: TrainConfig) -> dict[str, Any]:
    """A configuration as version 0.1.0 wrote it, as far as it had the same settings."""
    values = training.as_dict() | _NO_PART
    values["encoder"] = named_as_0_1(values["encoder"])
    if values["teacher"] == "alignment":
        values["teacher"] = "encoder"
    return {name: value for name, value in values.items() if name not in _SINCE_0_1 or value != _SINCE_0_1[name]}


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The runs in a JSONL file (see `read_jsonl`). Controls have the names of today, whatever version measured them."""
    lines = [line for line in read_jsonl(path) if "key" in line and "rows" in line]
    for row in (row for line in lines for row in line["rows"]):
        row["method"] = NAMES_OF_0_1.get(row["method"], row["method"])
    return lines


def keys_in(path: Path) -> set[str]:
    """Of the runs that are there."""
    return {line["key"] for line in read_lines(path)}


def write_tables(config: BenchConfig, folder: Path) -> None:
    """Tables and differences from the lines that are there, of this configuration's sets, seeds, rows and settings."""
    shown = shown_lines(config, read_lines(folder / "runs.jsonl"))
    rows = [row for line in shown for row in line["rows"]]
    if not rows:
        return
    order = {label: i for i, label in enumerate(config.methods)}
    rows.sort(key=lambda row: order.get(row["method"], len(order)))
    tables = make_tables(rows)
    head, tail = _around_the_tables(config, shown, rows)
    write_text(folder / "tables.md", head + as_markdown(tables) + tail)
    write_text(folder / "tables.csv", as_csv(tables))
    write_text(folder / "tables.tex", as_latex(tables))
    found = difference_rows(rows, config.baseline or next(iter(config.methods)))
    write_json(folder / "differences.json", found)


def _around_the_tables(
    config: BenchConfig, lines: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]
) -> tuple[str, str]:
    """What stands above the tables, and below them."""
    published = PUBLISHED in config.protocols
    measured = (
        "Phases by an SVM on the first 10, 50 and 100 % of the training videos; AP@K and tau on every 5th frame of "
        "Pouring and every 2nd of PennAction, all else on every frame. One model an action."
        if published
        else "Each set is one robot, one scene, neighbouring takes and labels made by a rule, where it is one of the "
        "real sets that were made for this project."
    )
    notes = [
        f"# {config.name}\n", config.about.strip(),
        f"\n{measured} Mean ± standard deviation over seeds. Bold: the best, and the 95 % interval of its difference "
        "to the next best (paired bootstrap over source videos) excludes 0.\n",
    ]  # fmt: skip
    below = _speeds(lines)
    if published:
        runs = planned_runs(config.sets, list(config.methods), config.seeds, config.paper)
        notes += [weights_used(lines), runs_missing([(run.set, run.row, run.seed) for run in runs], lines)]
        random = [label for label in config.methods if _random_by_chance(config, label)]
        if random:
            notes.insert(0, f"**Backbones started from random weights: {', '.join(random)}. No published result.**\n")
        if config.paper is not None:
            below = compare_with_paper(rows, config.paper, actions=len({run.set for run in runs})) + below
    return "\n".join(note for note in notes if note) + "\n", below


def _random_by_chance(config: BenchConfig, label: str) -> bool:
    """Whether a row has a backbone of random weights without saying so in its name."""
    return config.training(label, 0).encoder.weights == "none" and "w/o pretrained" not in label


def shown_lines(config: BenchConfig, lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the lines that a bench of this configuration would write; a folder may hold those of others too.

    The sampling is the set's own and not compared; which sets a published data set has, only its files say. Of several
    runs of one set, row and seed the last one counts.
    """
    published = any(name in DATASETS for name in config.sets)

    @functools.cache
    def wanted(label: str, sampling: str) -> Any:
        known = label in config.methods
        training = config.training(
            label if known else config.row_of_controls, 0, {"encoder": {"sampling": json.loads(sampling)}}
        )
        settings = training.as_dict() | _NO_PART if known else training.encoder.as_dict()
        return json.loads(json.dumps(settings))

    shown = {}
    for line in lines:
        if (line["set"] not in config.sets and not published) or line["seed"] not in config.seeds:
            continue
        controls, given = line["label"] == "controls", line.get("config")
        if not controls and line["label"] not in config.methods:
            continue
        if given is not None:  # controls of before have none
            given = given if controls else given | {"seed": 0} | _NO_PART  # read once for all seeds
            given = _settings_of_today(json.dumps(given, sort_keys=True), controls)
            sampling = json.dumps((given if controls else given["encoder"])["sampling"])
            if given != wanted(line["label"], sampling):
                continue
        shown[line["set"], line["label"], line["seed"]] = line
    return list(shown.values())


@functools.cache
def _settings_of_today(written: str, controls: bool) -> Any:
    """The settings of a line's encoder (controls) or training, in JSON, with the names and defaults of today."""
    given = json.loads(written)
    return json.loads(json.dumps(EncoderConfig.from_dict(given).as_dict() if controls else current_settings(given)))


def _speeds(lines: Sequence[Mapping[str, Any]]) -> str:
    parts = ["### speed\n", "| set | method | runs | steps/s | seconds a run |", "|---|---|---:|---:|---:|"]
    trained = [line for line in lines if line.get("steps_per_second")]
    for name, label in dict.fromkeys((line["set"], line["label"]) for line in trained):
        own = [line for line in trained if (line["set"], line["label"]) == (name, label)]
        rates = sorted(line["steps_per_second"] for line in own)
        seconds = sorted(line["seconds"] for line in own)
        parts.append(f"| {name} | {label} | {len(own)} | {rates[len(rates) // 2]} | {seconds[len(seconds) // 2]} |")
    return "\n".join(parts) + "\n" if trained else ""
