"""``syncline evaluate``: how good an embedding is, with controls beside it; without labels, the label-free signs."""

from __future__ import annotations

import argparse
import errno
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncline.cli.argument_values import add_label_options, add_source_options, labels_of, source_of
from syncline.cli.device_options import add_compute_options, use
from syncline.cli.terminal import Bars, warn
from syncline.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncline.data import VideoSet
    from syncline.encoder import EncoderConfig, FeatureCache, FrameEncoder
    from syncline.experiments.result_tables import Table

    Part = tuple[str, VideoSet, VideoSet | None]

EXAMPLE = """\
DATA with labels (a manifest with events, a data set): phase classification, AP@K, progression, event transfer error and
tau of whole, re-timed (where DATA has a retimed.csv) and spliced clips. Without labels: the label-free signs, and of
pairs whether they match at all. RUN - measures the controls alone. Of a data set with several actions: a table for
each, and their mean. Of a run that trained its backbone, the controls stand on the backbone as it was before.
With --published Pouring and PennAction are measured as in the tables of the LAC paper.

examples:
  syncline evaluate runs/pour videos/
  syncline evaluate runs/pour data/annotations.csv --out results/pour
  syncline evaluate runs/pour videos/ --labels marks.eaf
  syncline evaluate - videos/        # the controls alone
  syncline evaluate runs/lac pouring --root data --published
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("run", help="a trained run (folder), or - for none")
    parser.add_argument("data", help="a folder of videos, a manifest (.csv), or pouring, penn_action")
    parser.add_argument(
        "--controls", action=argparse.BooleanOptionalAction, default=True, help="measure the trivial controls too"
    )
    parser.add_argument("--published", action="store_true", help="of pouring, penn_action: every frame, "
                        "AP@K and tau on every 5th or 2nd frame, as published")  # fmt: skip
    parser.add_argument("--labels", type=Path, help="key events or phases of DATA, in any form that is read")
    parser.add_argument("--recuts", type=Path, help="CSV of re-cuts (default: retimed.csv beside the manifest)")
    parser.add_argument("--draws", type=int, default=10,
                        help="training subsets drawn for the fractions .1 and .5 (default: 10)")  # fmt: skip
    parser.add_argument("--json", type=Path, help="write all rows here")
    parser.add_argument("--out", type=Path, help="folder for rows.json, tables.md, tables.csv and tables.tex")
    parser.add_argument("--keypoints", type=Path, metavar="DIR", help="keypoint files, for a run that was trained on "
                        "such (docs: Body pose)")  # fmt: skip
    parser.add_argument("--cache", type=Path, help="folder of the feature cache (default: the user's)")
    add_label_options(parser)
    add_compute_options(parser)
    add_source_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measures an embedding and prints the tables."""
    from syncline.data.labels.attach_labels import attach_labels
    from syncline.encoder import FeatureCache, FrameEncoder
    from syncline.encoder.deferred_backbone import frozen_backbone
    from syncline.errors import SynclineError

    if arguments.draws < 1:
        raise SynclineError(f"--draws must be at least 1, got {arguments.draws}")
    _check_paths(arguments)
    videos = source_of(arguments, arguments.data)
    if arguments.labels is not None:
        videos = attach_labels(videos, labels_of(videos, arguments))
    device = use(arguments)
    encoder = None if arguments.run == "-" else FrameEncoder.from_pretrained(arguments.run, device=device)
    if arguments.published:
        return _as_published(arguments, encoder, videos)
    if encoder is None and not arguments.controls:
        raise SynclineError("there is nothing to measure: give a RUN, or leave --no-controls away")
    if len(videos) < 2:
        raise SynclineError(f"{arguments.data} has 1 video; evaluate compares videos, so it needs at least 2")
    parts = _parts(arguments, videos)
    counts = ", ".join(f"{len(videos.split(name))} {name}" for name in ("train", "val") if len(videos.split(name)))
    warn(f"{counted(len(videos), 'video')} ({counts or 'no split: nothing is fitted, all are measured'})")
    with tempfile.TemporaryDirectory() as own, Bars() as bars:
        trained = encoder is not None and encoder.config.trainable != "frozen"
        backbone = (
            frozen_backbone(device=device) if encoder is None
            else encoder.backbone.frozen_copy() if trained else encoder.backbone
        )  # fmt: skip
        cache = FeatureCache(own if trained else arguments.cache, backbone)  # nobody else wants the trained one's
        if encoder is not None and encoder.config.features != "pictures":
            cache = _with_poses(encoder, arguments, videos, bars)
        try:
            rows = _measure(arguments, encoder, videos, parts, cache, bars)
            matches = _matches(encoder, videos, cache) if videos.num_phases < 2 else []
        finally:
            cache.close()
    _show(rows, matches)
    _write(arguments, rows, matches)
    return 0


