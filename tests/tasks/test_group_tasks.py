"""Timelines, moments, labels and deviations on courses whose truth is known."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from walks import walk, warp

from syncline.alignment.alignment_settings import MATCH_THRESHOLD
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.tasks import (
    LabelledVideo,
    MomentIndex,
    Timeline,
    deviate,
    distance_rule,
    estimate_offset,
    leave_one_out,
    medoid,
    next_to_label,
    pair_similarity,
    rank,
    synchronize,
    tempo_curve,
    transfer_events,
)
from syncline.tasks.align import align
from syncline.tasks.deviate import kind_of_extra, unlikeness
from syncline.tasks.embedding_offset import nearest_times
from syncline.tasks.folder_consensus import gather_folder
from syncline.tasks.pair_similarity import local_score
from syncline.video.on_display import frames_within

EVENTS = (0.25, 0.5, 0.75)


def group(count: int, *, noise: float = 0.2) -> tuple[list[Embedding], list[NDArray[np.float64]]]:
    courses = [warp(80 + 5 * k, k) for k in range(count)]
    return [walk(p, f"v{k}", noise=noise, seed=k) for k, p in enumerate(courses)], courses


def spread(timeline: Timeline, courses: list[NDArray[np.float64]]) -> float:
    """Median over the clock of how far the videos' progress differs."""
    shown = np.stack(
        [np.interp(at, np.arange(len(p)) / 10, p) for at, p in zip(timeline.positions, courses, strict=True)]
    )
    return float(np.nanmedian(np.nanmax(shown, axis=0) - np.nanmin(shown, axis=0)))


@pytest.mark.parametrize("method", ["star", "joint"])
def test_a_group_comes_onto_one_clock(method: str) -> None:
    embeddings, courses = group(5)
    timeline = synchronize(embeddings, method=method)  # type: ignore[arg-type]
    assert spread(timeline, courses) < 0.09  # of the most distant two of five; 0.09 is four to seven frames
    assert (timeline.coverage > 0.85).all()
    assert np.nanmax(timeline.inconsistency) < 0.3


def test_the_joint_timeline_is_not_hurt_by_a_bad_reference() -> None:
    """The reference lacks the middle third: the star cannot place what the others show there, the group can."""
    embeddings, courses = group(6)
    kept = np.concatenate([np.linspace(0, 0.33, 30), np.linspace(0.67, 1, 30)])
    embeddings.append(walk(kept, "bad", noise=0.2, seed=9))
    covered = {}
    for method in ("star", "joint"):
        timeline = synchronize(embeddings, method=method, reference="bad")  # type: ignore[arg-type]
        shares = []
        for at, p in zip(timeline.positions[:6], courses, strict=True):
            shown = np.interp(at[~np.isnan(at)], np.arange(len(p)) / 10, p)
            shares.append(float(((shown > 0.37) & (shown < 0.63)).sum()))
        covered[method] = float(np.mean(shares))
    assert covered["joint"] > 3 * max(covered["star"], 1.0)


def test_a_misfit_is_seen() -> None:
    embeddings, _ = group(4)
    embeddings.append(walk(warp(90, 7)[::-1], "backwards", noise=0.2))
    timeline = synchronize(embeddings, method="star", reference="v0")
    assert timeline.coverage[-1] < timeline.coverage[:-1].min() - 0.2


