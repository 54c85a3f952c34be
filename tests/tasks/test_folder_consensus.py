"""A folder among itself: who votes, what to label first, pins, and events carried by all videos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.tasks import (
    LabelledVideo,
    Pin,
    default_tolerance,
    gather_folder,
    leave_one_out,
    next_to_label,
    pinned_frames,
    read_pins,
    suggest,
    transfer_events,
    transfer_in_folder,
    voting,
)
from syncline.tasks import folder_consensus as room
from syncline.tasks.best_match import match_scores
from syncline.tasks.folder_consensus import first_of_two_clusters
from syncline.tasks.pair_similarity import shared_course
from syncline.tasks.single_frame_votes import FRAMES_SHARE, frames_share
from syncline.tasks.transfer import carry_events, election_of

WIDTH = 64


def walk(at: NDArray[np.float64], name: str, *, seed: int = 0, noise: float = 0.4, course: int = 0) -> Embedding:
    """Frames at some places (0 to 1) of a course that never comes back, ten a second."""
    waves, phases = np.random.default_rng(course).normal(0, 9, (2, 1, WIDTH))
    rows = np.cos(at[:, None] * waves + phases)
    rows += noise * np.random.default_rng(1000 + seed).standard_normal(rows.shape)
    return Embedding(rows.astype(np.float32), np.arange(len(at)) / 10, name)


def warped(seed: int, frames: int = 60) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    knots = np.concatenate([[0.0], np.sort(random.uniform(0.15, 0.85, 2)), [1.0]])
    return np.interp(np.linspace(0, 1, frames), [0, 0.33, 0.67, 1], knots)


def people(count: int, noise: float = 0.4, course: int = 0) -> list[Embedding]:
    return [
        walk(warped(k, 50 + 2 * k), f"v{k}", seed=k + 100 * course, noise=noise, course=course) for k in range(count)
    ]


def strangers() -> list[Embedding]:
    random = np.random.default_rng(5)
    noise = random.standard_normal((60, WIDTH))
    still = random.standard_normal(WIDTH) + 0.02 * random.standard_normal((60, WIDTH))
    seconds = np.arange(60) / 10
    other = walk(warped(77), "other", seed=70, course=9)
    return [
        other,
        Embedding(noise.astype(np.float32), seconds, "noise"),
        Embedding(still.astype(np.float32), seconds, "still"),
    ]


def test_strangers_of_three_kinds_have_no_vote() -> None:
    votes = voting([*people(12), *strangers()])
    assert votes.strangers == (12, 13, 14)
    assert votes.weights.tolist() == [1.0] * 12 + [0.0] * 3
    assert votes.clusters == (tuple(range(12)),)


def test_strangers_are_in_doubt_where_they_match_nearly_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    videos = [*people(12), *strangers()]
    values = {12: room.SURE_EVIDENCE + 0.01, 13: room.SURE_EVIDENCE - 0.01, 14: 0.0}

    def told(embeddings: object, judges: list[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        table = np.full((15, len(judges)), 1.5)
        for i, value in values.items():
            table[i] = value
        return np.full((15, len(judges)), 0.5), table

    monkeypatch.setattr(room, "matches_with", told)
    votes = voting(videos)
    assert votes.strangers == (12, 13, 14)
    assert votes.doubtful == (12,)


def test_a_stranger_in_the_folder_changes_no_answer() -> None:
    videos = people(8)
    alone, beside = gather_folder(videos), gather_folder([*videos, *strangers()[1:]])
    for i, j in ((0, 1), (3, 7)):
        np.testing.assert_allclose(
            alone.group.matrix(i, j).toarray(), beside.group.matrix(i, j).toarray(), atol=1e-6
        )  # fmt: skip


def test_near_duplicates_share_one_vote() -> None:
    videos = people(6)
    copy = Embedding(videos[2].vectors + np.float32(0.002), videos[2].pts_seconds, "copy")
    votes = voting([*videos, copy])
    assert votes.duplicates == ((2, 6),)
    assert votes.weights.tolist() == [1, 1, 0.5, 1, 1, 1, 0.5]


def test_two_activities_are_told_and_treated_apart() -> None:
    folder = gather_folder([*people(8), *people(6, course=3)])
    assert folder.votes.clusters == (tuple(range(8)), tuple(range(8, 14)))
    assert folder.group.matrix(0, 9).nnz == 0
    assert folder.group.matrix(0, 1).sum() > 10
    found = suggest(folder, 2)
    assert {video // 8 for video in found.videos} == {0, 1}  # each gets one


def test_votes_do_not_go_by_order() -> None:
    videos, order = [*people(9), *strangers()], [11, 3, 7, 0, 9, 5, 1, 10, 2, 8, 4, 6]
    one, other = voting(videos), voting([videos[k] for k in order])
    assert other.weights.tolist() == one.weights[order].tolist()


def test_a_folder_of_strangers_silences_nobody() -> None:
    random = np.random.default_rng(0)
    videos = [
        Embedding(random.standard_normal((40, WIDTH)).astype(np.float32), np.arange(40) / 10, str(k)) for k in range(6)
    ]
    votes = voting(videos)
    assert votes.strangers == ()
    assert votes.usual_match < 0.1


def places(embedding: Embedding, seed: int) -> tuple[float, ...]:
    at = warped(seed, len(embedding))
    return tuple(float(np.interp(x, at, embedding.pts_seconds)) for x in (0.25, 0.5, 0.75))


def errors(found: list[float | None], truth: tuple[float, ...]) -> list[float]:
    return [abs(f - t) if f is not None else np.inf for f, t in zip(found, truth, strict=True)]


def test_unlabelled_videos_carry_what_a_pair_cannot() -> None:
    videos = people(24, noise=1.2)
    labelled = [LabelledVideo(videos[0], places(videos[0], 0))]
    missed = {}
    for consensus in (True, False):
        found = transfer_events(labelled, videos[1:], consensus=consensus, tolerance=0.3, absent_below=0.0)
        apart = [errors(list(f.events), places(videos[k + 1], k + 1)) for k, f in enumerate(found)]
        missed[consensus] = float((np.array(apart) > 0.3).mean())
    assert missed[True] < 0.8 * missed[False]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_small_folders_have_answers(count: int) -> None:
    videos = people(count)
    assert voting(videos).weights.tolist() == [1.0] * count
    assert len(suggest(gather_folder(videos), 5).videos) == count
    found = transfer_events([LabelledVideo(videos[0], places(videos[0], 0))], videos[1:])
    assert len(found) == count - 1
    for k, one in enumerate(found):
        assert np.median(errors(list(one.events), places(videos[k + 1], k + 1))) < 0.5


def test_a_video_of_one_frame_is_no_trouble() -> None:
    videos = people(5)
    one = Embedding(videos[1].vectors[:1], videos[1].pts_seconds[:1], "one")
    found = transfer_events([LabelledVideo(videos[0], places(videos[0], 0))], [*videos[1:], one])
    assert found[-1].source == "one"
    assert np.median(errors(list(found[0].events), places(videos[1], 1))) < 0.5


@pytest.mark.parametrize("consensus", [True, False])
@pytest.mark.parametrize("count", [1, 6])
def test_no_event_is_placed_where_nothing_is_in_common(count: int, consensus: bool) -> None:
    """In a folder of two as in a larger one, with a consensus and without."""
    videos = people(count)
    labelled = [LabelledVideo(videos[0], places(videos[0], 0))]
    given = [*videos[1:], *strangers()[1:]]  # another activity may match one of many by chance
    found = transfer_events(labelled, given, consensus=consensus)
    assert [one.in_common for one in found] == [True] * (count - 1) + [False] * 2
    for one in found[-2:]:
        assert set(one.events) == set(one.others) == {None}
        assert ((one.confidence >= 0) & (one.confidence <= 1)).all()
        assert one.match_score < 0.2
    assert next_to_label(found) in {one.source for one in (found[: count - 1] or found)}
    names = [one.source for one in found]
    assert next_to_label(found, strangers=names[:-1]) == names[-1], "a stranger's label teaches of no other video"
    assert next_to_label(found, strangers=names) == next_to_label(found)
    guessed = transfer_events(labelled, given, consensus=consensus, refuse=False, absent_below=0.0)
    assert any(event is not None for one in guessed[-2:] for event in one.events)


def test_no_match_score_is_worked_out_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a consensus, for targets, labelled videos and those of them that are left out in turn."""
    videos, asked = [*people(4), strangers()[1]], []

    def counted(a: Embedding, b: Embedding) -> float:
        asked.append((a.source, b.source))
        return shared_course(a, b)

    monkeypatch.setattr("syncline.tasks.best_match.shared_course", counted)
    marks = {i: places(videos[i], i) for i in range(3)}
    carried = carry_events(election_of(videos, None, None, None, None), marks, [3, 4])
    assert len(asked) == len(set(asked))
    assert [score >= 0.2 for score in carried.labelled_scores] == [True] * 3
    assert [one.in_common for one in carried.targets] == [True, False]
    assert carried.left_out is not None
    confidence, hit = leave_one_out(
        [LabelledVideo(videos[i], events) for i, events in marks.items()], consensus=False, calibrated=True,
        others=videos[3:],
    )  # fmt: skip
    np.testing.assert_array_equal(carried.left_out.calibrated(), confidence)
    np.testing.assert_array_equal(carried.left_out.hit, hit)


