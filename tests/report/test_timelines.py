"""Editor timelines, opened again by OpenTimelineIO: every moment of the common time shows the right one of a film."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncline.errors import SynclineError
from syncline.report.timelines import TimelineFilm, make_timeline, pieces_of, write_timeline

otio = pytest.importorskip("opentimelineio")
SECONDS = np.arange(0, 10, 0.1)
WARPED = np.where(SECONDS < 5, SECONDS + 1, 6 + 2 * (SECONDS - 5))
WARPED[(SECONDS > 7) & (SECONDS < 8)] = np.nan


def film(name: str, positions: np.ndarray, *events: tuple[str, float, str], rate: float = 30.0) -> TimelineFilm:
    return TimelineFilm(name, Path("/films") / name, 20.0, rate, positions, events)


def shown(track: object, frame: int) -> float | None:
    """Second of the film on display at a frame of the timeline, as an editor plays the track."""
    at = 0
    for item in track:  # type: ignore[attr-defined]
        length = round(item.duration().value)
        if at <= frame < at + length:
            if isinstance(item, otio.schema.Gap):
                return None
            effects = [e for e in item.effects if isinstance(e, otio.schema.LinearTimeWarp)]
            speed = effects[0].time_scalar if effects else 1.0
            start = item.source_range.start_time
            return float((start.value + speed * (frame - at)) / start.rate)
        at += length
    return None


def assert_shows(track: object, seconds: np.ndarray, positions: np.ndarray, rate: float) -> None:
    frames = range(1, round(float(seconds[-1] - seconds[0]) * rate) - 1)
    for frame in frames:
        moment = seconds[0] + frame / rate
        k = int(np.searchsorted(seconds, moment, side="right")) - 1
        found = shown(track, frame)
        if np.isnan(positions[max(k - 1, 0) : k + 3]).any():
            continue  # at the border of a gap, which a whole frame may move
        assert found is not None
        steepest = max(1.0, float(np.nanmax(np.abs(np.diff(positions) / np.diff(seconds)))))
        assert abs(found - np.interp(moment, seconds, positions)) <= (1 + steepest) / rate


def test_a_project_of_two_films_comes_back(tmp_path: Path) -> None:
    films = [film("a.mp4", SECONDS, ("grasp", 2.0, "by hand")), film("b c.mp4", WARPED, ("lift", 7.0, "carried"))]
    files = write_timeline(tmp_path / "x.otio", SECONDS, films)
    timeline = otio.adapters.read_from_file(str(files[0]))
    assert [track.name for track in timeline.tracks] == ["a.mp4", "b c.mp4"]
    for track, own in zip(timeline.tracks, films, strict=True):
        assert round(track.duration().value) == round(9.9 * 30)
        assert_shows(track, SECONDS, own.positions, 30.0)
    assert shown(timeline.tracks[1], round(7.5 * 30)) is None
    clips = list(timeline.find_clips())
    assert clips[0].media_reference.target_url == "file:///films/a.mp4"
    assert clips[0].media_reference.available_range.duration.to_seconds() == pytest.approx(20)
    marks = [(mark.name, mark.marked_range.start_time.to_seconds(), mark.metadata["syncline"]["remark"])
             for clip in clips for mark in clip.markers]  # fmt: skip
    assert marks == [("grasp", 2.0, "by hand"), ("lift", 7.0, "carried")]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([24.0, 25.0, 29.97, 30.0, 59.94]))
def test_any_monotone_path_is_followed(seed: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    seconds = np.arange(60) / 7.5
    positions = np.cumsum(rng.uniform(0, 0.3, 60))
    positions[rng.integers(0, 60) :][: int(rng.integers(0, 20))] = np.nan
    track = make_timeline(seconds, [film("a.mp4", positions, rate=rate)]).tracks[0]
    real = track.duration().rate
    assert abs(real - rate) < 0.05
    assert round(track.duration().value) == round(float(seconds[-1]) * real)
    assert_shows(track, seconds, positions, real)


def test_a_freeze_is_a_freeze_frame() -> None:
    still = np.minimum(SECONDS, 4.0)
    track = make_timeline(SECONDS, [film("a.mp4", still)]).tracks[0]
    assert isinstance(track[-1].effects[0], otio.schema.FreezeFrame)
    assert shown(track, 250) == pytest.approx(4.0, abs=1 / 30)


def test_pieces_are_few_and_within_the_tolerance() -> None:
    pieces = pieces_of(SECONDS, WARPED, 1 / 30)
    assert [round(piece.speed, 6) for piece in pieces] == [1.0, 2.0, 2.0]


def test_an_edl_for_each_film_comes_back(tmp_path: Path) -> None:
    films = [film("a.mp4", SECONDS), film("b.mp4", WARPED, ("lift", 7.0, ""))]
    files = write_timeline(tmp_path / "x.edl", SECONDS, films)
    assert [path.name for path in files] == ["x-1-a.edl", "x-2-b.edl"]
    timeline = otio.adapters.read_from_file(str(files[1]), rate=30)
    assert_shows(timeline.tracks[0], SECONDS, WARPED, 30.0)
    assert [mark.name for clip in timeline.find_clips() for mark in clip.markers] == ["LIFT"]
    text = files[1].read_text()
    twice = re.search(r"(\S+) (\S+) (\S+) (\S+)\nM2   bmp4     060\.0 ", text)
    assert twice is not None, "the reel of the event, and frames a second"
    begin, end, shown_from, shown_until = (otio.opentime.from_timecode(code, 30).to_frames() for code in twice.groups())
    assert end - begin == 2 * (shown_until - shown_from), "at twice the speed twice as much of the source"


@pytest.mark.parametrize(("rate", "usual"), [(15.0, 30.0), (12.5, 25.0), (8.0, 24.0), (29.97, 30000 / 1001)])
def test_frames_of_slow_films_last_whole_frames(rate: float, usual: float) -> None:
    assert make_timeline(SECONDS, [film("a.mp4", SECONDS, rate=rate)]).tracks[0].duration().rate == usual


def test_fcpxml_holds_cuts_and_refuses_speeds(tmp_path: Path) -> None:
    cut = np.where(SECONDS < 5, SECONDS + 2, np.nan)
    files = write_timeline(tmp_path / "x.fcpxml", SECONDS, [film("a.mp4", SECONDS), film("b.mp4", cut)])
    timeline = otio.adapters.read_from_file(str(files[0]))
    timeline = timeline if hasattr(timeline, "tracks") else timeline[0]
    assert {clip.name for clip in timeline.find_clips()} == {"a.mp4", "b.mp4"}
    starts = {clip.name: clip.source_range.start_time.to_seconds() for clip in timeline.find_clips()}
    assert starts == {"a.mp4": pytest.approx(0), "b.mp4": pytest.approx(2)}
    with pytest.raises(SynclineError, match=r"no changes of speed into FCPXML, and b\.mp4 has some"):
        write_timeline(tmp_path / "y.fcpxml", SECONDS, [film("a.mp4", SECONDS), film("b.mp4", WARPED)])
    assert not (tmp_path / "y.fcpxml").exists()


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SynclineError, match=r"expected one of \.otio, \.fcpxml, \.edl"):
        write_timeline(tmp_path / "x.mov", SECONDS, [film("a.mp4", SECONDS)])
    with pytest.raises(SynclineError, match="two instants"):
        make_timeline(SECONDS[:1], [film("a.mp4", SECONDS[:1])])
