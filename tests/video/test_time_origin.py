"""Seconds count from the first picture: nothing moves when sound is dropped or a file is packed anew."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from bars import read_bar_code, write_bar_codes
from odd_films import packed, write_film

from syncline.data.labels.video_labels import LabelTrack, labels_to_phases
from syncline.video import VideoReader, VideoWriter, plays_in_step, scan_file, write_browser_copy
from syncline.video.packets import even_stamps


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Sixty bar codes with B-frames and sound that begins 40 ms before them."""
    path = tmp_path / "film.mkv"
    write_film(path, "libx264", np.arange(60) * 3000, (48, 96), Fraction(1), "upright", 30, 0.04, 2)
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("no_sound.mkv", {"sound": False}),
        ("same.mp4", {}),
        ("no_sound.mp4", {"sound": False}),
        ("late.mp4", {"later": 1.44, "sound": False}),
        ("late.ts", {"later": 12.0}),
        ("fragments.mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("no_edit_list.mp4", {"use_editlist": "0", "sound": False}),
    ],
)
def test_labels_of_one_packing_name_the_same_frames_of_another(
    film: Path, tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    other = packed(film, tmp_path / name, **options)
    one, two = VideoReader(film), VideoReader(other)
    assert two.num_frames == 60
    assert [read_bar_code(picture) for picture in two.frames(range(60)).pixels] == list(range(60))
    np.testing.assert_allclose(two.pts_seconds, one.pts_seconds, atol=1e-3)
    for seconds, target in ((one.pts_seconds, two), (two.pts_seconds, one)):
        assert target.index_at(seconds).tolist() == list(range(60))
        for k in (1, 30, 59):
            track = LabelTrack(name, (("event", float(seconds[k])),))
            assert int(np.argmax(labels_to_phases(track, 60, target.pts_seconds))) == k


def test_scan_says_by_how_much_container_and_picture_differ(film: Path) -> None:
    told = [remark for remark in scan_file(film).remarks if "beginning" in remark]
    assert len(told) == 1
    seconds = float(told[0].split(" s after")[0].rsplit(" ", 1)[1])
    assert seconds == pytest.approx(0.04, abs=2e-3)


def test_late_pictures_are_given_to_the_browser_from_0_on(film: Path, tmp_path: Path) -> None:
    late = packed(film, tmp_path / "late.mp4", later=1.44, sound=False)
    assert not plays_in_step(VideoReader(late))
    write_browser_copy(late, tmp_path / "copy.mp4")
    copy = VideoReader(tmp_path / "copy.mp4")
    assert plays_in_step(copy)
    np.testing.assert_allclose(copy.pts_seconds, VideoReader(film).pts_seconds, atol=1e-3)
    assert [read_bar_code(picture) for picture in copy.frames([0, 1, 40, 59]).pixels] == [0, 1, 40, 59]


def test_the_sound_of_a_film_stays_with_its_pictures(film: Path, tmp_path: Path) -> None:
    """Of sound that begins before the pictures the beginning is cut, so that what is heard is what was."""
    reader = VideoReader(film)
    with VideoWriter(tmp_path / "out.mp4", height=48, width=96, rate=30, audio_from=film) as writer:
        for picture, at in zip(reader.frames(range(60)).pixels, reader.pts_seconds, strict=True):
            writer.write(picture, float(at))
    with av.open(str(film)) as given, av.open(str(tmp_path / "out.mp4")) as made:
        before = [p.pts * p.time_base for p in given.demux(audio=0) if p.pts is not None]
        after = [p.pts * p.time_base for p in made.demux(audio=0) if p.pts is not None]
    kept = [float(second) - reader.first_pts_seconds for second in before if second >= reader.first_pts_seconds]
    assert float(after[0]) == pytest.approx(kept[0], abs=2e-3)


def test_pictures_of_an_mpeg_program_stream_are_exact_after_a_seek(tmp_path: Path) -> None:
    path = write_bar_codes(
        tmp_path / "film.mpg", 120, rate=25, codec="mpeg1video", options={"bf": "2", "g": "15", "b": "200k"}
    )
    reader = VideoReader(path)
    for wanted in np.random.default_rng(0).permutation(120)[:30].tolist():
        assert read_bar_code(reader.frames([wanted]).pixels[0]) == wanted


@pytest.mark.parametrize("count", [90, 300])
def test_several_pictures_in_a_pack_are_all_there_and_evenly_in_time(tmp_path: Path, count: int) -> None:
    """Of these FFmpeg guesses the times: some come twice, and there is a gap elsewhere."""
    options = {"bf": "2", "g": "15", "b": "20k"}
    path = write_bar_codes(tmp_path / "film.vob", count, height=64, rate=25, codec="mpeg2video", options=options)
    with av.open(str(path)) as container:
        stamps = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert len(set(stamps)) < len(stamps) == count, "such a film"
    reader = VideoReader(path)
    assert reader.pts_seconds == pytest.approx(np.arange(count) / 25)
    wanted = np.random.default_rng(0).permutation(count)
    assert [read_bar_code(picture) for picture in reader.frames(wanted).pixels] == wanted.tolist()


def test_stamps_of_a_film_that_is_not_even_are_kept() -> None:
    class Stream:
        time_base = Fraction(1, 90_000)
        codec_context = SimpleNamespace(framerate=Fraction(30_000, 1001))

    fields = np.cumsum(np.tile([2, 3], 60))  # 24 a second in 30, as on DVDs
    assert even_stamps(fields * 3003 // 2, Stream()) is None
    assert np.array_equal(even_stamps(np.arange(99) * 3003, Stream()), np.arange(99) * 3003)
