"""What annotation programs keep beside the times: offsets, several films, slots without a time, rates of their own.

Every case says at which second of the film the event happened; the file holds it as the program would.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from syncline.data.labels.label_formats import read_labels
from syncline.errors import SynclineError

READ_AS = {
    "test_elan_adds_the_origin_of_every_film": (
        "ELAN", "`TIME_ORIGIN` of a film, several films", "added to the times; a track for each film, none for sound",
    ),
    "test_elan_units": ("ELAN", "`TIME_UNITS`", "milliseconds, PAL and NTSC frames; others are refused"),
    "test_elan_slots_without_time_lie_evenly_between_those_of_their_tier": (
        "ELAN", "slots without a time", "evenly between the timed ones of their tier",
    ),
    "test_elan_referring_annotations_share_the_one_they_refer_to": (
        "ELAN", "referring annotations", "from where the one begins that they refer to; several share it evenly",
    ),
    "test_boris_takes_the_time_offset_off": ("BORIS project", "time offset", "taken off"),
    "test_boris_parts_a_row_of_films": (
        "BORIS project", "several films in a row", "parted by their lengths; refused without these",
    ),
    "test_boris_second_player_by_its_offset": ("BORIS project", "a second player", "by that player's offset"),
    "test_boris_takes_the_time_of_making_off": (
        "BORIS project", "time of making as offset", "taken off; refused where the project does not say it",
    ),
    "test_boris_export_takes_the_offset_off_and_parts_a_row_of_films": (
        "BORIS export", "time offset, several films in a row", "as of a project",
    ),
    "test_label_studio_counts_at_the_rate_of_the_project": (
        "Label Studio", "frames of the timeline", "times at the project's rate; refused where nobody says it",
    ),
    "test_label_studio_over_sound_and_in_boxes_is_in_seconds": (
        "Label Studio", "labels over sound, boxes", "seconds; results of other types are named",
    ),
    "test_label_studio_short_export": ("Label Studio", "JSON-MIN", "as the whole export"),
    "test_activitynet_databases_and_predictions": ("ActivityNet", "segments, scores", "beginnings, confidence"),
    "test_subtitles": ("SubRip, WebVTT", "cues", "beginnings, named by the first line"),
}  # fmt: skip
"""What docs/data-labels.md says of each form, by the test that holds it (docs/scripts/label_forms.py)."""


def events(path: Path, **options: Any) -> dict[str, dict[str, float | None]]:
    """Events by video, to the millisecond."""
    found = read_labels(path, **options)
    return {t.video: {n: None if s is None else round(s, 3) for n, s in t.events} for t in found}


# ELAN ---------------------------------------------------------------------------------------------------------------

ANNOTATION = (
    '<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{0}" TIME_SLOT_REF1="{1}" TIME_SLOT_REF2="{2}">'
    "<ANNOTATION_VALUE>{3}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
)
REFERRING = (
    '<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{0}" ANNOTATION_REF="{1}"><ANNOTATION_VALUE>{2}</ANNOTATION_VALUE>'
    "</REF_ANNOTATION></ANNOTATION>"
)


def media(name: str, origin: int | None = None, kind: str = "video/mp4") -> str:
    said = "" if origin is None else f' TIME_ORIGIN="{origin}"'
    return f'<MEDIA_DESCRIPTOR MEDIA_URL="file:///d/{name}" RELATIVE_MEDIA_URL="./{name}" MIME_TYPE="{kind}"{said}/>'


def write_elan(path: Path, films: str, slots: dict[str, int | None], tiers: dict[str, str], unit: str = "") -> Path:
    times = {name: "" if value is None else f' TIME_VALUE="{value}"' for name, value in slots.items()}
    order = "".join(f'<TIME_SLOT TIME_SLOT_ID="{name}"{said}/>' for name, said in times.items())
    body = "".join(
        f'<TIER TIER_ID="{name}" LINGUISTIC_TYPE_REF="x">{content}</TIER>' for name, content in tiers.items()
    )
    header = f'<HEADER TIME_UNITS="{unit or "milliseconds"}">{films}</HEADER>'
    path.write_text(f"<ANNOTATION_DOCUMENT>{header}<TIME_ORDER>{order}</TIME_ORDER>{body}</ANNOTATION_DOCUMENT>")
    return path


TWO = ANNOTATION.format("a1", "t1", "t2", "grasp") + ANNOTATION.format("a2", "t2", "t3", "lift")
SLOTS = {"t1": 1000, "t2": 2000, "t3": 4000}


def test_elan_adds_the_origin_of_every_film(tmp_path: Path) -> None:
    films = media("a.mp4") + media("b.mp4", 5200) + media("sound.wav", 100, "audio/x-wav")
    path = write_elan(tmp_path / "x.eaf", films, SLOTS, {"events": TWO})
    assert events(path) == {"a.mp4": {"grasp": 1.0, "lift": 2.0}, "b.mp4": {"grasp": 6.2, "lift": 7.2}}


def test_elan_before_the_film_is_refused(tmp_path: Path) -> None:
    path = write_elan(tmp_path / "x.eaf", media("a.mp4", -5200), SLOTS, {"events": TWO})
    with pytest.raises(SynclineError, match=r"a\.mp4: event 'grasp' at -4\.2 s is not in a video"):
        read_labels(path)


@pytest.mark.parametrize(("unit", "second"), [("milliseconds", 1.0), ("PAL-frames", 40.0), ("NTSC-frames", 33.367)])
def test_elan_units(tmp_path: Path, unit: str, second: float) -> None:
    path = write_elan(tmp_path / "x.eaf", media("a.mp4"), SLOTS, {"events": TWO}, unit)
    assert events(path)["a.mp4"]["grasp"] == second


def test_elan_units_that_are_not_known_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SynclineError, match="'fortnights'"):
        read_labels(write_elan(tmp_path / "x.eaf", media("a.mp4"), SLOTS, {"events": TWO}, "fortnights"))


def test_elan_slots_without_time_lie_evenly_between_those_of_their_tier(tmp_path: Path) -> None:
    """Slots of two tiers stand in one list; each tier is filled in by itself."""
    slots = {"t1": 1000, "u1": None, "s1": None, "u2": None, "t2": 4000}
    thirds = [("a1", "t1", "u1", "one"), ("a2", "u1", "u2", "two"), ("a3", "u2", "t2", "three")]
    halves = [("b1", "t1", "s1", "first"), ("b2", "s1", "t2", "second")]
    tiers = {
        "thirds": "".join(ANNOTATION.format(*part) for part in thirds),
        "halves": "".join(ANNOTATION.format(*part) for part in halves),
    }
    path = write_elan(tmp_path / "x.eaf", media("a.mp4"), slots, tiers)
    assert events(path, tier="thirds") == {"a.mp4": {"one": 1.0, "two": 2.0, "three": 3.0}}
    assert events(path, tier="halves") == {"a.mp4": {"first": 1.0, "second": 2.5}}


def test_elan_slots_at_the_edge_of_their_tier_go_by_those_of_others(tmp_path: Path) -> None:
    slots = {"t1": 1000, "u1": None, "t2": 4000}
    tiers = {"outer": ANNOTATION.format("a1", "t1", "t2", "whole"), "inner": ANNOTATION.format("a2", "u1", "t2", "end")}
    path = write_elan(tmp_path / "x.eaf", media("a.mp4"), slots, tiers)
    assert events(path, tier="inner") == {"a.mp4": {"end": 2.5}}


def test_elan_referring_annotations_share_the_one_they_refer_to(tmp_path: Path) -> None:
    parts = enumerate(("up", "hold", "turn", "down"))
    tiers = {
        "outer": TWO,
        "notes": REFERRING.format("r1", "a1", "whole"),
        "parts": "".join(REFERRING.format(f"p{k}", "a2", name) for k, name in parts),
        "deeper": REFERRING.format("q", "p2", "sign"),
        "words of the same": REFERRING.format("w", "a2", "lifts it"),
    }
    path = write_elan(tmp_path / "x.eaf", media("a.mp4"), SLOTS, tiers)
    assert events(path, tier="notes") == {"a.mp4": {"whole": 1.0}}
    assert events(path, tier="parts") == {"a.mp4": {"up": 2.0, "hold": 2.5, "turn": 3.0, "down": 3.5}}
    assert events(path, tier="deeper") == {"a.mp4": {"sign": 3.0}}
    assert events(path, tier="words of the same") == {"a.mp4": {"lifts it": 2.0}}, "each tier has the whole"


def test_elan_referring_annotations_come_in_the_order_in_which_they_follow_each_other(tmp_path: Path) -> None:
    first, second, third = (REFERRING.format(f"p{k}", "a2", name) for k, name in enumerate(("up", "hold", "down")))
    after = [part.replace(" ANNOTATION_REF", f' PREVIOUS_ANNOTATION="{before}" ANNOTATION_REF')
             for part, before in ((second, "p0"), (third, "p1"))]  # fmt: skip
    tiers = {"outer": TWO, "parts": after[1] + after[0] + first}
    path = write_elan(tmp_path / "x.eaf", media("a.mp4"), SLOTS, tiers)
    assert events(path, tier="parts") == {"a.mp4": {"up": 2.0, "hold": 2.667, "down": 3.333}}


def test_elan_annotations_without_any_time_are_refused(tmp_path: Path) -> None:
    path = write_elan(tmp_path / "x.eaf", media("a.mp4"), {"t1": None, "t2": None, "t3": None}, {"events": TWO})
    with pytest.raises(SynclineError, match="annotation a1 of 'events' has no time"):
        read_labels(path)


# BORIS --------------------------------------------------------------------------------------------------------------


def observation(marks: list[tuple[float, str]], **more: Any) -> dict[str, Any]:
    whole = {"file": {"1": ["a.mp4"], "2": []}, "type": "MEDIA", "time offset": 0.0}
    info = {"length": {"a.mp4": 30.0, "b.mp4": 20.0, "c.mp4": 9.0}, "fps": {"a.mp4": 30.0}, "offset": {"1": 0.0}}
    rows = [[time, "", name, "", ""] for time, name in marks]
    return {**whole, "media_info": info | more.pop("media_info", {}), "events": rows, **more}


def write_boris(path: Path, **observations: dict[str, Any]) -> Path:
    names = ("grasp", "lift", "drop")
    behaviours = {str(k): {"type": "Point event", "code": name} for k, name in enumerate(names)}
    path.write_text(json.dumps({"behaviors_conf": behaviours, "observations": observations}))
    return path


def test_boris_takes_the_time_offset_off(tmp_path: Path) -> None:
    path = write_boris(tmp_path / "p.boris", o=observation([(11.0, "grasp"), (12.5, "lift")], **{"time offset": 10.0}))
    assert events(path) == {"a.mp4": {"grasp": 1.0, "lift": 2.5, "drop": None}}


def test_boris_parts_a_row_of_films(tmp_path: Path) -> None:
    three = {"file": {"1": ["a.mp4", "b.mp4", "c.mp4"]}, "time offset": 100.0}
    marks = [(101.0, "grasp"), (129.0, "lift"), (131.0, "grasp"), (152.0, "drop")]
    assert events(write_boris(tmp_path / "p.boris", o=observation(marks, **three))) == {
        "a.mp4": {"grasp": 1.0, "lift": 29.0, "drop": None},
        "b.mp4": {"grasp": 1.0, "lift": None, "drop": None},
        "c.mp4": {"grasp": None, "lift": None, "drop": 2.0},
    }


def test_boris_films_without_lengths_are_refused(tmp_path: Path) -> None:
    unknown = observation([(1.0, "grasp")], file={"1": ["x.mp4", "y.mp4"]})
    with pytest.raises(SynclineError, match=r"'o' plays 2 films .* how long 'x\.mp4' is"):
        read_labels(write_boris(tmp_path / "p.boris", o=unknown))


def test_boris_second_player_by_its_offset(tmp_path: Path) -> None:
    both = observation(
        [(5.0, "grasp")], file={"1": ["a.mp4"], "2": ["b.mp4"]}, media_info={"offset": {"1": 0.0, "2": 1.5}}
    )
    found = events(write_boris(tmp_path / "p.boris", o=both))
    assert (found["a.mp4"]["grasp"], found["b.mp4"]["grasp"]) == (5.0, 3.5)


@pytest.mark.parametrize("made", [1_700_000_000.0, "2023-11-14T22:13:20+00:00"])
def test_boris_takes_the_time_of_making_off(tmp_path: Path, made: Any) -> None:
    dated = observation(
        [(1_700_000_002.5, "grasp")],
        media_creation_date_as_offset=True,
        media_info={"media_creation_time": {"a.mp4": made}},
    )
    assert events(write_boris(tmp_path / "p.boris", o=dated))["a.mp4"]["grasp"] == 2.5


def test_boris_without_the_time_of_making_is_refused(tmp_path: Path) -> None:
    dated = observation([(1_700_000_002.5, "grasp")], media_creation_date_as_offset=True)
    with pytest.raises(SynclineError, match="counts from when its films were made"):
        read_labels(write_boris(tmp_path / "p.boris", o=dated))


def test_boris_event_before_its_film_is_refused(tmp_path: Path) -> None:
    early = observation([(3.0, "grasp")], **{"time offset": 10.0})
    with pytest.raises(SynclineError, match=r"'grasp' at 3 s lies before 'a\.mp4', which begins at 10 s"):
        read_labels(write_boris(tmp_path / "p.boris", o=early))


def test_boris_project_without_marks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SynclineError, match="marks no event in its 1 observation"):
        read_labels(write_boris(tmp_path / "p.boris", o=observation([])))


HEADER = (
    "Observation id,Observation type,Source,Time offset (s),Media duration (s),Behavior,Behavior type,Time,"
    "Media file name\n"
)


def test_boris_export_takes_the_offset_off_and_parts_a_row_of_films(tmp_path: Path) -> None:
    rows = [
        "one,Media file(s),player #1:a.mp4,10.000,30.000,grasp,POINT,11.000,a.mp4",
        "one,Media file(s),player #1:a.mp4,10.000,30.000,lift,POINT,12.500,a.mp4",
        "two,Media file(s),player #1:b.mp4;c.mp4,0.000,30.000;20.000,grasp,POINT,1.000,b.mp4",
        "two,Media file(s),player #1:b.mp4;c.mp4,0.000,30.000;20.000,grasp,POINT,33.000,c.mp4",
    ]
    (tmp_path / "t.csv").write_text(HEADER + "\n".join(rows) + "\n")
    found = events(tmp_path / "t.csv")
    assert found["a.mp4"] == {"grasp": 1.0, "lift": 2.5}
    assert (found["b.mp4"]["grasp"], found["c.mp4"]["grasp"]) == (1.0, 3.0)


def test_boris_export_without_the_lengths_of_a_row_of_films_is_refused(tmp_path: Path) -> None:
    row = "two,Media file(s),player #1:b.mp4;c.mp4,0.000,NA,grasp,POINT,1.000,b.mp4\n"
    (tmp_path / "t.csv").write_text(HEADER + row)
    with pytest.raises(SynclineError, match="2 films one after another"):
        read_labels(tmp_path / "t.csv")


# Label Studio -------------------------------------------------------------------------------------------------------


def test_label_studio_counts_at_the_rate_of_the_project(tmp_path: Path) -> None:
    """Ten seconds are frame 241 of a project of 24 a second, whatever the film's rate is."""
    region = {"type": "timelinelabels", "value": {"ranges": [{"start": 241, "end": 250}], "timelinelabels": ["grasp"]}}
    task: dict[str, Any] = {"data": {"video": "a.mp4"}, "annotations": [{"result": [region]}]}
    (tmp_path / "x.json").write_text(json.dumps([task]))
    assert events(tmp_path / "x.json", frame_rate=24) == {"a.mp4": {"grasp": 10.0}}
    with pytest.raises(SynclineError, match=r"24 unless set.*--label-rate"):
        read_labels(tmp_path / "x.json")
    task["data"]["fps"] = 24
    (tmp_path / "x.json").write_text(json.dumps([task]))
    assert events(tmp_path / "x.json") == {"a.mp4": {"grasp": 10.0}}


