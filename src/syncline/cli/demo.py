"""``syncline demo``: everything once, on synthetic videos, with a report page at the end."""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncline.cli.device_options import add_compute_options, use
from syncline.cli.terminal import Bars
from syncline.cli.training_bars import TrainingBars
from syncline.errors import SynclineError
from syncline.files import holds_files, read_jsonl

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from syncline.data import Embedding, VideoSet
    from syncline.data.synthetic import SyntheticVideo
    from syncline.encoder import FeatureCache, FrameEncoder
    from syncline.tasks import Alignment

EXAMPLE = """\
Renders an activity of seven events with a known course, trains without labels, measures the embedding beside its
controls, aligns two videos, and writes OUT/report.html. Offline; minutes on two cores.

examples:
  syncline demo
  syncline demo --out tour --videos 36 --steps 600
"""
PAGE = "report.html"
SHOWN = {
    "class100": "phase accuracy", "ap5": "AP@5", "progression": "progression R²", "tau": "Kendall's tau",
    "event_nearest_median": "event error, nearest (s)", "event_local_median": "event error, local (s)",
    "event_local_f1": "event F1, local",
}  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the demo (default: demo)")
    parser.add_argument("--videos", type=int, default=24, help="how many are rendered (default: 24)")
    parser.add_argument("--steps", type=int, default=300, help="of the optimiser (default: 300)")
    parser.add_argument("--seed", type=int, default=0, help="of videos and training (default: 0)")
    add_compute_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Renders, trains, measures, aligns, reports."""
    from syncline.progress import Progress

    if arguments.videos < 6:
        raise SynclineError(f"--videos is {arguments.videos}; at least 6 are needed, a third of which is for measuring")
    if arguments.steps < 1:
        raise SynclineError(f"--steps is {arguments.steps}; expected at least 1")
    use(arguments)
    out: Path = arguments.out
    _make_room(out)
    began = time.monotonic()
    with TrainingBars() as bars:
        truth, videos = _render(out, arguments, bars)
        encoder, cache = _train(videos, out, arguments, bars)
        rows = _measure(encoder, videos, cache, bars)
        bars(Progress("aligning two videos that were not trained on"))
        sections = _sections(out, encoder, cache, videos, truth, rows)
    from syncline.report import write_page

    seconds = time.monotonic() - began
    sections.append(("How it was made", f"<p><code>syncline demo</code>, {seconds:.0f} seconds.</p>"))
    write_page(out / PAGE, "syncline: from videos without labels to moments that match", sections)
    print_rows(rows)
    print(f"{seconds:.0f} s; open {out / PAGE}")
    return 0


def _make_room(out: Path) -> None:
    """An earlier demo is replaced; anything else is left alone."""
    marks = ("set", "run", PAGE)
    if holds_files(out) and not (out / "set" / "truth.json").is_file():
        raise SynclineError(f"{out} holds other things than a demo; choose another folder with --out")
    for name in marks:
        path = out / name
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()


def _render(out: Path, arguments: argparse.Namespace, bars: Bars) -> tuple[list[SyntheticVideo], VideoSet]:
    from syncline.data import open_videos
    from syncline.data.synthetic import SyntheticConfig, render_synthetic

    config = SyntheticConfig(num_videos=arguments.videos, seed=arguments.seed, frame_rate=10.0)
    truth = render_synthetic(out / "set", config, callback=bars)
    return truth, open_videos(out / "set")


def _train(videos: VideoSet, out: Path, arguments: argparse.Namespace, bars: Bars) -> tuple[FrameEncoder, FeatureCache]:
    from syncline.encoder import FeatureCache
    from syncline.training import method_config, train

    config = method_config(steps=arguments.steps, seed=arguments.seed)
    cache = FeatureCache(out / "set" / "features")
    encoder = train(videos, out / "run", config=config, cache=cache, callback=bars)
    return encoder, cache


def _measure(encoder: FrameEncoder, videos: VideoSet, cache: FeatureCache, bars: Bars) -> list[dict[str, Any]]:
    from syncline.evaluation import evaluate

    return evaluate(encoder, videos, cache=cache, protocols=("whole", "spliced"), name="trained", callback=bars)


def _sections(
    out: Path, encoder: FrameEncoder, cache: FeatureCache, videos: VideoSet, truth: list[SyntheticVideo],
    rows: list[dict[str, Any]],
) -> list[tuple[str, Any]]:  # fmt: skip
    """The page, part by part."""
    from syncline.report.figures import loss_curve, similarity_figure, tempo_curve, trajectories
    from syncline.tasks import align

    val = videos.split("val")
    embeddings = encoder.embed(list(val), cache=cache)
    known = {video.path.name: video for video in truth}
    a, b = embeddings[0], embeddings[1]
    alignment = align(a, b)
    lines = read_jsonl(out / "run" / "metrics.jsonl")
    progress = [
        _progress_of(embedding, known[video.path.name], video.frame_rate) for embedding, video in zip(embeddings, val)
    ]
    events = [_seconds(known[video.path.name], video.frame_rate) for video in list(val)[:2]]
    names = videos.event_names
    return [
        ("Measured beside its controls", [_intro(videos), _table(rows, "whole"), _table(rows, "spliced")]),
        ("Two videos that were not trained on", [
            _errors(alignment, b, progress),
            similarity_figure(a, b, alignment, events_a=events[0], events_b=events[1], event_names=names),
            _film(val, alignment, a),
            tempo_curve(alignment),
        ]),
        ("The embedding, coloured by the true progress", trajectories(embeddings, colour=progress)),
        ("The frames most like a given one, in the other videos", _retrieved(val, embeddings)),
        ("The loss", loss_curve(lines)),
    ]  # fmt: skip


def _intro(videos: VideoSet) -> str:
    train, val = len(videos.split("train")), len(videos.split("val"))
    return (
        f"<p>Trained without labels on {train} videos, measured on {val} others. <code>time-only</code> sees no "
        "picture, <code>untrained</code> is the same encoder before training, <code>frozen</code> the backbone's own "
        "features. Whole clips first, then clips into which reversed parts or parts of others were spliced.</p>"
    )


def _table(rows: list[dict[str, Any]], protocol: str) -> list[dict[str, Any]]:
    found = [row for row in rows if row["protocol"] == protocol]
    return [
        {protocol: row["method"]}
        | {title: round(row[key], 3) for key, title in SHOWN.items() if row.get(key) is not None}
        for row in found
    ]


def _seconds(video: SyntheticVideo, rate: float) -> list[float | None]:
    return [None if event is None else event / rate for event in video.events]


def _progress_of(embedding: Embedding, video: SyntheticVideo, rate: float) -> Any:
    """The true progress of the embedded frames."""
    import numpy as np

    frames = np.rint(embedding.pts_seconds * rate).astype(int).clip(0, len(video.progress) - 1)
    return video.progress[frames]


def _errors(alignment: Alignment, b: Embedding, progress: list[Any]) -> str:
    """How far the path is from the truth, in words."""
    import numpy as np

    if not len(alignment.path):
        return "<p>Nothing of the two matches.</p>"
    true = np.interp(progress[0][alignment.path[:, 0]], progress[1], b.pts_seconds)
    error = np.abs(true - alignment.times[:, 1])
    return (
        f"<p>{len(alignment.path)} pairs of frames are matched; the path is {np.median(error):.2f} s from the true "
        f"correspondence (median; 90th percentile {np.percentile(error, 90):.2f} s). Match score "
        f"{alignment.match_score:.2f}: the two {'match' if alignment.matches else 'do not match'}.</p>"
    )


def _film(val: VideoSet, alignment: Alignment, a: Embedding) -> Figure:
    """Frames of A and what matches them in B."""
    import numpy as np

    from syncline.report.picture_figures import filmstrip
    from syncline.video import VideoReader

    first, second = VideoReader(val[0].path), VideoReader(val[1].path)
    moments = np.linspace(a.pts_seconds[0], a.pts_seconds[-1], 9)[1:-1]
    matched = alignment.b_at(moments)
    frames_a = [first.frames_at([float(s)]).pixels[0] for s in moments]
    frames_b = [None if np.isnan(s) else second.frames_at([float(s)]).pixels[0] for s in matched]
    return filmstrip(
        frames_a, moments.tolist(), frames_b, matched.tolist(), alignment, names=(val[0].name, val[1].name)
    )


def _retrieved(val: VideoSet, embeddings: list[Embedding]) -> Figure:
    """Four moments of the first video, each with the nearest frame of every one of five others."""
    import numpy as np

    from syncline.report.picture_figures import retrieval_grid
    from syncline.video import VideoReader

    readers = [VideoReader(video.path) for video in val]
    rows = np.linspace(0, len(embeddings[0]) - 1, 6).round().astype(int)[1:-1]
    queries, hits, captions = [], [], []
    for row in rows:
        at = float(embeddings[0].pts_seconds[row])
        queries.append(readers[0].frames_at([at]).pixels[0])
        captions.append(f"{val[0].name}, {at:.1f} s")
        found = []
        for other, reader in list(zip(embeddings, readers))[1:6]:
            distance = ((other.vectors - embeddings[0].vectors[row]) ** 2).sum(axis=1)
            found.append(reader.frames_at([float(other.pts_seconds[distance.argmin()])]).pixels[0])
        hits.append(found)
    return retrieval_grid(queries, hits, query_captions=captions)


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Two tables turned on their side: metrics are rows, since there are more of them than fit 80 columns."""
    from rich.console import Console
    from rich.table import Table

    for protocol in ("whole", "spliced"):
        found = [row for row in rows if row["protocol"] == protocol]
        table = Table("", *(row["method"] for row in found), title=f"{protocol} clips")
        for key, name in SHOWN.items():
            if any(row.get(key) is not None for row in found):  # of spliced clips not all is measured
                table.add_row(name, *("–" if row.get(key) is None else f"{row[key]:.3f}" for row in found))
        Console().print(table)
