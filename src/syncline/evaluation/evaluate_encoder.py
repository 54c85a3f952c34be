"""Evaluates an encoder, or frozen features, on a set of videos: all metrics, protocols and controls.

A result is a list of rows, one for each method and protocol: dictionaries of plain numbers that go into JSON as they
are (None where a metric is undefined). `per_source` holds the values by source video, from which differences between
methods get their intervals; `signs` the label-free signs.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from syncline.data import VideoSet, read_manifest
from syncline.data.source_opening import Source
from syncline.encoder import EncoderConfig, FeatureCache, FrameEncoder
from syncline.errors import SynclineError
from syncline.evaluation.classification import classification_over_draws, phase_hits
from syncline.evaluation.controls import CONTROLS, Embed, embed_with, make_controls
from syncline.evaluation.event_transfer import SUMMARIES, By, event_transfer_error, label_floor
from syncline.evaluation.kendall import taus_by_video
from syncline.evaluation.metric_inputs import Array, as_embeddings, comparable, known_frames
from syncline.evaluation.neighbours import find_neighbours
from syncline.evaluation.progression import progression_by_video
from syncline.evaluation.protocols import (
    PROTOCOLS,
    Clip,
    Protocol,
    evaluation_sampling,
    make_protocols,
    recut_by_chance,
)
from syncline.evaluation.retrieval import precision_by_video
from syncline.evaluation.without_labels import label_free_signs
from syncline.progress import Callback, Progress, silent

Row = dict[str, Any]
ALIGNERS: tuple[By, ...] = ("nearest", "dtw", "local")
RIDGE = 10.0
"""Penalty of the second progression column; features of a frozen backbone overfit without."""


def evaluate(
    encoder: FrameEncoder | None,
    videos: VideoSet,
    *,
    cache: FeatureCache,
    recuts: VideoSet | None = None,
    protocols: Sequence[str] = PROTOCOLS,
    controls: bool | Sequence[str] = True,
    seed: int = 0,
    name: str = "encoder",
    config: EncoderConfig | None = None,
    draws: int = 10,
    other_labels: Mapping[str, VideoSet] | None = None,
    material: Sequence[Protocol] | None = None,
    callback: Callback = silent,
) -> list[Row]:
    """Evaluates an encoder, or frozen features, under all protocols.

    Args:
        encoder: with a frozen backbone; None measures the controls alone.
        videos: with splits; probes are fitted on `train`. Without splits all are validation and there are no probes;
            without labels only the signs and tau are measured.
        cache: of the same backbone. recuts: of `videos`, for the protocol `retimed`.
        protocols: of whole, retimed, spliced. controls: all of them, none, or some by name.
        seed: of the untrained control. name: of the encoder in the rows. config: of the untrained one where
            there is no `encoder`. draws: for the fractions .1 and .5.
        other_labels: the same videos labelled otherwise, by name: rows `labels: NAME`, the floor of the errors.
        material: what `prepare` gave, to spare the time of reading; else made here.
        callback: called with a ``Progress`` before each part of the work, which its message names.

    Returns:
        Rows with `set`, `protocol`, `method`, `seed`, and as far as there are labels: `class10`, `class50` (with
        `_sd` over draws), `class100`, `ap5`, `ap10`, `ap15`, `progression`, `progression_ridge`, `tau`, and
        `event_BY_WHAT` for BY nearest, dtw, local and WHAT median, p90 (s), within (.5 s), f1, median_percent,
        answered. Fractions, not percent. `per_source`, `signs` where they were measured.

    Raises:
        SynclineError: a video cannot be decoded.
    """
    if encoder is not None:
        config = encoder.config
    elif config is None:
        config = EncoderConfig(sampling=evaluation_sampling(videos))
    if material is None:
        callback(Progress("features", message="features"))
        material = prepare(videos, cache, config=config, recuts=recuts, protocols=protocols)
    fit = fitted_clips(material)
    embedders: dict[str, Embed] = {} if encoder is None else {name: embed_with(encoder)}
    chosen = CONTROLS if controls is True else tuple(controls or ())
    embedders |= make_controls(config, cache, fit, seed=seed, names=chosen)
    rows: list[Row] = []
    for method, embed in embedders.items():
        for protocol in material:
            total = len(embedders) * len(material)
            callback(Progress("measuring", len(rows), total, message=f"{method}, {protocol.name}"))
            measured = measure(embed, protocol, num_phases=videos.num_phases, draws=draws)
            if protocol.name == "whole":
                measured["signs"] = signs_of(embed, protocol)
            rows.append({"set": videos.name, "protocol": protocol.name, "method": method, "seed": seed} | measured)
    return rows + floor_rows(videos, material, other_labels or {})


def prepare(
    videos: VideoSet,
    cache: FeatureCache,
    *,
    config: EncoderConfig,
    recuts: VideoSet | None = None,
    protocols: Sequence[str] = PROTOCOLS,
) -> list[Protocol]:
    """The features of all clips of all protocols, for several calls of `evaluate` with encoders of one sampling.

    Raises:
        SynclineError: nothing to measure: of re-timed clips alone, and there are none.
    """
    made = make_protocols(videos, cache, sampling=config.sampling, recuts=recuts, names=protocols)
    if not made:
        raise SynclineError(f"{videos.name} has no re-timed clips (retimed.csv), and nothing else was asked for")
    return made


def fitted_clips(material: Sequence[Protocol]) -> Sequence[Clip]:
    """The clips that controls are fitted on: the training clips, whole; where there are none, what is measured."""
    first = next((protocol for protocol in material if protocol.name == "whole"), material[0])
    return first.train or first.val or first.dense


def measure(embed: Embed, protocol: Protocol, *, num_phases: int, draws: int = 10) -> Row:
    """All metrics of one protocol (see `evaluate`), rounded to six digits."""
    row: Row = {}
    per_source: dict[str, dict[str, float]] = {}
    val = embed(protocol.val)
    labelled = num_phases > 1 and any((clip.labels >= 0).any() for clip in (*protocol.val, *protocol.dense))
    if protocol.val:
        row |= _frame_metrics(val, protocol, per_source, labelled)
    if protocol.train and labelled:
        row |= _probes(embed(protocol.train), val, protocol, per_source, num_phases, draws)
    if labelled:
        dense = val if protocol.dense is protocol.val else embed(protocol.dense)
        row |= _events(dense, protocol.dense, per_source)
    row = {key: _plain(value) for key, value in row.items()}
    row["per_source"] = {k: {s: _plain(v) for s, v in values.items()} for k, values in per_source.items()}
    return row


def _frame_metrics(x: list[Array], protocol: Protocol, per_source: dict[str, dict[str, float]], labelled: bool) -> Row:
    """tau and, with labels, precision at K; frames without a label are then left out, as by every other metric."""
    clips = protocol.val
    groups = [clip.group for clip in clips]
    row: Row = {}
    frames, labels = known_frames(x, [clip.labels for clip in clips]) if labelled else (as_embeddings(x), None)
    found = find_neighbours(frames, comparable(groups, len(clips)), k=15 if labelled else 0, per_video=True)
    taus = taus_by_video(found)
    every = [tau for of_video in taus for tau in of_video]
    row["tau"] = float(np.mean(every)) if every else math.nan
    per_source["tau"] = _by_source(clips, [float(np.mean(t)) if t else math.nan for t in taus])
    if labels is not None:
        for k in (5, 10, 15):
            scores = precision_by_video(found, labels, k)
            row[f"ap{k}"] = _mean(scores)
            per_source[f"ap{k}"] = _by_source(clips, scores)
    return row


def _probes(
    train: list[Array],
    val: list[Array],
    protocol: Protocol,
    per_source: dict[str, dict[str, float]],
    num_phases: int,
    draws: int,
) -> Row:
    row: Row = {}
    clips = protocol.val
    arguments = (train, [clip.labels for clip in protocol.train], val, [clip.labels for clip in clips])
    hits = phase_hits(*arguments)
    row["class100"] = float(np.mean(np.concatenate(hits))) if sum(map(len, hits)) else math.nan
    per_source["class100"] = _by_source(clips, [float(np.mean(hit)) if len(hit) else math.nan for hit in hits])
    groups = [clip.group for clip in protocol.train]
    for percent in (10, 50):
        mean, deviation = classification_over_draws(*arguments, fraction=percent / 100, groups=groups, draws=draws)
        row[f"class{percent}"], row[f"class{percent}_sd"] = mean, deviation
    for name, ridge in (("progression", 0.0), ("progression_ridge", RIDGE)):
        parts = progression_by_video(*arguments, num_phases=num_phases, ridge=ridge)
        row[name] = _mean(parts)
        per_source[name] = _by_source(clips, parts)
    return row


def _events(x: list[Array], clips: Sequence[Clip], per_source: dict[str, dict[str, float]]) -> Row:
    row: Row = {}
    num_phases = max((int(clip.labels.max()) for clip in clips if len(clip)), default=-1) + 1
    for by in ALIGNERS:
        found = event_transfer_error(
            x, [clip.labels for clip in clips], times=[clip.times for clip in clips],
            groups=[clip.group for clip in clips], by=by, events=[clip.events(num_phases) for clip in clips],
        )  # fmt: skip
        for what in SUMMARIES:
            row[f"event_{by}_{what}"] = found[what]
            per_source[f"event_{by}_{what}"] = _by_source(clips, [video[what] for video in found["per_video"]])
    return row


def signs_of(embed: Embed, protocol: Protocol) -> dict[str, float | None]:
    """The label-free signs of the validation clips; for what only time tells, two re-cuts of each made by chance."""
    retimed = [recut_by_chance(clip, seed=2 * i + k) for i, clip in enumerate(protocol.val) for k in (0, 1)]
    signs = label_free_signs(
        embed(protocol.val), retimed=embed(retimed),
        groups=[clip.group for clip in protocol.val], retimed_groups=[clip.group for clip in retimed],
    )  # fmt: skip
    return {name: _plain(value) for name, value in signs.items()}


def floor_rows(videos: VideoSet, material: Sequence[Protocol], other_labels: Mapping[str, VideoSet]) -> list[Row]:
    """How far the events of other labels lie from those of `videos`, whole clips: errors below it mean nothing."""
    whole = next((protocol for protocol in material if protocol.name == "whole"), None)
    rows = []
    for name, others in other_labels.items():
        phases = {video.name: video.phases for video in others}
        pairs = [(clip, phases.get(clip.name)) for clip in (whole.dense if whole else ())]
        known = [(clip, other) for clip, other in pairs if other is not None and len(other) == len(clip)]
        if known:
            floor = label_floor(
                [c.labels for c, _ in known], [o for _, o in known], [c.times for c, _ in known],
                absent=[c.absent for c, _ in known],
            )  # fmt: skip
            row = {f"event_{by}_{what}": _plain(floor[what]) for by in ALIGNERS for what in SUMMARIES}
            rows.append({"set": videos.name, "protocol": "whole", "method": f"labels: {name}", "seed": 0} | row)
    return rows


def labels_beside(source: Source) -> dict[str, VideoSet]:
    """The manifests `annotations_early.csv` and `annotations_late.csv` of a folder, by their second name."""
    from pathlib import Path

    if not isinstance(source, str | Path):
        return {}
    files = {name: Path(source) / f"annotations_{name}.csv" for name in ("early", "late")}
    return {name: read_manifest(path) for name, path in files.items() if path.is_file()}


def _by_source(clips: Sequence[Clip], values: Sequence[float]) -> dict[str, float]:
    """The mean over the clips of each source."""
    grouped: dict[str, list[float]] = defaultdict(list)
    for clip, value in zip(clips, values):
        grouped[clip.source].append(value)
    return {source: _mean(found) for source, found in grouped.items()}


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)
