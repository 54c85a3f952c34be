"""The tables of the LAC paper as published: from pixels, with every frame, measured as the paper measures.

Notable choices:
- Every frame of every video is embedded by the trained encoder; nothing is cached, because the backbone was trained.
- The controls stand in every table: they need no training and are measured in the same way (`published_controls`).
- Phase probes are fitted on the first 10, 50 and 100 % of the training videos in stored order; AP@K and tau look at
  every 5th frame of Pouring and every 2nd of PennAction, as CARL's configurations have it.
- Values by validation video are kept, so that differences between rows have intervals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from syncline.data import Sampling, Video, VideoSet
from syncline.data.published.published_actions import DATASETS
from syncline.encoder import Backbone, EncoderConfig, FeatureCache, FrameEncoder
from syncline.encoder.choose_device import chosen_device
from syncline.evaluation.classification import phase_hits
from syncline.evaluation.controls import CONTROLS, make_controls
from syncline.evaluation.kendall import taus_by_video
from syncline.evaluation.metric_inputs import Array, as_embeddings, comparable, known_frames
from syncline.evaluation.neighbours import find_neighbours
from syncline.evaluation.progression import phase_progression, progression_by_video
from syncline.evaluation.protocols import whole_clip
from syncline.evaluation.retrieval import precision_by_video
from syncline.experiments.compare_with_paper import paper_row
from syncline.progress import Callback, Steps, silent
from syncline.training import TrainConfig
from syncline.training.accelerator import make_encoder

PROTOCOL = "published"
STRIDES = {"pouring": 5, "penn_action": 2}
"""Of AP@K and tau, by data set."""
EVERY_FRAME = Sampling(stride=1)
EmbedVideo = Callable[[Video], Array]
"""A video -> (n, d), a row for each of its frames."""


def stride_of(name: str) -> int:
    """The stride of AP@K and tau for a data set or one of its actions."""
    return STRIDES["pouring" if name == "pouring" else "penn_action"]


def every_frame_by(encoder: FrameEncoder) -> EmbedVideo:
    """A trained encoder, on all frames of a video."""
    return lambda video: encoder.embed([video], sampling=EVERY_FRAME)[0].vectors


def published_controls(
    config: EncoderConfig, videos: VideoSet, *, seed: int = 0, root: str | Path | None = None,
    names: Sequence[str] = CONTROLS,
) -> dict[str, EmbedVideo]:  # fmt: skip
    """The controls of a table from pixels by name, as `evaluation.controls` describes them, on all frames.

    `untrained` is the encoder as its training begins. `frozen` are means over the maps of its backbone as it is loaded,
    on directions of the training videos.

    Args:
        config: of an encoder that is trained on pixels. videos: of the set. seed: of the untrained encoder.
        root: of the feature cache; None for the user's. names: which of them.
    """
    found: dict[str, EmbedVideo] = {}
    of_features = [name for name in names if name != "untrained"]
    if of_features:
        torch.manual_seed(seed)  # of weights that are drawn
        plain = Backbone(config.backbone, grid=1, weights=config.weights, stage=config.stage)
        cache = FeatureCache(root, plain.to(chosen_device()), EVERY_FRAME)
        train = [whole_clip(video, cache, EVERY_FRAME) for video in videos.split("train")]
        for name, embed in make_controls(config, cache, train, names=of_features).items():
            found[name] = lambda video, embed=embed: embed([whole_clip(video, cache, EVERY_FRAME)])[0]  # type: ignore[misc]
    if "untrained" in names:
        encoder = make_encoder(TrainConfig(encoder=config, seed=seed), None)[0].eval()
        found["untrained"] = every_frame_by(encoder.to(chosen_device()))
    return {name: found[name] for name in names}


def measure_published(
    embed: EmbedVideo, videos: VideoSet, *, stride: int, callback: Callback = silent
) -> dict[str, Any]:
    """The metrics of the paper's tables, as fractions: class10, class50, class100, ap5, ap10, ap15, progression, tau.

    Args:
        embed: every frame of a video. videos: of a set with training and validation videos. Where none has labels,
            there is tau alone.
        stride: of AP@K and tau, in frames.
        callback: called with a ``Progress`` for every video that is embedded.

    Returns:
        The metrics; beside them `per_source`, each metric's values by validation video.

    Raises:
        SynclineError: a video cannot be decoded.
    """
    train, val = (videos.split(name).videos for name in ("train", "val"))
    labelled = any(video.phases is not None for video in (*train, *val))
    step = Steps("embedding", len(val) + (len(train) if labelled else 0), callback)
    val_x, val_y = _embedded(embed, val, step, labelled)
    by_video = {"tau": _taus(val_x, stride)}
    row = {"tau": _mean([tau for taus in by_video["tau"] for tau in taus])}
    scores = {"tau": [_mean(taus) for taus in by_video["tau"]]}
    if labelled:
        train_x, train_y = _embedded(embed, train, step, labelled)
        found, all_scores = _with_labels((train_x, train_y, val_x, val_y), stride, videos.num_phases)
        row, scores = {**found, **row}, {**all_scores, **scores}
    result: dict[str, Any] = {name: _plain(value) for name, value in row.items()}
    result["per_source"] = {
        name: {video.source: _plain(value) for video, value in zip(val, values, strict=True)}
        for name, values in scores.items()
    }
    return result


def _with_labels(
    data: tuple[list[Array], list[Array], list[Array], list[Array]], stride: int, num_phases: int
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Metrics that need labels, from (train x, train y, val x, val y), and their values by validation video."""
    _, _, val_x, val_y = data
    row, scores = {}, {}
    for percent in (10, 50, 100):
        hits = phase_hits(*data, fraction=percent / 100)
        row[f"class{percent}"] = _mean(np.concatenate(hits).tolist()) if hits else math.nan
        scores[f"class{percent}"] = [_mean(hit.tolist()) for hit in hits]
    frames, labels = known_frames(val_x, val_y, stride=stride)
    found = find_neighbours(frames, comparable(None, len(frames)), k=15)
    for k in (5, 10, 15):
        scores[f"ap{k}"] = precision_by_video(found, labels, k)
        row[f"ap{k}"] = _mean(scores[f"ap{k}"])
    scores["progression"] = progression_by_video(*data, num_phases=num_phases)
    row["progression"] = phase_progression(*data, num_phases=num_phases)
    return row, scores


