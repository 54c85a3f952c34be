"""What the tasks find on rendered videos, against the truth that came with the rendering.

    python -m benchmarks.synthetic [--seeds 10] [--videos 3] [--run RUN]

Every seed renders one plain set and one of each kind of trouble (`pauses`, `missing`, `repeated`, `extra`, and `all` of
them). Frozen features, standardised over both sets of a seed and kind, or the encoder of a run. One JSON line a kind
and task, over all seeds:
- alignment: of every pair between the two sets, by mode: frame error in seconds (median, 90th percentile) of matches
  whose frame of A is shown in B; share of those frames that are matched; share of matches that are false, because B
  does not show the frame.
- transfer: key events of the plain set (one labelled video, all of them) on the other one's videos; and by controls.
- deviations: frames of extra and repeated stretches, precision and recall, beside the simple rule of others; and
  recall and precision of missing phases.
- synchronisation: joint and star, with the worst reference: a video whose middle third was cut out.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.record import append, surroundings
from benchmarks.transfer_real import METHODS, score
from numpy.typing import NDArray

from syncline.data import Embedding, open_videos
from syncline.data.synthetic import TROUBLES, SyntheticConfig, SyntheticVideo, render_synthetic
from syncline.encoder import FeatureCache, FrameEncoder
from syncline.encoder.frozen_features import frozen_embeddings
from syncline.tasks import LabelledVideo, align, deviate, distance_rule, synchronize
from syncline.tasks.align import MODES
from syncline.video.on_display import nearest_frames

KINDS = (*TROUBLES, "all")
SAME = 0.02
"""Progress that counts as the same moment: a third of a second of an average video."""
ODD = {"extra", "repeated", "out_of_order"}


@dataclass(frozen=True)
class Known:
    """An embedded video with the truth at its embedded frames."""

    embedding: Embedding
    progress: NDArray[np.float64]
    odd: NDArray[np.bool_]
    events: tuple[float | None, ...]
    missing: tuple[float, float] | None

    def shows(self, progress: float) -> NDArray[np.float64]:
        """Seconds at which this progress is shown."""
        return self.embedding.pts_seconds[np.abs(self.progress - progress) <= SAME]


def known(video: SyntheticVideo, embedding: Embedding, rate: float) -> Known:
    frames = np.clip(np.round(embedding.pts_seconds * rate).astype(int), 0, len(video.progress) - 1)
    odd = np.zeros(len(video.progress), dtype=bool)
    missing = None
    for kind, first, last in video.segments:
        if kind in ("extra", "rewind", "repeated"):
            odd[first : last + 1] = True
        if kind == "missing" and 0 < first < len(video.progress):
            missing = float(video.progress[first - 1]), float(video.progress[first])
    events = tuple(None if event is None else event / rate for event in video.events)
    return Known(embedding, video.progress[frames], odd[frames], events, missing)


def sets(folder: Path, seed: int, kind: str, count: int, run: Path | None) -> tuple[list[Known], list[Known]]:
    """The plain set and the troubled one."""
    chosen = {name: kind in (name, "all") for name in TROUBLES}
    made = []
    for name, config in (
        ("plain", SyntheticConfig(num_videos=count, seed=2 * seed, trim=0.0)),
        ("troubled", SyntheticConfig(num_videos=count, seed=2 * seed + 1, trim=0.0, **chosen)),
    ):
        made += [(video, config.frame_rate) for video in render_synthetic(folder / name, config)]
    videos = [video for name in ("plain", "troubled") for video in open_videos(folder / name)]
    if run is None:
        embeddings = frozen_embeddings(videos, FeatureCache(folder / "cache"))
    else:
        embeddings = FrameEncoder.from_pretrained(run).embed([video.path for video in videos])
    found = [known(video, embedding, rate) for (video, rate), embedding in zip(made, embeddings, strict=True)]
    return found[:count], found[count:]


def alignments(plain: Sequence[Known], troubled: Sequence[Known]) -> Iterator[tuple[str, dict[str, list[float]]]]:
    """For every mode: errors of matches, and whether frames were matched and matches false."""
    for mode in MODES:
        found: dict[str, list[float]] = defaultdict(list)
        for a in plain:
            for b in troubled:
                alignment = align(a.embedding, b.embedding, mode=mode, verdict=False)
                matched = set(alignment.path[:, 0].tolist())
                for row, progress in enumerate(a.progress):
                    if len(b.shows(progress)):
                        found["matched"].append(float(row in matched))
                for (row, _), (_, second) in zip(alignment.path, alignment.times, strict=True):
                    places = b.shows(a.progress[row])
                    found["false"].append(float(not len(places)))
                    if len(places):
                        found["error"].append(float(np.abs(places - second).min()))
        yield mode, found


def transfers(plain: Sequence[Known], troubled: Sequence[Known]) -> Iterator[tuple[str, int, list[Any], list[Any]]]:
    """For every method and number of labelled videos: events found and true."""
    for count in (1, len(plain)):
        for name, place in METHODS.items():
            labelled = [LabelledVideo(video.embedding, video.events) for video in plain[:count]]
            yield name, count, [place(labelled, video.embedding) for video in troubled], [v.events for v in troubled]


def deviations(plain: Sequence[Known], troubled: Sequence[Known]) -> dict[str, float]:
    """Counts of frames and of missing phases, found and true."""
    sums: dict[str, float] = defaultdict(float)
    for video in troubled:
        reference = plain[0]
        report = deviate(reference.embedding, video.embedding)
        seconds = video.embedding.pts_seconds
        flagged = np.zeros(len(seconds), dtype=bool)
        for one in report.deviations:
            if one.kind in ODD:
                flagged |= (seconds >= one.start) & (seconds < one.end)
        for name, claimed in (("ours", flagged), ("rule", distance_rule(reference.embedding, video.embedding))):
            sums[f"{name} hit"] += (claimed & video.odd).sum()
            sums[f"{name} claimed"] += claimed.sum()
        sums["true"] += video.odd.sum()
        gaps = [one for one in report.deviations if one.kind == "missing"]
        sums["missing claimed"] += len(gaps)
        if video.missing is not None:
            sums["missing true"] += 1
            middle = reference.shows(sum(video.missing) / 2)
            right = [one for one in gaps if any(one.start <= second <= one.end for second in middle)]
            sums["missing hit"] += bool(right)
    return sums


def spreads(plain: Sequence[Known], troubled: Sequence[Known]) -> Iterator[tuple[str, float, float]]:
    """Joint and star from a reference without its middle third: how far videos differ in progress, and what is covered.

    The spread is the median over the timeline of the range of
    progress that the videos show there; covered is the share of
    the middle third of the course, of all other videos, that is on the timeline.
    """
    others = [*plain[1:], *troubled]
    kept = ~((plain[0].progress > 1 / 3) & (plain[0].progress < 2 / 3))
    whole = plain[0].embedding
    bad = Embedding(whole.vectors[kept], whole.pts_seconds[: kept.sum()], "bad reference")
    for method in ("joint", "star"):
        timeline = synchronize([bad, *(v.embedding for v in others)], method=method, reference=bad.source)  # type: ignore[arg-type]
        shown = np.full((len(others), len(timeline.seconds)), np.nan)
        covered = []
        for row, video in enumerate(others):
            at = timeline.positions[row + 1]
            there = ~np.isnan(at)
            nearest = nearest_frames(video.embedding.pts_seconds, at[there])
            shown[row, there] = video.progress[nearest]
            middle = (video.progress > 1 / 3) & (video.progress < 2 / 3)
            covered.append(np.isin(np.flatnonzero(middle), nearest).mean() if middle.any() else np.nan)
        several = (~np.isnan(shown)).sum(axis=0) > 1
        ranges = np.nanmax(shown[:, several], axis=0) - np.nanmin(shown[:, several], axis=0)
        yield method, float(np.median(ranges)), float(np.nanmean(covered))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--videos", type=int, default=3, help="of each set")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--run", type=Path, help="an encoder instead of frozen features")
    arguments = parser.parse_args()
    features = "frozen" if arguments.run is None else f"run {arguments.run.name}"
    around = surroundings("numba") | {"seeds": arguments.seeds, "videos": arguments.videos, "features": features}
    for kind in arguments.kinds:
        paths: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        events: dict[tuple[str, int], tuple[list[Any], list[Any]]] = defaultdict(lambda: ([], []))
        counts: dict[str, float] = defaultdict(float)
        timelines: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for seed in range(arguments.seeds):
            with tempfile.TemporaryDirectory() as folder:
                plain, troubled = sets(Path(folder), seed, kind, arguments.videos, arguments.run)
            for mode, found in alignments(plain, troubled):
                for name, values in found.items():
                    paths[mode][name] += values
            for method, labelled, got, true in transfers(plain, troubled):
                events[method, labelled][0].extend(got)
                events[method, labelled][1].extend(true)
            for name, number in deviations(plain, troubled).items():
                counts[name] += number
            for method, spread, covered in spreads(plain, troubled):
                timelines[method].append((spread, covered))
        for row in summary(paths, events, counts, timelines):
            append("synthetic", {"kind": kind} | row | around)


def summary(
    paths: dict[str, dict[str, list[float]]],
    events: dict[tuple[str, int], tuple[list[Any], list[Any]]],
    counts: dict[str, float],
    timelines: dict[str, list[tuple[float, float]]],
) -> Iterator[dict[str, Any]]:
    """One row a task and method."""
    for mode, values in paths.items():
        yield {
            "task": "alignment", "method": mode, "median": round(float(np.median(values["error"])), 3),
            "p90": round(float(np.quantile(values["error"], 0.9)), 3),
            "matched": round(float(np.mean(values["matched"])), 3), "false": round(float(np.mean(values["false"])), 3),
        }  # fmt: skip
    for (method, labelled), (got, true) in events.items():
        yield {"task": "transfer", "method": method, "labelled": labelled} | score(got, true)
    for name in ("ours", "rule"):
        yield {"task": "deviations", "method": name} | _hits(counts, name, "true")
    yield {"task": "missing", "method": "ours"} | _hits(counts, "missing", "missing true")
    for method, values in timelines.items():
        spread, covered = np.array(values).T
        yield {
            "task": "synchronisation", "method": method, "spread": round(float(spread.mean()), 3),
            "covered": round(float(covered.mean()), 3),
            "covered_more": int(sum(c > o for (_, c), (_, o) in zip(values, timelines["star"], strict=True))),
        }  # fmt: skip


def _hits(counts: dict[str, float], name: str, true: str) -> dict[str, float | None]:
    def share(of: float) -> float | None:
        return round(float(counts[f"{name} hit"] / of), 3) if of else None

    return {"precision": share(counts[f"{name} claimed"]), "recall": share(counts[true])}


if __name__ == "__main__":
    main()
