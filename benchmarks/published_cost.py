"""``python -m benchmarks.published_cost``: operations of the published trainings, counted, and hours they would take.

    python -m benchmarks.published_cost

Nothing is timed: of every row of Tables 1 and 2 a step on a few pictures is done under PyTorch's counter of
floating-point operations. Pictures a step, epochs and videos are those of the tables' settings and of the published
counts. Hours are at an assumed rate (RATE), which is no measurement.
"""

from __future__ import annotations

from typing import Any

import torch
from benchmarks.record import append, surroundings
from torch.utils.flop_counter import FlopCounterMode

from syncline.data.published.published_actions import DATASETS
from syncline.encoder import EncoderConfig, FrameEncoder
from syncline.experiments import read_bench
from syncline.training import TrainConfig

RATE = 40e12
"""Floating-point operations a second that a GPU of the class of an H100 is assumed to keep up, with TF32: a twelfth of
its peak, about what ResNet-50 reaches on it."""
FRAMES = 2
"""Of the views that are counted; all but the transformer, some per cent, grows with their number."""
SETS = {"table1": "pouring", "table2": "penn_action"}


def main() -> None:
    counted: dict[str, float] = {}
    for table, data in SETS.items():
        config = read_bench(table)
        for row in config.methods:
            training = config.training(row, 0)
            look = repr(training.encoder)
            if look not in counted:
                counted[look] = operations(training)
            append("published_cost", surroundings("torchvision") | row_of(table, data, row, training, counted[look]))


def row_of(table: str, data: str, row: str, training: TrainConfig, operations_a_picture: float) -> dict[str, Any]:
    """What one seed of a row takes: steps over all actions of the data set, pictures, operations."""
    views = training.views
    pictures = views.batch_size * (3 if views.pairing == "triplets" else 2) * views.num_frames
    pictures *= training.encoder.contexts
    assert training.epochs is not None
    steps = sum(training.epochs * max(1, action.processed[0] // views.batch_size) for action in DATASETS[data])
    return {
        "what": f"{table}, {row}", "table": table, "row": row, "steps": steps, "pictures_a_step": pictures,
        "gflop_a_picture": round(operations_a_picture / 1e9, 2),
        "pflop": round(steps * pictures * operations_a_picture / 1e15, 1),
    }  # fmt: skip


def operations(training: TrainConfig) -> float:
    """Floating-point operations of a picture, forward and backward, with the loss left out."""
    settings = {**training.encoder.as_dict(), "weights": "none"}
    encoder = FrameEncoder(EncoderConfig.from_dict(settings)).train()
    contexts = training.encoder.contexts
    shape = (2, FRAMES, *((contexts,) if contexts > 1 else ()), 3, *encoder.backbone.size)
    counter = FlopCounterMode(display=False)
    with counter:
        encoder(torch.zeros(shape, dtype=torch.uint8)).sum().backward()
    return float(counter.get_total_flops()) / (2 * FRAMES * contexts)


def table_lines(rows: list[dict[str, Any]]) -> list[str]:
    """The rows as Markdown: newest of each."""
    newest = {row["what"]: row for row in rows}
    lines = ["| row | GFLOP a picture | pictures a step | Table 1: steps | hours | Table 2: steps | hours |",
             "|---|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
    names = list(dict.fromkeys(row["row"] for row in newest.values()))
    for name in names:
        one, two = (newest[f"{table}, {name}"] for table in SETS)
        pictures = str(one["pictures_a_step"])
        if two["pictures_a_step"] != one["pictures_a_step"]:
            pictures += f", {two['pictures_a_step']}"
        lines.append(
            f"| {name} | {one['gflop_a_picture']:.1f} | {pictures} | {one['steps']:,} | {hours(one):.1f} "
            f"| {two['steps']:,} | {hours(two):.1f} |"
        )
    sums = [sum(hours(newest[f"{table}, {name}"]) for name in names) for table in SETS]
    lines.append(f"| one seed of all | | | | {sums[0]:.0f} | | {sums[1]:.0f} |")
    lines.append(f"| three seeds, as the tables have them | | | | {3 * sums[0]:.0f} | | {3 * sums[1]:.0f} |")
    return lines


def hours(row: dict[str, Any]) -> float:
    """At the assumed rate."""
    return float(row["pflop"]) * 1e15 / RATE / 3600


if __name__ == "__main__":
    main()
