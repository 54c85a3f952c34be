"""Key events by the labelled videos alone and by the whole folder, on the same draws of labelled videos.

Votes: the training clips and the one target, never the other targets. One labelled clip: each is it in turn; of more,
fixed draws. A row has: hits as a share of the events that are there (what is not claimed is missed) and F1; the median
and 90th percentile of the errors of what is claimed; false claims as a share of the events that are not there;
calibration in five equal bins and the area under the curve of confidence against hits; of `consensus` besides the gain
in F1 over `direct` with its 95 % interval, from a bootstrap over the sources of the targets.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from syncline.data import Embedding
from syncline.tasks import LabelledVideo, event_votes, gather_folder
from syncline.tasks.carry_by_consensus import Density, Marks
from syncline.tasks.transfer import Election, carry_events, election_of

Events = tuple[float | None, ...]


@dataclass(frozen=True)
class Target:
    """A clip as it is played, the source's second of each of its frames, and its events in seconds of the source.

    Attributes:
        group: of which source video it is a part, with all whose frames are in it; its name where there is none.
    """

    embedding: Embedding
    source_seconds: NDArray[np.float64]
    events: Events
    group: str = ""

    def on_source(self, events: Events) -> Events:
        """Seconds of the clip as it is played -> seconds of its source."""
        pts_seconds = self.embedding.pts_seconds
        return tuple(None if e is None else float(np.interp(e, pts_seconds, self.source_seconds)) for e in events)


@dataclass(frozen=True)
class DirectElection(Election):
    """The labelled videos alone; what one of them says of a video is computed once for all draws."""

    told: dict[tuple[int, int], Density] = field(default_factory=dict)

    def densities(self, marks: Marks, targets: Sequence[int]) -> list[Density]:
        """As `Election.densities` has them, from what is there."""
        found = []
        for t in targets:
            for i, events in marks.items():
                if i != t and (i, t) not in self.told:
                    one = LabelledVideo(self.embeddings[i], tuple(events))
                    self.told[i, t] = event_votes([one], self.embeddings[t], alignment_weight=1 - self.frames)
            found.append(np.mean([self.told[i, t] for i in marks if i != t], axis=0))
        return found


@dataclass
class Tally:
    """What one way of carrying did: per target hits, claims and events that are there; errors, and how sure it was."""

    counts: NDArray[np.float64]
    errors: list[float] = field(default_factory=list)
    sure: list[float] = field(default_factory=list)
    hit: list[bool] = field(default_factory=list)
    whose: list[int] = field(default_factory=list)
    absent: list[bool] = field(default_factory=list)

    def take(self, place: int, found: Events, truth: Events, confidence: NDArray[np.float64], tolerance: float) -> None:
        """Counts one target of one draw."""
        for claim, true, sure in zip(found, truth, confidence, strict=True):
            right = claim is not None and true is not None and abs(claim - true) <= tolerance + 1e-9
            self.counts[place] += (right, claim is not None, true is not None)
            if claim is not None:
                self.sure.append(float(sure))
                self.hit.append(right)
                self.whose.append(place)
            if claim is not None and true is not None:
                self.errors.append(abs(claim - true))
            if true is None:
                self.absent.append(claim is not None)

    def row(self, videos: Sequence[Target]) -> dict[str, Any]:
        """The measures; the interval of confidence minus hit rate is over sources."""
        hits, claims, there = self.counts.sum(axis=0)
        sure, hit = np.array(self.sure), np.array(self.hit)
        bins = np.array_split(np.argsort(sure, kind="stable"), 5)
        of_target = np.zeros((len(videos), 2))
        np.add.at(of_target, np.array(self.whose), np.stack([sure - hit, np.ones(len(sure))], axis=1))
        gaps = [part[:, 0].sum() / max(part[:, 1].sum(), 1) for part in (of_target[rows] for rows in resampled(videos))]
        return {
            "hits": round(hits / there, 4), "f1": f1(self.counts),
            "median": round(float(np.median(self.errors)), 3), "p90": round(float(np.quantile(self.errors, 0.9)), 3),
            "false_claims": round(float(np.mean(self.absent)), 4) if self.absent else None,
            "claims": int(claims),
            "ece": round(sum(len(b) * abs(sure[b].mean() - hit[b].mean()) for b in bins) / len(sure), 4),
            "auroc": round(float(roc_auc_score(hit, sure)), 4) if 0 < hit.sum() < len(hit) else None,
            "sure_minus_hit": round(float(sure.mean() - hit.mean()), 4),
            "sure_minus_hit_interval": [round(float(q), 4) for q in np.quantile(gaps, [0.025, 0.975])],
        }  # fmt: skip


def f1(counts: NDArray[np.float64]) -> float:
    """2 hits / (claims + events that are there), of rows of the three."""
    hits, claims, there = counts.sum(axis=0)
    return round(float(2 * hits / max(claims + there, 1)), 4)


def compare(
    train: Sequence[Target], targets: Mapping[str, Sequence[Target]], *, counts: Sequence[int], draws: int,
    tolerance: float,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Two rows a protocol and number of labelled videos: `direct` and `consensus`."""
    for protocol, videos in targets.items():
        everyone = [target.embedding for target in [*train, *videos]]
        folder = gather_folder(everyone, voters=range(len(train)))
        elections = {
            "direct": DirectElection(**vars(election_of(everyone, None, tolerance, None, None))),
            "consensus": election_of(everyone, folder, tolerance, None, None),
        }
        about = {"protocol": protocol, "tolerance": tolerance, "no_vote": len(folder.votes.strangers),
                 "frames_share": round(elections["consensus"].frames, 3)}  # fmt: skip
        for count in counts:
            chosen = drawn(len(train), count, draws)
            started = time.perf_counter()
            tallies = {
                method: tally(election, chosen, train, videos, tolerance) for method, election in elections.items()
            }
            seconds = round(time.perf_counter() - started, 1)
            for method, found in tallies.items():
                gain = {} if method == "direct" else gained(tallies["direct"].counts, found.counts, videos)
                yield (
                    about
                    | {"labelled": count, "draws": len(chosen), "method": method}
                    | found.row(videos)
                    | gain
                    | {"both_s": seconds}
                )