def test_a_timeline_says_whose_place_is_a_guess() -> None:
    embeddings, _ = group(5)
    timeline = synchronize(embeddings, method="star", reference="v0")
    assert not timeline.doubtful.any()
    assert timeline.match_score is not None
    assert np.isnan(timeline.match_score[0])
    assert (timeline.match_score[1:] >= MATCH_THRESHOLD).all()
    noise = np.random.default_rng(3).normal(size=embeddings[0].vectors.shape).astype(np.float32)
    stranger = Embedding(noise, embeddings[0].pts_seconds, "stranger")
    two = synchronize([embeddings[0], stranger], reference="v0")
    assert two.doubtful.tolist() == [False, True], "the two do not match"
    assert np.isnan(two.inconsistency).all(), "of two there is no other way to compare with"
    by_folder = synchronize(embeddings)
    assert by_folder.match_score is not None
    assert (by_folder.match_score >= MATCH_THRESHOLD).sum() == 4, "each matches another one; NaN for the reference"
    assert synchronize(embeddings, consensus=gather_folder(embeddings).group).match_score is None
    strangers = [Embedding(np.random.default_rng(k).normal(size=(40, 16)).astype(np.float32), np.arange(40) / 8, str(k))
                 for k in range(3)]  # fmt: skip
    assert synchronize(strangers).doubtful.sum() >= 2, "of strangers all places but the reference's are guesses"
    far = replace(timeline, inconsistency=np.array([0.1, 9.0, 0.1, np.nan, 0.1]))
    assert far.doubtful.tolist() == [False, True, False, False, False]


def test_offset_and_drift_of_two_cameras() -> None:
    seconds = np.arange(0, 20, 0.1)
    a = Embedding(walk(seconds / 20, "a").vectors, seconds, "a")
    b = Embedding(walk((seconds / 1.02 - 1.5 + 3.0) / 20, "b", noise=0.1).vectors, seconds, "b")
    line = estimate_offset(a, b)  # b = 1.02 * (a - 1.5)
    assert line.rate == pytest.approx(1.02, abs=0.015)
    assert line.offset + line.rate * 10 == pytest.approx(1.02 * 8.5, abs=0.1)  # a frame
    assert line.spread < 0.1


def test_strangers_have_no_offset_and_no_recording_runs_twice_as_fast() -> None:
    seconds = np.arange(0, 20, 0.1)
    a = Embedding(walk(seconds / 20, "a").vectors, seconds, "a")
    noise = np.random.default_rng(0).normal(size=a.vectors.shape).astype(np.float32)
    with pytest.raises(SynclineError, match=r"nothing in common \(score .*needs 0.20\)"):
        estimate_offset(a, Embedding(noise, seconds, "stranger"))
    fast = Embedding(walk(seconds[:100] / 10, "fast").vectors, seconds[:100], "fast")
    with pytest.raises(SynclineError, match="no recordings of one event do"):
        estimate_offset(a, fast)


@pytest.mark.parametrize("shift", [-3.0, 3.0])
def test_stray_pairs_do_not_move_the_offset(shift: float) -> None:
    seconds = np.arange(0, 20, 1 / 7.5)
    for seed in range(4):
        a = Embedding(walk(seconds / 20, "a", noise=0.3, seed=seed).vectors, seconds, "a")
        b = Embedding(walk((seconds - shift) / 20, "b", noise=0.3, seed=seed + 50).vectors, seconds, "b")
        line = estimate_offset(a, b)
        middle = 10 - shift / 2  # of what both have seen
        assert line.offset + line.rate * middle == pytest.approx(middle + shift, abs=0.12)  # a frame