def _as_published(arguments: argparse.Namespace, encoder: FrameEncoder | None, videos: VideoSet) -> int:
    """One row an action, measured as the tables of the paper are."""
    from syncline.data.published.datasets import by_action
    from syncline.data.published.published_actions import DATASETS
    from syncline.errors import SynclineError
    from syncline.experiments.published_runs import (
        PROTOCOL,
        every_frame_by,
        measure_published,
        published_controls,
        stride_of,
    )

    if encoder is None or arguments.data not in DATASETS:
        raise SynclineError(f"--published measures a run on {' or '.join(DATASETS)}, got {arguments.data}")
    rows = []
    with Bars() as bars:
        for action, part in by_action(videos).items():
            named = {Path(arguments.run).name: every_frame_by(encoder)}
            if arguments.controls:
                named |= published_controls(encoder.config, part, root=arguments.cache)
            for name, embed in named.items():
                row = measure_published(embed, part, stride=stride_of(arguments.data), callback=bars)
                rows.append(row | {"set": action or arguments.data, "protocol": PROTOCOL, "method": name})
    if encoder.backbone.origin == "random":
        said = f"{Path(arguments.run).name}: the backbone started from random weights. No published result."
    else:
        said = f"{Path(arguments.run).name}: the backbone started from {encoder.backbone.origin}."
    print(said)
    _show(rows, [])
    _write(arguments, rows, [], head=f"**{said}**\n\n")
    return 0


def _with_poses(encoder: FrameEncoder, arguments: argparse.Namespace, videos: VideoSet, bars: Bars) -> FeatureCache:
    """The inputs of a run that takes poses, which are found here for all videos at once."""
    from syncline.encoder.folder_features import FolderBodies
    from syncline.encoder.pose_inputs import InputCache, encoder_inputs

    given = None if arguments.keypoints is None else FolderBodies("keypoints", arguments.keypoints)
    inputs = encoder_inputs(encoder, arguments.cache, bodies=given)
    assert isinstance(inputs, InputCache)
    inputs.prepare(list(videos), callback=bars)
    return inputs


def _check_paths(arguments: argparse.Namespace) -> None:
    """What cannot be written is reported before measuring, not after."""
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.json is not None:
        if arguments.json.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder", str(arguments.json))
        arguments.json.parent.mkdir(parents=True, exist_ok=True)


def _folder(arguments: argparse.Namespace) -> Path:
    return Path(arguments.data) if Path(arguments.data).is_dir() else Path(arguments.data).parent


def _parts(arguments: argparse.Namespace, videos: VideoSet) -> list[Part]:
    """The name, videos and re-cuts of each action; read before anything is printed or measured."""
    from syncline.data import read_recuts
    from syncline.data.published.datasets import by_action
    from syncline.errors import SynclineError

    labelled, beside = videos.num_phases > 1, _folder(arguments) / "retimed.csv"
    if arguments.recuts is not None and not labelled:
        raise SynclineError("--recuts needs labels: of videos without, re-cuts measure nothing")
    path = arguments.recuts or (beside if labelled and beside.is_file() else None)
    return [
        (action, part, None if path is None else read_recuts(path, part)) for action, part in by_action(videos).items()
    ]


def _measure(
    arguments: argparse.Namespace,
    encoder: FrameEncoder | None,
    videos: VideoSet,
    parts: Sequence[Part],
    cache: FeatureCache,
    bars: Bars,
) -> list[dict[str, Any]]:
    from syncline.evaluation.evaluate_encoder import evaluate, labels_beside

    labelled = videos.num_phases > 1
    name = "-" if encoder is None else Path(arguments.run).name
    sides: list[tuple[FrameEncoder | None, FeatureCache, EncoderConfig | None, bool]]
    sides = [(encoder, cache, None, arguments.controls)]
    if encoder is not None and encoder.config.trainable != "frozen":
        sides = [(encoder, cache, None, False)]
        if arguments.controls:
            before, plain = _before_training(encoder.config, arguments.cache)
            sides.append((None, plain, before, True))
    rows: list[dict[str, Any]] = []
    for action, part, recuts in parts:
        for measured, features, config, controls in sides:
            found = evaluate(
                measured, part, cache=features, config=config, controls=controls, name=name, recuts=recuts,
                protocols=("whole", "retimed", "spliced") if labelled else ("whole",), draws=arguments.draws,
                other_labels=labels_beside(_folder(arguments)) if measured is encoder else None,
                callback=bars,
            )  # fmt: skip
            rows += [row | {"set": action or videos.name} for row in found]
    return rows


