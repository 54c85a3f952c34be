"""Sound of a video as samples on the time of its pictures, and sound at another speed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.video.picture_streams import opened, reason
from syncline.video.reader import VideoReader

RATE = 48_000
_WINDOW = 2048  # samples of a piece that is moved as a whole
_HOP = _WINDOW // 2
_REACH = 512  # samples by which a piece may be moved to fit what is heard before it


@dataclass(frozen=True, eq=False)
class Sound:
    """Samples of the sound of a video.

    Attributes:
        samples: (channels, n) float32 in [-1, 1]; the first one belongs to second 0. rate: samples a second.
    """

    samples: NDArray[np.float32]
    rate: int

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[1] / self.rate)


def read_sound(path: str | Path, *, rate: int = RATE, mono: bool = False) -> Sound | None:
    """The first sound stream of a video, from its first picture on; silence where it begins later.

    Args:
        path: the video. rate: samples a second to convert to. mono: mix the channels; otherwise two.

    Returns:
        The sound, None of a video without any.

    Raises:
        SynclineError: no video, or sound that cannot be decoded at all.
    """
    reader = VideoReader(path)
    if not reader.has_audio:
        return None
    resampler = av.AudioResampler(format="fltp", layout="mono" if mono else "stereo", rate=rate)
    parts: list[NDArray[np.float32]] = []
    begin: float | None = None
    with opened(reader.path) as container:
        stream = container.streams.audio[0]
        try:
            for packet in container.demux(stream):
                for frame in packet.decode():
                    if begin is None:
                        begin = float(frame.pts * frame.time_base) if frame.pts is not None else 0.0
                    parts += [np.asarray(out.to_ndarray(), np.float32) for out in resampler.resample(frame)]
            parts += [np.asarray(out.to_ndarray(), np.float32) for out in resampler.resample(None)]
        except av.error.FFmpegError as error:
            if not parts:
                raise SynclineError(f"{path}: its sound cannot be decoded ({reason(error)})") from error
    if begin is None or not parts:
        return None
    samples = np.concatenate(parts, axis=1)
    shift = round((begin - reader.first_pts_seconds) * rate)
    if shift >= 0:
        return Sound(np.pad(samples, ((0, 0), (shift, 0))), rate)
    return Sound(np.ascontiguousarray(samples[:, -shift:]), rate)


def retimed(sound: Sound, moments: NDArray[np.float64], frame_rate: float) -> Sound:
    """Sound that goes along with pictures shown at other times: as fast, not higher or deeper; silent while they stand.

    Pieces are taken from where the pictures are and moved by up to 11 ms so that they fit what is heard before them
    (waveform similarity overlap-add; Verhelst and Roelands, ICASSP 1993). At the video's own pace it is the sound
    itself.

    Args:
        sound: of the video. moments: (k,) seconds of the video shown one after the other, ascending.
        frame_rate: how many of them a second.
    """
    at = np.arange(len(moments)) / frame_rate
    length = round(len(moments) / frame_rate * sound.rate)
    source = np.pad(sound.samples, ((0, 0), (_WINDOW, 2 * _WINDOW)))
    mixed = source.mean(axis=0)
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    made = np.zeros((len(source), length + 2 * _WINDOW), np.float32)
    natural = -1
    for start in range(0, length + _HOP, _HOP):
        second, pace = _at(at, moments, start / sound.rate, frame_rate)  # of the middle of the piece
        wanted = round(second * sound.rate) - _HOP + _WINDOW
        if pace < 0.05 or wanted < 0 or wanted > source.shape[1] - 2 * _WINDOW:
            natural = -1
            continue
        taken = wanted if natural < 0 else natural
        if abs(taken - wanted) > _REACH:
            taken = _best(mixed, natural, wanted)
        made[:, start : start + _WINDOW] += window * source[:, taken : taken + _WINDOW]
        natural = taken + _HOP
    return Sound(np.ascontiguousarray(made[:, _HOP : _HOP + length]), sound.rate)


def _at(at: NDArray[np.float64], moments: NDArray[np.float64], second: float, frame_rate: float) -> tuple[float, float]:
    """The moment of the video at a second of the film, and the pace there; after the last frame, as at its end."""
    last = float(at[-1])
    here, soon = (float(np.interp(when, at, moments)) for when in (second, second + 2 / frame_rate))
    if second > last - 2 / frame_rate:
        return here + max(0.0, second - last), 1.0
    return here, (soon - here) * frame_rate / 2


def _best(mixed: NDArray[np.float32], natural: int, wanted: int) -> int:
    """Where, near the wanted sample, the sound continues best what was heard."""
    first = max(0, wanted - _REACH)
    last = min(len(mixed) - _WINDOW, wanted + _REACH)
    pattern = mixed[natural : natural + _WINDOW]
    if len(pattern) < _WINDOW or last <= first:
        return wanted
    fits = np.correlate(mixed[first : last + _WINDOW : 4], pattern[::4], mode="valid")
    return first + 4 * int(np.argmax(fits))


def encode_sound(container: Any, stream: Any, sound: Sound) -> None:
    """Write samples into a sound stream of an open container."""
    layout = "mono" if len(sound.samples) == 1 else "stereo"
    for start in range(0, sound.samples.shape[1], 1024):
        block = np.ascontiguousarray(sound.samples[:, start : start + 1024].clip(-1, 1))
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = sound.rate, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
