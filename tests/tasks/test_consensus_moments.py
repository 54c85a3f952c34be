"""Search by what all videos agree on: the same moment, not the same room."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from walks import walk, warp

from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.tasks import MomentIndex, consensus_moments, find_moments, gather_folder, same_moments


def in_rooms(count: int, strength: float = 1.2) -> tuple[list[Embedding], list[np.ndarray]]:
    """One course at different tempi; each video has a strong pattern of its own that drifts on its own."""
    courses = [warp(80 + 5 * k, k) for k in range(count)]
    found = []
    for k, course in enumerate(courses):
        clip = walk(course, f"v{k}", noise=0.3, seed=k)
        generator = np.random.default_rng(100 + k)
        drift = np.cumsum(generator.normal(size=clip.vectors.shape), axis=0)
        room = strength * drift / np.abs(drift).max()
        found.append(Embedding((clip.vectors + room).astype(np.float32), clip.pts_seconds, clip.source))
    return found, courses


def at(course: np.ndarray, share: float) -> float:
    return float(np.interp(share, course, np.arange(len(course)) / 10))


def test_hits_are_the_same_moment_where_frames_find_rooms() -> None:
    embeddings, courses = in_rooms(8, strength=4.0)
    folder, index = gather_folder(embeddings), MomentIndex(embeddings)
    right: dict[str, list[bool]] = {"folder": [], "frames": []}
    for query, share in itertools.product(range(3), (0.2, 0.4, 0.6, 0.8)):
        name, second = f"v{query}", at(courses[query], share)
        frames = index.search(index.query(name, second), 7, per_video=1, exclude=name)
        hits = same_moments(folder, query, second)
        assert len({hit.source for hit in hits}) == len(hits) == 7
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert all(0 < hit.score <= 1 and -1 <= hit.similarity <= 1 for hit in hits)
        for how, found in (("folder", hits), ("frames", frames)):
            right[how] += [abs(hit.seconds - at(courses[int(hit.source[1])], share)) <= 0.3 for hit in found]
    assert np.mean(right["folder"]) > np.mean(right["frames"]) + 0.15


def test_own_and_more_of_a_video() -> None:
    embeddings, courses = in_rooms(4)
    folder = gather_folder(embeddings)
    second = at(courses[1], 0.5)
    best = same_moments(folder, 1, second, own=True)[0]
    assert (best.source, best.score) == ("v1", pytest.approx(1.0, abs=0.01))
    assert best.seconds == pytest.approx(second, abs=0.1)
    many = same_moments(folder, 1, second, per_video=None, min_separation=1.0, k=99)
    for source in {hit.source for hit in many}:
        assert (np.diff(sorted(hit.seconds for hit in many if hit.source == source)) >= 1.0).all()
    assert len(same_moments(folder, 1, second, per_video=None, k=2)) == 2
    middle = same_moments(folder, 1, second - 0.5, second + 0.5)
    assert middle[0].seconds == pytest.approx(at(courses[int(middle[0].source[1])], 0.5), abs=0.6)
    for start, end in ((-0.2, None), (99.0, None), (1.0, 99.0)):
        with pytest.raises(SynclineError, match="v1 runs from"):
            same_moments(folder, 1, start, end)


def test_of_many_videos_those_are_asked_that_look_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings, courses = in_rooms(6)
    second = at(courses[2], 0.5)
    whole = find_moments(embeddings, 2, second)
    assert [hit.source for hit in whole] == [hit.source for hit in same_moments(gather_folder(embeddings), 2, second)]
    monkeypatch.setattr(consensus_moments, "MOST_VIDEOS", 4)
    few = find_moments(embeddings, 2, second)
    assert len(few) == 3
    assert "v2" not in {hit.source for hit in few}
