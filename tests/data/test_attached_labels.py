"""Labels on videos: whole ones, parts of a file, some unlabelled; and ELAN's files as ELAN writes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import data_forms as forms
import numpy as np
import pytest
from data_forms import Item

from syncline.data import VideoSet, events_from_phases, open_videos, phases_from_events
from syncline.data.label_files import read_labels
from syncline.data.label_track import LabelTrack, attach_labels
from syncline.errors import SynclineError

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
                <ANNOTATION_VALUE>between, without a time</ANNOTATION_VALUE>
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
    assert (tracks[0].video, tracks[0].events) == ("cup one.mp4", (("grasp", 0.08), ("pour", 0.2)))
    videos = attach_labels(two_videos(tmp_path), tracks)
    assert videos[0].phases is not None
    assert videos[0].phases.tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 2, 2]
    assert videos[1].phases is None
    assert videos.event_names == ("grasp", "pour")


def test_a_part_of_a_file_takes_labels_on_its_own_clock(tmp_path: Path) -> None:
    videos = two_videos(tmp_path)
    part = replace(videos, videos=(replace(videos[0], name="episode 1", span=(4, 9)),))
    labelled = attach_labels(part, [LabelTrack("episode 1", (("grasp", 0.08),))])[0]
    assert labelled.phases is not None
    assert labelled.phases.tolist() == [-1, -1, -1, -1, 0, 0, 1, 1, 1, -1]
    with pytest.raises(SynclineError, match="name none of the 1 videos"):
        attach_labels(part, [LabelTrack("episode 2", (("grasp", 0.08),))])


def test_events_and_phases_with_unknown_frames() -> None:
    assert events_from_phases(np.array([-1, 0, -1, 1, 1, 2]), 3) == (3, 5)
    assert phases_from_events([3, 5], 6).tolist() == [0, 0, 0, 1, 1, 2]
    for events in ([4, 2], [9]):
        with pytest.raises(SynclineError, match="out of order or outside"):
            phases_from_events(events, 6)
    assert phases_from_events([], 3).tolist() == [0, 0, 0]
