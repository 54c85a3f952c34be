"""The fast metrics equal their loop-written definitions, ties, unknown labels, strides and groups included."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import SVC

from syncline.evaluation import kendall_tau, metrics_reference, phase_progression, retrieval_precision
from syncline.evaluation.classification import svm_names
from syncline.evaluation.kendall import tau_b
from syncline.evaluation.metric_inputs import Group
from syncline.evaluation.progression import progress_targets, progression_by_video
from syncline.evaluation.retrieval import retrieval_precisions


def _videos(seed: int, *, coarse: bool) -> tuple[list[np.ndarray], list[np.ndarray], list[Group]]:
    """Three to five videos of 0 to 14 frames; coarse embeddings lie on a small grid, so that distances tie."""
    random = np.random.default_rng(seed)
    count = int(random.integers(3, 6))
    lengths = random.integers(0 if count > 3 else 1, 15, count)
    if coarse:
        x = [random.integers(0, 3, (t, 2)).astype(float) for t in lengths]
    else:
        x = [1e4 * (seed % 2) + random.normal(size=(t, 5)) for t in lengths]
    y = [np.sort(random.integers(-1, 3, t)) for t in lengths]
    groups = [f"s{i}" for i in random.integers(0, 3, count)]
    return x, y, [frozenset([group, f"s{random.integers(9)}"]) if random.random() < 0.3 else group for group in groups]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), coarse=st.booleans(), stride=st.integers(1, 3), grouped=st.booleans())
@pytest.mark.slow
def test_neighbour_metrics_equal_the_loops(seed: int, coarse: bool, stride: int, grouped: bool) -> None:
    x, y, groups = _videos(seed, coarse=coarse)
    sources = groups if grouped else None
    assert kendall_tau(x, stride=stride, groups=sources) == pytest.approx(
        metrics_reference.kendall_tau(x, stride=stride, groups=sources), abs=1e-12, nan_ok=True
    )
    for k in (1, 3, 50):
        assert retrieval_precision(x, y, k, stride=stride, groups=sources) == pytest.approx(
            metrics_reference.retrieval_precision(x, y, k, stride=stride, groups=sources), abs=1e-12, nan_ok=True
        )


def test_far_from_the_origin_is_still_exact() -> None:
    """A mean of 1e6 and a spread of 1: float32 products alone would give noise."""
    random = np.random.default_rng(0)
    x = [1e6 + random.normal(size=(20, 3)) for _ in range(3)]
    y = [random.integers(0, 3, 20) for _ in range(3)]
    assert kendall_tau(x) == pytest.approx(metrics_reference.kendall_tau(x), abs=1e-12)
    assert retrieval_precision(x, y, 3) == pytest.approx(metrics_reference.retrieval_precision(x, y, 3), abs=1e-12)


def test_long_videos_cross_the_blocks() -> None:
    random = np.random.default_rng(1)
    x = [random.normal(size=(t, 4)) for t in (300, 128, 129)]
    y = [random.integers(0, 4, len(v)) for v in x]
    assert kendall_tau(x, stride=2) == pytest.approx(metrics_reference.kendall_tau(x, stride=2), abs=1e-12)
    several = retrieval_precisions(x, y, (5, 10), stride=2)
    for k, value in several.items():
        assert value == pytest.approx(metrics_reference.retrieval_precision(x, y, k, stride=2), abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(order=st.lists(st.integers(0, 6), min_size=1, max_size=25))
def test_tau_b_equals_the_pairs(order: list[int]) -> None:
    assert tau_b(np.array(order)) == pytest.approx(metrics_reference.tau_b(order), abs=1e-12, nan_ok=True)


@settings(max_examples=50, deadline=None)
@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_targets_equal_the_loops(labels: list[int]) -> None:
    labels = sorted(labels)
    np.testing.assert_allclose(progress_targets(np.array(labels), 4).T, metrics_reference.progress_targets(labels, 4))


def test_progression_equals_the_normal_equations() -> None:
    random = np.random.default_rng(2)
    x = [random.normal(size=(t, 6)) for t in (20, 31, 17, 25)]
    y = [np.sort(random.integers(0, 4, len(v))) for v in x]
    got = phase_progression(x[:2], y[:2], x[2:], y[2:], num_phases=4)
    expected = metrics_reference.phase_progression(x[:2], y[:2], x[2:], y[2:], num_phases=4)
    assert got == pytest.approx(expected, abs=1e-9)
    assert not math.isnan(got)
    parts = progression_by_video(x[:2], y[:2], x[2:], y[2:], num_phases=4)
    assert len(parts) == 2
    assert np.mean(parts) == pytest.approx(got, abs=1e-9)


@pytest.mark.parametrize(("classes", "gamma"), [([3, 8], 0.2), ([0, 2, 9], 1.0), ([0, 1, 2, 3, 4, 7], 0.05)])
def test_the_svm_names_what_scikit_learn_does(classes: list[int], gamma: float) -> None:
    random = np.random.default_rng(len(classes))
    labels = np.repeat(classes, 30)
    frames = 1e3 + random.normal(size=(len(labels), 4)) + 0.8 * random.normal(size=(10, 4))[labels]
    svm = SVC(gamma=gamma).fit(frames, labels)
    asked = 1e3 + 2 * random.normal(size=(1300, 4))  # more than one block
    expected = svm.predict(asked)
    assert len(np.unique(expected)) == len(classes)
    assert svm_names(svm, asked).tolist() == expected.tolist()