def test_labels_of_a_stranger_have_nothing_in_common_with_the_folder() -> None:
    videos = [strangers()[1], *people(6)]
    folder = gather_folder(videos)
    assert match_scores(videos, folder, [0], [0])[0] < 0.2
    assert match_scores(videos, folder, [1], [1])[0] > 0.2
    assert not any(one.in_common for one in transfer_in_folder(folder, {0: (1.0,)}, range(1, 7)))
    assert all(one.in_common for one in transfer_in_folder(folder, {0: (1.0,), 1: (2.0,)}, range(2, 7)))


def test_the_tolerance_goes_by_the_clips() -> None:
    short = [Embedding(v.vectors, v.pts_seconds / 5, v.source) for v in people(3)]
    assert default_tolerance(short) == pytest.approx(default_tolerance(people(3)) / 5)
    video = people(1)[0]
    with pytest.raises(SynclineError, match="above 0 seconds, got -1"):
        transfer_events([LabelledVideo(video, places(video, 0))], [], tolerance=-1)


@pytest.mark.parametrize("shift", [0.0, 0.04])
def test_events_lie_on_frames_where_the_labels_do(shift: float) -> None:
    clips = people(6)
    apart = float(np.diff(clips[0].pts_seconds)[0])
    events = tuple(float(clips[0].pts_seconds[k]) + shift * (k != 12) for k in (12, 30, 45))
    found = transfer_events([LabelledVideo(clips[0], events)], clips[1:], tolerance=3 * apart)
    for clip, one in zip(clips[1:], found, strict=True):
        placed = [event for event in one.events if event is not None]
        away = [float(np.abs(clip.pts_seconds - event).min()) for event in placed]
        assert placed
        assert bool(max(away) < 1e-9) is (shift == 0), "labels between frames say more than frames"