def _taus(x: list[Array], stride: int) -> list[list[float]]:
    """tau of every video with every other one, where it is defined."""
    embeddings = [video[::stride] for video in as_embeddings(x)]
    return taus_by_video(find_neighbours(embeddings, comparable(None, len(embeddings)), per_video=True))


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)


def _embedded(
    embed: EmbedVideo, videos: Sequence[Video], step: Steps, labelled: bool
) -> tuple[list[Array], list[Array]]:
    """Embeddings and labels of the frames that have a label; of all frames where the set has none."""
    x, y = [], []
    for video in videos:
        vectors = embed(video)
        phases = np.full(len(vectors), -1) if video.phases is None else video.phases[: len(vectors)]
        known = phases >= 0 if labelled else np.ones(len(vectors), dtype=bool)
        x.append(vectors[: len(phases)][known])
        y.append(phases[known])
        step(video.name)
    return x, y


@dataclass(frozen=True)
class PlannedRun:
    """One training with its measurement: set, row and seed; ``paper``: the row of the paper that it is, or ""."""

    set: str
    row: str
    seed: int
    paper: str


def planned_runs(sets: Sequence[str], rows: Sequence[str], seeds: Sequence[int], table: str | None) -> list[PlannedRun]:
    """All runs of a table: one for each action of its data sets, row and seed."""
    found = []
    for name in sets:
        actions = [action.name for action in DATASETS[name]] if name in DATASETS else [name]
        for action in actions:
            found += [PlannedRun(action, row, seed, paper_row(row, table)) for seed in seeds for row in rows]
    return found
