"""Consensus: one round equals the loops, and the laws that it keeps."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from syncline.alignment.consensus import Consensus
from syncline.alignment.consensus_reference import consistent
from syncline.alignment.pair_posteriors import Job, Matrix, PairWork


def course(speed: float, frames: int = 24, *, seed: int = 0, noise: float = 0.0) -> NDArray[np.float64]:
    """A walk through a space that never comes back, at some speed."""
    t = speed * np.linspace(0, 1, frames)
    waves = np.random.default_rng(7).normal(0, 3, (8, 12))
    rows = np.concatenate([np.cos(t[:, None] * waves[0]), np.sin(t[:, None] * waves[1])], axis=1)
    return rows + noise * np.random.default_rng(seed).standard_normal(rows.shape)


def group(count: int, noise: float = 0.3) -> list[NDArray[np.float64]]:
    return [course(1.0, 20 + 3 * k, seed=k, noise=noise) for k in range(count)]


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("weights", [(1, 1, 1), (1, 0.5, 0.25)])
def test_one_round_on_three_sequences_is_the_loops(weights: tuple[float, ...], normalised: bool) -> None:
    found = Consensus(group(3), weights=weights)
    pairs = {(i, j): found.pair(i, j).toarray().astype(float) for i, j in itertools.combinations(range(3), 2)}
    for i, j in itertools.permutations(range(3), 2):
        wanted = consistent(pairs, weights, i, j, normalised=normalised)
        np.testing.assert_allclose(found.matrix(i, j, normalised=normalised).toarray(), wanted, atol=1e-6)
        assert wanted.max() > 0.1


def test_rows_sum_to_at_most_one_and_raw_is_symmetric() -> None:
    found = Consensus(group(5))
    for i, j in itertools.combinations(range(5), 2):
        raw = found.matrix(i, j, normalised=False).toarray()
        np.testing.assert_allclose(raw, found.matrix(j, i, normalised=False).toarray().T, atol=1e-6)
        assert raw.sum(axis=1).max() <= 1 + 1e-5
        assert found.matrix(i, j).toarray().sum(axis=1).max() <= 1 + 1e-5


def test_pruning_loses_little() -> None:
    whole, pruned = Consensus(group(4), pruned=0.0), Consensus(group(4))
    apart = np.abs(whole.matrix(0, 1).toarray() - pruned.matrix(0, 1).toarray())
    assert apart.max() < 0.05
    assert pruned.pair(0, 1).nnz < 0.8 * whole.pair(0, 1).nnz


def test_copies_of_one_video_lie_on_the_diagonal() -> None:
    one = course(1.0, 30)
    found = Consensus([one] * 4)
    matrix = found.matrix(0, 2).toarray()
    assert matrix.argmax(axis=1).tolist() == list(range(30))
    cold = Consensus([one] * 4, gamma=0.01)
    np.testing.assert_allclose(cold.matrix(0, 2).toarray(), np.eye(30), atol=1e-4)


def test_permuting_videos_permutes_results() -> None:
    videos, order = group(5), [3, 0, 4, 1, 2]
    weights = np.array([1, 0.5, 1, 0.2, 1])
    one, other = Consensus(videos, weights=weights), Consensus([videos[k] for k in order], weights=weights[order])
    for i, j in itertools.permutations(range(5), 2):
        np.testing.assert_allclose(
            other.matrix(i, j).toarray(), one.matrix(order[i], order[j]).toarray(), atol=1e-5
        )  # fmt: skip
    assert other.cycle_error(0) == pytest.approx(one.cycle_error(3), abs=1e-5)


def test_a_stranger_of_weight_zero_changes_nothing() -> None:
    videos = group(4)
    noise = np.random.default_rng(1).standard_normal((25, videos[0].shape[1]))
    one, other = Consensus(videos), Consensus([*videos, noise], weights=[1, 1, 1, 1, 0])
    for i, j in itertools.permutations(range(4), 2):
        np.testing.assert_allclose(one.matrix(i, j).toarray(), other.matrix(i, j).toarray(), atol=1e-6)
        np.testing.assert_allclose(one.coverage(i), other.coverage(i), atol=1e-6)


def test_a_video_added_later_is_as_one_given_at_once() -> None:
    videos = group(5)
    later = Consensus(videos[:4])
    assert later.add(videos[4]) == 4
    at_once = Consensus(videos)
    for i, j in ((0, 1), (0, 4), (4, 2)):
        np.testing.assert_allclose(later.matrix(i, j).toarray(), at_once.matrix(i, j).toarray(), atol=1e-6)


def test_pairs_that_are_aligned_elsewhere_are_the_same() -> None:
    videos, pins = group(5), {(1, 3): np.array([[4, 6]])}
    asked: list[int] = []

    def elsewhere(work: PairWork, jobs: Iterable[Job], /) -> Iterator[list[Matrix]]:
        sent = pickle.dumps(work)
        for job in jobs:
            asked.append(len(job[1]))
            yield pickle.loads(pickle.dumps(pickle.loads(sent)(job)))

    here, there = Consensus(videos, pins=pins), Consensus(videos, pins=pins, mapper=elsewhere)
    assert sum(asked) == 10  # each pair once
    for i, j in itertools.combinations(range(5), 2):
        np.testing.assert_array_equal(there.matrix(i, j).toarray(), here.matrix(i, j).toarray())


def test_a_few_voters_serve() -> None:
    videos = group(8)
    aligned: list[int] = []

    def counting(work: PairWork, jobs: Iterable[Job], /) -> Iterator[list[Matrix]]:
        for job in jobs:
            aligned.append(len(job[1]))
            yield work(job)

    few = Consensus(videos, voters=[1, 3, 5], mapper=counting)
    assert sum(aligned) == 3 * 5 + 3
    true = np.round(np.linspace(0, len(videos[6]) - 1, len(videos[0])))
    few_off, all_off = (
        np.median(np.abs(found.matrix(0, 6).toarray().argmax(axis=1) - true)) for found in (few, Consensus(videos))
    )
    assert few_off <= all_off + 0.5
    assert few_off <= 2


def test_what_a_whole_clip_shows_plays_no_part() -> None:
    """Every video in a room of its own, which is most of what its frames show."""
    rooms = 5 * np.random.default_rng(3).standard_normal((6, 20))
    videos = [video[:, :20] + room for video, room in zip(group(6), rooms, strict=True)]
    off = {}
    for within in (True, False):
        placed = Consensus(videos, within_clips=within).matrix(0, 5).toarray().argmax(axis=1)
        off[within] = np.median(np.abs(placed - np.linspace(0, 34, 20)))
    assert Consensus(videos).within_clips
    assert off[True] <= 2 < off[False]


def test_carrying_is_by_rows_of_the_pairs() -> None:
    found = Consensus(group(4), weights=[1, 0.5, 1, 1])
    start = {z: np.eye(len(found.pair(z, 3).toarray()))[[5, 9]] for z in (0, 1, 3)}
    carried = found.carry(start, [3, 2])
    one_by_one = [sum(found.carry({z: rows}, [t])[0] for z, rows in start.items()) for t in (3, 2)]
    np.testing.assert_allclose(np.concatenate(carried, axis=1), np.concatenate(one_by_one, axis=1), atol=1e-6)
    wanted = found.pair(0, 3).toarray()[[5, 9]] + 0.5 * found.pair(1, 3).toarray()[[5, 9]]
    np.testing.assert_allclose(carried[0], wanted, atol=1e-6)  # of 3 itself nothing
    assert carried[1].shape == (2, len(found.pair(2, 2).toarray()))


def test_consensus_places_more_frames_than_a_pair_does() -> None:
    """Noise of its own in every video: one pair is led astray where the group is not."""
    videos = [course(3.0, 30, seed=k, noise=0.9) for k in range(16)]
    found = Consensus(videos)
    errors: dict[str, list[int]] = {"pair": [], "group": []}
    for i, j in itertools.combinations(range(8), 2):
        for name, matrix in (("pair", found.pair(i, j)), ("group", found.matrix(i, j))):
            errors[name] += np.abs(matrix.toarray().argmax(axis=1) - np.arange(30)).tolist()
    assert np.mean(errors["group"]) < 0.75 * np.mean(errors["pair"])  # frames


def test_pins_hold_and_the_rest_aligns_around_them() -> None:
    videos = group(4)
    pins = {(0, 1): np.array([[5, 9], [15, 18]])}
    found = Consensus(videos, pins=pins)
    for matrix in (found.pair(0, 1), found.matrix(0, 1), found.matrix(1, 0).T):
        dense = matrix.toarray()
        assert dense[5, 9] == dense[15, 18] == 1.0
        assert dense[5].sum() == dense[:, 9].sum() == 1.0
        assert dense[:5, 9:].sum() == dense[6:, :9].sum() == dense[6:15, 19:].sum() == 0.0
    assert found.pair(0, 1).toarray()[6:15, 10:18].sum() > 2.0
    path = found.path(0, 1).matches
    assert {(5, 9), (15, 18)} <= set(map(tuple, path.tolist()))
    np.testing.assert_allclose(found.matrix(2, 3).toarray(), Consensus(videos).matrix(2, 3).toarray(), atol=0.2)


def test_coverage_and_cycles_tell_who_belongs() -> None:
    videos = [*group(6), np.random.default_rng(1).standard_normal((25, 24))]
    found = Consensus(videos)
    assert found.coverage(0).mean() > 0.5
    assert found.cycle_error(0) < 0.5 * found.cycle_error(6)
    assert Consensus(videos[:1]).coverage(0).tolist() == [0.0] * 20
    assert np.isnan(Consensus(videos[:2]).cycle_error(0))


def test_masses_are_the_row_sums_of_the_matrices() -> None:
    found = Consensus(group(5), weights=[1, 0.5, 1, 0, 1], voters=[0, 1, 2, 3])
    voters = np.concatenate([found.row_masses(z) for z in found.voters])
    for i in (1, 4):
        masses = found.consistent_masses(i, found.row_masses(i), voters)
        for j in range(5):
            wanted = found.matrix(i, j).toarray().sum(axis=1)
            if i != j:
                np.testing.assert_allclose(masses[:, j], wanted, atol=1e-5)


def test_the_path_is_ordered() -> None:
    found = Consensus(group(5))
    path = found.path(0, 3).matches
    assert (np.diff(path, axis=0) > 0).all()
    true = np.linspace(0, 28, 20)
    assert np.median(np.abs(path[:, 1] - true[path[:, 0]])) <= 1


def test_bad_input_is_refused() -> None:
    videos = group(2)
    with pytest.raises(ValueError, match="with frames"):
        Consensus([videos[0][:0]])
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        Consensus(videos, weights=[1, 2])
    for pins, what in (([[3, 3], [5, 2]], "cross"), ([[99, 0]], "outside")):
        with pytest.raises(ValueError, match=what):
            Consensus(videos, pins={(0, 1): np.array(pins)})
    with pytest.raises(ValueError, match="i < j"):
        Consensus(videos, pins={(1, 0): np.array([[0, 0]])})
