"""Films: every frame is the one that the path names, told by bar codes; lengths, sound, dimming and markers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from bars import bar_code, read_bar_code, write_bar_codes
from numpy.typing import NDArray
from walks import walk

import syncline.viewer
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.tasks import Alignment, Timeline, align
from syncline.tasks.aligned_films import grid, moments, own_pace, side_by_side
from syncline.tasks.colours import A_COLOUR, B_COLOUR, GAP_COLOUR
from syncline.tasks.film_canvas import BAR, Canvas, Foot, foot_height, shortened, words_width
from syncline.video import VideoReader

HEIGHT, WIDTH = 48, 96
FOOT = foot_height(HEIGHT)
LINE = FOOT - BAR


def decoded(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def half_speed(rate_a: float = 30.0, rate_b: float = 30.0) -> Alignment:
    """A of 60 frames, B of 120 that shows the same at half the speed."""
    a, b = walk(np.linspace(0, 1, 60), "a", rate=rate_a), walk(np.linspace(0, 1, 120), "b", rate=rate_b)
    return align(a, b, mode="global", verdict=False)


def test_every_frame_of_b_is_the_one_the_path_names(tmp_path: Path) -> None:
    a, b = write_bar_codes(tmp_path / "a.mp4", 60), write_bar_codes(tmp_path / "b.mp4", 120)
    alignment = half_speed()
    side_by_side(a, b, alignment, tmp_path / "out.mp4", height=HEIGHT)
    reader, clock = VideoReader(tmp_path / "out.mp4"), VideoReader(a)
    pictures = decoded(tmp_path / "out.mp4")
    np.testing.assert_allclose(reader.pts_seconds, clock.pts_seconds, atol=1e-3)
    assert reader.duration == pytest.approx(clock.duration, abs=0.02)
    assert (reader.height, reader.width, reader.codec) == (HEIGHT + FOOT, 2 * WIDTH, "h264")
    named = VideoReader(b).index_at(alignment.follow(clock.pts_seconds))
    assert [read_bar_code(p[:HEIGHT, :WIDTH]) for p in pictures] == list(range(60))
    assert [read_bar_code(p[:HEIGHT, WIDTH:]) for p in pictures] == named.tolist()
    assert np.median(np.abs(named - 2 * np.arange(60))) <= 1  # and the path itself is right


def test_videos_of_uneven_clocks_keep_their_times(tmp_path: Path) -> None:
    times = np.cumsum(np.where(np.arange(60) % 3 == 0, 0.06, 0.03)) - 0.06
    a = write_bar_codes(tmp_path / "a.mp4", 60, times=times.tolist())
    b = write_bar_codes(tmp_path / "b.mp4", 120)
    clocked = Embedding(walk(np.linspace(0, 1, 60)).vectors, times, "a")
    alignment = align(clocked, walk(np.linspace(0, 1, 120), "b", rate=30.0), mode="global", verdict=False)
    side_by_side(a, b, alignment, tmp_path / "out.mp4", height=HEIGHT, max_rate=60)
    reader = VideoReader(tmp_path / "out.mp4")
    np.testing.assert_allclose(reader.pts_seconds, VideoReader(a).pts_seconds, atol=1e-3)
    named = VideoReader(b).index_at(alignment.follow(VideoReader(a).pts_seconds))
    assert [read_bar_code(p[:HEIGHT, WIDTH:]) for p in decoded(tmp_path / "out.mp4")] == named.tolist()


def test_b_waits_dimmed_where_a_matches_nothing(tmp_path: Path) -> None:
    a, b = write_bar_codes(tmp_path / "a.mp4", 90), write_bar_codes(tmp_path / "b.mp4", 60)
    alignment = align(
        walk(np.concatenate([np.full(30, np.nan), np.linspace(0, 1, 60)]), "a", rate=30.0),
        walk(np.linspace(0, 1, 60), "b", rate=30.0), verdict=False,
    )  # fmt: skip
    assert alignment.gaps[0].video == "a"
    side_by_side(a, b, alignment, tmp_path / "out.mp4", height=HEIGHT)
    pictures = decoded(tmp_path / "out.mp4")
    waiting, playing = pictures[10][:HEIGHT, WIDTH:], pictures[60][:HEIGHT, WIDTH:]
    assert waiting.max() < 145 < playing.max()
    assert read_bar_code(pictures[60][:HEIGHT, WIDTH:]) == pytest.approx(30, abs=2)


def test_the_bars_show_the_gaps_and_the_words_say_who_waits(tmp_path: Path) -> None:
    a, b = write_bar_codes(tmp_path / "a.mp4", 90, width=384), write_bar_codes(tmp_path / "b.mp4", 60, width=384)
    alignment = align(
        walk(np.concatenate([np.full(30, np.nan), np.linspace(0, 1, 60)]), "a", rate=30.0),
        walk(np.linspace(0, 1, 60), "b", rate=30.0), verdict=False,
    )  # fmt: skip
    (gap,) = alignment.gaps
    side_by_side(a, b, alignment, tmp_path / "out.mp4", height=HEIGHT)
    pictures = decoded(tmp_path / "out.mp4")
    bar = pictures[60][HEIGHT + LINE + 3 : HEIGHT + LINE + 9, :384].mean(axis=0)
    assert np.abs(bar[: int(gap.end / 3 * 384) - 4] - rgb(GAP_COLOUR)).max() < 30
    assert np.abs(bar[int(gap.end / 3 * 384) + 4 : 240] - rgb(A_COLOUR)).max() < 30
    words = [
        picture[HEIGHT : HEIGHT + LINE, 2 * 384 - 84 : 2 * 384 - 60].max() for picture in (pictures[10], pictures[60])
    ]
    assert words[0] > 80 > words[1]  # "waits: only in A" stands before the time
    names = pictures[60][HEIGHT : HEIGHT + LINE, 12:60].max(axis=(0, 2))
    assert (names > 80).sum() > 10


def rgb(colour: str) -> NDArray[np.int64]:
    return np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)])


@pytest.mark.parametrize("width", [60, 120, 200, 400])
def test_names_and_words_fit_under_narrow_pictures(width: int) -> None:
    line = foot_height(360) - BAR
    name = "A  a very long name of a clip.mp4"
    shown = shortened(name, line, width)
    assert words_width(shown, line) <= width
    assert shown.startswith("A")
    assert shown == name or shown == "A" or shown.startswith("A  …")
    assert shown == "A" or shown.endswith("4"), "the end of the name, by which names differ"
    canvas, foot = Canvas(360 + foot_height(360), width), Foot(360, 0, width, 360, name, A_COLOUR, 4.0, [], [])
    foot.draw_moment(canvas, 1.0, "waits: only in A")
    bright = canvas.planes[: 360 + line] > 60
    assert bright[360:].any(), "the time"
    assert bright[:360].any() == (words_width("waits: only in A   0:01.00", line) > width * 9 // 20 // 2 * 2 - 4)


def test_figures_and_page_have_the_colours_of_the_films() -> None:
    from syncline.report import style

    page = (Path(syncline.viewer.__file__).parent / "page" / "style.css").read_text(encoding="utf-8")
    assert f"--a: {A_COLOUR}; --b: {B_COLOUR};" in page
    assert (style.A_COLOUR, style.B_COLOUR, style.EXTRA_COLOUR) == (A_COLOUR, B_COLOUR, GAP_COLOUR)


def test_upright_and_wide_videos_keep_their_shape_in_a_grid(tmp_path: Path) -> None:
    files = [
        write_bar_codes(tmp_path / "wide.mp4", 30, height=48, width=192),
        write_bar_codes(tmp_path / "tall.mp4", 30, height=192, width=48),
    ]
    seconds = np.arange(10) / 10
    timeline = Timeline(("0", "1"), seconds, np.stack([seconds] * 2), "0", np.zeros(2), np.ones(2))
    grid(files, timeline, tmp_path / "o.mp4", height=96)
    picture = decoded(tmp_path / "o.mp4")[5]
    width = picture.shape[1] // 2
    for left, shape in ((0, 4.0), (width, 0.25)):
        shown = picture[:96, left : left + width].max(axis=2) > 14
        rows, columns = np.ptp(np.flatnonzero(shown.any(axis=1))) + 1, np.ptp(np.flatnonzero(shown.any(axis=0))) + 1
        assert columns / rows == pytest.approx(shape, rel=0.12)


def test_own_pace_shows_both_clocks_and_the_other_moment(tmp_path: Path) -> None:
    a, b = write_bar_codes(tmp_path / "a.mp4", 60), write_bar_codes(tmp_path / "b.mp4", 120)
    own_pace(a, b, half_speed(), tmp_path / "out.mp4", height=HEIGHT)
    reader, pictures = VideoReader(tmp_path / "out.mp4"), decoded(tmp_path / "out.mp4")
    assert reader.duration == pytest.approx(4.0, abs=0.05)  # the longer one
    assert [read_bar_code(p[:HEIGHT, :WIDTH]) for p in pictures] == [min(k, 59) for k in range(120)]
    assert [read_bar_code(p[:HEIGHT, WIDTH:]) for p in pictures] == list(range(120))
    strip = pictures[30][HEIGHT + LINE : HEIGHT + LINE + 3].mean(axis=0)  # A is at 1 s of 2, B at 1 s of 4
    orange = np.flatnonzero((strip[:, 0] > 180) & (strip[:, 2] < 120))
    assert np.abs(orange[orange < WIDTH].mean() - 48) < 3
    assert np.abs(orange[orange >= WIDTH].mean() - WIDTH - 24) < 3
    white = np.flatnonzero(strip.min(axis=1) > 180)
    assert np.abs(white[white < WIDTH].mean() - 24) < 4  # B's moment lies at .5 s of A
    assert np.abs(white[white >= WIDTH].mean() - WIDTH - 48) < 4


def test_own_pace_shows_every_frame_of_the_faster_one(tmp_path: Path) -> None:
    a, b = write_bar_codes(tmp_path / "a.mp4", 8, rate=2), write_bar_codes(tmp_path / "b.mp4", 120)
    slow, fast = walk(np.linspace(0, 1, 8), "a", rate=2.0), walk(np.linspace(0, 1, 120), "b", rate=30.0)
    own_pace(a, b, align(slow, fast, mode="global", verdict=False), tmp_path / "out.mp4", height=HEIGHT)
    pictures = decoded(tmp_path / "out.mp4")
    assert [read_bar_code(p[:HEIGHT, :WIDTH]) for p in pictures] == [k // 15 for k in range(120)]
    assert [read_bar_code(p[:HEIGHT, WIDTH:]) for p in pictures] == list(range(120))


def test_grid_puts_every_video_at_its_own_moment(tmp_path: Path) -> None:
    files = [write_bar_codes(tmp_path / f"{k}.mp4", 90) for k in range(3)]
    seconds = np.arange(20) / 10
    positions = np.stack([seconds, seconds + 1, np.where(seconds < 1, np.nan, seconds / 2)])
    timeline = Timeline(("0", "1", "2"), seconds, positions, "0", np.zeros(3), np.ones(3))
    grid(files, timeline, tmp_path / "grid.mp4", height=HEIGHT, rate=10)
    pictures = decoded(tmp_path / "grid.mp4")
    assert len(pictures) == 20
    cell = HEIGHT + FOOT
    assert pictures[0].shape == (2 * cell, 2 * WIDTH, 3)
    for k, picture in enumerate(pictures):
        assert read_bar_code(picture[:HEIGHT, :WIDTH]) == 3 * k
        assert read_bar_code(picture[:HEIGHT, WIDTH:]) == 3 * k + 30
        third = picture[cell : cell + HEIGHT - LINE - 4, :WIDTH]  # above the words
        assert (third.max() < 145) == (k < 10)
    with pytest.raises(SynclineError, match="2 files for a timeline of 3"):
        grid(files[:2], timeline, tmp_path / "no.mp4")
    assert not (tmp_path / "no.mp4").exists()


def with_sound(path: Path, seconds: float) -> Path:
    """A bar-code video with a tone."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=30)
        video.height, video.width, video.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        sound: Any = container.add_stream("aac", rate=16_000)
        for number in range(round(seconds * 30)):
            frame = av.VideoFrame.from_ndarray(bar_code(number, HEIGHT, WIDTH), format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = (8000 * np.sin(np.arange(int(seconds * 16_000)) * 0.3)).astype(np.int16)
        for start in range(0, len(samples) - 1023, 1024):
            tone = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="s16", layout="mono")
            tone.sample_rate, tone.pts, tone.time_base = 16_000, start, Fraction(1, 16_000)
            container.mux(sound.encode(tone))
        container.mux(sound.encode(None))
    return path


