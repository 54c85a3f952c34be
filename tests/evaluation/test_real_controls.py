"""On a real set, the control that sees no picture scores what other people's code of the same protocol gave it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from syncline.data import Video, VideoSet, read_manifest, read_recuts
from syncline.evaluation.controls import time_only
from syncline.evaluation.evaluate_encoder import measure
from syncline.evaluation.event_transfer import label_floor
from syncline.evaluation.protocols import Clip, Protocol


def _clips(videos: VideoSet, stride: int) -> tuple[Clip, ...]:
    return tuple(_clip(video, stride) for video in videos)


def _clip(video: Video, stride: int) -> Clip:
    """Without features: the control needs none."""
    assert video.phases is not None
    frames = np.arange(0, video.num_frames, stride) if video.frames is None else video.frames
    places = np.arange(len(frames), dtype=np.float64)
    seconds = frames / video.frame_rate
    return Clip(
        video.name, video.source, video.source, np.zeros((len(frames), 1)), places, video.phases[frames], seconds
    )


@pytest.mark.data
@pytest.mark.slow
def test_time_only_on_whole_and_retimed_clips(real_data: Path) -> None:
    videos = read_manifest(real_data / "g1_bottle" / "annotations.csv")
    recuts = read_recuts(real_data / "g1_bottle" / "retimed.csv", videos)
    expected = {"whole": (78.4, 72.8, 97.7, 99.9), "retimed": (51.6, 45.0, 83.8, 99.6)}
    for name, source, stride in (("whole", videos, 4), ("retimed", recuts, 1)):
        val = _clips(source.split("val"), stride)
        dense = _clips(source.split("val"), 1)
        protocol = Protocol(name, _clips(source.split("train"), stride), val, dense)
        row = measure(time_only, protocol, num_phases=videos.num_phases, draws=2)
        got = [100 * row[key] for key in ("class100", "ap5", "progression", "tau")]
        # the numbers of the earlier trials are of one run each, given as "about"
        assert got == pytest.approx(expected[name], abs=2.0), (name, got)
        assert row["class10"] <= row["class100"] + 0.02
        assert len(row["per_source"]["ap5"]) == 20


@pytest.mark.data
def test_floor_of_other_labels(real_data: Path) -> None:
    """The set's description: another rule moves an event by up to 6 frames (median), 13 (90th percentile)."""
    place = real_data / "g1_bottle"
    own = read_manifest(place / "annotations.csv")
    times = [np.arange(video.num_frames) / video.frame_rate for video in own]
    for name in ("early", "late"):
        other = read_manifest(place / f"annotations_{name}.csv")
        floor = label_floor([v.phases for v in own], [v.phases for v in other], times)
        assert 0 < floor["median"] <= 6.5 / 30
        assert floor["p90"] <= 14 / 30
