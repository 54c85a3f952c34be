"""Labels on videos: whole ones, parts of a file, some unlabelled; and ELAN's files as ELAN writes them."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from pathlib import Path

import data_forms as forms
import numpy as np
import pytest
from data_forms import Item

from syncline.data import Video, VideoSet, events_from_phases, open_videos, phases_from_events
from syncline.data.labels.attach_labels import attach_labels, tracks_of
from syncline.data.labels.label_formats import FORMS, read_labels, write_labels
from syncline.data.labels.video_labels import LabelTrack
from syncline.errors import SynclineError
from syncline.video.discovery import SUFFIXES

ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-05-01T10:00:00+01:00" FORMAT="3.0" VERSION="3.0"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
        <MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/films/day%201/cup%20one.mp4" MIME_TYPE="video/mp4"
            RELATIVE_MEDIA_URL="./cup%20one.mp4"/>
        <PROPERTY NAME="lastUsedAnnotationId">3</PROPERTY>
    </HEADER>
    <TIME_ORDER>
        <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="80"/>
        <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="200"/>
        <TIME_SLOT TIME_SLOT_ID="ts3"/>
        <TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="320"/>
    </TIME_ORDER>
    <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="steps">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts4">
                <ANNOTATION_VALUE>pour</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
                <ANNOTATION_VALUE>grasp</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
                <ANNOTATION_VALUE>shake</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="notes"/>
    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>
</ANNOTATION_DOCUMENT>
"""


def two_videos(folder: Path) -> VideoSet:
    forms.write_video(folder, Item("cup one", [0] * 10))
    forms.write_video(folder, Item("cup two", [0] * 10))
    return open_videos(folder)


def test_elan_as_elan_writes_it_labels_its_video_only(tmp_path: Path) -> None:
    (tmp_path / "a.eaf").write_text(ELAN, encoding="utf-8")
    tracks = read_labels(tmp_path / "a.eaf")
    assert (tracks[0].video, tracks[0].events) == ("cup one.mp4", (("grasp", 0.08), ("pour", 0.2), ("shake", 0.26)))
    videos = attach_labels(two_videos(tmp_path), tracks)
    assert videos[0].phases is not None
    assert videos[0].phases.tolist() == [0, 0, 1, 1, 1, 2, 3, 3, 3, 3]
    assert videos[1].phases is None
    assert videos.event_names == ("grasp", "pour", "shake")


@pytest.mark.parametrize(
    ("own", "names"), [("", ("grasp", "pour", "shake")), ("steps", ("grasp", "lift", "pour", "shake"))]
)
def test_the_vocabulary_of_another_tier_of_elan_adds_no_events(
    tmp_path: Path, own: str, names: tuple[str, ...]
) -> None:
    entry = '<CV_ENTRY_ML CVE_ID="{0}"><CVE_VALUE LANG_REF="und">{0}</CVE_VALUE></CV_ENTRY_ML>'.format
    vocabularies = "".join(
        f'<CONTROLLED_VOCABULARY CV_ID="{name}">{"".join(map(entry, entries))}</CONTROLLED_VOCABULARY>'
        for name, entries in (("hands", ("left", "grasp", "pour")), ("steps", ("grasp", "lift", "pour", "shake")))
    )
    content = ELAN.replace("</ANNOTATION_DOCUMENT>", vocabularies + "</ANNOTATION_DOCUMENT>")
    if own:
        content = content.replace("<LINGUISTIC_TYPE ", f'<LINGUISTIC_TYPE CONTROLLED_VOCABULARY_REF="{own}" ')
    (tmp_path / "a.eaf").write_text(content, encoding="utf-8")
    assert read_labels(tmp_path / "a.eaf")[0].event_names == names


def test_a_part_of_a_file_takes_labels_on_its_own_clock(tmp_path: Path) -> None:
    videos = two_videos(tmp_path)
    part = replace(videos, videos=(replace(videos[0], name="episode 1", span=(4, 9)),))
    labelled = attach_labels(part, [LabelTrack("episode 1", (("grasp", 0.08),))])[0]
    assert labelled.phases is not None
    assert labelled.phases.tolist() == [-1, -1, -1, -1, 0, 0, 1, 1, 1, -1]
    with pytest.raises(SynclineError, match="name no video of"):
        attach_labels(part, [LabelTrack("episode 2", (("grasp", 0.08),))])


