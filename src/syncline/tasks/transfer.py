"""Carries key events from a few labelled videos to all the others.

Every video of the folder votes on where an event lies in a target: the labelled ones directly, the others by what the
folder's consensus says about the event (`carry_by_consensus`). Single frames vote, too, with a weight by how far they
can be trusted in this folder. The votes add up to a density over the target's frames. Events are placed at its peaks,
in their order. An event with too little confidence is reported absent; so are all events of a video that shows nothing
in common with the others.

Without the consensus, or if there are only labelled videos and the target, the labelled videos alone vote.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.tasks.best_match import match_scores
from syncline.tasks.carry_by_consensus import Density, Marks, carried_by_consensus, within_pins
from syncline.tasks.carry_directly import event_votes
from syncline.tasks.event_confidence import Peak, calibrated_by, hit_probability
from syncline.tasks.folder_consensus import FolderConsensus, default_tolerance, gather_folder
from syncline.tasks.pair_similarity import check_pair
from syncline.tasks.place_events import columns_in_order, frame_time, lie_on_frames, mean_time
from syncline.tasks.single_frame_votes import FRAMES_SHARE, frames_share, with_frames
from syncline.tasks.transfer_result import Carried, LabelledVideo, LeftOut, Transferred
from syncline.video.on_display import frames_within

ABSENT_BELOW = 0.2
"""Confidence below which an event is absent. Of .05 to .25 it has the best F1 inside the training clips of human_golf,
human_pullup and cr5_usb, whole and cut, from 1 and 3 labelled clips; .15 and .25 are .003 behind.
"""
_LEAST_SHARE = 0.25  # of the votes, which without consensus are the confidence
_LEAST_VOTES = 0.05  # what an event must gather to have a place in the order
SECOND_PEAK = 0.5
"""A second peak with this share of the first one's votes is reported as well."""