def _before_training(config: EncoderConfig, root: Path | None) -> tuple[EncoderConfig, FeatureCache]:
    """An encoder's configuration with its backbone frozen, and the cache of that backbone as it was."""
    from syncline.encoder import Backbone, FeatureCache
    from syncline.encoder.choose_device import chosen_device

    frozen = replace(config, trainable="frozen")
    backbone = Backbone(config.backbone, grid=config.grid or None, weights=config.weights, stage=config.stage)
    return frozen, FeatureCache(root, backbone.to(chosen_device()))


def _matches(encoder: FrameEncoder | None, videos: VideoSet, cache: FeatureCache) -> list[dict[str, Any]]:
    """Whether pairs of videos match at all."""
    from syncline.encoder import frozen_embeddings
    from syncline.evaluation.without_labels import match_scores

    chosen = list(videos)
    found = frozen_embeddings(chosen, cache) if encoder is None else encoder.embed(chosen, cache=cache)
    scores = match_scores([embedding.vectors for embedding in found], groups=[video.source for video in chosen])
    return [{"a": chosen[s["a"]].name, "b": chosen[s["b"]].name, "score": round(s["score"], 6)} for s in scores]


def _show(rows: Sequence[dict[str, Any]], matches: Sequence[dict[str, Any]]) -> None:
    from rich.console import Console

    from syncline.alignment.alignment_settings import MATCH_THRESHOLD
    from syncline.evaluation.without_labels import warnings_of
    from syncline.experiments.result_tables import is_control, make_tables

    console = Console()
    for table in make_tables(rows):
        if table.columns:
            _print_table(console, table)
        else:
            print(
                f"{table.title}: nothing could be measured, because no two videos with labels and without a part in "
                "common are left to compare; label more videos (4 or more of the split val)"
            )
    signed = [row for row in rows if row.get("signs")]
    if signed:
        from rich.markup import escape
        from rich.table import Table as Grid

        grid = Grid("", *(escape(row["method"]) for row in signed), title="label-free signs")
        for name in signed[0]["signs"]:
            values = [row["signs"][name] for row in signed]
            grid.add_row(name.replace("_", " "), *("–" if v is None else f"{v:.3f}" for v in values))
        console.print(grid)
    for row in signed:
        if not is_control(row["method"]):
            known = {k: float("nan") if v is None else v for k, v in row["signs"].items()}
            for line in warnings_of(known):
                print(f"warning: {row['method']}: {line}")
    for pair in matches:
        verdict = "match" if pair["score"] >= MATCH_THRESHOLD else "do not match"
        print(f"{pair['a']} and {pair['b']} {verdict} (score {pair['score']:.3f}, needs {MATCH_THRESHOLD:.2f})")


def _print_table(console: Any, table: Table) -> None:
    """A table turned on its side: metrics are rows, since there are more of them than fit a terminal's width."""
    from rich.markup import escape
    from rich.table import Table as Grid

    from syncline.experiments.result_tables import texts

    heading, *lines = texts(table, bold=("[bold]", "[/bold]"))
    grid = Grid("", *(escape(line[0]) for line in lines), title=escape(table.title))
    for column, name in enumerate(heading[2:], 2):
        grid.add_row(name, *(line[column] for line in lines))
    console.print(grid)


def _write(
    arguments: argparse.Namespace, rows: Sequence[dict[str, Any]], matches: Sequence[dict[str, Any]], head: str = ""
) -> None:
    from syncline.experiments.result_tables import as_csv, as_latex, as_markdown, make_tables
    from syncline.files import write_json, write_text

    value = {"rows": list(rows), "matches": list(matches)}
    if arguments.json is not None:
        write_json(arguments.json, value)
    if arguments.out is not None:
        write_json(arguments.out / "rows.json", value)
        tables = make_tables(rows)
        for name, text in (("md", head + as_markdown(tables)), ("csv", as_csv(tables)), ("tex", as_latex(tables))):
            write_text(arguments.out / f"tables.{name}", text)
    for path in (arguments.json, arguments.out):
        if path is not None:
            print(f"written: {path}")
