"""Alignments of courses whose true correspondence is known."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from walks import walk, warp

import syncline
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.tasks import Alignment, align, align_pairs, pair_similarity
from syncline.tasks.align import Mode
from syncline.tasks.gap_scale import pair_gap_seconds
from syncline.tasks.result_files import alignment_rows, alignment_value


def error(alignment: Alignment, p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Median distance in progress between what is matched."""
    return float(np.median(np.abs(p[alignment.path[:, 0]] - q[alignment.path[:, 1]])))


@pytest.mark.parametrize("mode", ["local", "global", "band"])
@pytest.mark.parametrize("seed", range(3))
def test_whole_videos_align_within_two_frames(mode: Mode, seed: int) -> None:
    p, q = warp(90, 2 * seed), warp(110, 2 * seed + 1)
    alignment = align(walk(p, "a", noise=0.1), walk(q, "b", noise=0.1, seed=1), mode=mode, band=0.4)
    frames = 2.5 if mode == "local" else 1.5  # local pays for gaps, so it follows a changing tempo in steps
    assert error(alignment, p, q) < frames / 90
    assert alignment.matches
    assert len(alignment.path) > 60
    assert (np.diff(alignment.path, axis=0) > 0).all()
    assert (np.diff(alignment.times, axis=0) >= 0).all()
    assert ((alignment.confidence >= 0) & (alignment.confidence <= 1)).all()


def test_a_band_is_the_same_both_ways_round() -> None:
    p, q = warp(60, 0), warp(150, 1)
    a, b = walk(p, "a", noise=0.1), walk(q, "b", noise=0.1, seed=1)
    forth, back = align(a, b, mode="band", band=0.05), align(b, a, mode="band", band=0.05)
    assert forth.path.tolist() == back.path[:, ::-1].tolist()
    assert forth.score == pytest.approx(back.score, rel=1e-4)  # products of the same vectors in another order