@dataclass(frozen=True)
class Election:
    """The embeddings that vote, and how votes become events.

    Attributes:
        embeddings: of all videos. folder: their consensus; None where the labelled ones alone vote.
        tolerance: seconds that count as the same moment. absent_below: confidence below which an event is absent.
        frames: what single frames count beside alignments, in [0, 1].
    """

    embeddings: Sequence[Embedding]
    folder: FolderConsensus | None
    tolerance: float
    absent_below: float
    frames: float

    def densities(self, marks: Marks, targets: Sequence[int]) -> list[Density]:
        """The share of the votes (k, n_t) for every event and frame of every target.

        Single frames say where an event is, and alignments also whether it is there: frames share out the votes that
        alignments have for it, no more.
        """
        if self.folder is None:
            found = []
            for t in targets:
                told = [LabelledVideo(self.embeddings[i], tuple(e)) for i, e in marks.items() if i != t]
                found.append(event_votes(told, self.embeddings[t], alignment_weight=1 - self.frames))
            return found
        aligned = carried_by_consensus(self.folder, marks, targets)
        both = with_frames(self.folder, marks, targets, aligned, self.frames)
        return [within_pins(self.folder, marks, t, votes) for t, votes in zip(targets, both, strict=True)]

    def events_of(self, marks: Marks, targets: Sequence[int]) -> list[Transferred]:
        """The events of every target, placed in the order in which they happen, however they are numbered."""
        order = order_in_time(list(marks.values()))
        marks = {i: [events[k] for k in order] for i, events in marks.items()}
        as_numbered = np.argsort(order).tolist()
        votes = self.densities(marks, targets)
        found = []
        for t, one in zip(targets, votes, strict=True):
            told = {i: events for i, events in marks.items() if i != t}
            known = [sum(events[k] is not None for events in told.values()) for k in range(len(one))]
            on_frames = all(lie_on_frames(self.embeddings[i].pts_seconds, events) for i, events in told.items())
            found.append(_ordered(self._place(self.embeddings[t], one, known, on_frames), as_numbered))
        return found

    def left_out(self, marks: Marks) -> LeftOut:
        """Every event of every labelled video, placed by the others."""
        raw, hit, placed, whose = [], [], [], []
        for i, events in marks.items():
            found = self.events_of({j: other for j, other in marks.items() if j != i}, [i])[0]
            for event, truth in zip(found.events, events, strict=True):
                right = (event is None) == (truth is None)
                if event is not None and truth is not None:
                    right = abs(event - truth) <= self.tolerance + 1e-9
                hit.append(float(right))
                placed.append(event is not None)
            raw.extend(found.confidence.tolist())
            whose.extend([i] * len(events))
        return LeftOut(np.array(raw), np.array(hit), np.array(placed, dtype=bool), np.array(whose, dtype=np.int64))

    def peaks_of(self, target: Embedding, votes: Density, labelled: Sequence[int]) -> list[tuple[int, Peak]]:
        """The frame at which every event is placed, -1 for none, and the votes there, or at the best frame otherwise.

        Args:
            votes: (k, n) of the target. labelled: (k,) in how many labelled videos each event is.
        """
        pts = target.pts_seconds
        smooth = self._gathered(votes, pts)
        earned = self.absent_below if self.folder is None else min(_LEAST_VOTES, self.absent_below)
        found = []
        for k, column in enumerate(columns_in_order(smooth, earned)):
            peak = int(smooth[k].argmax()) if column < 0 else column
            found.append((column, self._peak(votes[k], smooth[k], peak, pts, labelled[k])))
        return found

    def _gathered(self, votes: Density, pts: NDArray[np.float64]) -> Density:
        """(k, n) votes within the tolerance of every frame."""
        windows = zip(*frames_within(pts, pts, self.tolerance), strict=True)
        return np.stack([votes[:, first:end].sum(axis=1) for first, end in windows], axis=1)

    def _window(self, pts: NDArray[np.float64], column: int) -> slice:
        """The frames within the tolerance of one."""
        first, end = frames_within(pts, pts[column], self.tolerance)
        return slice(int(first[0]), int(end[0]))

    def _place(self, target: Embedding, votes: Density, labelled: Sequence[int], on_frames: bool) -> Transferred:
        """The events; at sampled frames if those of the labelled videos lie at such, else between them."""
        pts, time_of = target.pts_seconds, frame_time if on_frames else mean_time
        smooth = self._gathered(votes, pts)
        events: list[float | None] = []
        others: list[tuple[float, float] | None] = []
        confidence = np.zeros(len(votes))
        last = -np.inf
        for k, (column, peak) in enumerate(self.peaks_of(target, votes, labelled)):
            confidence[k] = self._sure(peak)
            if column < 0 or (self.folder is not None and confidence[k] < self.absent_below):
                events.append(None)
                others.append(None)
                confidence[k] = 1.0 - confidence[k]
                continue
            # the columns ascend; the means of two windows that overlap need not
            last = max(last, time_of(votes[k], pts, self._window(pts, column)))
            events.append(last)
            others.append(self._second(votes[k], smooth[k], column, pts, labelled[k]))
        return Transferred(target.source, tuple(events), confidence, self.tolerance, tuple(others))

    def _second(
        self, votes: Density, smooth: Density, column: int, pts: NDArray[np.float64], labelled: int
    ) -> tuple[float, float] | None:
        """Another place where votes gather for the event, if there is one: seconds and confidence."""
        apart = self._apart(smooth, column, pts)
        other = int(apart.argmax())
        if apart[other] < max(SECOND_PEAK * smooth[column], 1e-9):
            return None
        sure = self._sure(self._peak(votes, smooth, other, pts, labelled))
        return mean_time(votes, pts, self._window(pts, other)), sure

    def _apart(self, smooth: Density, column: int, pts: NDArray[np.float64]) -> Density:
        """The gathered votes, 0 at places that overlap with a column's."""
        return np.where(np.abs(pts - pts[column]) > 2 * self.tolerance, smooth, 0.0)

    def _peak(self, votes: Density, smooth: Density, column: int, pts: NDArray[np.float64], labelled: int) -> Peak:
        edge = min(pts[column] - pts[0], pts[-1] - pts[column])
        return Peak(
            gathered=float(smooth[column]),
            votes=float(votes.sum()),
            second=float(self._apart(smooth, column, pts).max(initial=0.0)),
            at_edge=bool(edge <= self.tolerance + 1e-9),
            labelled=labelled,
        )

    def _sure(self, peak: Peak) -> float:
        """Probability that an event lies within the tolerance of a peak."""
        return min(1.0, peak.gathered) if self.folder is None else hit_probability(peak)


