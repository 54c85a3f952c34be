"""`FolderConsensus`: who votes, which videos match each other, and the folder's alignments.

A pair's match score is a poor judge of which videos belong to a folder: less than half of the true pairs of 27 golf
swings pass it. So each video is compared with many others, by how high its alignments score as well as by their order
(`significance`): a stranger (another activity, noise, a still) matches none of them, a video of the activity matches
some well.

- A *stranger* has no vote (weight exactly 0): the upper quartile of its evidence is low, by itself or for the folder.
- *Near-duplicates* (one take, encoded twice) share one vote.
- Two activities in one folder, or one done in two directions, are reported as *clusters* that do not match each other.
- Nothing here depends on the order in which videos are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from syncline.alignment import Consensus, unit_rows
from syncline.alignment.alignment_settings import CONSENSUS
from syncline.alignment.centring import centred_similarity, thinned
from syncline.alignment.inference import scores_in_wrong_orders
from syncline.alignment.pair_posteriors import Mapper
from syncline.alignment.significance import course_evidence
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.progress import Callback, silent
from syncline.tasks.pair_similarity import check_pair

SCOUTS = 40
"""Videos that every video's match score is measured against; all, where there are no more."""
MOST_VOTERS = 200
"""In larger folders so many intermediaries serve, evenly drawn from those that have a vote."""
FAR, LEAST_MATCH = 0.45, 0.1
"""Clusters do not reach each other where the matches between them are below this share of those within, and those are
not below `LEAST_MATCH`.
"""
LEAST_EVIDENCE, NEAR_EVIDENCE, FAR_EVIDENCE = 0.8, 0.25, 1.2
"""A stranger's upper quartile of evidence is below the first and by the second below what is usual in the folder, or by
the third below that. Where the usual one is below the first, the folder shows no common course, and all keep their
vote. See `benchmarks/strangers.py`.
"""
SURE_EVIDENCE = 0.65
"""A stranger of less evidence is surely one: stills and frames in no order are. Of more, it may be a clip of the
activity seen otherwise; with frozen features a few true clips of people match the others no better than clips of
another activity do.
"""
MOST_ALIKE = 20
"""Videos that a video of a folder larger than `MOST_VOTERS` is compared with to find near-duplicates."""
BLOCK = 1024
TOLERANCE_SHARE = 0.05
"""Share of the median clip that counts as the same moment by default."""


_ENOUGH = 300  # frames of a video: enough to see whether two match


@dataclass(frozen=True, eq=False)
class Votes:
    """Which videos vote, and why.

    Attributes:
        weights: (n,) float64 in [0, 1], what each video's opinion counts; exactly 0 for strangers.
        strangers: indices of videos that match none of the others.
        duplicates: groups of two or more videos that are one and the same; they share one vote.
        clusters: groups that do not match each other, largest first, strangers in none; one if all videos match.
        groups: (n,) number of the cluster of each video, strangers that of the one they match best.
        usual_match: upper quartile of match scores that is usual in the folder; below `LEAST_MATCH` nothing matches.
        judges: indices of the videos that the others were compared with.
        matches: (n, judges) match score of every video with each of them; NaN with itself, and where unknown.
        doubtful: those of the strangers that may show the activity anyway, by `SURE_EVIDENCE`.
    """

    weights: NDArray[np.float64]
    strangers: tuple[int, ...]
    duplicates: tuple[tuple[int, ...], ...]
    clusters: tuple[tuple[int, ...], ...]
    groups: tuple[int, ...]
    usual_match: float
    judges: tuple[int, ...]
    matches: NDArray[np.float64]
    doubtful: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class FolderConsensus:
    """Embeddings of a folder and what they agree on.

    Attributes:
        embeddings: of all videos. group: their consensus, by the same indices. votes: who votes in it.
        clip_seconds: duration of the median clip.
    """

    embeddings: tuple[Embedding, ...]
    group: Consensus
    votes: Votes
    clip_seconds: float

    @property
    def tolerance(self) -> float:
        """Seconds that count as the same moment by default: a share of the median clip, two samples at least."""
        return default_tolerance(self.embeddings)


