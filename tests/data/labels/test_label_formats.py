"""Every form of labels: written, read back, and read as its owner writes it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from syncline.data.labels.attach_labels import video_stem
from syncline.data.labels.event_order import with_names
from syncline.data.labels.label_formats import ENDINGS, FORMS, read_labels, write_labels
from syncline.data.labels.video_labels import LabelTrack, known_events, labels_to_phases
from syncline.errors import SynclineError

NAMES = ("hand touches", "liquid starts", "done")
TRACKS = [
    LabelTrack("a b.mp4", tuple(zip(NAMES, (0.2, 0.5, 0.9), strict=True)), None, 10.0, 12, "train"),
    LabelTrack("überlang.v2.mp4", tuple(zip(NAMES, (0.1, None, 0.3), strict=True)), None, 10.0, 5, "val"),
]
WHOLE = {"a b.mp4": [0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3], "überlang.v2.mp4": [0, 1, 1, 3, 3]}


@pytest.mark.parametrize("form", ["csv", "json", "boris", "boris-csv", "label-studio"])
def test_forms_of_many_videos_come_back(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"labels{ENDINGS[form]}"
    write_labels(path, TRACKS, form=form)
    back = read_labels(path, frame_rate=10.0)
    assert [track.video for track in back] == [track.video for track in TRACKS]
    for track in back:
        assert track.event_names == NAMES
        frames = len(WHOLE[track.video])
        assert labels_to_phases(track, frames, np.arange(frames) / 10).tolist() == WHOLE[track.video]


@pytest.mark.parametrize("form", ["elan", "srt", "vtt", "npy", "text"])
def test_forms_of_one_video_come_back_as_a_folder(tmp_path: Path, form: str) -> None:
    folder = tmp_path / form
    write_labels(folder, TRACKS, form=form)
    back = {video_stem(track.video): track for track in read_labels(folder, frame_rate=10.0)}
    for name, phases in WHOLE.items():
        track = back[video_stem(name)]
        assert labels_to_phases(track, len(phases), np.arange(len(phases)) / 10).tolist() == phases


@pytest.mark.parametrize("form", ["csv", "json", "boris", "boris-csv", "label-studio", "elan"])
@pytest.mark.parametrize("name", ["100%20 ü?#&.mp4", "cam 1/50%.mp4", "/films/cam1/x.mp4"])
def test_names_that_urls_would_change_come_back(tmp_path: Path, form: str, name: str) -> None:
    path = tmp_path / f"labels{ENDINGS[form]}"
    write_labels(path, [replace(TRACKS[0], video=name)], form=form)
    assert [track.video for track in read_labels(path, frame_rate=10.0)] == [name]


def test_every_form_is_tested() -> None:
    assert set(FORMS) == {
        "csv",
        "json",
        "boris",
        "boris-csv",
        "label-studio",
        "activitynet",
        "elan",
        "srt",
        "vtt",
        "npy",
        "text",
    }


@pytest.mark.parametrize("rate", [29.97, 30.0, 59.94, 240.0])
@pytest.mark.parametrize("form", ["elan", "boris-csv", "boris", "csv", "json", "label-studio"])
def test_rounding_to_milliseconds_keeps_the_frame(tmp_path: Path, form: str, rate: float) -> None:
    pts = np.arange(400) / rate
    frames = [1, 57, 133, 399]
    events = tuple((f"e{n}", float(pts[f])) for n, f in enumerate(frames))
    path = tmp_path / f"x{ENDINGS[form]}"
    write_labels(path, [LabelTrack("x.mp4", events, None, rate, 400)], form=form)
    phases = labels_to_phases(read_labels(path, frame_rate=rate)[0], 400, pts)
    assert np.flatnonzero(np.diff(phases)).tolist() == [f - 1 for f in frames]


@pytest.mark.parametrize("form", FORMS)
def test_seconds_between_frames_mean_the_same_frame_in_every_form(tmp_path: Path, form: str) -> None:
    track = LabelTrack("a.mp4", (("x", 0.26), ("y", 0.57)), None, 10.0, 9)
    path = tmp_path / f"a{ENDINGS[form]}"
    write_labels(path, [track], form=form)
    back = read_labels(path, frame_rate=10.0)[0]
    assert labels_to_phases(back, 9, np.arange(9) / 10).tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize("form", ["csv", "boris-csv"])
def test_tables_with_tabs(tmp_path: Path, form: str) -> None:
    write_labels(tmp_path / "a.csv", TRACKS, form=form)
    (tmp_path / "a.tsv").write_text((tmp_path / "a.csv").read_text("utf-8").replace(",", "\t"), "utf-8")
    expected = [(track.video, track.events) for track in read_labels(tmp_path / "a.csv")]
    assert [(track.video, track.events) for track in read_labels(tmp_path / "a.tsv")] == expected


def test_unknown_labels_stay_unknown(tmp_path: Path) -> None:
    phases = np.array([-1, 0, 0, 1, -1, 2])
    track = LabelTrack("v.mp4", (), phases, 10.0, 6, phase_names=("rest", "lift", "put"))
    for form, suffix in (("npy", ".npy"), ("text", ".txt"), ("json", ".json")):
        path = tmp_path / f"v{suffix}"
        write_labels(path, [track], form=form)
        assert labels_to_phases(read_labels(path)[0], 6, np.arange(6) / 10).tolist() == phases.tolist()
    nothing = LabelTrack("v.mp4", (("a", None), ("b", None)))
    assert labels_to_phases(nothing, 4, np.arange(4.0)).tolist() == [-1] * 4


def test_phases_become_events_and_back(tmp_path: Path) -> None:
    track = LabelTrack("v.mp4", (), np.array([0, 0, 1, 1, 2]), 10.0, 5, phase_names=("rest", "lift", "put"))
    write_labels(tmp_path / "v.eaf", [track], form="elan")
    back = read_labels(tmp_path / "v.eaf")[0]
    assert back.events == (("lift", 0.2), ("put", 0.4))
    with pytest.raises(SynclineError, match="go back"):
        write_labels(tmp_path / "w.eaf", [LabelTrack("w", (), np.array([0, 1, 0]), 10.0, 3)], form="elan")


def test_phases_fewer_than_others_or_without_names_give_events_for_all() -> None:
    track = LabelTrack("v.mp4", (), np.array([0, 0, 1, 2]), 10.0, 4, phase_names=("rest", "lift"))
    assert known_events(track).events == (("lift", 0.2), ("phase 2", 0.3))
    assert known_events(track, 5).event_names == ("lift", "phase 2", "phase 3", "phase 4")


def test_action_segmentation_folder_with_mapping(tmp_path: Path) -> None:
    (tmp_path / "mapping.txt").write_text("0 background\n1 take cup\n2 pour\n")
    truth = tmp_path / "groundTruth"
    truth.mkdir()
    (truth / "P03_cam01.txt").write_text("background\npour\npour\ntake cup\n")
    track = read_labels(truth)[0]
    assert track.phases is not None
    assert (track.phases.tolist(), track.phase_names) == ([0, 2, 2, 1], ("background", "take cup", "pour"))
    (truth / "bad.txt").write_text("background\nfly\n")
    with pytest.raises(SynclineError, match=r"bad\.txt: the label 'fly' is not in"):
        read_labels(truth)


def test_an_empty_line_among_numbers_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("2\n2\n\n3\n\n")
    phases = read_labels(tmp_path / "a.txt")[0].phases
    assert phases is not None
    assert phases.tolist() == [2, 2, -1, 3]


def test_hidden_files_of_a_folder_are_left_out(tmp_path: Path) -> None:
    """macOS puts `._NAME` beside every file that it copies to a stick."""
    (tmp_path / "a.csv").write_text("video,event_seconds\na.mp4,1\n")
    (tmp_path / "._a.csv").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X")
    assert [track.video for track in read_labels(tmp_path)] == ["a.mp4"]


def test_boris_as_boris_writes_it(tmp_path: Path) -> None:
    project = {
        "project_format_version": "7.0",
        "behaviors_conf": {
            "0": {"type": "State event", "code": "holding", "key": "h"},
            "1": {"type": "Point event", "code": "drop", "key": "d"},
        },
        "observations": {
            "day 1": {
                "file": {"1": ["C:\\films\\one two.mp4"], "2": []},
                "events": [[1.0, "", "holding", "", ""], [2.5, "", "drop", "", ""], [3.0, "", "holding", "", ""]],
                "media_info": {"fps": {"x": 25.0}, "length": {"x": 4.0}},
            }
        },
    }
    (tmp_path / "p.boris").write_text(json.dumps(project))
    track = read_labels(tmp_path / "p.boris")[0]
    assert (track.video, track.events) == ("/films/one two.mp4", (("holding", 1.0), ("drop", 2.5)))
    assert (track.frame_rate, track.num_frames) == (None, None)  # means of the whole film, by which no frame is counted
    export = (
        "Observation id,day 1\n\nObservation id,Media file path,FPS,Subject,Behavior,Behavior type,Time\n"
        'day 1,"/films/one, two.mp4",25,me,holding,START,1.0\nday 1,"/films/one, two.mp4",25,me,drop,POINT,2.5\n'
        'day 1,"/films/one, two.mp4",25,me,holding,STOP,3.0\n'
    )
    (tmp_path / "e.csv").write_text(export)
    track = read_labels(tmp_path / "e.csv")[0]
    assert (track.video, track.events) == ("/films/one, two.mp4", (("holding", 1.0), ("drop", 2.5)))


def test_label_studio_counts_from_one_and_skips_cancelled(tmp_path: Path) -> None:
    def region(start: int, name: str) -> dict[str, object]:
        return {"value": {"ranges": [{"start": start, "end": start + 3}], "timelinelabels": [name]}}

    task = {
        "data": {"video": "/data/upload/1/ab%20c.mp4"},
        "annotations": [
            {"was_cancelled": True, "result": [region(5, "wrong")]},
            {"result": [region(11, "b"), region(1, "a")]},
        ],
    }
    (tmp_path / "ls.json").write_text(json.dumps([task]))
    track = read_labels(tmp_path / "ls.json", frame_rate=10.0)[0]
    assert (track.video, track.events, track.frames) == ("/data/upload/1/ab c.mp4", (("a", 0.0), ("b", 1.0)), None)
    with pytest.raises(SynclineError, match="project's rate"):
        read_labels(tmp_path / "ls.json")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "video,events,event_names\nv.mp4,2;;4,a;b;c\n"),
        ("a.json", '[{"video": "v", "events": [{"name": "a", "frame": 2}, {"name": "b"}, {"name": "c", "frame": 4}]}]'),
    ],
)
def test_events_in_frames_need_no_rate_until_seconds_are_written(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    track = read_labels(tmp_path / name)[0]
    uneven = np.array([0.0, 0.1, 0.5, 0.6, 2.0, 2.1])
    assert labels_to_phases(track, 6, uneven).tolist() == [0, 0, 1, 1, 3, 3]
    write_labels(tmp_path / "again.json", [track], form="json")
    assert read_labels(tmp_path / "again.json")[0].frames == (2, None, 4)
    write_labels(tmp_path / "again.csv", [track], form="csv")
    assert read_labels(tmp_path / "again.csv")[0].frames == (2, None, 4)
    for form in ("elan", "boris", "boris-csv", "label-studio", "activitynet", "srt", "vtt"):
        with pytest.raises(SynclineError, match="no times without the film"):
            write_labels(tmp_path / "out", [track], form=form)
    assert known_events(replace(track, frame_rate=10.0)).events == (("a", 0.2), ("b", None), ("c", 0.4))


def test_repeated_names_are_numbered_and_merged(tmp_path: Path) -> None:
    x = LabelTrack("x", (("up", 1.0), ("down", 2.0)))
    y = LabelTrack("y", (("up", 1.0), ("hold", 1.5), ("down", 2.0), ("bow", 3.0)))
    assert [name for name, _ in with_names([x, y])[0].events] == ["up", "hold", "down", "bow"]
    write_labels(tmp_path / "b.csv", [LabelTrack("z", (("up", 1.0), ("up", 2.0)))], form="boris-csv")
    assert read_labels(tmp_path / "b.csv")[0].event_names == ("up", "up #2")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "video,event_seconds,event_names\na.mp4,1;2;3;4,up;down;up;down\n"),
        (
            "a.json",
            json.dumps(
                [
                    {
                        "video": "a",
                        "events": [
                            {"name": n, "seconds": s} for n, s in zip(("up", "down", "up", "down"), (1, 2, 3, 4))
                        ],
                    }
                ]
            ),
        ),
    ],
)
def test_repeated_names_of_a_table_are_kept_apart(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    events = read_labels(tmp_path / name)[0].events
    assert events == (("up", 1.0), ("down", 2.0), ("up #2", 3.0), ("down #2", 4.0))


def test_xml_with_a_document_type_is_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><ANNOTATION_DOCUMENT>&y;</ANNOTATION_DOCUMENT>'
    (tmp_path / "bomb.eaf").write_text(bomb)
    with pytest.raises(SynclineError, match="document type"):
        read_labels(tmp_path / "bomb.eaf")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "subject,events\nx,1\n", "no column 'video'; its columns: 'subject', 'events'"),
        ("a.csv", "video,events\nx,1;-2\n", "frame below 0"),
        ("a.csv", "video,fps,events,event_names\nx,10,1;2,only\n", "2 events, 1 event_names"),
        ("a.json", '{"videos": [{"video": "x", "phases": [0.5]}]}', "whole numbers"),
        ("a.json", '{"videos": [{"video": "x", "phases": [NaN]}]}', "NaN"),
        ("a.json", "[" * 100_000, "cannot be read"),
        ("a.txt", "1\n-7\n", "-1 is unknown"),
        ("a.eaf", "<a/>", "ANNOTATION_DOCUMENT"),
        ("a.doc", "x", "no label file"),
    ],
)
def test_faults_are_one_line(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SynclineError, match=said) as caught:
        read_labels(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_length_that_differs_a_little_is_fitted_and_a_lot_is_refused() -> None:
    track = LabelTrack("v", (), np.array([0, 0, 1, 1]), 10.0, 4)
    assert labels_to_phases(track, 6, np.arange(6.0)).tolist() == [0, 0, 1, 1, 1, 1]
    assert labels_to_phases(track, 2, np.arange(2.0)).tolist() == [0, 0]
    with pytest.raises(SynclineError, match="4 labels for 9 frames"):
        labels_to_phases(track, 9, np.arange(9.0))


def test_event_after_the_end_is_refused() -> None:
    with pytest.raises(SynclineError, match="outside the video"):
        labels_to_phases(LabelTrack("v", (("a", 9.0),)), 10, np.arange(10) / 10)


def test_names_with_line_breaks_leave_the_error_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"videos": [{"video": "a\nb\u2028c", "phases": [-5]}]}))
    with pytest.raises(SynclineError, match="labels of a b c: label -5") as caught:
        read_labels(tmp_path / "x.json")
    assert len(str(caught.value).splitlines()) == 1