def test_frames_are_trusted_where_they_agree_and_not_where_all_have_the_same_nearest() -> None:
    same = people(6, noise=0.01)
    rng = np.random.default_rng(0)
    noise = [Embedding(rng.normal(size=e.vectors.shape).astype(np.float32), e.pts_seconds, e.source) for e in same]
    hub = [replace(e, vectors=e.vectors + 100 * (np.arange(len(e)) == 20)[:, None].astype(np.float32)) for e in noise]
    shares = [frames_share(gather_folder(clips), 0.2) for clips in (same, people(6, noise=2.0), noise, hub)]
    assert shares[0] > 0.6
    assert max(shares[1:]) < 0.05
    assert frames_share(gather_folder(same[:2]), 0.2) == FRAMES_SHARE, "two clips tell nothing"


def test_frames_of_a_run_count_as_far_as_they_follow_the_folder_and_nothing_where_they_know_time_alone() -> None:
    """What is aligned is noisy; beside it stand vectors that know the course, half of it, or the clip's time."""
    clips = people(8, noise=1.0)
    course, rng = people(8, noise=0.01), np.random.default_rng(0)
    timed = [_time_code(e) for e in clips]
    mixed = [e.vectors + rng.normal(0, 1.0, e.vectors.shape).astype(np.float32) for e in course]

    def share(frames: list[np.ndarray]) -> float:
        return frames_share(gather_folder([replace(e, frame_vectors=f) for e, f in zip(clips, frames)]), 0.2)

    follows, half, time_only = share([e.vectors for e in course]), share(mixed), share(timed)
    assert follows > 0.5
    assert time_only < 0.05
    assert time_only < half < follows


