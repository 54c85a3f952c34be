"""Everything that people may give as a source."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import bars
import data_forms as forms
import lerobot_forms
import numpy as np
import pytest
from data_forms import Item, phases

from syncline.data import Sampling, open_source, open_videos, sampled_frames
from syncline.data.labels.event_rules import EventRule, events_from_signals, read_rules
from syncline.errors import SynclineError
from syncline.video import VideoReader

LENGTHS = (12, 18, 15)
RULES = "# hand\ngrasp: action[1] > 0.5 for 2\n\nrelease: action[1] < 0.5\n"


@pytest.mark.parametrize("write", [lerobot_forms.write_v2, lerobot_forms.write_v3])
def test_lerobot_episodes_are_videos_with_events(tmp_path: Path, write: Callable[..., None]) -> None:
    write(tmp_path, LENGTHS)
    (tmp_path / "syncline_events.txt").write_text(RULES)
    videos = open_source(tmp_path, camera="wrist")
    assert [video.name for video in videos] == ["episode_000000", "episode_000001", "episode_000002"]
    assert [video.split for video in videos] == ["train", "train", "val"]
    assert (videos.event_names, videos[0].action) == (("grasp", "release"), "put it")
    assert len({video.video_id for video in videos}) == 3
    start = 0
    for video, length in zip(videos, LENGTHS, strict=True):
        assert "wrist" in str(video.path)
        reader = VideoReader(video.path)
        frames = sampled_frames(video, reader.pts_seconds, Sampling(stride=1))
        codes = [bars.read_bar_code(picture) for picture in reader.frames(frames).pixels]
        first = start if video.span else 0
        assert codes == list(range(first, first + length))
        assert video.phases is not None
        closed, opened = length // 3, 2 * length // 3
        wanted = [0] * closed + [1] * (opened - closed) + [2] * (length - opened)
        assert video.phases[frames].tolist() == wanted
        assert len(sampled_frames(video, reader.pts_seconds, Sampling(5.0))) == -(-length // 2)
        start += length


@pytest.mark.parametrize("write", [lerobot_forms.write_v2, lerobot_forms.write_v3])
def test_lerobot_faults_are_one_line(tmp_path: Path, write: Callable[..., None]) -> None:
    write(tmp_path, LENGTHS)
    assert len(open_videos(tmp_path)) == 3
    with pytest.raises(SynclineError, match=r"there are observation\.images\.top, observation\.images\.wrist"):
        open_source(tmp_path, camera="left")
    with pytest.raises(SynclineError, match="no column 'state'; there are"):
        open_source(tmp_path, rules=[EventRule.parse("a: state > 1")])
    with pytest.raises(SynclineError, match=r"action has 2 entries, no \[7\]"):
        open_source(tmp_path, rules=[EventRule.parse("a: action[7] > 1")])
    info = json.loads((tmp_path / "meta" / "info.json").read_text())
    for template in ("../../{episode_index}.mp4", "/etc/passwd", "{video_key.__class__}/x", "{nothing}", None):
        (tmp_path / "meta" / "info.json").write_text(json.dumps(info | {"video_path": template}))
        with pytest.raises(SynclineError):
            open_videos(tmp_path)


def test_a_task_of_lerobot_may_hold_a_separator_of_lines(tmp_path: Path) -> None:
    lerobot_forms.write_v2(tmp_path, LENGTHS[:1])
    line = json.dumps({"episode_index": 0, "tasks": ["put\u2028it"], "length": LENGTHS[0]}, ensure_ascii=False)
    (tmp_path / "meta" / "episodes.jsonl").write_text(line + "\r\n", encoding="utf-8", newline="")
    assert [video.action for video in open_videos(tmp_path)] == ["put\u2028it"]


def test_nothing_leads_out_of_the_folder_that_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forms.write_video(tmp_path, Item("secret", [0] * 4))
    robot, index = tmp_path / "robot", tmp_path / "index"
    lerobot_forms.write_v2(robot, LENGTHS)
    info = json.loads((robot / "meta" / "info.json").read_text())
    (robot / "meta" / "info.json").write_text(json.dumps(info | {"video_path": "../videos/secret.mp4"}))
    index.mkdir()
    (index / "train.json").write_text(json.dumps([{"name": "a", "video_file": "../videos/secret.mp4", "seq_len": 4}]))
    monkeypatch.chdir(robot)
    with pytest.raises(SynclineError, match="outside the data set"):
        open_videos(".")
    monkeypatch.chdir(index)
    with pytest.raises(SynclineError, match="no video that can be read"):
        open_videos(".")


def test_rules_need_a_beginning_and_hold(tmp_path: Path) -> None:
    signal = np.array([1, 1, 0, 0, 1, 0, 0, 1, 1, 1], dtype=float)
    for text, wanted in (
        ("a: x > .5", 4),
        ("a: x > .5 for 2", 7),
        ("a: x > .5 for 4", None),
        ("a: x < .5", 2),
        ("a: x > 2", None),
    ):
        assert events_from_signals({"x": signal}, [EventRule.parse(text)]) == (wanted,)
    rules = [EventRule.parse("a: x < .5"), EventRule.parse("b: x > 9"), EventRule.parse("c: x < .5")]
    assert events_from_signals({"x": signal}, rules) == (2, None, 5)
    (tmp_path / "r.txt").write_text("a: x > .5\nb: x >> 3\n")
    with pytest.raises(SynclineError, match=r"r\.txt, line 2: 'b: x >> 3' is no rule"):
        read_rules(tmp_path / "r.txt")


def test_frame_folders_are_videos_where_there_are_no_video_files(tmp_path: Path) -> None:
    for name in ("a/take 1", "b/take 1", "überlang.v2"):
        forms.write_frames(tmp_path / name, Item("", [0] * 4, first=9))
    videos = open_videos(tmp_path)
    assert sorted(video.name for video in videos) == ["a/take 1", "b/take 1", "überlang.v2"]
    assert all(video.num_frames == 4 for video in videos)
    assert bars.read_bar_code(VideoReader(videos[0].path).frames([2]).pixels[0]) == 11
    assert len(open_videos(tmp_path / "a" / "take 1")) == 1
    forms.write_video(tmp_path, Item("film", [0] * 4))
    assert [video.name for video in open_videos(tmp_path)] == ["film.mp4"]


def test_names_of_data_sets_and_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [Item("0001_squat", phases(8, 4), 10), Item("0002_bowl", phases(9, 3), 3)]
    forms.write_pickle(tmp_path / "train.pkl", items, penn=True)
    for item in items:
        forms.write_video(tmp_path, item)
    assert len(open_source("penn_action", root=tmp_path)) == 2
    assert open_source("penn_action", root=tmp_path, action="squats").name == "squat"
    assert open_videos(tmp_path).name == "penn_action"
    assert [video.name for video in open_source(tmp_path, action="bowl")] == ["0002_bowl"]
    with pytest.raises(SynclineError, match="folder of the data set pouring by --root"):
        open_source("pouring")
    with pytest.raises(SynclineError, match="--camera goes with a LeRobot data set"):
        open_source(tmp_path, camera="wrist")
    with pytest.raises(SynclineError, match="--root goes with the name of a data set"):
        open_source(tmp_path, root=tmp_path)
    with pytest.raises(SynclineError, match="no video of the split 'val'"):
        open_videos(tmp_path, split="val")


@pytest.mark.parametrize(("source", "said"), [([], "is empty"), ("x" * 5000, "does not exist"), ("", "holds no video")])
def test_sources_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str | list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SynclineError, match=said):
        open_videos(source)


def test_odd_names_and_doubled_ones(tmp_path: Path) -> None:
    names = [
        "a b/clip.mp4",
        "c d/clip.mp4",
        "Ünï-cødé 視頻.mp4",
        "dots.in.the.name.mp4",
        "l" * 200 + ".mp4",
        "#?%&.mp4",
    ]
    forms.write_video(tmp_path, Item("one", [0] * 3))
    whole = (tmp_path / "videos" / "one.mp4").read_bytes()
    for name in names:
        (tmp_path / "odd" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "odd" / name).write_bytes(whole)
    (tmp_path / "odd" / "broken.mp4").write_bytes(whole[:40])
    assert sorted(video.name for video in open_videos(tmp_path / "odd")) == sorted(names)
