"""Damaged copies of every form that data and labels come in: each must give a right result or our own error.

    python -m tests.fuzz --count 2000

A case is a form and a seed: one file of a small whole specimen is cut, or has bits, bytes or words changed, and is
opened. Anything but a result that holds together or a `SynclineError` of one line is reported with its seed.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import data_forms as forms
import lerobot_forms
import numpy as np
from data_forms import Item, phases

from syncline.data import VideoSet, open_videos, read_manifest, read_recuts
from syncline.data.labels.label_formats import ENDINGS, FORMS, ONE_VIDEO, read_labels, write_labels
from syncline.data.labels.video_labels import LabelTrack, labels_to_phases
from syncline.errors import SynclineError
from syncline.video import VideoReader

MAX_GROWTH = 1 << 30  # bytes that a whole run may add to the memory held
ITEMS = [Item("pour one", phases(6, 5), first=9), Item("gießen", [-1, *phases(7, 5)], first=40)]
PENN = [Item("0001_squat", phases(6, 4), 10, 9), Item("0002_bowl", phases(5, 3), 3, 40)]
TRACKS = [
    LabelTrack("a b.mp4", (("touch", 0.2), ("pour; it", 0.5)), None, 10.0, 12, "train"),
    LabelTrack("über.mp4", (("touch", None), ("pour; it", 0.3)), None, 10.0, 5, "val"),
]
WORDS = (
    b"-1", b"0", b"99999999999999999999", b"1e308", b"NaN", b"null", b"[]", b"{}", b'""', b"../../..", b"\x00",
    b"\xff\xfe", b"true", b"-0.5", b"<!DOCTYPE a>", b"&x;", b";;", b",", b"\n", b'"',
)  # fmt: skip


@dataclass(frozen=True)
class Form:
    """How a specimen is written into a folder, and how the folder is opened and looked through."""

    write: Callable[[Path], None]
    check: Callable[[Path], None]


def run_case(form: str, seed: int, specimens: Path, work: Path) -> str:
    """Damage, open, judge: "result" or the error's kind; an exception that is not ours comes through.

    Args:
        specimens: where whole specimens are kept between cases. work: a folder that is emptied.
    """
    whole = specimens / form
    if not whole.is_dir():
        whole.mkdir(parents=True)
        MAKERS[form].write(whole)
        MAKERS[form].check(whole)  # an undamaged specimen opens
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(whole, work)
    rng = random.Random(f"{form} {seed}")
    files = sorted(path for path in work.rglob("*") if path.is_file())
    small = [path for path in files if path.suffix not in (".jpg", ".mp4")] or files
    file = rng.choice(small if rng.random() < 0.8 else files)
    file.write_bytes(damaged(file.read_bytes(), rng))
    try:
        MAKERS[form].check(work)
    except SynclineError as error:
        if "\n" in str(error) or len(str(error)) > 2000:
            raise AssertionError(f"an error of more than one line: {error}") from error
        return "error"
    return "result"


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The content with one to three faults."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        place = rng.randrange(len(data) + 1)
        kind = rng.randrange(7)
        if kind == 0:
            del data[place:]
        elif kind == 1 and data:
            data[place % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 2 and data:
            data[place % len(data)] = rng.randrange(256)
        elif kind == 3:
            del data[place : place + rng.randrange(1, 40)]
        elif kind == 4:
            data[place:place] = rng.choice(WORDS)
        elif kind == 5:
            word = rng.choice(WORDS)
            data[place : place + len(word)] = word
        else:
            data[place:place] = data[place // 2 : place]
    return bytes(data)


def fuzz(count: int, *, first_seed: int = 0) -> dict[str, Counter[str]]:
    """`count` cases, the forms in turn: outcomes by form.

    Raises:
        AssertionError: naming form and seed of a case that ended in something else, or too much memory held.
    """
    names = list(MAKERS)
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in names}
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        kept = os.environ.get("SYNCLINE_CACHE")
        os.environ["SYNCLINE_CACHE"] = str(Path(folder) / "cache")
        try:
            for name in names:
                run_case(name, -1, Path(folder) / "whole", Path(folder) / "work")
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            for number in range(count):
                name, seed = names[number % len(names)], first_seed + number // len(names)
                try:
                    outcomes[name][run_case(name, seed, Path(folder) / "whole", Path(folder) / "work")] += 1
                except Exception as error:
                    failures.append(f"form {name!r}, seed {seed}: {type(error).__name__}: {error}")
                held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
                assert held - before < MAX_GROWTH, f"form {name!r}, seed {seed}: {held - before} bytes more held"
        finally:
            os.environ.pop("SYNCLINE_CACHE")
            if kept is not None:
                os.environ["SYNCLINE_CACHE"] = kept
    assert not failures, "\n".join([f"{len(failures)} of {count} cases:", *failures])
    return outcomes


# How results are looked through -------------------------------------------------------------------------------------


def check_videos(videos: VideoSet) -> None:
    """Labels fit their videos; the last frame of each decodes, or is said not to."""
    for video in videos:
        assert video.num_frames > 0
        assert 0 < video.frame_rate < np.inf
        if video.phases is not None:
            assert video.phases.shape == (video.num_frames,)
            assert video.phases.min() >= -1
        reader = VideoReader(video.path)
        wanted = video.frames[-1:] if video.frames is not None else [min(video.num_frames, reader.num_frames) - 1]
        assert reader.frames(wanted).pixels.shape[0] == 1


def check_folder(folder: Path) -> None:
    check_videos(open_videos(folder))


def check_labels(folder: Path) -> None:
    for track in read_labels(folder, frame_rate=10.0):
        length = track.num_frames if track.num_frames is not None and 0 < track.num_frames < 10_000 else 20
        labels = labels_to_phases(track, length, np.arange(length) / 10)
        assert labels.shape == (length,)
        assert labels.min() >= -1


def check_recuts(folder: Path) -> None:
    check_videos(read_recuts(folder / "recuts.csv", read_manifest(folder / "annotations.csv")))


# How specimens are written ------------------------------------------------------------------------------------------


def label_form(form: str) -> Form:
    tracks = [LabelTrack(t.video, tuple((n.replace(";", ""), s) for n, s in t.events), None, 10.0, 12) for t in TRACKS]

    def write(folder: Path) -> None:
        write_labels(folder if form in ONE_VIDEO else folder / f"labels{ENDINGS[form]}", tracks, form=form)

    return Form(write, check_labels)


SPECIMENS: dict[str, tuple[str, bytes]] = {
    "table of a spreadsheet": (
        "x.csv",
        'Datei;Ereignis;Zeit (s)\r\ncafé.mp4;grün;0,2\r\ncafé.mp4;"a;b";0:00,5\r\nb.mp4;grün;NA\r\n'.encode("cp1252"),
    ),
    "table in UTF-16": ("x.csv", "video\tevent_seconds\tevent_names\na.mp4\t0.1;0.4\tgrasp;lift\n".encode("utf-16")),
    "boris with films in a row": (
        "x.boris",
        b'{"behaviors_conf": {"0": {"type": "State event", "code": "hold"}}, "observations": {"o": {"file": {"1": '
        b'["a.mp4", "b.mp4"], "2": ["c.mp4"]}, "time offset": 5.0, "media_creation_date_as_offset": false, "events": '
        b'[[5.2, "", "hold", "", "by hand"], [5.9, "", "hold", "", ""], [6.4, "", "hold", "", ""]], "media_info": '
        b'{"length": {"a.mp4": 1.0, "b.mp4": 1.0, "c.mp4": 2.0}, "offset": {"1": 0.0, "2": 0.1}}}}}',
    ),
    "elan with slots without time": (
        "x.eaf",
        b'<ANNOTATION_DOCUMENT><HEADER><MEDIA_DESCRIPTOR MEDIA_URL="a.mp4" TIME_ORIGIN="100"/></HEADER>'
        b'<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="100"/><TIME_SLOT TIME_SLOT_ID="t2"/><TIME_SLOT '
        b'TIME_SLOT_ID="t3" TIME_VALUE="500"/></TIME_ORDER><TIER TIER_ID="events"><ANNOTATION><ALIGNABLE_ANNOTATION '
        b'ANNOTATION_ID="a1" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2"><ANNOTATION_VALUE>x</ANNOTATION_VALUE>'
        b'</ALIGNABLE_ANNOTATION></ANNOTATION><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a2" ANNOTATION_REF="a1">'
        b"<ANNOTATION_VALUE>y</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>",
    ),
    "label studio short": (
        "x.json",
        b'[{"video": "a.mp4", "fps": 10, "annotation_id": 1, "labels": [{"ranges": [{"start": 3, "end": 5}], '
        b'"timelinelabels": ["grasp"]}], "box": [{"framesCount": 12, "duration": 1.2, "labels": ["lift"], "sequence": '
        b'[{"frame": 7, "time": 0.6, "enabled": true}]}], "tricks": [{"start": 0.9, "end": 1.0, "labels": ["drop"]}]}]',
    ),
}


def specimen_form(name: str, content: bytes) -> Form:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return Form(write, check_labels)


def write_processed(folder: Path, suffix: str, items: list[Item], *, penn: bool) -> None:
    write = {".pkl": forms.write_pickle, ".json": forms.write_json_index, ".npz": forms.write_npz_index}[suffix]
    write(folder / f"train{suffix}", items, penn=penn)
    for item in items:
        forms.write_frames(folder / "frames" / item.name, item)


def processed_form(suffix: str, items: list[Item], *, penn: bool = False) -> Form:
    return Form(lambda folder: write_processed(folder, suffix, items, penn=penn), check_folder)


def write_manifest(folder: Path) -> None:
    forms.write_video(folder, ITEMS[0])
    header = "video,num_frames,fps,split,events,event_names\n"
    (folder / "annotations.csv").write_text(header + "pour one.mp4,6,25,train,1;;4,touch;pour;done\n")
    (folder / "recuts.csv").write_text("video,frames\npour one.mp4,0;2;4;5\npour one.mp4,1;1;3\n")


def write_raw(folder: Path) -> None:
    for item, action in zip(PENN, ("squat", "bowl"), strict=True):
        forms.write_mat(folder / "labels" / f"{item.name[:4]}.mat", action, 1, len(item.labels))
        forms.write_frames(folder / "frames" / item.name[:4], item)
        forms.write_npy(folder / "penn_action_labels" / "train" / action / f"{item.name[:4]}.npy", item.labels)


def write_lerobot(folder: Path, write: Callable[[Path, list[int]], None]) -> None:
    write(folder, [6, 9])
    (folder / "syncline_events.txt").write_text("grasp: action[1] > 0.5\nrelease: action[1] < 0.5 for 2\n")


def write_wide_manifest(folder: Path) -> None:
    forms.write_video(folder, ITEMS[0])
    table = "video,weight (kg),touch (s),pour (ms)\npour one.mp4,70,0.04,160\n"
    (folder / "annotations.csv").write_text(table, encoding="utf-16")


MAKERS: dict[str, Form] = {form: label_form(form) for form in FORMS} | {
    **{name: specimen_form(*specimen) for name, specimen in SPECIMENS.items()},
    "manifest": Form(write_manifest, check_folder),
    "manifest with a column an event": Form(write_wide_manifest, check_folder),
    "recuts": Form(write_manifest, check_recuts),
    "pouring pickle": processed_form(".pkl", ITEMS),
    "pouring json": processed_form(".json", ITEMS),
    "pouring npz": processed_form(".npz", ITEMS),
    "penn pickle": processed_form(".pkl", PENN, penn=True),
    "penn raw": Form(write_raw, check_folder),
    "tfrecord": Form(lambda folder: forms.write_shard(folder / "pouring_train-0-of-1.tfrecord", ITEMS), check_folder),
    "lerobot v2.1": Form(lambda folder: write_lerobot(folder, lerobot_forms.write_v2), check_folder),
    "lerobot v3": Form(lambda folder: write_lerobot(folder, lerobot_forms.write_v3), check_folder),
    "mp4": Form(lambda folder: forms.write_video(folder, ITEMS[0]), check_folder),
    "frames": Form(lambda folder: forms.write_frames(folder / "a", ITEMS[0]), check_folder),
}
