"""Pouring and PennAction in every form that is in circulation, written from the specification and read back."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Callable
from pathlib import Path

import bars
import data_forms as forms
import numpy as np
import pytest
from data_forms import Item, phases

from syncline.data import open_videos
from syncline.data.published import carl_lac_layout
from syncline.data.published.datasets import by_action, length_histogram, open_dataset, read_index
from syncline.data.published.published_actions import PENN_ACTION, count_rows
from syncline.data.video_set import VideoSet
from syncline.errors import SynclineError
from syncline.video import VideoReader

TRAIN = [
    Item("pour one", phases(12, 5), first=100),
    Item("gießen.v2", [-1, -1, *phases(9, 5)], first=300),
    Item("x" * 120, phases(7, 5), first=500),
]
VAL = [Item("val-1", phases(10, 5), first=700)]
SQUAT, BOWL = 10, 3
PENN_TRAIN = [Item("0001_squat", phases(8, 4), SQUAT, 10), Item("0002_bowl", phases(9, 3), BOWL, 30)]
PENN_VAL = [Item("0003_squat", phases(8, 4), SQUAT, 50), Item("0004_bowl", phases(6, 3), BOWL, 70)]


def assert_content(videos: VideoSet, items: list[Item]) -> None:
    """Every video has its labels, and the frames that belong to them."""
    by_name = {video.name: video for video in videos}
    assert set(by_name) == {item.name for item in items}
    for item in items:
        video = by_name[item.name]
        assert video.phases is not None
        assert video.phases.tolist() == item.labels
        wanted = [0, len(item.labels) // 2, len(item.labels) - 1]
        pictures = VideoReader(video.path).frames(wanted).pixels
        assert [bars.read_bar_code(picture) - item.first for picture in pictures] == wanted


@pytest.mark.parametrize("index", [forms.write_pickle, forms.write_json_index, forms.write_npz_index])
@pytest.mark.parametrize("frames", [False, True])
def test_processed_form_comes_back(tmp_path: Path, index: Callable[..., None], frames: bool) -> None:
    suffix = {"write_pickle": ".pkl", "write_json_index": ".json", "write_npz_index": ".npz"}[index.__name__]
    for split, items in (("train", TRAIN), ("val", VAL)):
        index(tmp_path / (split + suffix), items)
        for item in items:
            if frames:
                forms.write_frames(tmp_path / "frames" / item.name, item)
            else:
                forms.write_video(tmp_path, item)
    videos = open_dataset("pouring", tmp_path)
    assert_content(videos, TRAIN + VAL)
    assert [video.split for video in videos] == ["train"] * 3 + ["val"]
    assert (videos.num_phases, videos.event_names[0]) == (5, "hand touches bottle")
    assert len(open_dataset("pouring", tmp_path, split="val")) == 1


@pytest.mark.parametrize("index", [forms.write_pickle, forms.write_json_index, forms.write_npz_index])
def test_processed_penn_action_comes_back_by_action(tmp_path: Path, index: Callable[..., None]) -> None:
    suffix = {"write_pickle": ".pkl", "write_json_index": ".json", "write_npz_index": ".npz"}[index.__name__]
    for split, items in (("train", PENN_TRAIN), ("val", PENN_VAL)):
        (tmp_path / "penn_action").mkdir(exist_ok=True)
        index(tmp_path / "penn_action" / (split + suffix), items, penn=True)
        for item in items:
            forms.write_video(tmp_path / "penn_action", item)
    joint = open_dataset("penn_action", tmp_path)
    assert_content(joint, PENN_TRAIN + PENN_VAL)
    assert joint.event_names == ()
    parts = by_action(joint)
    assert set(parts) == {"squat", "bowl"}
    assert (parts["bowl"].num_phases, parts["squat"].num_phases) == (3, 4)
    assert [video.name for video in open_dataset("penn_action", tmp_path, action="bowling", split="val")] == [
        "0004_bowl"
    ]


def test_tcc_records_come_back_and_are_unpacked_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "pouring_tfrecords"
    forms.write_shard(folder / "pouring_train-0-of-2.tfrecord", TRAIN[:2])
    forms.write_shard(folder / "pouring_train-1-of-2.tfrecord", TRAIN[2:])
    forms.write_shard(folder / "pouring_val-0-of-1.tfrecord", VAL)
    with caplog.at_level(logging.INFO, "syncline"):
        assert_content(open_dataset("pouring", tmp_path), TRAIN + VAL)
        assert caplog.text.count("unpacking") == 3
        assert_content(open_dataset("pouring", folder), TRAIN + VAL)
        assert caplog.text.count("unpacking") == 3
    (folder / "pouring_train-0-of-2.tfrecord").unlink()
    with pytest.raises(SynclineError, match="pouring train lacks shard 0 of 2"):
        open_dataset("pouring", tmp_path)


def test_tcc_records_of_penn_action_bear_tccs_names(tmp_path: Path) -> None:
    forms.write_shard(tmp_path / "squats_train-0-of-1.tfrecord", PENN_TRAIN[:1])
    forms.write_shard(tmp_path / "bowling_val-0-of-1.tfrecord", PENN_VAL[1:], labels=False)
    videos = {video.name: video for video in open_dataset("penn_action", tmp_path, action="all")}
    assert {video.action for video in videos.values()} == {"squat", "bowl"}
    assert videos["0004_bowl"].phases is None


@pytest.mark.parametrize("labelled", [True, False])
def test_raw_penn_action(tmp_path: Path, labelled: bool) -> None:
    base = tmp_path / "Penn_Action"
    for item, action, train in (
        (PENN_TRAIN[0], "squat", 1), (PENN_TRAIN[1], "bowl", 1), (PENN_VAL[0], "squat", -1), (PENN_VAL[1], "bowl", 0),
        (Item("0005_jump_rope", [0, 0]), "jump_rope", 1),
    ):  # fmt: skip
        forms.write_mat(base / "labels" / f"{item.name[:4]}.mat", action, train, len(item.labels))
        forms.write_frames(base / "frames" / item.name[:4], item)
    if not labelled:
        videos = open_dataset("penn_action", tmp_path)
        assert {(v.name, v.split, v.phases is None) for v in videos} == {
            ("0001_squat", "train", True), ("0002_bowl", "train", True),
            ("0003_squat", "val", True), ("0004_bowl", "val", True),
        }  # fmt: skip
        return
    for split, folder, item in (("train", "squats", PENN_TRAIN[0]), ("val", "bowling", PENN_VAL[1])):
        forms.write_npy(base / "penn_action_labels" / split / folder / f"{item.name[:4]}_x.npy", item.labels)
    longer = np.repeat(PENN_TRAIN[1].labels, 2)  # labels at twice the rate of the frames
    forms.write_npy(base / "penn_action_labels" / "val" / "bowl" / "0002.npy", longer.tolist())
    videos = open_dataset("penn_action", base)
    assert_content(videos, [PENN_TRAIN[0], PENN_TRAIN[1], PENN_VAL[1]])
    assert {v.name: v.split for v in videos} == {"0001_squat": "train", "0002_bowl": "val", "0004_bowl": "val"}


def test_an_empty_folder_of_raw_penn_action_is_passed_over(tmp_path: Path) -> None:
    for item in PENN_TRAIN[:2]:
        forms.write_mat(tmp_path / "labels" / f"{item.name[:4]}.mat", item.name[5:], 1, len(item.labels))
        forms.write_frames(tmp_path / "frames" / item.name[:4], item)
        place = tmp_path / "penn_action_labels" / "train" / item.name[5:]
        forms.write_npy(place / f"{item.name[:4]}.npy", item.labels)
    for picture in (tmp_path / "frames" / PENN_TRAIN[0].name[:4]).iterdir():
        picture.unlink()
    assert [video.name for video in open_dataset("penn_action", tmp_path)] == [PENN_TRAIN[1].name]


def full_index(root: Path, name: str) -> None:
    """Index files of the size of the processed sets, without any video."""
    actions = PENN_ACTION if name == "penn_action" else None
    number = 0
    for place, split in enumerate(("train", "val")):
        items = []
        if actions is None:
            items = [Item(f"{split}{n}", phases(20, 5)) for n in range((70, 14)[place])]
        else:
            for label, action in enumerate(actions):
                for _ in range(action.processed[place]):
                    number += 1
                    items.append(Item(f"{number:04d}_{action.name}", phases(12, action.num_phases), label))
        forms.write_pickle(root / f"{split}.pkl", items, penn=actions is not None)


@pytest.mark.slow
def test_full_size_indices_give_the_published_counts(tmp_path: Path) -> None:
    full_index(tmp_path / "p", "pouring")
    rows = count_rows(read_index("pouring", tmp_path / "p"), "pouring")
    assert [(row["split"], row["found"], row["difference"]) for row in rows] == [("train", 70, 0), ("val", 14, 0)]
    full_index(tmp_path / "a", "penn_action")
    rows = count_rows(read_index("penn_action", tmp_path / "a"), "penn_action")
    totals = {row["split"]: row for row in rows if row["action"] == "all"}
    assert (totals["train"]["found"], totals["val"]["found"]) == (1140, 966)
    assert (totals["train"]["paper"], totals["val"]["paper"]) == (1160, 966)
    assert all(row["difference"] == 0 for row in rows)
    assert len(rows) == 28


def test_differences_to_the_published_counts_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    forms.write_pickle(tmp_path / "train.pkl", TRAIN[:1])
    forms.write_video(tmp_path, TRAIN[0])
    with caplog.at_level(logging.INFO, "syncline"):
        open_dataset("pouring", tmp_path)
    assert "pouring train: 1 videos, 70 published (-69)" in caplog.text
    assert "lengths 12 to 12 frames" in caplog.text
    assert length_histogram([5, 5, 5], bins=4).startswith("5 to 5 frames, median 5")


def test_lengths_that_differ_a_little_are_fitted_and_a_lot_are_refused(tmp_path: Path) -> None:
    forms.write_pickle(tmp_path / "train.pkl", [Item("a", [0, 1, 2, 3]), Item("b", [0, 1, 2, 3])])
    forms.write_video(tmp_path, Item("a", [0, 1, 2, 3], extra=2))
    forms.write_video(tmp_path, Item("b", [0, 1, 2]))
    a, b = open_dataset("pouring", tmp_path)
    assert a.phases is not None
    assert b.phases is not None
    assert (a.phases.tolist(), b.phases.tolist()) == ([0, 1, 2, 3, 3, 3], [0, 1, 2])
    forms.write_video(tmp_path, Item("b", [0, 1, 2, 3], extra=3))
    with pytest.raises(SynclineError, match="b: 4 labels for 7 frames"):
        open_dataset("pouring", tmp_path)


def test_broken_and_absent_videos_are_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    forms.write_pickle(tmp_path / "train.pkl", TRAIN)
    forms.write_video(tmp_path, TRAIN[0])
    (tmp_path / "videos" / f"{TRAIN[1].name}.mp4").write_bytes(b"no video")
    assert [video.name for video in open_dataset("pouring", tmp_path)] == [TRAIN[0].name]
    assert caplog.text.count("passed over") == 2


def test_names_may_repeat(tmp_path: Path) -> None:
    forms.write_json_index(tmp_path / "train.json", [Item("a", [0, 1]), Item("a", [0, 1]), Item("a (2)", [0, 1])])
    forms.write_json_index(tmp_path / "val.json", [Item("a", [0, 1])])
    assert [v.name for v in read_index("pouring", tmp_path)] == ["a", "a (2)", "a (2) (2)", "a (3)"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            '{"name": "a", "seq_len": 3, "frame_label": [0, 1, 7]}',
            "labels from 0 to 7",
        ),
        ('{"name": "a", "seq_len": 9, "frame_label": [0, 1, 2]}', "3 labels for 9 frames"),
        ('{"name": "", "seq_len": 9}', "no name"),
        ('{"name": "../../a", "video_file": "/etc/passwd", "seq_len": 3}', "is outside"),
        ('{"name": "a", "seq_len": -3}', "has -3 frames"),
        ('{"name": "a", "seq_len": 3, "frame_label": [0, 0.5, 1]}', "whole numbers"),
        ('{"name": "a", "seq_len": 3, "frame_label": [0, 1e300, 1]}', "whole numbers"),
        ('["a"]', "one dictionary a video"),
    ],
)
def test_faults_of_an_index_are_one_line(tmp_path: Path, entry: str, said: str) -> None:
    (tmp_path / "train.json").write_text(f"[{entry}]")
    with pytest.raises(SynclineError, match=said) as caught:
        open_dataset("pouring", tmp_path)
    assert "\n" not in str(caught.value)


def test_faults_of_names_and_folders(tmp_path: Path) -> None:
    with pytest.raises(SynclineError, match="pouring and penn_action"):
        open_dataset("boiling", tmp_path)
    with pytest.raises(SynclineError, match="no form that is known"):
        open_dataset("penn_action", tmp_path)
    with pytest.raises(SynclineError, match="is no folder"):
        open_dataset("pouring", tmp_path / "nothing")
    forms.write_json_index(tmp_path / "train.json", PENN_TRAIN, penn=True)
    with pytest.raises(SynclineError, match="no action 'dance'"):
        open_dataset("penn_action", tmp_path, action="dance")
    forms.write_json_index(tmp_path / "train.json", [Item("0001_pullup", [0, 1], 7)], penn=True)
    with pytest.raises(SynclineError, match="is pushup, the name '0001_pullup' says pullup"):
        open_dataset("penn_action", tmp_path)


def test_archives_are_read_in_memory_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "a" / "b"
    root.mkdir(parents=True)
    array = io.BytesIO()
    np.save(array, np.array(["x"]))
    with zipfile.ZipFile(root / "train.npz", "w") as packed:
        packed.writestr("../../evil.npy", array.getvalue())
    with pytest.raises(SynclineError, match="expected arrays name and seq_len"):
        read_index("pouring", root)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["train.npz"]
    monkeypatch.setattr(carl_lac_layout, "MAX_BYTES", 1000)
    np.savez_compressed(root / "train.npz", name=np.zeros(10_000))
    with pytest.raises(SynclineError, match=r"unpacks to .* up to 1000 are read"):
        read_index("pouring", root)


def test_other_peoples_json_beside_videos_is_no_index(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text(json.dumps({"images": [], "annotations": []}))
    forms.write_video(tmp_path, Item("film", [0] * 4))
    assert [video.name for video in open_videos(tmp_path)] == ["film.mp4"]
    (tmp_path / "train.pkl").write_bytes(b"no pickle")
    with pytest.raises(SynclineError, match=r"train\.pkl is no pickle"):
        open_videos(tmp_path)
