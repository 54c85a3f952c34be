"""Tables as spreadsheets and people write them: read right, or refused with what to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncline.data import read_manifest
from syncline.data.labels.label_formats import read_labels, write_labels
from syncline.data.labels.video_labels import LabelTrack
from syncline.errors import SynclineError

PLAIN = "video,event_seconds,event_names\na.mp4,1.2;3.4,grasp;lift\n"
SEMI = 'video;event_seconds;event_names\na.mp4;"1,2;3,4";"grasp;lift"\n'
LONG = "video,event,seconds\na.mp4,grasp,1.2\na.mp4,lift,3.4\n"
READ = {
    "BOM": PLAIN.encode("utf-8-sig"),
    "CRLF": PLAIN.replace("\n", "\r\n").encode(),
    "CR": PLAIN.replace("\n", "\r").encode(),
    "UTF-16 with tabs": PLAIN.replace(",", "\t").encode("utf-16"),
    "UTF-16 big endian": PLAIN.encode("utf-16-be"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-le"),
    "semicolons and decimal commas": SEMI.encode(),
    "semicolons and decimal points": SEMI.replace("1,2;3,4", "1.2;3.4").encode(),
    "commas and quoted decimal commas": b'video,event_seconds,event_names\na.mp4,"1,2;3,4",grasp;lift\n',
    "sep=": b"sep=;\r\n" + SEMI.encode(),
    "capital": PLAIN.replace("video", "Video").encode(),
    "space after commas": PLAIN.replace(",", ", ").encode(),
    "quoted line break between events": b'video,event_seconds,event_names\na.mp4,"1.2\n3.4","grasp\nlift"\n',
    "minutes": PLAIN.replace("1.2;3.4", "0:01.2;0:03.4").encode(),
    "hours": PLAIN.replace("1.2;3.4", "00:00:01.200;00:00:03,400").replace(",event", ",event").encode()
    .replace(b"a.mp4,00", b'a.mp4,"00').replace(b",400,", b',400",'),
    "frames after the seconds": b"video,fps,event_seconds,event_names\na.mp4,30,00:00:01:06;00:00:03:12,grasp;lift\n",
    "bars": PLAIN.replace(",", "|").encode(),
    "long": LONG.encode(),
    "long, out of order": b"video,event,seconds\na.mp4,lift,3.4\na.mp4,grasp,1.2\n",
    "long, other spellings": b"File name;Behaviour;Time (s)\na.mp4;grasp;1,2\na.mp4;lift;3,4\n",
    "long with ends": b"filename,label,start,end\na.mp4,grasp,1.2,2\na.mp4,lift,3.4,5\n",
    "long in milliseconds": b"video,event,Onset (ms)\na.mp4,grasp,1200\na.mp4,lift,0:03.4\n",
    "wide in milliseconds": b"video,Times [msec],labels\na.mp4,1200;3400,grasp;lift\n",
    "long with a note of no video": LONG.replace("seconds", "seconds,comment").replace("1.2\n", "1.2,\n,,,look again\n")
    .encode(),
    "long in minutes": b"clip,action,time\na.mp4,grasp,0:01.2\na.mp4,lift,0:03.4\n",
    "long with an empty line": LONG.replace("1.2\n", "1.2\n,,\n\n").encode(),
    "other spellings": b"Film,Times,Labels\na.mp4,1.2;3.4,grasp;lift\n",
    "a row an event in the wide columns": b"video,event_seconds,event_names\na.mp4,1.2,grasp\na.mp4,3.4,lift\n",
}  # fmt: skip


READ_AS = {
    "test_tables_that_are_read": (
        "CSV", "UTF-8, UTF-16, Windows-1252; `,` `;` tab or bar; `1.5` or `1,5`; `mm:ss`, `hh:mm:ss`, `hh:mm:ss:ff`",
        "by content; columns by usual names in any case",
    ),
    "test_words_for_absent": ("CSV", "empty, −1, NA, NaN, none, absent", "an absent event"),
    "test_a_column_an_event": (
        "CSV", "a column an event, named by it", "seconds, or frames where the header says so; no times: left out",
    ),
    "test_start_and_end_are_events_beside_other_columns_of_times": (
        "CSV", "`start`, `end`", "an event's two ends; events, which the log says, beside other columns of times",
    ),
    "test_what_is_not_understood_is_named": ("CSV", "other columns", "named in the log, left out"),
    "test_a_manifest_with_a_column_an_event": (
        "CSV", "a manifest (`annotations.csv`) with a column an event",
        "as labels; beside columns of its own, only those that name a unit",
    ),
    "test_tables_that_are_refused": ("CSV", "no event, no video, a bad row", "refused, with the columns or the row"),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_tables_that_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.csv").write_bytes(READ[name])
    tracks = read_labels(tmp_path / "x.csv")
    found = [(t.video, tuple((n, round(s, 6)) for n, s in t.events if s is not None)) for t in tracks]
    assert found == [("a.mp4", (("grasp", 1.2), ("lift", 3.4)))]


@pytest.mark.parametrize(
    ("code", "rate", "frame"),
    [("00:10:00:00", "29.97", 18_000), ("00:10:00;00", "29.97", 17_982), ("00:01:00;02", "29.97", 1800),
     ("00:00:10:12", "23.976", 252), ("00:01:00;04", "59.94", 3600), ("00:10:00:12", "25", 15_012)],
)  # fmt: skip
def test_time_codes_count_frames(tmp_path: Path, code: str, rate: str, frame: int) -> None:
    """Of the rates of NTSC a second of the code is longer than one of the film, by a thousandth."""
    (tmp_path / "x.csv").write_text(f"video,fps,event,time\na.mp4,{rate},grasp,{code}\n")
    exact = {"29.97": 30 / 1.001, "23.976": 24 / 1.001, "59.94": 60 / 1.001, "25": 25.0}[rate]
    assert read_labels(tmp_path / "x.csv")[0].events[0][1] == pytest.approx(frame / exact, abs=1e-6)


def test_a_table_may_be_a_text_file(tmp_path: Path) -> None:
    """As Excel saves one with tabs; a text of one name a line stays one, whatever the name is."""
    for content in (LONG, LONG.replace(",", "\t")):
        (tmp_path / "x.txt").write_text(content, encoding="utf-16")
        assert read_labels(tmp_path / "x.txt")[0].events == (("grasp", 1.2), ("lift", 3.4))
    (tmp_path / "x.txt").write_text("film\nfilm\ncup\n")
    assert read_labels(tmp_path / "x.txt")[0].phase_names == ("film", "cup")


def test_events_without_a_name_are_numbered_and_a_row_of_a_video_alone_marks_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("video,event_seconds,event_names\na.mp4,1.2;3.4,grasp;\n")
    assert read_labels(tmp_path / "x.csv")[0].event_names == ("grasp", "event 2")
    (tmp_path / "x.csv").write_text("video,event,seconds\na.mp4,grasp,1.2\na.mp4,,3.4\nb.mp4,,\n")
    assert [t.events for t in read_labels(tmp_path / "x.csv")] == [(("grasp", 1.2), ("event 2", 3.4)), ()]


def test_a_table_with_tabs_is_no_label_a_line(tmp_path: Path) -> None:
    for line in ("1.200000\t1.200000\tgrasp", "events\t\t00:00:01.200\t00:00:02.000\tgrasp"):
        (tmp_path / "x.txt").write_text(f"{line}\n{line}\n")
        with pytest.raises(SynclineError, match="a table with tabs, not a label a line"):
            read_labels(tmp_path / "x.txt")


@pytest.mark.parametrize("word", ["", "-1", "NA", "nan", "NaN", "none", "absent", "-", "#N/A"])
def test_words_for_absent(tmp_path: Path, word: str) -> None:
    (tmp_path / "x.csv").write_text(f"video,event_seconds,event_names\na.mp4,1.2;{word},grasp;lift\n")
    assert read_labels(tmp_path / "x.csv")[0].events == (("grasp", 1.2), ("lift", None))
    (tmp_path / "x.csv").write_text(f"video,event,seconds\na.mp4,grasp,1.2\na.mp4,lift,{word}\n")
    assert read_labels(tmp_path / "x.csv")[0].events == (("grasp", 1.2), ("lift", None))


@pytest.mark.parametrize(
    ("cell", "frames"), [("36;102", (36, 102)), ("36.0;102.0", (36, 102)), ("36;1'234", (36, 1234))]
)
def test_frames(tmp_path: Path, cell: str, frames: tuple[int, ...]) -> None:
    (tmp_path / "x.csv").write_text(f"video,events,event_names\na.mp4,{cell},grasp;lift\n")
    assert read_labels(tmp_path / "x.csv")[0].frames == frames
    rows = "".join(f"a.mp4,{name},{one}\n" for name, one in zip(("grasp", "lift"), cell.split(";"), strict=True))
    (tmp_path / "x.csv").write_text("video,event,frame\n" + rows)
    assert read_labels(tmp_path / "x.csv")[0].frames == frames


@pytest.mark.parametrize("name", ["grün.mp4", "café.mp4"])
def test_names_of_windows(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.csv").write_bytes(PLAIN.replace("a.mp4", name).encode("cp1252"))
    assert read_labels(tmp_path / "x.csv")[0].video == name


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a.mp4,1.2;3.4,grasp;lift\n", "no rows below its first line.*'a.mp4,1.2', '3.4,grasp', 'lift'"),
        (b"subject,when\nx,1\n", "no column 'video'; its columns: 'subject', 'when'"),
        (b"video,num_frames,fps\na.mp4,30,30\n", "marks no event.*its columns: 'video', 'num_frames', 'fps'"),
        (b"video,event_seconds,event_names\na.mp4,,\n", "marks no event"),
        (b"video;event_seconds;event_names\na.mp4;1,2;3,4;grasp;lift\n", "row 2 has 5 cells for the 3 columns"),
        (b"video,events,event_names\na.mp4,1.5,grasp\n", "row 2: event '1.5' is no frame number; give times"),
        (b"video,events,event_names\na.mp4,x,grasp\n", "row 2: event 'x' is no frame number"),
        (b"video,event_seconds\na.mp4,soon\n", "row 2: 'soon' is no time in seconds"),
        (b"video,event_seconds\na.mp4,1:2:3:4:5\n", "row 2: '1:2:3:4:5' is no time"),
        (b"video,event_seconds\na.mp4,00:00:01:06\n", "row 2: .* counts frames; give their rate in a column fps"),
        (PLAIN.encode() + b"a.mp4,5.0,lift\n", "row 3: 'a.mp4' stands in an earlier row, with 'lift' as well"),
        (b"video,event,seconds,frame\na.mp4,grasp,1.2,\na.mp4,lift,,9\n", "some of its events are in seconds"),
        (b"video,event,seconds\na.mp4,grasp,1.2\n,lift,3.4\n", "row 3: it names no video; write it in every row"),
        (b"video,event_seconds,event_names\n,1.2,grasp\n", "row 2: it names no video"),
        (b"video,event,Time (frames)\na.mp4,grasp,36\n", "column 'Time .frames.' is no time in seconds"),
        (b"video,event,Start (min)\na.mp4,grasp,1.5\n", "column 'Start .min.' is no time in seconds"),
        (b"MATLAB 5.0 MAT-file\0\1\2\x81\x8d\x8f", "no text|no rows"),
        (b"", "no rows"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(SynclineError, match=said) as caught:
        read_labels(tmp_path / "x.csv")
    assert "x.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_not_understood_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "x.csv").write_text("video,event_seconds,mood\na.mp4,1.2,happy\n")
    assert read_labels(tmp_path / "x.csv")[0].events == (("event 1", 1.2),)
    assert "'mood'" in caplog.text


def test_columns_of_somebodys_own_do_not_turn_a_manifest_into_a_list_of_events(tmp_path: Path) -> None:
    text = "video,num_frames,fps,start,confidence,events,event_names\na.mp4,60,10,7,high,12;34,grasp;lift\n"
    (tmp_path / "x.csv").write_text(text)
    track = read_labels(tmp_path / "x.csv")[0]
    assert (track.frames, track.event_names, track.confidence) == ((12, 34), ("grasp", "lift"), None)
    (tmp_path / "x.csv").write_text("video,start,events\na.mp4,7,12;34\n")
    assert read_labels(tmp_path / "x.csv")[0].frames == (12, 34)


def test_confidence_and_provenance_come_back(tmp_path: Path) -> None:
    track = LabelTrack(
        "a.mp4", (("grasp", 1.2), ("lift", 3.4), ("drop", None)), confidence=(None, 0.75, None),
        provenance=("by hand", "carried", ""),
    )  # fmt: skip
    write_labels(tmp_path / "x.csv", [track], form="csv")
    back = read_labels(tmp_path / "x.csv")[0]
    assert (back.events, back.confidence, back.provenance) == (track.events, track.confidence, track.provenance)


def test_a_manifest_of_a_spreadsheet(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import bars

    bars.write_bar_codes(tmp_path / "a.mp4", 60, rate=10)
    own = b"video,camera,event_seconds,event_names\na.mp4,left,1.2;3.4,grasp;lift\n"
    for content in (SEMI.encode(), PLAIN.encode("utf-16"), LONG.encode(), READ["long, other spellings"], own):
        (tmp_path / "annotations.csv").write_bytes(content)
        videos = read_manifest(tmp_path / "annotations.csv")
        assert (videos[0].events, videos.event_names) == ((12, 34), ("grasp", "lift"))
    assert not caplog.text


@pytest.mark.parametrize(
    ("content", "names", "events", "said"),
    [
        ("video,grasp,lift\na.mp4,1.2,3.4\n", ("grasp", "lift"), (12, 34), "events, in seconds: 'grasp', 'lift'"),
        ("Film;grasp;lift\na.mp4;1,2;3,4\n", ("grasp", "lift"), (12, 34), "read as events"),
        ("video,split,fps,grasp,lift\na.mp4,val,10,0:01.2,3.4\n", ("grasp", "lift"), (12, 34), "read as events"),
        ("video,grasp (s),lift [ms]\na.mp4,1.2,3400\n", ("grasp", "lift"), (12, 34), ""),
        ("video,weight,grasp (frame),mood\na.mp4,70,12,happy\n", ("grasp",), (12,), ""),
        ("video,episode,grasp\na.mp4,3,1.2\n", (), None, ""),
        ("video,mood,stiffness\na.mp4,happy,1.2\n", (), None, ""),
        ("video,stiffness,take\na.mp4,1.2,2b\n", (), None, ""),
    ],
)  # fmt: skip
def test_a_manifest_with_a_column_an_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str, names: tuple[str, ...],
    events: tuple[int, ...] | None, said: str,
) -> None:  # fmt: skip
    """Where a manifest has columns of its own, only those that name a unit are events."""
    import bars

    bars.write_bar_codes(tmp_path / "a.mp4", 60, rate=10)
    (tmp_path / "annotations.csv").write_bytes(content.encode("utf-16"))
    with caplog.at_level("WARNING"):
        videos = read_manifest(tmp_path / "annotations.csv")
    assert (videos.event_names, videos[0].events) == (names, events)
    assert said in caplog.text
    assert bool(said) == bool(caplog.text)


def test_a_manifests_event_beyond_the_end_is_named(tmp_path: Path) -> None:
    import bars

    bars.write_bar_codes(tmp_path / "a.mp4", 60, rate=10)
    (tmp_path / "annotations.csv").write_text("video,grasp,lift\na.mp4,1.2,70\n")
    with pytest.raises(SynclineError, match=r"row 2 \(a\.mp4\): .*event 'lift' at 70 s is outside the video of 60"):
        read_manifest(tmp_path / "annotations.csv")


THREE = (("grasp", 1.2), ("lift", 3.4), ("let go", 5.0))
TWO = (("grasp", 0.8), ("lift", None), ("let go", 4.1))


@pytest.mark.parametrize(
    "content",
    [
        "video,grasp,lift,let go\na.mp4,1.2,3.4,5\nb.mp4,0.8,,4.1\n",
        "Film;grasp;lift;let go\na.mp4;1,2;3,4;5,0\nb.mp4;0,8;NA;4,1\n",
        "video,grasp (ms),lift_ms,let go\na.mp4,1200,3400,0:05\nb.mp4,800,-1,0:04.1\n",
        "video,fps,grasp,lift,let go\na.mp4,30,00:00:01:06,00:00:03;12,00:00:05:00\nb.mp4,10,0.8,,00:00:04:01\n",
        "let go,video,grasp_s,lift [s],mood,trial,weight (kg)\n5,a.mp4,1.2,3.4,happy,1,2\n4.1,b.mp4,0.8,,,2,3\n",
        "video,grasp,lift,let go\na.mp4,1.2,3.4,5\n,,,\nb.mp4,0.8,,4.1\n",
    ],
)
def test_a_column_an_event(tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "x.csv").write_text(content)
    a, b = read_labels(tmp_path / "x.csv")
    assert (a.video, b.video) == ("a.mp4", "b.mp4")
    found = [tuple((n, s if s is None else round(s, 6)) for n, s in track.events) for track in (a, b)]
    assert found == [THREE, TWO]
    for left in ("mood", "trial", "weight (kg)"):
        assert (repr(left) in caplog.text) == (left in content)


def test_a_column_an_event_in_frames(tmp_path: Path) -> None:
    for header in ("grasp (frame),lift [frames]", "grasp_frame,lift frame"):
        (tmp_path / "x.csv").write_text(f"video,{header}\na.mp4,36,102\nb.mp4,,40.0\n")
        a, b = read_labels(tmp_path / "x.csv")
        assert (a.event_names, a.frames, b.frames) == (("grasp", "lift"), (36, 102), (None, 40))
        assert read_labels(tmp_path / "x.csv", frame_rate=30.0)[0].events == (("grasp", 1.2), ("lift", 3.4))


def test_start_and_end_are_events_beside_other_columns_of_times(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "x.csv").write_text("video,start,grasp,end\na.mp4,0.5,1.2,5\n")
    assert read_labels(tmp_path / "x.csv")[0].events == (("start", 0.5), ("grasp", 1.2), ("end", 5.0))
    assert "a column is read as an event: 'start', 'grasp', 'end'" in caplog.text
    caplog.clear()
    (tmp_path / "x.csv").write_text("video,start,end,mood\na.mp4,0.5,5,happy\n")
    assert read_labels(tmp_path / "x.csv")[0].events == (("event 1", 0.5),)
    assert "'mood'" in caplog.text
    for text in (
        "video,label,start,end,size\na.mp4,lift,0.5,5,3\n",
        "video,start,end,size,event\na.mp4,0.5,5,3,lift\n",
    ):
        (tmp_path / "x.csv").write_text(text)
        assert read_labels(tmp_path / "x.csv")[0].events == (("lift", 0.5),)
    caplog.clear()
    (tmp_path / "x.csv").write_text("video,start,end,size\na.mp4,0.5,1,3\na.mp4,2,3,4\n")  # segments of one video
    assert read_labels(tmp_path / "x.csv")[0].events == (("event 1", 0.5), ("event 2", 2.0))
    assert "'size'" in caplog.text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("video,grasp,lift\na.mp4,1.2,3.4\nb.mp4,soon,2\n", "row 3: 'soon' in column 'grasp' is no time"),
        ("video,start,grasp,end\na.mp4,1,2,3\nb.mp4,1,x,3\n", "row 3: 'x' in column 'grasp' is no time"),
        ("video,grasp,lift\na.mp4,1.2,3.4\na.mp4,1,2\n", "row 3: 'a.mp4' stands in an earlier row"),
        ("video,grasp,lift\na.mp4,1.2,3.4\n,1,2\n", "row 3: it names no video"),
        ("video,grasp,lift (frame)\na.mp4,1.2,34\n", "'grasp' is in seconds, that of 'lift' in frames"),
        ("video,grasp (frame)\na.mp4,1.2\n", "row 2: event '1.2' is no frame number"),
        ("video,grasp\na.mp4,00:00:01:06\n", "row 2: .* give their rate in a column fps"),
        ("video,mood\na.mp4,happy\n", "marks no event.*a column of times for every event"),
        ("video,grasp (min)\na.mp4,2\n", "marks no event"),
    ],
)
def test_columns_of_events_that_are_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(SynclineError, match=said):
        read_labels(tmp_path / "x.csv")