def test_long_videos_are_compared_without_their_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as with it: the best video, offset and drift, what each video does differently."""
    embeddings, _ = group(3)
    reference, odd = walk(STEADY, "reference"), [walk(c, name, noise=0.1) for name, (c, *_) in VARIANTS.items()]
    seconds = np.arange(0, 20, 0.1)
    camera = Embedding(walk((seconds / 1.02 + 1.5) / 20, "b", noise=0.1).vectors, seconds, "b")
    aligned = [align(reference, video, min_gap=1.0) for video in odd]  # with one and the same alignment

    def measure() -> tuple[list[NDArray[np.float64]], list[str], list[float]]:
        unlike = [np.concatenate(unlikeness(reference, video)) for video in odd]
        unlike.append(nearest_times(walk(seconds / 20, "a"), camera, np.stack([np.arange(200)] * 2, axis=1)))
        kinds = [
            kind_of_extra(reference, video, np.arange(start, start + 30), alignment)
            for video, alignment in zip(odd, aligned, strict=True)
            for start in (0, 30, 60)
        ]
        return unlike, kinds, [local_score(a, b) for a in embeddings for b in embeddings if a is not b]

    whole = measure()

    def refuse(*_: object) -> None:
        raise AssertionError("the whole matrix was asked for")

    monkeypatch.setattr(pair_similarity, "LONG", 500)
    for name in ("centred_similarity", "local_alignment"):
        monkeypatch.setattr(pair_similarity, name, refuse)
    long = measure()
    for one, other in zip(whole[0], long[0], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)  # of seconds, and of 0 to 1
    assert len(set(whole[1])) > 1
    assert whole[1] == long[1]
    assert whole[2] == pytest.approx(long[2], rel=1e-4)
    assert medoid(embeddings) == int(np.argmax(np.reshape(whole[2], (3, 2)).mean(axis=1)))


def test_a_line_through_very_many_pairs_takes_some_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    fit = stats.theilslopes

    def counted(y: NDArray[np.float64], x: NDArray[np.float64], **options: object) -> object:
        seen.append(len(y))
        return fit(y, x, **options)

    monkeypatch.setattr(stats, "theilslopes", counted)
    a, b = (walk(np.arange(150) / 150, name, noise=0.05 * k) for k, name in enumerate("ab"))
    whole = estimate_offset(a, b)
    monkeypatch.setattr(sys.modules["syncline.tasks.embedding_offset"], "MOST_PAIRS", 50)
    some = estimate_offset(a, b)
    assert seen[0] > 100
    assert seen[1] == 50
    assert (some.offset, some.rate) == pytest.approx((whole.offset, whole.rate), abs=0.05)


def test_votes_within_the_tolerance_are_those_of_the_whole_table() -> None:
    generator = np.random.default_rng(0)
    for pts in (np.arange(60) / 10, np.sort(generator.uniform(0, 9, 60)), np.repeat(np.arange(20.0) / 4, 3)):
        table = np.abs(pts[:, None] - pts[None, :]) <= 0.5 + 1e-9
        windows = zip(*frames_within(pts, pts, 0.5), strict=True)
        assert [np.flatnonzero(row).tolist() for row in table] == [list(range(*window)) for window in windows]


def test_sync_refuses_what_it_cannot_do() -> None:
    embeddings, _ = group(2)
    with pytest.raises(SynclineError, match="at least two"):
        synchronize(embeddings[:1])
    with pytest.raises(SynclineError, match="no video 'x'"):
        synchronize(embeddings, reference="x")
    narrow = Embedding(embeddings[1].vectors[:, :5], embeddings[1].pts_seconds, "narrow")
    empty = Embedding(narrow.vectors[:0], narrow.pts_seconds[:0], "empty")
    for reference in (None, "v0"):
        with pytest.raises(SynclineError, match="widths 24 and 5; embed both with the same run"):
            synchronize([embeddings[0], narrow], reference=reference)
        with pytest.raises(SynclineError, match="empty has no embedded frames"):
            synchronize([embeddings[0], empty], reference=reference)


def test_moments_are_found_apart_saved_and_updated(tmp_path: Path) -> None:
    embeddings, courses = group(4, noise=0.05)
    index = MomentIndex(embeddings)
    second = float(np.interp(0.5, courses[0], np.arange(len(courses[0])) / 10))
    hits = index.search(index.query("v0", second), 6, exclude="v0", min_separation=1.0)
    for source in ("v1", "v2", "v3"):
        k = int(source[1])
        best = next(hit for hit in hits if hit.source == source)
        assert np.interp(best.seconds, np.arange(len(courses[k])) / 10, courses[k]) == pytest.approx(0.5, abs=0.03)
    for source in {hit.source for hit in hits}:
        times = sorted(hit.seconds for hit in hits if hit.source == source)
        assert all(np.diff(times) >= 1.0)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    index.notes = {"made_with": "test"}
    index.save(tmp_path)
    again = MomentIndex.load(tmp_path)
    assert again.notes == {"made_with": "test"}
    found = again.search(again.query("v0", second), 6, exclude="v0")
    assert [(hit.source, hit.seconds) for hit in found] == [(hit.source, hit.seconds) for hit in hits]
    late = walk(np.linspace(0, 1, 50), "late")
    assert again.stale([*embeddings, late]) == ["late"]
    again.add([late])
    assert again.stale([*embeddings, late]) == []
    again.remove("v0")
    assert "v0" not in again.sources
    whole = (tmp_path / "index.safetensors").read_bytes()
    for left in (0, 4, 40, len(whole) // 2):
        (tmp_path / "index.safetensors").write_bytes(whole[:left])
        with pytest.raises(SynclineError, match="no readable search index"):
            MomentIndex.load(tmp_path)
    (tmp_path / "index.json").write_text("[]", encoding="utf-8")
    with pytest.raises(SynclineError, match="no readable search index"):
        MomentIndex.load(tmp_path)
    (tmp_path / "index.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SynclineError, match="no readable search index"):
        MomentIndex.load(tmp_path)


def test_a_range_that_ends_after_its_video_is_refused() -> None:
    index = MomentIndex([walk(np.linspace(0, 1, 50), "v")])  # 4.9 s
    assert index.query("v", 1.0, 2.0).shape == index.query("v", 1.0).shape
    for start, end in ((9.0, None), (5.2, None), (-0.2, None), (1.0, 9.0), (-3.0, 2.0)):
        with pytest.raises(SynclineError, match=r"v runs from 0\.00 s to 4\.90 s, asked for"):
            index.query("v", start, end)


@pytest.mark.slow
def test_a_million_frames_are_searched_exactly() -> None:
    generator = np.random.default_rng(0)
    parts = [
        Embedding(generator.normal(size=(25_000, 32)).astype(np.float32), np.arange(25_000.0), f"p{k}")
        for k in range(41)
    ]
    index = MomentIndex(parts)
    assert len(index) == 1_025_000
    query = parts[17].vectors[1234]
    best = index.search(query, 3)[0]
    assert (best.source, best.seconds) == ("p17", 1234.0)
    assert best.score == pytest.approx(1.0, abs=1e-5)


def labelled_group(count: int) -> list[LabelledVideo]:
    embeddings, courses = group(count)
    return [
        LabelledVideo(e, tuple(float(np.interp(x, p, e.pts_seconds)) for x in EVENTS))
        for e, p in zip(embeddings, courses, strict=True)
    ]


@pytest.mark.parametrize("given", [1, 3])
def test_events_are_carried_and_absent_ones_are_not_forced(given: int) -> None:
    videos = labelled_group(6)
    cut = walk(np.linspace(0, 0.6, 60), "cut", noise=0.2, seed=5)  # ends before the last event
    found = transfer_events(videos[:given], [*(v.embedding for v in videos[given:]), cut])
    errors = [
        abs(event - truth)
        for transferred, video in zip(found, videos[given:], strict=False)
        for event, truth in zip(transferred.events, video.events, strict=True)
        if event is not None and truth is not None
    ]
    assert len(errors) == 3 * (6 - given)
    assert np.median(errors) < 0.2
    assert max(errors) < 0.7
    assert found[-1].events[:2] != (None, None)
    assert found[-1].events[2] is None
    assert all(((f.confidence >= 0) & (f.confidence <= 1)).all() for f in found)
    confidence, hit = leave_one_out(videos, calibrated=True)
    assert len(confidence) == len(hit) == 18
    assert abs(confidence.mean() - hit.mean()) < 0.2


@pytest.mark.parametrize("given", [1, 3])
def test_events_need_not_be_numbered_by_their_time(given: int) -> None:
    """One that was added later, or begins a phase in between, is carried as well as if it had come first."""
    videos = labelled_group(6)
    plain = transfer_events(videos[:given], [v.embedding for v in videos[given:]])
    turned = [LabelledVideo(v.embedding, tuple(v.events[k] for k in (2, 0, 1))) for v in videos[:given]]
    found = transfer_events(turned, [v.embedding for v in videos[given:]])
    for one, other in zip(plain, found, strict=True):
        assert other.events == tuple(one.events[k] for k in (2, 0, 1))
        assert other.confidence.tolist() == one.confidence[[2, 0, 1]].tolist()
        assert other.others == tuple(one.others[k] for k in (2, 0, 1))
    if given > 1:
        plain_sure, plain_hit = leave_one_out(videos[:given])
        sure, hit = leave_one_out(turned)
        turn = [3 * i + k for i in range(given) for k in (2, 0, 1)]
        assert sure.tolist() == plain_sure[turn].tolist()
        assert hit.tolist() == plain_hit[turn].tolist()


def test_events_stay_in_order_where_their_votes_cross(monkeypatch: pytest.MonkeyPatch) -> None:
    """The best moments of both lie within one window: labels whose events descend could not be written."""
    votes = np.zeros((2, 30))
    votes[0, 12], votes[1, 10] = 0.9, 0.8
    monkeypatch.setattr("syncline.tasks.transfer.event_votes", lambda *given, **options: votes)
    videos = [LabelledVideo(video.embedding, video.events[:2]) for video in labelled_group(1)]
    found = transfer_events(videos, [walk(np.arange(30) / 30, "target")], tolerance=0.5, consensus=False)[0]
    first, second = found.events
    assert first is not None
    assert second is not None
    assert first <= second


def test_the_video_that_is_least_sure_is_named_next() -> None:
    videos = labelled_group(4)
    strange = walk(np.full(80, np.nan), "strange")
    half = walk(np.concatenate([np.linspace(0, 0.5, 40), np.full(40, np.nan)]), "half", noise=1.5)
    found = transfer_events(videos[:2], [videos[2].embedding, half, strange])
    assert next_to_label(found) in ("half", "strange")
    with pytest.raises(SynclineError, match="nothing was transferred"):
        next_to_label([])


def test_transfer_names_labels_that_do_not_fit() -> None:
    video = labelled_group(1)[0]
    with pytest.raises(SynclineError, match="no labelled video"):
        transfer_events([], [video.embedding])
    with pytest.raises(SynclineError, match="lies outside v0"):
        transfer_events([LabelledVideo(video.embedding, (99.0,))], [video.embedding])


def test_videos_without_frames_get_one_clear_line(tmp_path: Path) -> None:
    empty = Embedding(np.zeros((0, 24), np.float32), np.zeros(0), "empty")
    with pytest.raises(SynclineError, match="empty has no embedded frames"):
        transfer_events([LabelledVideo(empty, (1.0,))], [walk(np.linspace(0, 1, 50), "v")])
    with pytest.raises(SynclineError, match="empty has no embedded frames"):
        MomentIndex([empty]).query("empty", 0.0)
    with pytest.raises(SynclineError, match="the index is empty"):
        MomentIndex().save(tmp_path)


STEADY = np.linspace(0, 1, 100)
VARIANTS: dict[str, tuple[NDArray[np.float64], str, float, float]] = {
    "missing": (np.concatenate([STEADY[:40], STEADY[65:]]), "missing", 4.0, 6.5),
    "extra": (np.concatenate([STEADY[:40], np.full(30, np.nan), STEADY[40:]]), "extra", 4.0, 7.0),
    "repeated": (np.concatenate([STEADY[:70], STEADY[30:]]), "repeated", 3.0, 11.0),
    "slower": (np.interp(np.linspace(0, 1, 150), [0, 0.33, 0.67, 1], [0, 0.5, 0.67, 1]), "slower", 5.0, 10.0),
}


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_each_kind_of_deviation_is_found_at_its_place(name: str) -> None:
    course, kind, start, end = VARIANTS[name]
    report = deviate(walk(STEADY, "reference"), walk(course, name, noise=0.1))
    found = [deviation for deviation in report.deviations if deviation.kind == kind]
    assert found, [f"{d.kind} {d.start:.1f}-{d.end:.1f}" for d in report.deviations]
    overlap = sum(max(0.0, min(d.end, end) - max(d.start, start)) for d in found)
    assert overlap > 0.5 * min(2.5, end - start)


@pytest.mark.parametrize("name", ["missing", "extra", "repeated"])
def test_what_is_missing_or_added_is_not_called_a_change_of_tempo(name: str) -> None:
    report = deviate(walk(STEADY, "reference"), walk(VARIANTS[name][0], name, noise=0.1))
    assert [deviation.kind for deviation in report.deviations] == [name]


@pytest.mark.parametrize("noise", [0.1, 0.3])
@pytest.mark.parametrize("name", ["halt", "slower", "half speed", "third of the speed", "waits before it begins"])
def test_a_video_that_takes_its_time_repeats_nothing(name: str, noise: float) -> None:
    course = {
        "halt": np.concatenate([STEADY[:50], np.full(40, STEADY[50]), STEADY[50:]]),
        "slower": VARIANTS["slower"][0],
        "half speed": np.linspace(0, 1, 200),
        "third of the speed": np.linspace(0, 1, 300),
        "waits before it begins": np.concatenate([np.zeros(40), STEADY]),
    }[name]
    report = deviate(walk(STEADY, "reference"), walk(course, name, noise=noise))
    assert {deviation.kind for deviation in report.deviations} <= {"slower"}
    if "speed" not in name:
        assert report.deviations, "a change of tempo inside the video is told"


@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_what_is_shown_twice_is_repeated_however_short(noise: float) -> None:
    for course in (STEADY[[*range(60), *range(45, 100)]], STEADY[[*range(60), *range(40, 60), *range(40, 100)]]):
        report = deviate(walk(STEADY, "reference"), walk(course, "again", noise=noise))
        assert "repeated" in {deviation.kind for deviation in report.deviations}


def test_a_missing_beginning_is_placed_where_the_video_begins() -> None:
    late = walk(STEADY[40:], "late")
    report = deviate(walk(STEADY, "reference"), Embedding(late.vectors, late.pts_seconds + 300, "late"))
    assert [(deviation.kind, deviation.start, deviation.shown_at) for deviation in report.deviations] == [
        ("missing", 0.0, 300.0)
    ]


def test_a_like_video_has_no_deviation_and_ranks_first() -> None:
    reference = walk(STEADY, "reference")
    like = deviate(reference, walk(STEADY, "like", noise=0.1))
    odd = [deviate(reference, walk(course, name, noise=0.1)) for name, (course, *_) in VARIANTS.items()]
    assert like.deviations == ()
    assert like.oddness == pytest.approx(0.0, abs=0.05)
    assert rank([*odd, like])[0].source == "like"


def test_the_simple_rule_flags_frames_along_the_path() -> None:
    course = VARIANTS["extra"][0]
    flagged = distance_rule(walk(STEADY, "reference"), walk(course, "extra"))
    assert flagged.shape == (130,)
    assert flagged.any()
    assert flagged[40:70].mean() > flagged[:40].mean()


def test_tempo_is_the_slope_of_the_path() -> None:
    alignment = align(walk(STEADY, "a"), walk(np.linspace(0, 1, 200), "b"), mode="global")
    curve = tempo_curve(alignment)
    assert np.median(curve[:, 1]) == pytest.approx(2.0, abs=0.1)