def drawn(total: int, count: int, draws: int) -> list[list[int]]:
    """Each video alone, or fixed draws of several."""
    if count == 1:
        return [[i] for i in range(total)]
    random = np.random.default_rng(0)
    return [sorted(random.permutation(total)[:count].tolist()) for _ in range(draws)]


def tally(
    election: Election, chosen: Sequence[Sequence[int]], train: Sequence[Target], videos: Sequence[Target],
    tolerance: float,
) -> Tally:  # fmt: skip
    """All draws of one way of carrying."""
    result = Tally(np.zeros((len(videos), 3)))
    indices = range(len(train), len(train) + len(videos))
    for draw in chosen:
        marks = {i: on_clip(train[i]) for i in draw}
        carried = carry_events(election, marks, indices, refuse=False).targets
        for place, (video, found) in enumerate(zip(videos, carried, strict=True)):
            result.take(place, video.on_source(found.events), video.events, found.confidence, tolerance)
    return result


def on_clip(target: Target) -> Events:
    """A whole clip's events in its own seconds."""
    first = target.source_seconds[0]
    return tuple(None if event is None else event - first for event in target.events)


def gained(direct: NDArray[np.float64], found: NDArray[np.float64], videos: Sequence[Target]) -> dict[str, Any]:
    """Gain in F1 and its 95 % interval over targets drawn with all clips of their source."""
    gains = [f1(found[rows]) - f1(direct[rows]) for rows in resampled(videos)]
    low, high = np.quantile(gains, [0.025, 0.975])
    return {"gain": round(f1(found) - f1(direct), 4), "interval": [round(float(low), 4), round(float(high), 4)]}


def resampled(videos: Sequence[Target], times: int = 1000) -> Iterator[NDArray[np.int64]]:
    """Places of targets, sources drawn with replacement."""
    names = [video.group or video.embedding.source for video in videos]
    sources = sorted(set(names))
    by_source = [np.flatnonzero([name == source for name in names]) for source in sources]
    random = np.random.default_rng(0)
    for _ in range(times):
        yield np.concatenate([by_source[k] for k in random.integers(0, len(sources), len(sources))])
