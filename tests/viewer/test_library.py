"""What is known about the videos of a folder."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bars import read_bar_code, write_bar_codes
from lerobot_forms import write_v3
from PIL import Image
from viewing import until

from syncline.data import Embedding, Video, VideoSet, open_videos
from syncline.video import VideoReader
from syncline.viewer.carry_marks import Labelling
from syncline.viewer.embedding_queue import EmbeddingQueue
from syncline.viewer.embedding_sources import Given
from syncline.viewer.library import Library
from syncline.viewer.playable_copies import Proxies
from syncline.viewer.viewer_consensus import Group


def test_phases_go_by_the_clock_of_the_video(tmp_path: Path) -> None:
    write_bar_codes(tmp_path / "one.mp4", 60, times=[*(k / 10 for k in range(30)), *(3 + k / 30 for k in range(30))])
    phases = np.repeat([0, 1], 30)
    library = Library(VideoSet((replace(open_videos(tmp_path)[0], phases=phases),), "one"), tmp_path / "work")
    assert library.events(0) == [[0, pytest.approx(3.0, abs=1e-4)]]
    assert library.phase_at(0, np.array([0.0, 2.95, 3.0, 9.0])).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (40, 1)])
def test_the_smallest_pictures_are_shown(tmp_path: Path, height: int, width: int) -> None:
    write_bar_codes(tmp_path / "one.webm", 5, codec="libvpx", height=height, width=width)
    library = Library(open_videos(tmp_path), tmp_path / "work")
    assert Image.open(io.BytesIO(library.picture(0, 0.1))).height >= 2
    assert Image.open(io.BytesIO(library.strip(0))).height >= 2


def test_parts_of_one_file_are_shown_as_videos_of_their_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Two episodes of LeRobot v3 in one film, whose frame k spells k; the hand closes at a third and opens at two."""
    write_v3(tmp_path / "robot", [21, 30])
    (tmp_path / "robot" / "syncline_events.txt").write_text("grasp: action[1] > 0.5\nlet go: action[1] < 0.5\n")
    videos = open_videos(tmp_path / "robot")
    library = Library(videos, tmp_path / "work")
    told = library.describe()
    assert [(video["frames"], video["duration"]) for video in told] == [(21, 2.1), (30, 3.0)]
    assert [video["starts"] for video in told] == [[0.3333, 0.6667]] * 2
    assert library.pts_seconds(1) == pytest.approx(np.arange(30) / 10)
    assert library.events(0) == [[0, pytest.approx(0.7)], [1, pytest.approx(1.4)]]
    assert library.events(1) == [[0, pytest.approx(1.0)], [1, pytest.approx(2.0)]]
    assert library.phase_at(1, np.array([0.9, 1.0, 9.0])).tolist() == [0, 1, 2]
    assert library.strip(0) != library.strip(1)
    pictures = [np.asarray(Image.open(io.BytesIO(library.picture(n, s)))) for n, s in ((0, 9.0), (1, 0.0), (1, 1.0))]
    assert [read_bar_code(picture) for picture in pictures] == [20, 21, 31]

    def on_the_clock_of_the_file(video: Video) -> Embedding:
        assert video.span is not None
        seconds = VideoReader(video.path).pts_seconds[slice(*video.span)]
        return Embedding(np.eye(len(seconds), dtype=np.float32), seconds, video.video_id)

    embedder = EmbeddingQueue(videos, lambda: None, library.begins)
    embedder.start(Given(on_the_clock_of_the_file))
    until(lambda: embedder.ready)
    assert [embedding.pts_seconds[0] for embedding in embedder.all().values()] == [0, 0]
    library.journal.mark("episode_000001", 0, 1.2)
    track = Labelling(library, embedder, Group(library, embedder)).tracks(carried=False)[0]
    assert (track.num_frames, track.frames) == (30, (12,))
    # counted from the start of the file by an older version: no moment of the first episode
    library.journal.mark("episode_000000", 0, 2.6)
    library.journal.mark("episode_000000", 1, 1.4)
    assert library.events(0) == [[1, 1.4]]
    assert library.describe()[0]["marks"] == {"1": 1.4}
    assert Labelling(library, embedder, Group(library, embedder)).tracks(carried=False)[0].frames == (None, 14)
    assert caplog.text.count("ignored") == 1

    proxies = Proxies(library)
    for number, first in ((0, 0), (1, 21)):
        assert proxies.path(number) is None
        until(lambda: proxies.states()[number]["state"] == "ready")  # noqa: B023
        film = VideoReader(proxies.path(number) or "")
        assert film.pts_seconds == pytest.approx(library.pts_seconds(number), abs=1e-4)
        assert [read_bar_code(picture) for picture in film.frames([0, film.num_frames - 1]).pixels] == [
            first, first + film.num_frames - 1
        ]  # fmt: skip