@pytest.mark.parametrize("verdict", [True, False])
def test_long_videos_need_no_matrix(verdict: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    p = np.concatenate([warp(250, 0), np.full(60, np.nan), warp(200, 2) + 1.5])
    q = np.concatenate([warp(220, 1), warp(240, 3) + 1.5])
    a, b = walk(p, "a", noise=0.1), walk(q, "b", noise=0.1, seed=1)
    whole = align(a, b, verdict=verdict)
    module = sys.modules["syncline.tasks.align"]  # the package's `align` is the function
    monkeypatch.setattr(pair_similarity, "LONG", 0)
    monkeypatch.setattr(module, "WINDOW", 100)
    long = align(a, b, verdict=verdict)
    assert long.path.tolist() == whole.path.tolist()
    np.testing.assert_allclose(long.times, whole.times, atol=0.01)
    np.testing.assert_allclose(long.confidence, whole.confidence, atol=0.05)
    assert long.match_score == pytest.approx(whole.match_score, abs=1e-3, nan_ok=True)
    assert [segment.last for segment in long.segments] == [segment.last for segment in whole.segments]


@pytest.mark.parametrize("common", [1.0, 5.0])
def test_what_all_frames_have_in_common_changes_nothing(common: float) -> None:
    """Features of other networks lie close together: the unit of the similarity goes by their spread."""
    p, q = warp(90, 0), warp(110, 1)
    a, b = walk(p, "a", noise=0.1), walk(q, "b", noise=0.1, seed=1)
    plain = align(a, b)

    def near_each_other(video: Embedding) -> Embedding:
        rows = video.vectors / np.linalg.norm(video.vectors, axis=1, keepdims=True)
        return Embedding(np.hstack([rows, np.full((len(rows), 1), common, np.float32)]), video.pts_seconds, "near")

    close = align(near_each_other(a), near_each_other(b))
    assert close.path.tolist() == plain.path.tolist()
    np.testing.assert_allclose(close.confidence, plain.confidence, atol=1e-3)
    assert close.match_score == pytest.approx(plain.match_score, abs=1e-4)


def test_frames_that_are_all_alike_match_nothing() -> None:
    same = Embedding(np.ones((30, 4), np.float32), np.arange(30.0), "still")
    assert not align(same, same).matches


def test_times_are_finer_than_frames() -> None:
    """B lies half a frame beside A: refined times beat what whole frames can reach."""
    p = np.linspace(0, 1, 100)
    q = p + 0.5 / 99
    alignment = align(walk(p, "a"), walk(q[:-1], "b"))
    truth = alignment.times[:, 0] - 0.05
    inner = slice(5, -5)
    assert np.abs(alignment.times[inner, 1] - truth[inner]).mean() < 0.03  # a whole frame is .05 off


def test_local_leaves_out_what_the_other_lacks_and_global_cannot() -> None:
    head = np.concatenate([np.full(40, np.nan), np.linspace(0, 1, 80)])
    a, b = walk(head, "a"), walk(np.linspace(0, 1, 80), "b")
    local, whole = align(a, b), align(a, b, mode="global")
    assert local.path[:, 0].min() >= 37
    assert [gap.video for gap in local.gaps] == ["a"]
    assert local.gaps[0].start == 0.0
    assert local.gaps[0].end == pytest.approx(4.0, abs=0.3)
    assert np.isnan(local.b_at(np.array([2.0]))[0])
    assert whole.path[0].tolist() == [0, 0]
    assert np.isfinite(whole.b_at(np.array([2.0]))[0])


def test_a_leap_within_clips_of_a_second_is_a_gap() -> None:
    whole = np.linspace(0, 1, 40)
    leaps = np.concatenate([whole[:13], whole[27:]])  # 14 frames, .47 s, of 1.3 s
    (gap,) = align(walk(leaps, "a", rate=30), walk(whole, "b", rate=30)).gaps
    assert (gap.video, gap.start, gap.end) == ("b", pytest.approx(13 / 30), pytest.approx(0.9))


def test_gaps_of_long_videos_are_told_from_half_a_second_on() -> None:
    long, short = (Embedding(np.ones((count, 2), np.float32), np.arange(count) / 10, "x") for count in (3000, 13))
    assert pair_gap_seconds(long, long) == 0.5
    assert pair_gap_seconds(short, short) == pytest.approx(0.3)


def test_several_segments_around_a_foreign_part() -> None:
    middle = np.concatenate([np.linspace(0, 0.5, 50), np.full(40, np.nan), np.linspace(0.5, 1, 50)])
    alignment = align(walk(middle, "a"), walk(np.linspace(0, 1, 100), "b"))
    inside = (alignment.path[:, 0] >= 53) & (alignment.path[:, 0] < 87)
    assert inside.sum() == 0
    assert any(gap.video == "a" and abs(gap.start - 5.0) < 0.5 and abs(gap.end - 9.0) < 0.5 for gap in alignment.gaps)


@pytest.mark.parametrize("swapped", [False, True])
def test_subsequence_finds_a_short_clip_inside_a_long_one(swapped: bool) -> None:
    long, short = np.linspace(0, 1, 200), np.linspace(0.4, 0.6, 40)
    pair = (walk(short, "s"), walk(long, "l"))
    alignment = align(*(pair[::-1] if swapped else pair), mode="subsequence")
    p, q = (long, short) if swapped else (short, long)
    assert error(alignment, p, q) < 0.01
    column = alignment.path[:, 0 if swapped else 1]
    assert column.min() == pytest.approx(80, abs=3)
    assert column.max() == pytest.approx(119, abs=3)


def test_strangers_are_told_from_matches() -> None:
    same = [align(walk(warp(80, k), "a"), walk(warp(80, k + 50), "b", noise=0.3)).match_score for k in range(8)]
    foreign = [align(walk(warp(80, k), "a"), walk(np.full(80, np.nan), "b", seed=k)).match_score for k in range(8)]
    assert min(same) > 0.3
    assert np.median(foreign) < 0.2
    assert not align(walk(warp(80, 0), "a"), walk(warp(80, 1)[::-1], "b")).matches


def test_a_gap_ends_where_the_next_matched_frame_begins() -> None:
    """Steps of 0.1 s, but after the inserted part one of 0.02 s: a gap of a usual step more would reach over it."""
    seconds = np.arange(110) / 10.0
    seconds[70:] -= 0.08
    course = np.concatenate([np.linspace(0, 0.5, 40), np.full(30, np.nan), np.linspace(0.5, 1, 40)])
    a = Embedding(walk(course, "a").vectors, seconds, "a")
    b = walk(np.linspace(0, 1, 80), "b")
    alignment = align(a, b)
    (gap,) = (gap for gap in alignment.gaps if gap.video == "a")
    after = alignment.path[alignment.path[:, 0] >= 60, 0].min()
    assert gap.end == seconds[after]
    rows = [row["time_a"] for row in alignment_rows(alignment, a, b) if "time_a" in row]
    assert sum(1 for time in rows if time == gap.end) == 1


def test_follow_never_goes_back_and_waits_in_gaps() -> None:
    head = np.concatenate([np.full(30, np.nan), np.linspace(0, 1, 60)])
    alignment = align(walk(head, "a"), walk(np.linspace(0, 1, 60), "b"))
    followed = alignment.follow(np.linspace(0, 9, 300))
    assert (np.diff(followed) >= 0).all()
    assert followed[0] == followed[60] == alignment.times[0, 1]
    empty = Alignment(np.zeros((0, 2), np.int64), np.zeros((0, 2)), np.zeros(0), 0.0, (), (), 0.0, "local")
    with pytest.raises(SynclineError, match="no aligned part"):
        empty.follow(np.zeros(1))


def test_rows_say_match_or_gap_for_every_frame_of_a_gap() -> None:
    head = np.concatenate([np.full(30, np.nan), np.linspace(0, 1, 60)])
    a, b = walk(head, "a"), walk(np.linspace(0, 1, 60), "b")
    alignment = align(a, b)
    rows = alignment_rows(alignment, a, b)
    gaps = [row for row in rows if row["kind"] == "gap"]
    assert len(gaps) == pytest.approx(30, abs=3)
    assert all("time_b" not in row for row in gaps)
    assert len(rows) - len(gaps) == len(alignment.path)
    assert [row["kind"] for row in rows[:20]] == ["gap"] * 20
    assert alignment_value(alignment, a, b)["pairs"][0]["time_a"] == 0.0


def test_the_package_offers_it_and_says_what_is_wrong() -> None:
    a = walk(np.linspace(0, 1, 20), "a")
    assert syncline.align(a, a, mode="global").path.tolist() == [[k, k] for k in range(20)]
    with pytest.raises(SynclineError, match="mode must be one of local, global, subsequence, band; got 'diagonal'"):
        align(a, a, mode="diagonal")  # type: ignore[arg-type]
    with pytest.raises(SynclineError, match="widths 24 and 3"):
        align(a, Embedding(np.ones((4, 3), np.float32), np.arange(4.0), "thin"))
    with pytest.raises(SynclineError, match="empty has no embedded frames"):
        align(a, Embedding(np.zeros((0, 24), np.float32), np.zeros(0), "empty"))


def test_many_pairs_in_threads_are_the_same_as_one_by_one() -> None:
    videos = [walk(warp(40 + 9 * k, k), f"v{k}", noise=0.2, seed=k) for k in range(5)]
    asked = [(4, 0), (1, 2), (2, 1)] * 6
    found = list(align_pairs(videos, iter(asked), workers=3))
    assert [(i, j) for i, j, _ in found] == asked
    for i, j, alignment in found:
        alone = align(videos[i], videos[j], verdict=False)
        np.testing.assert_array_equal(alignment.path, alone.path)
        np.testing.assert_array_equal(alignment.times, alone.times)
        np.testing.assert_array_equal(alignment.confidence, alone.confidence)
    assert len(list(align_pairs(videos))) == 10
    with pytest.raises(SynclineError, match="at least 1"):
        next(align_pairs(videos, workers=0))


@pytest.mark.parametrize("noise", [0.05, 0.3])
@pytest.mark.parametrize("turned", [False, True])
def test_a_stretch_at_half_speed_is_tempo_and_a_foreign_one_a_gap(turned: bool, noise: float) -> None:
    """B takes twice, four times or any time as long over the middle; where it shows something else, that is a gap."""
    steady = np.linspace(0, 1, 120)
    for times in (2, 4):
        q = np.concatenate([steady[:40], np.repeat(steady[40:80], times), steady[80:]])
        pair = [walk(steady, "a", noise=noise), walk(q, "b", noise=noise, seed=1)]
        alignment = align(*(pair[::-1] if turned else pair))
        assert alignment.gaps == ()
        assert {halt.video for halt in alignment.slower} == {"a" if turned else "b"}
        assert all(halt.start > 3.5 and halt.end < 4.5 + 4 * times for halt in alignment.slower)
        assert sum(halt.end - halt.start for halt in alignment.slower) > 2 * times  # of four times as many seconds
    q = np.concatenate([steady[:60], np.full(30, np.nan), steady[60:]])
    pair = [walk(steady, "a", noise=noise), walk(q, "b", noise=noise, seed=1)]
    alignment = align(*(pair[::-1] if turned else pair))
    (gap,) = alignment.gaps
    assert (gap.video, alignment.slower) == ("a" if turned else "b", ())
    assert gap.start == pytest.approx(6.0, abs=0.3)
    assert gap.end == pytest.approx(9.0, abs=0.3)
