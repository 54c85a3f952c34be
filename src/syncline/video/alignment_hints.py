"""Hints of what will not align well in a folder, from a few small pictures of every clip.

Notable choices:
- Cheap signs, not proofs: they read `GLANCE_RATE` pictures a second of 12 x 16 pixels. Every hint says what was seen,
  so that a person can look. Thresholds are ratios within the folder wherever there is a folder to compare with.
- `repetition_period` and `unlike_the_others` take vectors of any kind; with features of a network they see more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from syncline.video.reader import VideoReader

GLANCE_SIZE = (12, 16)
GLANCE_RATE = 4.0
MAX_GLANCES = 400
_BLOCK = 256
_MOMENTS = 8  # of a clip that are compared to tell near-duplicates
_BLANK = 6.0  # deviation of the pixel values of a picture that shows nothing
# chosen on five sets of real clips, eight at a time, one of them mirrored or encoded anew at half the speed: of the
# slow ones all eight are found in two sets, 6 where a hand moves the camera, 5 of golf and 5 of pull-ups, and with
# tempos by alignment 8, 8, 7, 8 and 5; of the mirrored 90 to 100 % in two sets of a fixed camera, 72 % of golf, few of
# pull-ups, none of a camera on the hand (tests/video/test_alignment_hints.py has a part of this)
_SLOW, _LONGER, _SLOWER, _ALIGNED, _LONG = 0.8, 0.35, 0.1, 0.4, math.log(4)  # logarithms
_MIRRORED, _AGREED = 0.3, 0.25


@dataclass(frozen=True, eq=False)
class Glance:
    """A clip as a few small pictures.

    Attributes:
        path: the file. pixels: (k, 12, 16, 3) uint8. pts_seconds: (k,) float64. duration: seconds.
    """

    path: Path
    pixels: NDArray[np.uint8]
    pts_seconds: NDArray[np.float64]
    duration: float


@dataclass(frozen=True)
class Hint:
    """One finding: the file, what kind it is, what was seen, and what to do."""

    path: Path
    kind: str
    seen: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path.name}: {self.seen}; {self.advice}"


def glance_at(path: str | Path) -> Glance:
    """Small pictures of a clip, `GLANCE_RATE` a second or, of a long one, `MAX_GLANCES` in all.

    Raises:
        SynclineError: a file that cannot be read.
    """
    reader = VideoReader(path, size=GLANCE_SIZE)
    span = float(reader.pts_seconds[-1] - reader.pts_seconds[0])
    count = int(np.clip(span * GLANCE_RATE, 1, MAX_GLANCES - 1)) + 1
    wanted = np.unique(reader.index_at(reader.pts_seconds[0] + np.linspace(0, span, count)))
    pixels = np.concatenate([chunk.pixels for chunk in reader.chunks(wanted)])
    return Glance(Path(path), pixels, reader.pts_seconds[wanted], reader.duration)


def hints_for(
    glances: Sequence[Glance],
    *,
    features: Sequence[NDArray[np.floating]] | None = None,
    tempos: Sequence[float | None] | None = None,
) -> list[Hint]:
    """All hints for the clips of one folder, in the order of the clips within each kind.

    Args:
        glances: of the clips. features: (t, d) vectors of each clip from a network, in the same order, evenly spaced in
            time; they then serve for repetitions and for clips of another activity.
        tempos: how many times as long each clip takes for the same as the others, None where nobody knows; slow motion
            goes by these, too.
    """
    found = []
    for glance in glances:
        cuts = scene_cuts(_pictures(glance))
        if cuts:
            at = ", ".join(f"{glance.pts_seconds[cut]:.1f} s" for cut in cuts[:3])
            found.append(Hint(glance.path, "cuts", f"{_count(len(cuts), 'scene cut')} ({at})", "cut it into its parts"))
    looks, moves = [], []
    for clip, glance in enumerate(glances):
        shown = _pictures(glance) if features is None else features[clip]
        looks.append(shown.mean(axis=0).astype(np.float32))
        moves.append(shown.std(axis=0).astype(np.float32))
        # pictures tell where features do not, and the other way round
        periods = (repetition_period(seen, glance.duration) for seen in (shown, _pictures(glance)))
        period = next((found for found in periods if found is not None), None)
        if period is not None:
            seen = f"seems to repeat itself every {period:.1f} s"
            found.append(Hint(glance.path, "repetitions", seen, "cut it so that each clip shows the activity once"))
    found += _duplicates(glances)
    mirrored = _mirrored(glances)  # which would be unlike the others for that reason alone
    unlike = set(unlike_the_others(np.array(looks))) | set(unlike_the_others(np.array(moves)))
    unlike -= {clip for clip, glance in enumerate(glances) if glance.path in {hint.path for hint in mirrored}}
    for clip in sorted(unlike):
        seen = "looks or moves unlike all the others"
        found.append(Hint(glances[clip].path, "other", seen, "leave it out if it shows another activity"))
    return found + _slow(glances, tempos) + mirrored


def scene_cuts(vectors: NDArray[np.floating]) -> list[int]:
    """Indices of the first picture after each cut: (t, d) pixel values in [0, 255] -> list of int.

    Examples:
        >>> scene_cuts(np.repeat([[10.0, 60.0], [200.0, 90.0]], 5, axis=0))
        [5]
    """
    if len(vectors) < 4:
        return []
    change = np.abs(np.diff(vectors, axis=0)).mean(axis=1)
    usual = np.median(change)
    cuts = (np.flatnonzero((change > 25) & (change > 6 * usual + 5)) + 1).tolist()
    blank = vectors.std(axis=1) < _BLANK
    # before the first picture, after the last one and in a flash there is no scene
    edges = [0, *cuts, len(vectors)]
    empty = [bool(blank[first:last].all()) for first, last in pairwise(edges)]
    return [cut for cut, before, after in zip(cuts, empty, empty[1:], strict=False) if not before and not after]


def repetition_period(vectors: NDArray[np.floating], duration: float) -> float | None:
    """Seconds after which a clip shows the same again, None where it does not: (t, d) vectors evenly spaced in time.

    The mean distance between pictures a lag apart falls to less than 0.4 of its largest value at a lag of at least a
    second and at most half the clip, having risen before.

    Examples:
        >>> turn = np.arange(40) / 10 * 2 * np.pi
        >>> repetition_period(np.stack([np.cos(turn), np.sin(turn)], 1), 10.0)
        2.5
    """
    count = len(vectors)
    if count < 8 or duration <= 0:
        return None
    far = np.array(
        [np.linalg.norm(vectors[lag:] - vectors[: count - lag], axis=1).mean() for lag in range(1, count // 2 + 1)]
    )
    if far.max() < 1e-6:
        return None
    highest = np.maximum.accumulate(far)
    first = max(2, round(count / duration))
    for lag in range(first, len(far) + 1):
        here = far[lag - 1]
        after = far[lag] if lag < len(far) else np.inf
        if here < 0.4 * highest[lag - 1] and here <= after and here <= far[lag - 2]:
            return lag * duration / count
    return None


def unlike_the_others(descriptors: NDArray[np.floating]) -> list[int]:
    """Rows of (n, d) whose second nearest other row is more than three times as far as is usual; from five rows on.

    Examples:
        >>> unlike_the_others(np.array([[0.0], [0.1], [0.2], [0.3], [9.0]]))
        [4]
    """
    if len(descriptors) < 5:
        return []
    near = np.array([np.partition(row, 2)[2] for row in _distances(descriptors)])
    return [int(clip) for clip in np.flatnonzero(near > 3 * np.median(near) + 1e-9)]


def _duplicates(glances: Sequence[Glance]) -> list[Hint]:
    if len(glances) < 2:
        return []
    rows = np.stack([_moments(one) for one in glances])
    names = Counter(one.path.name for one in glances)
    found = []
    for clip, row in enumerate(_distances(rows)):
        near = np.flatnonzero(row[:clip] / np.sqrt(rows.shape[1]) < 5)
        length = glances[clip].duration
        same = [other for other in near.tolist() if abs(glances[other].duration - length) < 0.05 * length]
        if same:
            first = glances[same[0]].path
            seen = f"nearly the same pictures as {first.name if names[first.name] == 1 else Path(*first.parts[-2:])}"
            found.append(Hint(glances[clip].path, "duplicate", seen, "keep one of them"))
    return found


def _moments(glance: Glance) -> NDArray[np.float32]:
    """Evenly spaced pictures of a clip, by blocks of 2 x 2 pixels."""
    chosen = glance.pixels[np.linspace(0, len(glance.pixels) - 1, _MOMENTS).round().astype(int)]
    height, width = GLANCE_SIZE
    blocks = chosen.reshape(_MOMENTS, height // 2, 2, width // 2, 2, 3).astype(np.float32)
    return np.asarray(blocks.mean(axis=(2, 4)).reshape(-1), dtype=np.float32)


def _slow(glances: Sequence[Glance], tempos: Sequence[float | None] | None = None) -> list[Hint]:
    """Clips that last longer and move more slowly than the others: both, as their product is the tempo.

    So are those that last longer and whose alignments say so. What only lasts much longer may show more than once.
    """
    if len(glances) < 4:
        return []
    pace = np.log([max(_pace(_pictures(one), one.duration), 1e-6) for one in glances])
    length = np.log([max(one.duration, 1e-6) for one in glances])
    longer, slower = length - np.median(length), np.median(pace) - pace
    aligned = np.array([math.nan if not tempo else math.log(tempo) for tempo in tempos or [None] * len(glances)])
    if np.isfinite(aligned).any():
        aligned = np.nan_to_num(aligned - np.nanmedian(aligned), nan=-math.inf)
    lasting, moving = longer > _LONGER, (longer + slower > _SLOW) & (slower > _SLOWER)
    slow: list[int] = np.flatnonzero((moving | (aligned > _ALIGNED)) & lasting).tolist()
    long: list[int] = np.flatnonzero((longer > _LONG) & ~moving & ~(aligned > _ALIGNED)).tolist()
    return [
        Hint(
            glances[clip].path,
            "slow motion",
            f"{math.exp(longer[clip]):.1f} times as long as usual and "
            + (
                f"moves {math.exp(slower[clip]):.1f} times as slowly"
                if moving[clip]
                else f"takes {math.exp(aligned[clip]):.1f} times as long for the same"
            ),
            "slow motion aligns, but better sped up",
        )
        for clip in slow
    ] + [
        Hint(
            glances[clip].path,
            "long",
            f"{math.exp(longer[clip]):.1f} times as long as usual, at no slower pace",
            "cut it if it shows the activity more than once, or another one",
        )
        for clip in long
    ]


def _pace(vectors: NDArray[np.floating], duration: float) -> float:
    """Change a second, where neighbouring pictures differ by more than noise."""
    if len(vectors) < 2 or duration <= 0:
        return 0.0
    return float(np.abs(np.diff(vectors, axis=0)).mean() * (len(vectors) - 1) / duration)


def _mirrored(glances: Sequence[Glance]) -> list[Hint]:
    """Clips that fit the others better when they are flipped; at most a quarter of them, in a folder that agrees.

    Two maps are tried, where things are and where movement is: of a camera that stands still the first tells more, of
    one that is somewhere else each time the second. The one by which the clips agree best decides.
    """
    if len(glances) < 4:
        return []
    best: tuple[float, list[int]] = (_AGREED, [])
    for of in (_scene, _movement):
        turned, gain = _flipped(np.stack([of(one.pixels) for one in glances]))
        agreed = float(np.quantile(np.where(turned == (gain > 0), np.abs(gain), -np.abs(gain)), 0.25))
        sure: list[int] = np.flatnonzero(turned & (np.abs(gain) > _MIRRORED)).tolist()
        if agreed > best[0]:
            best = agreed, sure if turned.sum() <= len(turned) / 4 else []
    advice = "train with --set views.flip=true --set copies=3, or mirror it"
    return [Hint(glances[clip].path, "mirrored", "seems to be mirrored against the others", advice) for clip in best[1]]


def _flipped(maps: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which maps (n, h, w, ...) are flipped against most, and how much better each fits when flipped: (n,) each."""
    column = (-1, *[1] * (maps.ndim - 1))
    sizes = np.linalg.norm(maps.reshape(len(maps), -1), axis=1)
    maps = maps / np.maximum(sizes, 1e-9).reshape(column)
    flipped = maps[:, :, ::-1]
    turned = np.zeros(len(maps), dtype=bool)
    gain = np.zeros(len(maps))
    for _ in range(10):
        total = np.where(turned.reshape(column), flipped, maps)
        for clip in range(len(maps)):
            others = (total.sum(axis=0) - total[clip]).ravel()
            gain[clip] = _fit(flipped[clip], others) - _fit(maps[clip], others)
        if (turned == (gain > 0)).all():
            break
        turned = gain > 0
    return (~turned, -gain) if turned.sum() > len(turned) / 2 else (turned, gain)


def _scene(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(12, 16, 3) the mean picture, less its mean colour."""
    shown = pixels.astype(np.float64).mean(axis=0)
    return np.asarray(shown - shown.mean(axis=(0, 1)), dtype=np.float64)


def _movement(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(12, 16) how much the brightness of each pixel changes, less the mean."""
    grey = pixels.astype(np.float64).mean(axis=3)
    spread = grey.std(axis=0)
    return np.asarray(spread - spread.mean(), dtype=np.float64)


def _fit(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    size = np.linalg.norm(one) * np.linalg.norm(other)
    return float(one.ravel() @ other / size) if size > 0 else 0.0


def _pictures(glance: Glance) -> NDArray[np.float32]:
    return glance.pixels.reshape(len(glance.pixels), -1).astype(np.float32)


def _distances(rows: NDArray[np.floating]) -> Iterator[NDArray[np.float32]]:
    """Euclidean distances of each row to all, a row at a time; memory grows with n, not with its square."""
    centred = (rows - rows.mean(axis=0)).astype(np.float32)
    square = np.einsum("nd,nd->n", centred, centred)
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        yield from np.sqrt(np.maximum(0, square[part, None] + square - 2 * centred[part] @ centred.T))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}"
