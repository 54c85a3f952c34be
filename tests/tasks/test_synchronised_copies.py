"""Copies on the common timeline: equally many frames at one rate, the right ones, none black; sound goes along."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from bars import bar_code, read_bar_code, write_bar_codes
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.tasks import Timeline
from syncline.tasks.synchronised_copies import write_copies
from syncline.video import VideoReader, find_videos
from syncline.video.sound import Sound, read_sound, retimed

RATE = 48_000
Seconds = NDArray[np.float64]


def timeline(
    positions: np.ndarray[Any, np.dtype[np.float64]], seconds: np.ndarray[Any, np.dtype[np.float64]]
) -> Timeline:
    names = tuple(str(k) for k in range(len(positions)))
    return Timeline(names, seconds, positions, "0", np.zeros(len(names)), np.ones(len(names)))


def numbers(path: Path) -> list[int]:
    reader = VideoReader(path)
    return [read_bar_code(picture) for picture in reader.frames(range(len(reader))).pixels]


def test_retimed_copies_show_the_moment_of_the_timeline(tmp_path: Path) -> None:
    files = [write_bar_codes(tmp_path / f"{k}.mp4", 120) for k in range(3)]
    seconds = np.arange(16) / 5
    late = np.where(seconds < 1, np.nan, seconds - 1)
    written = write_copies(files, timeline(np.stack([seconds, seconds / 2, late]), seconds), tmp_path / "copies")
    found = [numbers(path) for path in written]
    assert [len(one) for one in found] == [91] * 3
    assert found[0] == list(range(91))
    assert found[1] == [k // 2 for k in range(91)]
    assert found[2][:30] == [0] * 30  # it waits at its first picture, which is not black
    assert found[2][36:] == list(range(6, 61))
    for path in written:
        reader = VideoReader(path)
        assert (reader.frame_rate, reader.height, reader.width) == (pytest.approx(30), 48, 96)
    assert find_videos(tmp_path) == files  # copies are results, and no videos of the folder


def test_cut_copies_keep_their_pace_and_begin_together(tmp_path: Path) -> None:
    files = [write_bar_codes(tmp_path / "0.mp4", 100), write_bar_codes(tmp_path / "1.mov", 60)]
    seconds = np.arange(30) / 10
    second = np.where(seconds < 0.5, np.nan, seconds - 0.5)
    written = write_copies(files, timeline(np.stack([seconds, second]), seconds), tmp_path / "copies", kind="cut")
    assert [path.name for path in written] == ["0.mp4", "1.mov.mp4"]
    assert [numbers(path) for path in written] == [list(range(15, 75)), list(range(60))]
    never = np.stack([np.where(seconds < 1, seconds, np.nan), np.where(seconds < 1, np.nan, seconds)])
    with pytest.raises(SynclineError, match="no moment that all of them show"):
        write_copies(files, timeline(never, seconds), tmp_path / "none", kind="cut")


def tone(seconds: float, hertz: float) -> Sound:
    at = np.arange(round(seconds * RATE)) / RATE
    return Sound((0.5 * np.sin(2 * np.pi * hertz * at))[None].astype(np.float32), RATE)


def pitch(samples: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * RATE / len(samples)


@pytest.mark.parametrize("pace", [0.5, 0.8, 1.0, 1.25, 2.0])
def test_sound_keeps_its_pitch_at_any_pace(pace: float) -> None:
    moments = np.arange(60) / 30 * pace
    made = retimed(tone(5.0, 440.0), moments, 30.0)
    assert made.duration == pytest.approx(2.0, abs=1e-3)
    inside = made.samples[0, RATE // 4 : -RATE // 4]
    assert pitch(inside) == pytest.approx(440, rel=0.02)
    assert np.sqrt((inside**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.15)


def test_at_its_own_pace_sound_stays_as_it_is() -> None:
    rng = np.random.default_rng(0)
    given = Sound(rng.normal(0, 0.1, (2, 3 * RATE)).astype(np.float32), RATE)
    made = retimed(given, 0.5 + np.arange(45) / 30, 30.0)
    kept = slice(4096, made.samples.shape[1] - 4096)
    np.testing.assert_allclose(made.samples[:, kept], given.samples[:, RATE // 2 :][:, kept], atol=1e-5)


def test_sound_is_silent_while_the_picture_stands() -> None:
    moments = np.concatenate([np.arange(30) / 30, np.full(30, 1.0), 1 + np.arange(30) / 30])
    made = retimed(tone(3.0, 300.0), moments, 30.0)
    assert np.abs(made.samples[0, int(1.2 * RATE) : int(1.8 * RATE)]).max() < 1e-3
    assert np.abs(made.samples[0, int(2.2 * RATE) : int(2.8 * RATE)]).max() > 0.3


def test_copies_keep_their_sound_when_asked(tmp_path: Path) -> None:
    """A click at the picture 30 of 60 is heard with that picture, at half the pace too."""
    film = tmp_path / "0.mp4"
    with av.open(str(film), "w") as container:
        video: Any = container.add_stream("libx264", rate=30)
        video.height, video.width, video.pix_fmt = 48, 96, "yuv420p"
        sound: Any = container.add_stream("aac", rate=RATE)
        sound.layout = "mono"
        for number in range(60):
            container.mux(video.encode(av.VideoFrame.from_ndarray(bar_code(number, 48, 96), format="rgb24")))
        container.mux(video.encode(None))
        samples = np.zeros((1, 2 * RATE), np.float32)
        samples[0, RATE : RATE + 960] = 0.8 * np.sin(np.arange(960))
        for start in range(0, 2 * RATE, 1024):
            frame = av.AudioFrame.from_ndarray(samples[:, start : start + 1024].copy(), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    silent = write_bar_codes(tmp_path / "1.mp4", 60)
    seconds = np.arange(40) / 10
    halved = timeline(np.stack([seconds / 2, seconds / 2]), seconds)
    both = write_copies([film, silent], halved, tmp_path / "c", sound=True)
    heard = read_sound(both[0], mono=True)
    assert heard is not None
    loud = np.flatnonzero(np.abs(heard.samples[0]) > 0.2) / RATE
    assert loud[0] == pytest.approx(2.0, abs=0.05)
    assert numbers(both[0])[60] == 30
    assert read_sound(both[1]) is None
