"""Several recordings of one event by their sound: offset and drift, with how sure they are.

Notable choices:
- What is compared is when sounds begin in eight bands of pitch (onset envelopes at 250 a second), which survives other
  microphones, noise as loud as the sound, and recorders whose time runs up to 7 % apart.
- Short pieces of A are looked for in all of B at a grid of rates; the rate and offset on which most pieces agree are
  then refined by a line through the places of the pieces, fitted so that strays do not count.
- The intervals come from how far the pieces lie from that line. A drift within its interval of none is said to be none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.tasks.robust_line import robust_line
from syncline.video.sound import Sound, read_sound

ENVELOPE_RATE = 250
SOUND_RATE = 16_000
MOST_DRIFT = 0.07
_BANDS = 8
_WINDOW = 512
_PIECES = 24
_NEAR = 0.03  # seconds within which pieces agree
_LEAST = 1e-4  # seconds that pieces are held to lie off the line at least; this and the next: benchmarks/sound.py
_GRAIN = 6e-5  # seconds that no number of pieces makes better
_ASIDE = 0.5  # seconds to either side of the line in which a piece must not fit better
_CHANCE = 0.25  # share of the pieces that agree between strangers, whose best line is chosen among many
_DOUBT = 0.02  # chance of as many by that share, above which the two are strangers

Envelope = NDArray[np.float64]


@dataclass(frozen=True)
class SoundOffset:
    """second of B = offset + rate * second of A.

    Attributes:
        offset: seconds. offset_within: half of its 90 % interval, in seconds, where A begins.
        rate: how fast B's time runs. rate_within: half of its 90 % interval.
        agreement: share of the pieces of A that lie on the line.
    """

    offset: float
    offset_within: float
    rate: float
    rate_within: float
    agreement: float

    @property
    def drifts(self) -> bool:
        """Whether the drift is distinguishable from none."""
        return abs(self.rate - 1) > self.rate_within


def sound_offset(a: str | Path | Sound, b: str | Path | Sound) -> SoundOffset:
    """Offset and drift of two recordings of one event from their sound.

    Args:
        a, b: videos, or their sound (of one channel at `SOUND_RATE`).

    Raises:
        SynclineError: no sound, less than three seconds of it, or sounds that have nothing in common.
    """
    one, other = (onset_envelope(_sound_of(video)) for video in (a, b))
    if min(one.shape[1], other.shape[1]) < 3 * ENVELOPE_RATE:
        raise SynclineError("sound can be compared from three seconds on; one of the two is shorter")
    shared = min(one.shape[1], other.shape[1]) / ENVELOPE_RATE
    length = float(np.clip(shared / 4, 1.5, 8.0))
    starts = np.linspace(0, max(0.0, one.shape[1] / ENVELOPE_RATE - length), _PIECES)
    short = float(np.clip(shared / 12, 1.0, 8.0))  # enough where it is known where a piece must be
    rate, offset = _vote(one, other, starts, length)
    for pieces, seconds, search in (
        (starts, length, 0.06),
        (starts, length, 0.03),
        *[(_pieces(one.shape[1] / ENVELOPE_RATE, short), short, 0.02)] * 3,
    ):
        at_a, at_b, weight = _measured(one, other, pieces, seconds, rate, offset, search)
        if len(at_a) < 3:
            raise SynclineError("their sound has nothing in common")
        line = robust_line(at_a, at_b, weight, least=_LEAST, grain=_GRAIN)
        rate, offset = line.slope, line.level
    fitting, tested = _agreeing(one, other, pieces, short, rate, offset)
    if _by_chance(fitting, tested) > _DOUBT:
        raise SynclineError("their sound has nothing in common")
    return SoundOffset(offset, line.level_within, rate, line.slope_within, fitting / tested)


def onset_envelope(sound: Sound) -> Envelope:
    """When sounds begin, in bands of pitch: (8, k) at `ENVELOPE_RATE`, each of mean 0 and deviation 1.

    Args:
        sound: one channel at `SOUND_RATE`.
    """
    hop = SOUND_RATE // ENVELOPE_RATE
    samples = np.pad(sound.samples[0].astype(np.float32), _WINDOW // 2)
    count = max(0, (len(samples) - _WINDOW) // hop + 1)
    edges = np.unique(np.geomspace(4, _WINDOW // 2, _BANDS + 1).round().astype(int))
    window = np.hanning(_WINDOW).astype(np.float32)
    energy = np.empty((len(edges) - 1, count), np.float32)
    for first in range(0, count, 4096):  # so that an hour needs no gigabytes
        rows = np.arange(first, min(first + 4096, count))
        frames = samples[rows[:, None] * hop + np.arange(_WINDOW)] * window
        power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
        for band, (low, high) in enumerate(pairwise(edges.tolist())):
            energy[band, rows] = power[:, low:high].sum(axis=1)
    level = np.log(energy + 1e-3 * energy.mean(axis=1, keepdims=True) + 1e-12)
    rise = np.maximum(0.0, np.diff(level, axis=1, prepend=level[:, :1])).astype(np.float64)
    smooth = np.apply_along_axis(np.convolve, 1, rise, np.hanning(7)[1:-1] / np.hanning(7).sum(), "same")
    smooth -= smooth.mean(axis=1, keepdims=True)
    return np.asarray(smooth / np.maximum(smooth.std(axis=1, keepdims=True), 1e-9))


def _sound_of(given: str | Path | Sound) -> Sound:
    if isinstance(given, Sound):
        return given
    sound = read_sound(given, rate=SOUND_RATE, mono=True)
    if sound is None:
        raise SynclineError(f"{given}: has no sound")
    return sound


def _pieces(duration: float, length: float) -> NDArray[np.float64]:
    """Beginnings of pieces that do not overlap, so that their errors are independent."""
    return np.asarray(np.arange(max(3, int(duration / length))) * length, dtype=np.float64)


def _stretched(envelope: Envelope, start: float, length: float, rate: float) -> Envelope:
    """A piece as it is in a recording whose time runs at that rate."""
    count = max(8, round(length * rate * ENVELOPE_RATE))
    at = start * ENVELOPE_RATE + np.arange(count) / rate
    grid = np.arange(envelope.shape[1])
    return np.stack([np.interp(at, grid, row, right=0.0) for row in envelope])


def _vote(one: Envelope, other: Envelope, starts: NDArray[np.float64], length: float) -> tuple[float, float]:
    """(rate, offset) on which most pieces agree."""
    size = 1 << (other.shape[1] + int(length * 1.1 * ENVELOPE_RATE)).bit_length()
    spectrum = np.fft.rfft(other, size, axis=1)
    step = min(0.004, 0.5 * _NEAR / length)
    best = (-math.inf, 1.0, 0.0)
    for rate in 1 + np.arange(-math.ceil(MOST_DRIFT / step), math.ceil(MOST_DRIFT / step) + 1) * step:
        offsets, heights = [], []
        for start in starts.tolist():
            piece = _stretched(one, start, length, float(rate))
            found = np.fft.irfft((spectrum * np.conj(np.fft.rfft(piece, size, axis=1))).sum(axis=0), size)
            found = found[: other.shape[1]]
            peak = int(np.argmax(found))
            offsets.append(peak / ENVELOPE_RATE - rate * start)
            heights.append(float((found[peak] - found.mean()) / max(found.std(), 1e-9)))
        for offset in offsets:
            near = np.abs(np.array(offsets) - offset) < 2 * _NEAR
            votes = float((np.array(heights)[near] ** 2).sum())
            if votes > best[0]:
                best = votes, float(rate), float(np.average(np.array(offsets)[near], weights=np.array(heights)[near]))
    return best[1], best[2]


def _measured(
    one: Envelope,
    other: Envelope,
    pieces: NDArray[np.float64],
    length: float,
    rate: float,
    offset: float,
    search: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Middles of pieces in A, where they are in B to a fraction of a sample, and how clearly: (k,) each."""
    reach = round(search * ENVELOPE_RATE)
    rows = []
    for start in pieces.tolist():
        piece = _stretched(one, start, length, rate)
        expected = (offset + rate * start) * ENVELOPE_RATE
        whole = round(expected)
        first, last = whole - reach, whole + reach + piece.shape[1]
        if first < 0 or last > other.shape[1]:
            continue
        part = other[:, first:last]
        fits = np.array([(piece * part[:, shift : shift + piece.shape[1]]).sum() for shift in range(2 * reach + 1)])
        top = int(np.argmax(fits))
        if not 0 < top < 2 * reach or fits[top] <= 0:
            continue
        before, peak, after = fits[top - 1], fits[top], fits[top + 1]
        exact = top + 0.5 * (before - after) / min(before - 2 * peak + after, -1e-9)
        middle = start + length / 2
        rows.append((middle, (first + exact) / ENVELOPE_RATE + rate * length / 2, peak / piece.size))
    table = np.array(rows).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _agreeing(
    one: Envelope, other: Envelope, pieces: NDArray[np.float64], length: float, rate: float, offset: float
) -> tuple[int, int]:
    """How many pieces fit nowhere within half a second of the line better than on it, and of how many."""
    expected = offset + rate * pieces
    tested = (expected >= _ASIDE) & (expected <= other.shape[1] / ENVELOPE_RATE - rate * length - _ASIDE)
    if tested.sum() < 3:
        tested = np.ones(len(pieces), dtype=bool)
    at_a, at_b, _ = _measured(one, other, pieces[tested], length, rate, offset, _ASIDE)
    return int((np.abs(at_b - offset - rate * at_a) < _NEAR).sum()), int(tested.sum())


def _by_chance(fitting: int, tested: int) -> float:
    """Probability that so many pieces of strangers or more agree: a binomial tail."""
    ways = range(fitting, tested + 1)
    return sum(math.comb(tested, k) * _CHANCE**k * (1 - _CHANCE) ** (tested - k) for k in ways)