def _time_code(embedding: Embedding) -> np.ndarray:
    share = np.linspace(0, 1, len(embedding))[:, None]
    return np.exp(-0.5 * ((share - np.linspace(0, 1, 20)) / 0.05) ** 2).astype(np.float32)


def test_frames_of_a_run_place_events_that_noisy_alignments_miss() -> None:
    clips, course = people(8, noise=1.5), people(8, noise=0.01)
    beside = [replace(e, frame_vectors=f.vectors) for e, f in zip(clips, course)]
    events = [places(clip, k) for k, clip in enumerate(clips)]

    def error(embeddings: list[Embedding]) -> float:
        found = transfer_events([LabelledVideo(embeddings[0], events[0])], embeddings[1:], refuse=False)
        pairs = [(e, t) for one, true in zip(found, events[1:]) for e, t in zip(one.events, true)]
        return float(np.mean([1.0 if e is None else abs(e - t) for e, t in pairs]))

    assert error(beside) < 0.7 * error(clips)


def test_frames_that_are_trusted_place_no_event_that_is_not_there() -> None:
    clips = people(8, noise=0.01)
    assert frames_share(gather_folder(clips), 0.2) > 0.6
    late = replace(clips[7], vectors=clips[7].vectors[30:], pts_seconds=clips[7].pts_seconds[:-30])
    events = [places(clip, k) for k, clip in enumerate(clips)]
    labelled = [LabelledVideo(clip, where) for clip, where in zip(clips[:3], events)]
    found = transfer_events(labelled, [*clips[3:7], late], tolerance=0.2)
    assert [event is None for event in found[-1].events] == [event < 3.0 for event in events[7]]
    assert all(event is not None for one in found[:-1] for event in one.events)


def test_two_clear_peaks_are_both_told() -> None:
    videos = people(6, noise=0.2)
    at = warped(9)
    twice = np.concatenate([at, at])  # two repetitions
    marks = [LabelledVideo(v, (places(v, k)[1],)) for k, v in enumerate(videos)]
    found = transfer_events(marks, [walk(twice, "twice", seed=9, noise=0.2)], tolerance=0.3, targets_vote=False)[0]
    second = found.others[0]
    assert found.events[0] is not None
    assert second is not None
    true = [float(np.interp(0.5, at, np.arange(60) / 10)) + shift for shift in (0.0, 6.0)]
    assert sorted([found.events[0], second[0]]) == pytest.approx(true, abs=0.4)


def test_left_out_events_are_as_sure_as_they_are_right() -> None:
    videos = [LabelledVideo(v, places(v, k)) for k, v in enumerate(people(8, noise=0.2))]
    confidence, hit = leave_one_out(videos, calibrated=True)
    assert len(confidence) == 24
    assert hit.mean() > 0.8
    assert abs(confidence.mean() - hit.mean()) < 0.15