def gather_folder(
    embeddings: Sequence[Embedding],
    *,
    voters: Iterable[int] | None = None,
    pins: Mapping[tuple[int, int], NDArray[np.int64]] | None = None,
    votes: Votes | None = None,
    within_clips: bool = CONSENSUS.within_clips,
    callback: Callback = silent,
    mapper: Mapper = map,
) -> FolderConsensus:
    """Align the videos of a folder with each other and make that consistent.

    Args:
        embeddings: of one width, each with frames.
        voters: who may vote at all; everybody by default, `MOST_VOTERS` of them in large folders.
        pins: as `Consensus` takes them.
        votes: who votes, if that is known from before; measured by default.
        within_clips: as `Consensus` takes it.
        callback: called with how far the `Consensus` is.
        mapper: does the alignments of pairs, as `Consensus` takes it.

    Raises:
        SynclineError: no video, one without frames, or widths that differ.
    """
    if not embeddings:
        raise SynclineError("a consensus needs at least one video; none was given")
    for other in embeddings:
        check_pair(embeddings[0], other)
    allowed = sorted(range(len(embeddings)) if voters is None else set(voters))
    if votes is None:
        votes = voting(embeddings, among=allowed)
    chosen = [z for z in allowed if votes.weights[z] > 0]
    if len(chosen) > MOST_VOTERS:
        chosen = _evenly(embeddings, chosen, MOST_VOTERS)
    group = Consensus(
        [embedding.vectors for embedding in embeddings],
        weights=votes.weights,
        voters=chosen,
        groups=votes.groups,
        pins=pins,
        within_clips=within_clips,
        callback=callback,
        mapper=mapper,
    )
    return FolderConsensus(tuple(embeddings), group, votes, clip_seconds(embeddings))


def clip_seconds(embeddings: Sequence[Embedding]) -> float:
    """Duration of the median clip, in seconds; 0 where all have one frame."""
    return float(np.median([e.pts_seconds[-1] - e.pts_seconds[0] for e in embeddings if len(e)])) if embeddings else 0.0


def sample_seconds(embeddings: Sequence[Embedding]) -> float:
    """Seconds from one sampled frame to the next, of the median video; 0 where all have one frame."""
    steps = [float(np.median(np.diff(e.pts_seconds))) for e in embeddings if len(e) > 1]
    return float(np.median(steps)) if steps else 0.0


def default_tolerance(embeddings: Sequence[Embedding]) -> float:
    """Seconds that count as the same moment: `TOLERANCE_SHARE` of the median clip, and two samples at least."""
    return max(TOLERANCE_SHARE * clip_seconds(embeddings), 2 * sample_seconds(embeddings), 1e-3)


