"""What a folder knows of two of its videos, which video stands for it, and what deviates from it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray
from walks import walk, warp

from syncline.alignment.alignment_settings import MATCH_THRESHOLD
from syncline.alignment.consensus import Consensus
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.tasks import (
    align_within,
    deviate_from_group,
    gap_seconds,
    gather_folder,
    rank,
    reference_of,
    synchronize,
)


def group(count: int, *, noise: float = 0.2) -> tuple[list[Embedding], list[NDArray[np.float64]]]:
    courses = [warp(80 + 5 * k, k) for k in range(count)]
    return [walk(p, f"v{k}", noise=noise, seed=k) for k, p in enumerate(courses)], courses


def test_the_consensus_carries_moments_between_two_of_its_videos() -> None:
    embeddings, courses = group(6)
    alignment = align_within(gather_folder(embeddings).group, embeddings, 0, 3)
    assert alignment.mode == "consensus"
    assert alignment.matches
    at = alignment.b_at(embeddings[0].pts_seconds)
    known = ~np.isnan(at)
    assert known.mean() > 0.85
    shown = np.interp(at[known], embeddings[3].pts_seconds, courses[3])
    assert np.median(np.abs(shown - courses[0][known])) < 0.03
    assert ((alignment.confidence >= 0) & (alignment.confidence <= 1)).all()


def test_the_folder_answers_whether_two_of_its_videos_match() -> None:
    clear, _ = group(7)
    blurred = [walk(warp(80 + 5 * k, k + 20), f"blurred {k}", noise=3.0, seed=k) for k in range(2)]
    stranger = walk(warp(90, 9)[::-1], "stranger", noise=0.2, seed=4)
    embeddings = [*clear, *blurred, stranger]
    folder = gather_folder(embeddings)
    assert folder.votes.strangers == (9,)
    linked = align_within(folder.group, embeddings, 7, 8, votes=folder.votes)
    assert linked.match_score < MATCH_THRESHOLD
    assert linked.linked
    assert linked.matches
    assert re.fullmatch(
        r"the folder links the two: it carries \d\d% of the shorter one, needs 25%; by themselves score 0\.1\d\d, "
        r"needs 0\.20",
        linked.verdict,
    )
    assert linked == align_within(folder.group, embeddings, 7, 8, votes=folder.votes)
    foreign = align_within(folder.group, embeddings, 0, 9, votes=folder.votes)
    assert foreign.carried == 0
    assert not foreign.matches
    assert "carries nothing between the two" in foreign.verdict


def test_a_folder_that_cannot_tell_strangers_leaves_the_answer_to_the_pair() -> None:
    embeddings, _ = group(3)
    folder = gather_folder(embeddings)
    alignment = align_within(folder.group, embeddings, 0, 1, votes=folder.votes)
    assert alignment.carried is None
    assert alignment.matches
    assert alignment.verdict == f"score {alignment.match_score:.3f}, needs 0.20"


def test_videos_of_two_groups_are_not_linked() -> None:
    one, _ = group(5)
    other = [Embedding(e.vectors[:, ::-1].copy(), e.pts_seconds, f"other {e.source}") for e in one]
    folder = gather_folder([*one, *other])
    assert len(folder.votes.clusters) == 2
    assert align_within(folder.group, folder.embeddings, 0, 1, votes=folder.votes).matches
    apart = align_within(folder.group, folder.embeddings, 0, 6, votes=folder.votes)
    assert (apart.carried, apart.matches) == (0, False)


def test_what_one_video_lacks_is_a_gap_in_which_nothing_is_carried() -> None:
    embeddings, _ = group(6)
    short = np.concatenate([np.linspace(0, 0.33, 30), np.linspace(0.67, 1, 30)])
    embeddings.append(walk(short, "short", noise=0.2, seed=9))
    alignment = align_within(gather_folder(embeddings).group, embeddings, 0, 6)
    gaps = [gap for gap in alignment.gaps if gap.video == "a"]
    assert max(gap.end - gap.start for gap in gaps) > 1.0
    middle = max(gaps, key=lambda gap: gap.end - gap.start)
    assert np.isnan(alignment.b_at(np.array([(middle.start + middle.end) / 2]))[0])


def test_the_reference_is_neither_the_longest_nor_the_slowest() -> None:
    embeddings, _ = group(6)
    slow = walk(warp(300, 5), "slow", noise=0.05, seed=7)
    stray = Embedding(
        np.random.default_rng(0).normal(size=(400, slow.vectors.shape[1])).astype(np.float32), np.arange(400.0), "stray"
    )
    everyone = [*embeddings, slow, stray]
    assert reference_of(gather_folder(everyone).group) < 6
    weights = np.ones(8)
    weights[:3] = 0
    assert reference_of(Consensus([e.vectors for e in everyone], weights=weights)) >= 3


def test_a_gap_lasts_a_share_of_the_clips_and_some_samples() -> None:
    swing = Embedding(np.ones((40, 2), np.float32), np.arange(40) / 30, "swing")
    take = Embedding(np.ones((90, 2), np.float32), np.arange(90) / 7.5, "take")
    assert gap_seconds([swing]) == pytest.approx(0.1)
    assert gap_seconds([take]) == pytest.approx(0.5, abs=0.02)
    assert gap_seconds([Embedding(np.ones((1, 2), np.float32), np.zeros(1), "one")]) == 0.0


def test_tempo_makes_no_video_odd_and_a_foreign_part_does() -> None:
    embeddings, courses = group(8, noise=0.1)
    embeddings.append(walk(np.interp(np.arange(200), [0, 100, 199], [0, 0.3, 1]), "slow start", noise=0.1, seed=11))
    foreign = np.random.default_rng(3).normal(size=(40, embeddings[0].vectors.shape[1])).astype(np.float32)
    vectors = np.concatenate([embeddings[0].vectors[:40], foreign, embeddings[0].vectors[40:]])
    embeddings.append(Embedding(vectors, np.arange(len(vectors)) / 10, "foreign part"))
    reference, reports = deviate_from_group(embeddings, gather_folder(embeddings).group)
    assert reference < 8
    named = {report.source: report for report in reports}
    assert not any(d.kind in ("missing", "extra") for d in named["slow start"].deviations)
    extra = [d for d in named["foreign part"].deviations if d.kind == "extra"]
    assert len(extra) == 1
    assert extra[0].start == pytest.approx(4.0, abs=0.3)
    assert extra[0].end == pytest.approx(8.0, abs=0.3)
    assert rank(reports)[-1].source == "foreign part"
    assert len(courses) == 8


def test_a_stranger_is_another_activity_and_has_no_part_in_the_timeline() -> None:
    embeddings, _ = group(5)
    embeddings.append(walk(warp(90, 9)[::-1], "stranger", noise=0.2, seed=4))
    consensus = Consensus([e.vectors for e in embeddings], weights=[1, 1, 1, 1, 1, 0])
    _, reports = deviate_from_group(embeddings, consensus)
    assert [report.source for report in reports if report.stranger] == ["stranger"]
    assert rank(reports)[-1].source == "stranger"
    assert rank(reports)[-1].deviations == ()
    timeline = synchronize(embeddings, consensus=consensus)
    assert np.isnan(timeline.positions[-1]).all()
    assert timeline.coverage[-1] == 0
    assert (timeline.coverage[:-1] > 0.8).all()


def test_a_doubtful_video_is_compared_and_has_no_vote() -> None:
    embeddings, _ = group(5)
    embeddings.append(walk(warp(90, 9)[:60], "half of it", noise=0.2, seed=4))
    consensus = Consensus([e.vectors for e in embeddings], weights=[1, 1, 1, 1, 1, 0])
    reference, reports = deviate_from_group(embeddings, consensus, doubtful=[5])
    assert reference != 5
    (found,) = [report for report in reports if report.source == "half of it"]
    assert not found.stranger
    assert [d.kind for d in found.deviations if d.kind == "missing"]


def test_two_activities_are_kept_apart() -> None:
    one, _ = group(5)
    other = [Embedding(e.vectors[:, ::-1].copy(), e.pts_seconds, f"other {e.source}") for e in one[:3]]
    everyone = [*one, *other]
    consensus = Consensus([e.vectors for e in everyone], groups=[0] * 5 + [1] * 3)
    timeline = synchronize(everyone, consensus=consensus)
    assert not timeline.reference.startswith("other")
    assert (timeline.coverage[:5] > 0.8).all()
    assert (timeline.coverage[5:] == 0).all()
    _, reports = deviate_from_group(everyone, consensus)
    assert {report.source for report in reports if report.stranger} == {e.source for e in other}


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_clip_of_one_frame_and_few_videos_have_a_timeline_and_reports(count: int) -> None:
    embeddings, _ = group(count - 1)
    embeddings.append(Embedding(embeddings[0].vectors[:1], np.zeros(1), "one frame"))
    timeline = synchronize(embeddings)
    assert timeline.positions.shape[0] == count
    assert timeline.coverage[0] > 0.8
    reference, reports = deviate_from_group(embeddings, gather_folder(embeddings).group, reference=0)
    assert reference == 0
    assert len(reports) == count - 1


def test_another_number_of_videos_and_indices_outside_are_refused() -> None:
    embeddings, _ = group(3)
    consensus = gather_folder(embeddings).group
    with pytest.raises(SynclineError, match="of 3 videos, 2 embeddings"):
        align_within(consensus, embeddings[:2], 0, 1)
    with pytest.raises(SynclineError, match="from 0 to 2"):
        align_within(consensus, embeddings, 0, 3)
    narrow = Embedding(embeddings[1].vectors[:, :5], embeddings[1].pts_seconds, "narrow")
    with pytest.raises(SynclineError, match="widths"):
        gather_folder([embeddings[0], narrow])