def test_pins_are_followed_through_and_hold(tmp_path: Path) -> None:
    videos = people(5)
    table = tmp_path / "pins.csv"
    table.write_text("video_a,seconds_a,video_b,seconds_b\nv0,1.0,v1,2.5\nv1,2.5,v2,1.5\nv0,3.0,v1,4.0\n")
    index = {video.source: k for k, video in enumerate(videos)}
    pins = pinned_frames(read_pins(table), videos, index.__getitem__)
    assert {pair: frames.tolist() for pair, frames in pins.items()} == {
        (0, 1): [[10, 25], [30, 40]], (0, 2): [[10, 15]], (1, 2): [[25, 15]],
    }  # fmt: skip
    folder = gather_folder(videos, pins=pins)
    assert folder.group.matrix(0, 2).toarray()[10].argmax() == 15
    found = transfer_events([LabelledVideo(videos[0], (1.0,))], videos[1:], folder=folder, alignment_weight=1.0)
    assert found[0].events[0] == pytest.approx(2.5, abs=0.1)


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([("v0", 1.0, "v1", 1.0), ("v0", 1.0, "v1", 2.0)], "row 3 contradicts"),
        ([("v0", 1.0, "v1", 2.0), ("v0", 2.0, "v1", 1.0)], "row 3 crosses"),
        ([("v0", 1.0, "v1", 2.0), ("v1", 2.0, "v2", 1.0), ("v2", 2.0, "v0", 1.0)], "row 4 contradicts"),
        ([("v0", 1.0, "v1", 99.0)], "row 2: 99.0 s lies outside v1"),
        ([("v0", 1.0, "v9", 1.0)], "row 2: no video v9"),
        ([("v0", 1.0, "v0", 2.0)], "row 2: both moments are of v0"),
    ],
)
def test_pins_that_cannot_hold_are_refused_by_row(rows: list[tuple[str, float, str, float]], what: str) -> None:
    videos = people(3)

    def index(name: str) -> int:
        for k, video in enumerate(videos):
            if video.source == name:
                return k
        raise SynclineError(f"no video {name}")

    pins = [Pin(*row, f"row {number}") for number, row in enumerate(rows, start=2)]
    with pytest.raises(SynclineError, match=what):
        pinned_frames(pins, videos, index)


def test_tables_of_pins_are_read_or_refused(tmp_path: Path) -> None:
    table = tmp_path / "pins.csv"
    table.write_text("video_a,seconds_a,video_b\n")
    with pytest.raises(SynclineError, match="no column seconds_b"):
        read_pins(table)
    table.write_text("video_a,seconds_a,video_b,seconds_b\na,soon,b,1\n")
    with pytest.raises(SynclineError, match=r"row 2 of pins.csv: seconds must be numbers, got soon"):
        read_pins(table)
    with pytest.raises(SynclineError, match="cannot be read"):
        read_pins(tmp_path / "none.csv")


@pytest.mark.parametrize("seed", range(20))
def test_two_clusters_are_those_of_scipy(seed: int) -> None:
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    random = np.random.default_rng(seed)
    distance = random.random((2 + 2 * seed,) * 2)
    distance += distance.T
    np.fill_diagonal(distance, 0.0)
    want = fcluster(linkage(squareform(distance), "average"), 2, "maxclust")
    assert np.array_equal(first_of_two_clusters(distance), want == want[0])


def test_large_folders_find_the_same_duplicates_among_the_most_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    there = people(12)
    again = [walk(warped(k, 50 + 2 * k), f"again{k}", seed=k, noise=0.4) for k in (2, 7)]
    small = voting([*there, *again]).duplicates
    assert small == ((2, 12), (7, 13))
    monkeypatch.setattr(room, "MOST_VOTERS", 5)
    monkeypatch.setattr(room, "MOST_ALIKE", 4)
    monkeypatch.setattr(room, "BLOCK", 3)
    assert voting([*there, *again]).duplicates == small