def voting(embeddings: Sequence[Embedding], *, among: Sequence[int] | None = None) -> Votes:
    """Decides which videos vote: strangers do not, near-duplicates share one vote.

    Args:
        embeddings: of one width, each with frames.
        among: indices of those that may vote at all (and by which the others are judged); all by default.

    Examples:
        >>> t = np.linspace(0, 3, 40)
        >>> wave = lambda s: np.stack([np.cos(s * t), np.sin(s * t)], 1).astype(np.float32)
        >>> voting([Embedding(wave(s), t, str(s)) for s in (1, 0.9, 0.8)]).weights.tolist()
        [1.0, 1.0, 1.0]
    """
    count = len(embeddings)
    judges = judges_of(embeddings, among)
    matches, evidence = matches_with(embeddings, judges)
    clusters = _clusters(matches[judges], matches)
    usual, strangers, doubtful = _strangers(matches, evidence, judges, clusters)
    duplicates = _duplicates(embeddings)
    weights = np.ones(count)
    for same in duplicates:
        weights[list(same)] = 1 / len(same)
    weights[strangers] = 0.0
    kept = [tuple(i for i in range(count) if clusters[i] == c and i not in strangers) for c in np.unique(clusters)]
    ordered = sorted((c for c in kept if c), key=lambda c: (-len(c), c))
    return Votes(
        weights, tuple(strangers), duplicates, tuple(ordered), tuple(clusters.tolist()), usual, tuple(judges), matches,
        tuple(doubtful),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Belonging:
    """Whether and where a new clip belongs among videos whose votes are known.

    Attributes:
        stranger: it matches none of them.
        doubtful: a stranger that may show the activity anyway, by `SURE_EVIDENCE`.
        cluster: number of the cluster that it matches best.
        matches: (judges,) float64, its match score with each of the `judges_of` these videos.
    """

    stranger: bool
    doubtful: bool
    cluster: int
    matches: NDArray[np.float64]


def belonging(clip: Embedding, embeddings: Sequence[Embedding], groups: Sequence[int], usual_match: float) -> Belonging:
    """Finds where a new clip belongs.

    Args:
        clip: of the same width.
        embeddings: those that vote.
        groups: the number of each one's cluster.
        usual_match: as `Votes` has it.
    """
    judges = judges_of(embeddings)
    scores = np.array([_match(clip, embeddings[z]) for z in judges])
    own = np.array([groups[z] for z in judges])
    cluster = max(np.unique(own), key=lambda one: float(scores[own == one, 0].mean()))
    known = len(judges) >= 4 and usual_match >= LEAST_MATCH
    evidence = _quartile(scores[own == cluster, 1])
    stranger = bool(known and evidence < LEAST_EVIDENCE)
    return Belonging(stranger, stranger and bool(evidence >= SURE_EVIDENCE), int(cluster), scores[:, 0])


def judges_of(embeddings: Sequence[Embedding], among: Sequence[int] | None = None) -> list[int]:
    """The videos that all are compared with: those of `among` (all by default), or `SCOUTS` of them."""
    judges = list(range(len(embeddings))) if among is None else list(among)
    return _evenly(embeddings, judges, SCOUTS) if len(judges) > SCOUTS else judges


def _evenly(embeddings: Sequence[Embedding], among: Sequence[int], count: int) -> list[int]:
    """`count` of some videos, evenly by a number that goes by their content, so that their order plays no part."""
    ranked = sorted(among, key=lambda i: (float(np.abs(embeddings[i].vectors).sum(dtype=np.float64)), i))
    return sorted(ranked[k] for k in np.linspace(0, len(ranked) - 1, count).round().astype(int))


def matches_with(
    embeddings: Sequence[Embedding], judges: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, judges) match score of each video with each judge, and the evidence for one course; NaN with itself."""
    found = np.full((2, len(embeddings), len(judges)), np.nan)
    column = {judge: slot for slot, judge in enumerate(judges)}
    for slot, judge in enumerate(judges):
        for i, embedding in enumerate(embeddings):
            if i == judge or not np.isnan(found[0, i, slot]):
                continue
            found[:, i, slot] = _match(embedding, embeddings[judge])
            if i in column:
                found[:, judge, column[i]] = found[:, i, slot]
    return found[0], found[1]


def _match(a: Embedding, b: Embedding) -> tuple[float, float]:
    """Match score of two videos, and the `course_evidence` of the two."""
    similarity = centred_similarity(thinned(a.vectors, _ENOUGH), thinned(b.vectors, _ENOUGH))
    score, wrong = scores_in_wrong_orders(similarity)
    shuffled = float(np.mean(wrong))
    return 1 - shuffled / score if score > 0 else 0.0, course_evidence(score, shuffled, similarity.numel())


def _quartile(scores: NDArray[np.float64]) -> float:
    known = scores[~np.isnan(scores)]
    return float(np.quantile(known, 0.75)) if len(known) else np.nan


def _clusters(among: NDArray[np.float64], matches: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) number of each video's cluster: judges by mean linkage, halved as long as the halves do not reach each
    other; all others go where they match best.
    """
    judges = len(among)
    label = np.zeros(judges, dtype=np.int64)
    least = max(3, round(0.1 * judges))
    open_, done = [0], 0
    while open_:
        here = np.flatnonzero(label == open_.pop())
        if len(here) < 2 * least:
            continue
        half = first_of_two_clusters(1 - np.nan_to_num(among[np.ix_(here, here)], nan=1.0))
        one, other = here[half], here[~half]
        if min(len(one), len(other)) < least:
            continue
        within = min(_quartile(among[np.ix_(part, part)]) for part in (one, other))
        if within >= LEAST_MATCH and _quartile(among[np.ix_(one, other)]) < FAR * within:
            done += 1
            label[other] = done
            open_ += [int(label[one[0]]), done]
    if not done:
        return np.zeros(len(matches), dtype=np.int64)
    means = np.stack([_mean(matches[:, label == c]) for c in range(done + 1)], axis=1)
    return np.asarray(means.argmax(axis=1), dtype=np.int64)


def first_of_two_clusters(distance: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Members of the first of the last two clusters of mean linkage (UPGMA), for a symmetric matrix (n, n).

    As `scipy.cluster.hierarchy`, whose import takes longer than all else that small folders ask for.
    """
    left = np.where(np.eye(len(distance), dtype=bool), np.inf, distance)
    members = np.eye(len(distance), dtype=bool)  # a row is a cluster; merged ones are infinitely far
    for _ in range(len(distance) - 2):
        i, j = sorted(divmod(int(left.argmin()), len(distance)))
        sizes = members[[i, j]].sum(axis=1)
        mean = sizes @ left[[i, j]] / sizes.sum()
        left[i], left[:, i] = mean, mean
        left[j], left[:, j], left[i, i] = np.inf, np.inf, np.inf
        members[i] |= members[j]
    first: NDArray[np.bool_] = members[0]
    return first


def _mean(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(scores)
    return np.asarray(np.where(known, scores, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def _strangers(
    matches: NDArray[np.float64], evidence: NDArray[np.float64], judges: Sequence[int], clusters: NDArray[np.int64]
) -> tuple[float, list[int], list[int]]:
    """What upper quartile of matches is usual, the videos whose evidence is too low against their own cluster, and
    those of them that are in doubt.
    """
    if len(judges) < 4:
        return float("nan"), [], []
    same = clusters[:, None] == clusters[list(judges)][None]
    match, own = (
        np.nan_to_num([_quartile(row[mine]) for row, mine in zip(table, same, strict=True)], nan=0.0)
        for table in (matches, evidence)
    )
    usual, strangers = 0.0, []
    for cluster in np.unique(clusters):
        members = np.flatnonzero(clusters == cluster)
        # a fifth of strangers among them moves these little
        usual = max(usual, float(np.quantile(match[members], 0.65)))
        high = float(np.quantile(own[members], 0.65))
        if high >= LEAST_EVIDENCE:
            least = max(min(LEAST_EVIDENCE, high - NEAR_EVIDENCE), high - FAR_EVIDENCE)
            strangers += [int(i) for i in members if own[i] < least]
    return usual, sorted(strangers), sorted(i for i in strangers if own[i] >= SURE_EVIDENCE)


def _duplicates(embeddings: Sequence[Embedding], frames: int = 8) -> tuple[tuple[int, ...], ...]:
    """Groups of videos whose frames lie nearer to each other than a video's own lie to those a moment later."""
    rows = [unit_rows(torch.from_numpy(np.ascontiguousarray(e.vectors))) for e in embeddings]
    probes = torch.stack([r[torch.linspace(0, len(r) - 1, frames).round().long()] for r in rows])
    moved = np.array([_moved(r) for r in rows])
    near: set[tuple[int, int]] = set()  # i whose probes all lie near frames of j
    for j, others in enumerate(_most_alike(rows)):
        far = (1 - (probes[others] @ rows[j].T).amax(-1)).mean(-1).numpy()
        near |= {(int(i), j) for i in others[far < 0.5 * np.minimum(moved[others], moved[j])]}
    group = list(range(len(rows)))
    for i, j in sorted(near):
        alike = j < i and (j, i) in near and 0.8 < len(rows[i]) / len(rows[j]) < 1.25
        if alike and group[i] != group[j]:
            old = group[i]
            group = [group[j] if g == old else g for g in group]
    found: dict[int, list[int]] = {}
    for i, one in enumerate(group):
        found.setdefault(one, []).append(i)
    return tuple(tuple(found[one]) for one in sorted(found) if len(found[one]) > 1)


def _most_alike(rows: Sequence[torch.Tensor]) -> Iterator[NDArray[np.int64]]:
    """For each video, the others that may be its copy: all, and in large folders those with the nearest mean."""
    if len(rows) <= MOST_VOTERS:
        yield from [np.arange(len(rows))] * len(rows)
        return
    means = unit_rows(torch.stack([r.mean(0) for r in rows]))
    for start in range(0, len(means), BLOCK):
        yield from (means[start : start + BLOCK] @ means.T).topk(MOST_ALIKE).indices.numpy()


def _moved(rows: torch.Tensor) -> float:
    """How far a video's frames lie from those a fiftieth of it later: mean of 1 - cosine."""
    step = max(1, round(0.02 * len(rows)))
    return float((1 - (rows[step:] * rows[:-step]).sum(-1)).mean()) if len(rows) > step else 0.0