def test_sound_of_a_is_kept(tmp_path: Path) -> None:
    a, b = with_sound(tmp_path / "a.mp4", 2.0), write_bar_codes(tmp_path / "b.mp4", 120)
    side_by_side(a, b, half_speed(), tmp_path / "out.mp4", height=HEIGHT)
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = list(container.decode(audio=0))
    seconds = sum(frame.samples for frame in frames) / frames[0].sample_rate
    assert seconds == pytest.approx(2.0, abs=0.1)
    loud = np.concatenate([frame.to_ndarray().ravel() for frame in frames])
    assert np.abs(loud).max() > 0.1 * (1 if loud.dtype.kind == "f" else 32_768)


def test_an_empty_alignment_is_refused_and_no_file_is_left(tmp_path: Path) -> None:
    a, b = write_bar_codes(tmp_path / "a.mp4", 20), write_bar_codes(tmp_path / "b.mp4", 20)
    nothing = Alignment(np.zeros((0, 2), np.int64), np.zeros((0, 2)), np.zeros(0), 0.0, (), (), 0.0, "local")
    with pytest.raises(SynclineError, match="no aligned part"):
        side_by_side(a, b, nothing, tmp_path / "out.mp4", height=HEIGHT)
    assert not (tmp_path / "out.mp4").exists()


def test_thumbnails_are_the_frames_on_display(tmp_path: Path) -> None:
    a = write_bar_codes(tmp_path / "a.mp4", 60)
    assert [read_bar_code(p) for p in moments(a, [1.0, 0.1, 1.0], height=HEIGHT)] == [30, 3, 30]