def cameras(folder: Path, *names: str) -> VideoSet:
    """Videos of one file name in folders of their own."""
    for name in names:
        forms.write_video(folder / name, Item("x", [0] * 10))
        (folder / name / "videos" / "x.mp4").rename(folder / name / "x.mp4")
    return open_videos(folder)


def labelled(videos: VideoSet) -> list[str]:
    return [video.name for video in videos if video.phases is not None]


def test_labels_of_one_camera_are_not_given_to_the_others(tmp_path: Path) -> None:
    videos = cameras(tmp_path, "cam1", "cam2", "cam3")
    track = LabelTrack("cam1/x.mp4", (("grasp", 0.08),))
    assert labelled(attach_labels(videos, [track])) == ["cam1/x.mp4"]
    both = [replace(track, video="cam2\\x"), track, replace(track, video="cam9/x.mp4")]
    assert labelled(attach_labels(videos, both)) == ["cam1/x.mp4", "cam2/x.mp4"]
    with pytest.raises(SynclineError, match=r"labels of 'x.mp4' may be of cam2/x.mp4 or of another"):
        attach_labels(videos, [track, replace(track, video="x.mp4")])
    with pytest.raises(SynclineError, match=r"cam1/x.mp4 has two labels \('cam1/x.mp4', 'cam1/x.mp4'\)"):
        attach_labels(videos, [track, replace(track)])


def test_a_path_of_another_machine_goes_by_the_folders_that_are_there(tmp_path: Path) -> None:
    videos = cameras(tmp_path, "cam1", "cam2")
    track = LabelTrack("/old/films/cam2/x.mp4", (("grasp", 0.08),))
    assert labelled(attach_labels(videos, [track])) == ["cam2/x.mp4"]
    outer = VideoSet((replace(videos[0], name="x.mp4"), videos[1]), "two")
    assert labelled(attach_labels(outer, [track])) == ["cam2/x.mp4"], "and not of x.mp4, which has fewer"
    with pytest.raises(SynclineError, match=r"may be of cam1/x.mp4 or of another"):
        attach_labels(videos, [replace(track, video="/data/upload/1/x.mp4")])


def test_folders_may_be_missing_or_others_where_a_name_occurs_once(tmp_path: Path) -> None:
    videos = cameras(tmp_path, "cam1")
    for name in ("x", "cam1/x.mp4", "elsewhere/x.mov"):
        assert labelled(attach_labels(videos, [LabelTrack(name, (("grasp", 0.08),))])) == ["x.mp4"]
    with pytest.raises(SynclineError, match="two labels"):
        attach_labels(videos, [LabelTrack(f"cam{k}/x.mp4", (("grasp", 0.08),)) for k in (1, 2)])


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_a_label_may_leave_the_suffix_of_any_film_away(suffix: str) -> None:
    videos = VideoSet((Video(Path(f"cup{suffix}"), f"cup{suffix}", "cup", 9, 3.0),), "cups")
    assert list(tracks_of(videos, [LabelTrack("cup")])) == [0]


def test_spaces_around_a_name_do_not_matter() -> None:
    videos = VideoSet((Video(Path(" a.mp4"), " a.mp4", "", 9, 3.0),), "x")
    assert list(tracks_of(videos, [LabelTrack("a.mp4")])) == [0]


