"""Films of what is seen carry the sound that one hears: A's cut to the part, B's at the pace of its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bars import bar_code
from viewing import make_library
from walks import walk

from syncline.tasks import align
from syncline.video import VideoWriter
from syncline.video.sound import Sound, read_sound
from syncline.viewer.compare_film import Look, write_film

RATE = 48_000


def sounding(path: Path, frames: int, tone_from: float) -> None:
    """A film of 30 frames a second that hums from some second on."""
    at = np.arange(frames * RATE // 30) / RATE
    hum = np.where(at >= tone_from, 0.5 * np.sin(2 * np.pi * 440 * at), 0.0).astype(np.float32)
    with VideoWriter(path, height=48, width=96, rate=30, sound=Sound(np.stack([hum, hum]), RATE)) as writer:
        for k in range(frames):
            writer.write(bar_code(k, 48, 96), k / 30)


def begins(path: Path) -> float | None:
    """When a film begins to hum."""
    sound = read_sound(path, mono=True)
    if sound is None:
        return None
    level = np.abs(sound.samples[0][: len(sound.samples[0]) // 480 * 480]).reshape(-1, 480).max(axis=1)
    return float(np.flatnonzero(level > 0.1)[0]) / 100


@pytest.mark.parametrize(("sound", "expected"), [("a", 0.5), ("b", 1.0), ("", None)])
def test_the_sound_goes_with_its_pictures(tmp_path: Path, sound: str, expected: float | None) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    sounding(folder / "a.mp4", 90, 1.0)
    sounding(folder / "b.mp4", 180, 3.0)  # half as fast: its third second is A's 1.5
    library = make_library(folder, tmp_path / "work")
    pair = walk(np.linspace(0, 1, 90), "a", rate=30.0), walk(np.linspace(0, 1, 180), "b", rate=30.0)
    alignment = align(*pair, mode="global", verdict=False)
    write_film(library, (0, 1), alignment, tmp_path / "out.mp4", look=Look(height=120), part=(0.5, 2.9), sound=sound)
    found = begins(tmp_path / "out.mp4")
    assert found == (None if expected is None else pytest.approx(expected, abs=0.12))
