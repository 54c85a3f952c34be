"""The tables of the LAC paper as published: from pixels, with every frame, measured as the paper measures.

Notable choices:
- Every frame of every video is embedded by the trained encoder; nothing is cached, because the backbone was trained.
- The controls stand in every table: they need no training and are measured in the same way (`published_controls`).
- Phase probes are fitted on the first 10, 50 and 100 % of the training videos in stored order; AP@K and tau look at
  every 5th frame of Pouring and every 2nd of PennAction, as CARL's configurations have it.
- The paper's own numbers stand beside ours, with the difference; they are data (`paper/*.csv`), not settings.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch

from syncline.data import Sampling, Video, VideoSet
from syncline.data.published.published_actions import DATASETS
from syncline.encoder import Backbone, EncoderConfig, FeatureCache, FrameEncoder
from syncline.encoder.choose_device import chosen_device
from syncline.evaluation import kendall_tau, phase_classification, phase_progression
from syncline.evaluation.controls import CONTROLS, make_controls
from syncline.evaluation.metric_inputs import Array
from syncline.evaluation.protocols import whole_clip
from syncline.evaluation.retrieval import retrieval_precisions
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
        embed: every frame of a video. videos: of a set with training and validation videos.
        stride: of AP@K and tau, in frames.
        callback: told a ``Progress`` for every video that is embedded.

    Raises:
        SynclineError: a video cannot be decoded.
    """
    train, val = (videos.split(name).videos for name in ("train", "val"))
    step = Steps("embedding", len(train) + len(val), callback)
    train_x, train_y = _embedded(embed, train, step)
    val_x, val_y = _embedded(embed, val, step)
    row: dict[str, Any] = {}
    for percent in (10, 50, 100):
        row[f"class{percent}"] = phase_classification(train_x, train_y, val_x, val_y, fraction=percent / 100)
    row |= {f"ap{k}": value for k, value in retrieval_precisions(val_x, val_y, stride=stride).items()}
    row["progression"] = phase_progression(train_x, train_y, val_x, val_y, num_phases=videos.num_phases)
    row["tau"] = kendall_tau(val_x, stride=stride)
    return {name: None if np.isnan(value) else round(float(value), 6) for name, value in row.items()}


def _embedded(embed: EmbedVideo, videos: Sequence[Video], step: Steps) -> tuple[list[Any], list[Any]]:
    """Embeddings and labels of the frames that have a label."""
    x, y = [], []
    for video in videos:
        vectors = embed(video)
        phases = np.full(len(vectors), -1) if video.phases is None else video.phases[: len(vectors)]
        known = phases >= 0
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


def paper_row(row: str, table: str | None) -> str:
    """The row of the paper's table that one of ours is a form of ("LAC, corrected" of "LAC"), or "".

    Examples:
        >>> paper_row("LAC, corrected", "table1"), paper_row("CLIP", "table1")
        ('LAC', '')
    """
    if table is None:
        return ""
    name = row.split(", ")[0]
    return name if name in paper_numbers(table) else ""


def paper_numbers(table: str) -> dict[str, dict[str, float]]:
    """The numbers printed in a table of the paper, in percent, by row and metric.

    Examples:
        >>> paper_numbers("table1")["LAC"]["tau"]
        97.5
    """
    path = files("syncline.experiments") / "paper" / f"{table}.csv"
    with path.open(encoding="utf-8") as file:
        return {
            row["row"]: {name: float(value) for name, value in row.items() if name != "row" and value}
            for row in csv.DictReader(file)
        }


def beside_the_paper(rows: Sequence[Mapping[str, Any]], table: str) -> str:
    """Our means in percent beside the printed numbers, as Markdown: ours, the paper's and the difference."""
    printed = paper_numbers(table)
    metrics = list(dict.fromkeys(name for numbers in printed.values() for name in numbers))
    lines = [
        f"\n### Beside {table.replace('table', 'Table ')} of the paper\n",
        "ours / paper / difference, in points\n",
        "| row | " + " | ".join(metrics) + " |",
        "|---|" + "---:|" * len(metrics),
    ]
    for name in dict.fromkeys(row["method"] for row in rows if row["method"] not in CONTROLS):
        known = printed.get(name.split(", ")[0], {})
        cells = []
        for metric in metrics:
            values = [100 * row[metric] for row in rows if row["method"] == name and row.get(metric) is not None]
            mean = sum(values) / len(values) if values else None
            paper = known.get(metric)
            parts = ["–" if value is None else f"{value:.2f}" for value in (mean, paper)]
            parts.append("–" if mean is None or paper is None else f"{mean - paper:+.2f}")
            cells.append(" / ".join(parts))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