def test_accents_as_macos_and_as_people_write_them() -> None:
    name = unicodedata.normalize("NFD", "café.mp4")
    videos = VideoSet((Video(Path(name), name, name, 9, 3.0),), "cups")
    assert list(tracks_of(videos, [LabelTrack(unicodedata.normalize("NFC", "café.mp4"))])) == [0]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_keeps_videos_of_one_file_name_apart(tmp_path: Path, form: str) -> None:
    videos = cameras(tmp_path / "videos", "cam1", "cam2")
    tracks = [
        LabelTrack(f"cam{k}/x.mp4", (("grasp", 0.08 * k),), None, videos[0].frame_rate, 10, frames=(2 * k,))
        for k in (1, 2)
    ]
    single = {"csv": ".csv", "json": ".json", "boris": ".boris", "boris-csv": ".csv", "label-studio": ".json"}
    place = tmp_path / f"labels{single.get(form, '')}"
    write_labels(place, tracks, form=form)
    starts = [
        events_from_phases(v.phases, 2) for v in attach_labels(videos, read_labels(place)) if v.phases is not None
    ]
    assert starts == [(2,), (4,)]


def test_two_tracks_of_one_name_do_not_share_a_file(tmp_path: Path) -> None:
    with pytest.raises(SynclineError, match="two tracks are named"):
        write_labels(tmp_path / "out", [LabelTrack("x.mp4", (), np.zeros(3, np.int64))] * 2, form="npy")


def test_boris_rows_of_two_folders_are_not_mixed(tmp_path: Path) -> None:
    rows = ["Media file path,Behavior,Time", "/films/cam1/x.mp4,grasp,0.08", "/films/cam2/x.mp4,grasp,0.16"]
    (tmp_path / "e.csv").write_text("\n".join(["Observation id," + rows[0], *(f"a,{row}" for row in rows[1:])]))
    tracks = read_labels(tmp_path / "e.csv")
    assert [track.events for track in tracks] == [(("grasp", 0.08),), (("grasp", 0.16),)]
    videos = attach_labels(cameras(tmp_path, "cam1", "cam2"), tracks)
    assert [events_from_phases(video.phases, 2) for video in videos if video.phases is not None] == [(2,), (4,)]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("/films/cam1/x.mp4", "/films/cam1/x.mp4"),
        ("C:\\films\\cam1\\x.mp4", "/films/cam1/x.mp4"),
        ("../cam1/x.mp4", "cam1/x.mp4"),
        ("./cam1/what?.mp4", "cam1/what?.mp4"),
    ],
)
def test_boris_keeps_the_folders_of_a_path(tmp_path: Path, said: str, name: str) -> None:
    (tmp_path / "e.csv").write_text(f"Media file path,Behavior,Time\n{said},grasp,0.08\n")
    assert read_labels(tmp_path / "e.csv")[0].video == name


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("file:///C:/films/cam%201/x.mp4", "/films/cam 1/x.mp4"),
        ("https://films.org/cam1/x.mp4?token=a/b", "films.org/cam1/x.mp4"),
        ("/data/local-files/?d=films/cam1/x%20y.mp4", "films/cam1/x y.mp4"),
        ("cam1/what%3F.mp4", "cam1/what?.mp4"),
        ("/data/upload/7/0f7d3a5c-cup.mp4", "/data/upload/7/cup.mp4"),
        ("films/0f7d3a5c-cup.mp4", "films/0f7d3a5c-cup.mp4"),
    ],
)
def test_label_studio_keeps_the_folders_of_a_url(tmp_path: Path, said: str, name: str) -> None:
    (tmp_path / "l.json").write_text(json.dumps([{"data": {"video": said}, "annotations": [{"result": []}]}]))
    assert read_labels(tmp_path / "l.json")[0].video == name


def test_label_studio_labels_the_video_that_was_uploaded(tmp_path: Path) -> None:
    (tmp_path / "l.json").write_text(json.dumps([{"file_upload": "0f7d3a5c-cup.mp4", "annotations": [{"result": []}]}]))
    assert read_labels(tmp_path / "l.json")[0].video == "cup.mp4"


def test_events_and_phases_with_unknown_frames() -> None:
    assert events_from_phases(np.array([-1, 0, -1, 1, 1, 2]), 3) == (3, 5)
    assert phases_from_events([3, 5], 6).tolist() == [0, 0, 0, 1, 1, 2]
    for events in ([4, 2], [9]):
        with pytest.raises(SynclineError, match="out of order or outside"):
            phases_from_events(events, 6)
    assert phases_from_events([], 3).tolist() == [0, 0, 0]
