"""Phase classification: how well a probe that was fitted on training frames names the phase of validation frames.

As in TCC (Dwibedi et al. 2019). Accuracy over all validation frames pooled, so long videos weigh more.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from syncline.errors import check_choice
from syncline.evaluation.metric_inputs import Group, first_videos, known_frames

Probe = Literal["svm", "logreg"]
_CACHE_MB = 1000  # libsvm's kernel cache: changes the time, never the result
_BLOCK = 512  # frames that are compared with all support vectors at a time


def phase_classification(
    train_x: Sequence[Any],
    train_y: Sequence[Any],
    val_x: Sequence[Any],
    val_y: Sequence[Any],
    *,
    fraction: float = 1.0,
    probe: Probe = "svm",
    svm_gamma: Literal["scale", "auto"] = "scale",
) -> float:
    """Accuracy, in [0, 1], of a probe on the frames of the validation videos.

    Args:
        train_x, val_x: embeddings, one (t, d) array or tensor a video.
        train_y, val_y: phases, one (t,) array of integers a video; frames with a negative label are left out.
        fraction: share of the training *videos* that is used, the first ones in the given order (at least one).
        probe: ``"svm"`` (RBF kernel, C = 1) or ``"logreg"`` (multinomial logistic regression, C = 1); no scaling.
        svm_gamma: ``"scale"`` is scikit-learn's default since 0.22; ``"auto"`` (1 / d) is what TCC used in 2019.

    One class only in the training frames: that class is the answer everywhere. Validation classes that training lacks
    count as errors. No training or no validation frame: NaN.

    Examples:
        >>> import numpy as np
        >>> x, y = [np.array([[0.0], [0.1], [5.0], [5.1]])], [np.array([0, 0, 1, 1])]
        >>> phase_classification(x, y, [np.array([[0.05], [4.9]])], [np.array([0, 1])])
        1.0
    """
    hits = phase_hits(train_x, train_y, val_x, val_y, fraction=fraction, probe=probe, svm_gamma=svm_gamma)
    every = np.concatenate([*hits, np.zeros(0, dtype=bool)])
    return float(np.mean(every)) if len(every) else float("nan")


def phase_hits(
    train_x: Sequence[Any],
    train_y: Sequence[Any],
    val_x: Sequence[Any],
    val_y: Sequence[Any],
    *,
    fraction: float = 1.0,
    probe: Probe = "svm",
    svm_gamma: Literal["scale", "auto"] = "scale",
) -> list[Bool[np.ndarray, " t"]]:
    """Which frames with a known label the probe of ``phase_classification`` names right, for every validation video.

    Without training frames no video has any.

    Examples:
        >>> import numpy as np
        >>> x, y = [np.array([[0.0], [5.0]])], [np.array([0, 1])]
        >>> phase_hits(x, y, x, [np.array([0, 0])])[0].tolist()
        [True, False]
    """
    check_choice("probe", probe, Probe)
    embeddings, labels = known_frames(train_x, train_y, name="train_x")
    used = first_videos(len(embeddings), fraction)
    queries, truth = known_frames(val_x, val_y, name="val_x")
    if not sum(map(len, labels[:used])) or not sum(map(len, truth)):
        return [np.zeros(0, dtype=bool) for _ in truth]
    features, classes = np.concatenate(embeddings[:used]), np.concatenate(labels[:used])
    frames, expected = np.concatenate(queries), np.concatenate(truth)
    ends = np.cumsum([len(labels) for labels in truth])[:-1]
    if len(np.unique(classes)) == 1:
        return np.split(expected == classes[0], ends)
    if probe == "logreg":
        named = LogisticRegression(C=1.0, max_iter=100_000).fit(features, classes).predict(frames)
    else:
        features, frames = features.astype(np.float64), frames.astype(np.float64)
        spread = 1.0 if svm_gamma == "auto" else float(features.var())
        gamma = 1 / (features.shape[1] * spread) if spread > 0 else 1.0
        named = svm_names(SVC(C=1.0, gamma=gamma, cache_size=_CACHE_MB).fit(features, classes), frames)
    return np.split(named == expected, ends)


def svm_names(svm: SVC, frames: Float64[np.ndarray, "t d"]) -> Int64[np.ndarray, " t"]:
    """Predictions of a fitted ``SVC`` with an RBF kernel and a numeric gamma: (t,) labels, by its vote of pairs.

    As ``svm.predict``, which works out one kernel entry at a time, and by matrix products many times as fast.
    """
    vectors, classes = svm.support_vectors_, len(svm.classes_)
    middle = vectors.mean(axis=0)  # squared distances of what lies about 0 lose no digits
    vectors, frames = vectors - middle, frames - middle
    starts = np.concatenate([[0], np.cumsum(svm.n_support_)])
    pairs = list(itertools.combinations(range(classes), 2))
    weights = np.zeros((len(vectors), len(pairs)))
    for column, (i, j) in enumerate(pairs):
        for own, other in ((i, j - 1), (j, i)):
            part = slice(starts[own], starts[own + 1])
            weights[part, column] = svm.dual_coef_[other, part]
    squares = (vectors**2).sum(axis=1)
    named = np.empty(len(frames), dtype=svm.classes_.dtype)
    for start in range(0, len(frames), _BLOCK):
        block = frames[start : start + _BLOCK]
        distances = (block**2).sum(axis=1)[:, None] + squares - 2 * block @ vectors.T
        first = np.exp(-svm.gamma * distances) @ weights + svm.intercept_ > 0
        if classes == 2:  # scikit-learn turns the sign of two classes
            first = ~first
        votes = np.zeros((len(block), classes), dtype=np.int64)
        for column, (i, j) in enumerate(pairs):
            votes[:, i] += first[:, column]
            votes[:, j] += ~first[:, column]
        named[start : start + _BLOCK] = svm.classes_[votes.argmax(axis=1)]
    return named


def classification_over_draws(
    train_x: Sequence[Any],
    train_y: Sequence[Any],
    val_x: Sequence[Any],
    val_y: Sequence[Any],
    *,
    fraction: float,
    groups: Sequence[Group] | None = None,
    draws: int = 10,
    probe: Probe = "svm",
) -> tuple[float, float]:
    """Mean and standard deviation of ``phase_classification`` over training subsets that are drawn, not the first.

    Each of ``draws`` fixed seeds draws ``fraction`` of the *sources* in ``groups`` (default: each video its own) and
    takes all their videos: in stored order the first videos can be all of one kind.

    Examples:
        >>> import numpy as np
        >>> x, y = [np.array([[0.0], [5.0]])] * 4, [np.array([0, 1])] * 4
        >>> classification_over_draws(x, y, x, y, fraction=0.5, draws=3)
        (1.0, 0.0)
    """
    scores = [
        phase_classification([train_x[i] for i in chosen], [train_y[i] for i in chosen], val_x, val_y, probe=probe)
        for chosen in drawn_videos(range(len(train_x)) if groups is None else groups, fraction, draws)
    ]
    return float(np.mean(scores)), float(np.std(scores, ddof=1)) if len(scores) > 1 else float("nan")


def drawn_videos(groups: Sequence[Group], fraction: float, draws: int) -> list[list[int]]:
    """``draws`` subsets of the videos, each all videos of a random ``fraction`` of the sources; seeds 0, 1, 2 ..."""
    sources = list(dict.fromkeys(groups))
    subsets = []
    for seed in range(draws):
        order = np.random.default_rng(seed).permutation(len(sources))[: first_videos(len(sources), fraction)]
        chosen = {sources[i] for i in order}
        subsets.append([i for i, group in enumerate(groups) if group in chosen])
    return subsets