def transfer_events(
    labelled: Sequence[LabelledVideo],
    targets: Sequence[Embedding],
    *,
    others: Sequence[Embedding] = (),
    consensus: bool = True,
    targets_vote: bool = True,
    tolerance: float | None = None,
    absent_below: float | None = None,
    alignment_weight: float | None = None,
    pins: Mapping[tuple[int, int], NDArray[np.int64]] | None = None,
    folder: FolderConsensus | None = None,
    calibrate: bool = True,
    refuse: bool = True,
) -> list[Transferred]:
    """Place the key events of `labelled` in every target.

    Args:
        labelled: one or a few videos with events, all of the same number of events.
        targets: embeddings of the same width.
        others: more unlabelled videos that vote and are asked nothing.
        consensus: whether unlabelled videos vote; False leaves it to the labelled ones.
        targets_vote: whether the targets vote for each other.
        tolerance: seconds that count as the same moment; a share of the median clip by default.
        absent_below: an event of less confidence than this is absent.
        alignment_weight: share of the alignment's vote against single frames, in [0, 1]; by default as the folder's
            own alignments say (`frames_share`).
        pins: frames that must match, by index into labelled, targets and others in this order, as `Consensus`
            takes them.
        folder: the consensus of labelled, targets and others in this order, where it is there already.
        calibrate: with at least three labelled videos, move confidences by what leaving each of them out shows.
        refuse: place no event in a video that shows nothing in common with the others.

    Raises:
        SynclineError: no labelled video, one without frames, different numbers of events, an event outside its video,
            a tolerance that is not above 0.
    """
    _check(labelled)
    everyone = [*(video.embedding for video in labelled), *targets, *others]
    for embedding in everyone:
        check_pair(everyone[0], embedding)
    indices = range(len(labelled), len(labelled) + len(targets))
    if consensus and folder is None:
        voters = [i for i in range(len(everyone)) if targets_vote or i not in indices]
        folder = gather_folder(everyone, voters=voters, pins=pins)
    election = election_of(everyone, folder if consensus else None, tolerance, absent_below, alignment_weight)
    marks = {i: video.events for i, video in enumerate(labelled)}
    return carry_events(election, marks, indices, calibrate=calibrate, refuse=refuse).targets


def transfer_in_folder(
    folder: FolderConsensus, marks: Marks, targets: Sequence[int], *, tolerance: float | None = None,
    absent_below: float | None = None, refuse: bool = True,
) -> list[Transferred]:  # fmt: skip
    """`transfer_events` in a folder whose consensus is there already.

    Args:
        folder: the consensus. marks: of labelled videos by their index, all of the same number of events.
        targets: indices of the videos that get events. tolerance, absent_below, refuse: as in `transfer_events`.
    """
    election = election_of(folder.embeddings, folder, tolerance, absent_below, None)
    return carry_events(election, marks, targets, refuse=refuse).targets


def carry_events(
    election: Election, marks: Marks, targets: Sequence[int], *, calibrate: bool = True, refuse: bool = True
) -> Carried:
    """The targets' events, with all that is found on the way.

    Args:
        election: who votes. marks: of labelled videos by their index, all of the same number of events.
        targets: indices of the videos that get events. calibrate, refuse: as in `transfer_events`.

    Raises:
        SynclineError: as `transfer_events`.
    """
    _check([LabelledVideo(election.embeddings[i], tuple(events)) for i, events in marks.items()])
    placed = election.events_of(marks, targets)
    left_out = election.left_out(marks) if calibrate and len(marks) >= 3 else None
    found = placed if left_out is None else [_with_offset(video, left_out) for video in placed]
    if not refuse:
        return Carried(found, left_out, [])
    scores = match_scores(election.embeddings, election.folder, list(marks), [*marks, *targets])
    scored = [replace(video, match_score=score) for video, score in zip(found, scores[len(marks) :], strict=True)]
    kept = [video if video.in_common else video.without_events() for video in scored]
    return Carried(kept, left_out, scores[: len(marks)])


def order_in_time(labelled: Sequence[Sequence[float | None]]) -> list[int]:
    """The events' numbers as they follow each other in most of the labelled videos; as they are where nothing is known.

    Whoever adds an event later, or marks phases that overlap, need not number them by their time.

    Args:
        labelled: of each video the seconds of all events, None where absent.

    Examples:
        >>> order_in_time([(1.0, 5.0, 3.0), (2.0, None, 4.0)])
        [0, 2, 1]
        >>> order_in_time([(1.0, None), (None, 0.5)])
        [0, 1]
    """
    seconds = np.array([[np.nan if s is None else s for s in events] for events in labelled], dtype=float)
    left = list(range(seconds.shape[1]))
    before = np.zeros((len(left), len(left)))  # by how many videos more the row's event comes before the column's
    for own in seconds:
        before += np.nan_to_num(np.sign(own[None, :] - own[:, None]))
    order: list[int] = []
    while left:
        first = (k for k in left if not (before[left, k] > 0).any())
        order.append(next(first, left[0]))
        left.remove(order[-1])
    return order