def test_label_studio_over_sound_and_in_boxes_is_in_seconds(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sound = {"type": "labels", "value": {"start": 10.25, "end": 12.0, "channel": 0, "labels": ["grasp"]}}
    keys = [{"frame": 301, "time": 12.04, "enabled": True}, {"frame": 330, "time": 13.2, "enabled": False}]
    box = {
        "type": "videorectangle",
        "value": {"framesCount": 750, "duration": 30.0, "sequence": keys, "labels": ["lift"]},
    }
    line = {"type": "timelinelabels", "value": {"ranges": [{"start": 501, "end": 510}], "timelinelabels": ["drop"]}}
    choice = {"type": "choices", "value": {"choices": ["good"]}}
    task = {"data": {"video_url": "/d/a.mp4"}, "annotations": [{"result": [choice, sound, box, line]}]}
    (tmp_path / "x.json").write_text(json.dumps([task]))
    assert events(tmp_path / "x.json") == {"/d/a.mp4": {"grasp": 10.25, "lift": 12.04, "drop": 20.0}}  # 750 in 30 s
    assert "1 choices" in caplog.text


def test_label_studio_short_export(tmp_path: Path) -> None:
    task = {
        "video": "/data/upload/1/1a2b3c4d-a.mp4",
        "annotation_id": 1,
        "videoLabels": [{"ranges": [{"start": 301, "end": 360}], "timelinelabels": ["grasp"]}],
        "tricks": [{"start": 4.5, "end": 5.0, "labels": ["reach"]}],
    }
    (tmp_path / "x.json").write_text(json.dumps([task]))
    assert events(tmp_path / "x.json", frame_rate=30) == {"/data/upload/1/a.mp4": {"reach": 4.5, "grasp": 10.0}}


def test_label_studio_predictions_serve_where_nobody_annotated(tmp_path: Path) -> None:
    region = {"type": "labels", "value": {"start": 1.0, "end": 2.0, "labels": ["grasp"]}}
    task = {"data": {"video": "a.mp4"}, "annotations": [], "predictions": [{"result": [region]}]}
    (tmp_path / "x.json").write_text(json.dumps([task]))
    assert events(tmp_path / "x.json") == {"a.mp4": {"grasp": 1.0}}


# Others -------------------------------------------------------------------------------------------------------------


def test_label_studio_says_what_was_annotated_more_than_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def found(start: int, **more: bool) -> dict[str, Any]:
        value = {"ranges": [{"start": start, "end": start}], "timelinelabels": ["grasp"]}
        return {"result": [{"type": "timelinelabels", "value": value}], **more}

    tasks = [
        {"data": {"video": "a.mp4", "fps": 30}, "annotations": [found(31), found(61)]},
        {"data": {"video": "b.mp4", "fps": 30}, "annotations": [found(31, was_cancelled=True), found(61)]},
    ]
    (tmp_path / "x.json").write_text(json.dumps(tasks))
    assert events(tmp_path / "x.json") == {"a.mp4": {"grasp": 1.0}, "b.mp4": {"grasp": 2.0}}
    assert "annotated more than once, of which the first is read: a.mp4" in caplog.text
    assert "b.mp4" not in caplog.text


def test_activitynet_databases_and_predictions(tmp_path: Path) -> None:
    segments = [{"label": "lift", "segment": [2.0, 4.0]}, {"label": "grasp", "segment": [1.0, 2.0]}]
    base = {"database": {"v_1": {"subset": "validation", "annotations": segments}}}
    (tmp_path / "x.json").write_text(json.dumps(base))
    track = read_labels(tmp_path / "x.json")[0]
    assert (track.video, track.split, track.events) == ("v_1", "val", (("grasp", 1.0), ("lift", 2.0)))
    said = {"version": "1.3", "results": {"v_1": [{"label": "grasp", "segment": [1.0, 2.0], "score": 0.75}]}}
    (tmp_path / "x.json").write_text(json.dumps(said))
    track = read_labels(tmp_path / "x.json")[0]
    assert (track.events, track.confidence) == ((("grasp", 1.0),), (0.75,))


SUBRIP = "1\r\n00:00:01,200 --> 00:00:02,000\r\n<i>grasp</i>\r\n\r\n2\r\n01:00:03,400 --> 01:00:04,000\r\nlift\r\n"
WEBVTT = "WEBVTT\n\nNOTE by hand\n\n00:01.200 --> 00:02.000 align:start\ngrasp\n\n01:00:03.400 --> 01:00:04.000\nlift\n"


@pytest.mark.parametrize(("name", "text"), [("a.srt", SUBRIP), ("a.vtt", WEBVTT)])
def test_subtitles(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(text.encode())
    assert events(tmp_path / name) == {"a": {"grasp": 1.2, "lift": 3603.4}}