def _ordered(video: Transferred, order: Sequence[int]) -> Transferred:
    """The same with its events in another order."""
    return replace(
        video,
        events=tuple(video.events[k] for k in order),
        confidence=video.confidence[list(order)],
        others=tuple(video.others[k] for k in order) if video.others else video.others,
    )


def _with_offset(video: Transferred, left_out: LeftOut) -> Transferred:
    """The confidence of what is placed, calibrated by labelled events that were placed."""
    here = np.array([event is not None for event in video.events])
    placed = left_out.placed
    confidence = video.confidence.copy()
    confidence[here] = calibrated_by(confidence[here], left_out.confidence[placed], left_out.hit[placed])
    return replace(video, confidence=confidence)


def leave_one_out(
    labelled: Sequence[LabelledVideo],
    *,
    others: Sequence[Embedding] = (),
    consensus: bool = True,
    tolerance: float | None = None,
    absent_below: float | None = None,
    alignment_weight: float | None = None,
    folder: FolderConsensus | None = None,
    calibrated: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places the events of each labelled video by the others, and compares with its own labels.

    Args:
        labelled: at least two.
        others, consensus, tolerance, absent_below, alignment_weight, folder: as in `transfer_events`.
        calibrated: move each video's confidences by the other videos' hits, as a new video's would be; this is what a
            reliability plot shows.

    Returns:
        confidence (k,) and hit (k,), one entry an event of a video; hit is 1 where the event was placed within the
        tolerance, or rightly called absent.

    Raises:
        SynclineError: as `transfer_events`; fewer than two videos.
    """
    _check(labelled)
    if len(labelled) < 2:
        raise SynclineError("leaving one out needs at least two labelled videos")
    everyone = [*(video.embedding for video in labelled), *others]
    if consensus and folder is None:
        folder = gather_folder(everyone)
    election = election_of(everyone, folder if consensus else None, tolerance, absent_below, alignment_weight)
    found = election.left_out({i: video.events for i, video in enumerate(labelled)})
    return found.calibrated() if calibrated else found.confidence, found.hit


def next_to_label(transferred: Sequence[Transferred], *, strangers: Collection[str] = ()) -> str:
    """The source whose label would teach most: the least mean confidence, of videos with something in common if any.

    ``strangers``: sources without a vote, whose label teaches of no other video; named only where there is nobody else.
    """
    if not transferred:
        raise SynclineError("nothing was transferred, so there is no next video to label")
    known = [video for video in transferred if video.source not in strangers] or list(transferred)
    asked = [video for video in known if video.in_common] or known
    return min(asked, key=lambda video: float(video.confidence.mean())).source


def _check(labelled: Sequence[LabelledVideo]) -> None:
    if not labelled:
        raise SynclineError("no labelled video was given; label the key events of at least one")
    count = len(labelled[0].events)
    for video in labelled:
        source, pts = video.embedding.source, video.embedding.pts_seconds
        if not len(pts):
            raise SynclineError(f"{source} has no embedded frames, so its events lie nowhere")
        if len(video.events) != count:
            raise SynclineError(f"{source} has {len(video.events)} events, {labelled[0].embedding.source} has {count}")
        for event in video.events:
            if event is not None and not pts[0] - 1.0 <= event <= pts[-1] + 1.0:
                raise SynclineError(f"event at {event:.2f} s lies outside {source} ({pts[0]:.2f} to {pts[-1]:.2f} s)")


def election_of(
    everyone: Sequence[Embedding],
    folder: FolderConsensus | None,
    tolerance: float | None,
    absent_below: float | None,
    alignment_weight: float | None,
) -> Election:
    seconds = default_tolerance(everyone) if tolerance is None else tolerance
    if not seconds > 0 or not math.isfinite(seconds):
        raise SynclineError(f"the tolerance must be above 0 seconds, got {tolerance}")
    if alignment_weight is not None:
        frames = 1 - alignment_weight
    else:
        frames = FRAMES_SHARE if folder is None else frames_share(folder, seconds)
    if absent_below is None:
        absent_below = _LEAST_SHARE if folder is None else ABSENT_BELOW
    return Election(everyone, folder, seconds, absent_below, frames)
