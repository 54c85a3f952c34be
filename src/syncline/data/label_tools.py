"""Labels as annotation programs keep them: ELAN (.eaf), BORIS (project, CSV export), Label Studio (video timeline).

Every function turns the bytes or parsed content of a file into tracks, or tracks into it; nothing here opens a file.
Whatever is malformed raises ValueError, KeyError, TypeError and the like, which `label_files` turns into one line.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, unquote
from xml.etree import ElementTree
from xml.parsers import expat

from syncline.data.label_track import LabelTrack, counted_frame, known_events
from syncline.errors import SynclineError

_BORIS_TIMES = ("Start (s)", "Time")
_BORIS_MEDIA = ("Media file name", "Media file path", "Media file", "Source")
_BORIS_RATES = ("FPS", "FPS (frame/s)")
_BORIS_KINDS = ("Behavior type", "Status")
_ELAN_TIER = "events"


def numbered(marks: Iterable[tuple[str, float]]) -> tuple[tuple[str, float | None], ...]:
    """Events in order of time; the second of a name becomes `name #2`."""
    ordered = sorted(marks, key=lambda mark: mark[1])
    names = told_apart([name for name, _ in ordered])
    return tuple((name, seconds) for name, (_, seconds) in zip(names, ordered, strict=True))


def told_apart(names: Sequence[str]) -> list[str]:
    """The same names, of which the second becomes `name #2`.

    Examples:
        >>> told_apart(["up", "down", "up"])
        ['up', 'down', 'up #2']
    """
    seen: dict[str, int] = defaultdict(int)
    apart = []
    for name in names:
        seen[name] += 1
        apart.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return apart


def completed(
    events: tuple[tuple[str, float | None], ...], vocabulary: Sequence[str]
) -> tuple[tuple[str, float | None], ...]:
    """Events in the order of a vocabulary, None where absent; as they are if they hold a name that it lacks."""
    times = dict(events)
    if not vocabulary or any(name not in vocabulary for name in times):
        return events
    return tuple((name, times.get(name)) for name in dict.fromkeys(vocabulary))


# ELAN ---------------------------------------------------------------------------------------------------------------


def parse_elan(content: bytes, *, tier: str | None = None) -> LabelTrack:
    """One tier of an ELAN document: the beginning of each annotation is an event.

    Args:
        content: the XML. A document type declaration is refused, so no entity is ever expanded.
        tier: which; None takes the only tier with annotations, or the one called `events`.
    """
    root = _safe_xml(content)
    if root.tag != "ANNOTATION_DOCUMENT":
        raise ValueError(f"its root is {root.tag!r}, expected ANNOTATION_DOCUMENT")
    slots = {slot.attrib["TIME_SLOT_ID"]: slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
    tiers = {found.get("TIER_ID", ""): found for found in root.iter("TIER")}
    filled = [name for name, found in tiers.items() if found.find("./ANNOTATION/ALIGNABLE_ANNOTATION") is not None]
    chosen = (
        tier if tier is not None else _ELAN_TIER if _ELAN_TIER in tiers else filled[0] if len(filled) == 1 else None
    )
    if chosen is None or chosen not in tiers:
        raise SynclineError(f"which tier holds the events? There are {', '.join(map(repr, tiers)) or 'none'}")
    marks = []
    for annotation in tiers[chosen].iter("ALIGNABLE_ANNOTATION"):
        time = slots[annotation.attrib["TIME_SLOT_REF1"]]
        name = (annotation.findtext("ANNOTATION_VALUE") or "").strip()
        if time is not None:
            marks.append((name, int(time) / 1000))
    vocabulary = _vocabulary(root, tiers[chosen])
    media = root.find("./HEADER/MEDIA_DESCRIPTOR")
    url = "" if media is None else media.get("RELATIVE_MEDIA_URL") or media.get("MEDIA_URL") or ""
    return LabelTrack(_url_name(url), completed(numbered(marks), vocabulary))


def _vocabulary(root: ElementTree.Element, tier: ElementTree.Element) -> list[str]:
    """The names that a tier may have, [] where that is not laid down; other tiers of the document have others."""
    kinds = {
        kind.get("LINGUISTIC_TYPE_ID"): kind.get("CONTROLLED_VOCABULARY_REF") for kind in root.iter("LINGUISTIC_TYPE")
    }
    wanted = kinds.get(tier.get("LINGUISTIC_TYPE_REF"))
    entries = [
        entry
        for vocabulary in root.iter("CONTROLLED_VOCABULARY")
        if wanted is not None and vocabulary.get("CV_ID") == wanted
        for entry in vocabulary.iter("CV_ENTRY_ML")
    ]
    return [(entry.findtext("CVE_VALUE") or "").strip() for entry in entries]


def format_elan(track: LabelTrack) -> str:
    """An ELAN document: each event an annotation up to the next one; absent ones stand in the vocabulary only."""
    track = known_events(track)
    root = ElementTree.Element("ANNOTATION_DOCUMENT", AUTHOR="", DATE="1970-01-01T00:00:00+00:00", FORMAT="3.0")
    root.set("VERSION", "3.0")
    header = ElementTree.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    url = ("file://" if track.video.startswith("/") else "./") + quote(track.video)
    ElementTree.SubElement(header, "MEDIA_DESCRIPTOR", MEDIA_URL=url, MIME_TYPE="video/mp4", RELATIVE_MEDIA_URL=url)
    order = ElementTree.SubElement(root, "TIME_ORDER")
    tier = ElementTree.SubElement(root, "TIER", LINGUISTIC_TYPE_REF="default-lt", TIER_ID=_ELAN_TIER)
    marks = [(name, round(seconds * 1000)) for name, seconds in track.events if seconds is not None]
    end = 0
    if track.num_frames is not None and track.frame_rate is not None:
        end = round(1000 * track.num_frames / track.frame_rate)
    for number, (name, start) in enumerate(marks, 1):
        stop = marks[number][1] if number < len(marks) else end
        slots = (f"ts{2 * number - 1}", f"ts{2 * number}")
        for slot, value in zip(slots, (start, max(stop, start + 1)), strict=True):
            ElementTree.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(value))
        annotation = ElementTree.SubElement(
            ElementTree.SubElement(tier, "ANNOTATION"),
            "ALIGNABLE_ANNOTATION",
            ANNOTATION_ID=f"a{number}",
            TIME_SLOT_REF1=slots[0],
            TIME_SLOT_REF2=slots[1],
        )
        ElementTree.SubElement(annotation, "ANNOTATION_VALUE").text = name
    ElementTree.SubElement(
        root,
        "LINGUISTIC_TYPE",
        CONTROLLED_VOCABULARY_REF="events",
        GRAPHIC_REFERENCES="false",
        LINGUISTIC_TYPE_ID="default-lt",
        TIME_ALIGNABLE="true",
    )
    ElementTree.SubElement(root, "LANGUAGE", LANG_DEF="", LANG_ID="und", LANG_LABEL="undetermined (und)")
    vocabulary = ElementTree.SubElement(root, "CONTROLLED_VOCABULARY", CV_ID="events")
    ElementTree.SubElement(vocabulary, "DESCRIPTION", LANG_REF="und")
    for number, name in enumerate(track.event_names, 1):
        entry = ElementTree.SubElement(vocabulary, "CV_ENTRY_ML", CVE_ID=f"cveid{number}")
        ElementTree.SubElement(entry, "CVE_VALUE", DESCRIPTION="", LANG_REF="und").text = name
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _safe_xml(content: bytes) -> ElementTree.Element:
    """Parse XML that has no document type declaration: without one there are no entities to expand or to fetch."""

    def refuse(*_: object) -> None:
        raise ValueError("it has a document type declaration, which is not read")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
        return ElementTree.fromstring(content)
    except (expat.ExpatError, ElementTree.ParseError, LookupError) as error:
        raise ValueError(f"it is not well-formed XML: {error}") from error


# BORIS --------------------------------------------------------------------------------------------------------------


def parse_boris(project: dict[str, Any]) -> list[LabelTrack]:
    """Observations of a BORIS project: its behaviours in their order are the events; of a state, the beginning."""
    behaviours = [project["behaviors_conf"][key] for key in sorted(project["behaviors_conf"], key=_as_number)]
    names = [str(behaviour["code"]) for behaviour in behaviours]
    states = {str(b["code"]) for b in behaviours if "state" in str(b.get("type", "")).lower()}
    tracks = []
    for observation_id, observation in project["observations"].items():
        media = [path for files in (observation.get("file") or {}).values() for path in files]
        if len(media) > 1:
            raise SynclineError(f"observation {observation_id!r} has {len(media)} media files; one is read")
        video = _media_name(str(media[0])) if media else str(observation_id)
        marks = []
        running: set[tuple[str, str, str]] = set()
        for event in sorted(observation["events"], key=lambda event: float(event[0])):
            code = str(event[2])
            what = (str(event[1]), code, str(event[3]) if len(event) > 3 else "")
            if code in states and what in running:  # the second of a pair is the end
                running.discard(what)
                continue
            running.add(what)
            marks.append((code, float(event[0])))
        info = observation.get("media_info") or {}
        rates = list((info.get("fps") or {}).values())
        rate = float(rates[0]) if rates and float(rates[0]) > 0 else None
        seconds = list((info.get("length") or {}).values())
        frames = round(float(seconds[0]) * rate) if seconds and rate else None
        tracks.append(LabelTrack(video, completed(numbered(marks), names), None, rate, frames))
    return tracks


def format_boris(tracks: Sequence[LabelTrack]) -> dict[str, Any]:
    """A BORIS project: one observation a video, every event a point event."""
    tracks = [known_events(track) for track in tracks]
    names = list(dict.fromkeys(name for track in tracks for name in track.event_names))
    observations: dict[str, Any] = {}
    for track in tracks:
        rate, frames = track.frame_rate, track.num_frames
        observations[track.video] = {
            "file": {"1": [track.video], **{str(player): [] for player in range(2, 9)}},
            "type": "MEDIA",
            "date": "1970-01-01T00:00:00",
            "description": "",
            "time offset": 0.0,
            "events": [[seconds, "", name, "", ""] for name, seconds in track.events if seconds is not None],
            "independent_variables": {},
            "media_info": {
                "length": {track.video: frames / rate} if rate and frames else {},
                "fps": {track.video: rate} if rate else {},
                "hasVideo": {track.video: True},
                "hasAudio": {track.video: False},
            },
        }
    return {
        "time_format": "s",
        "project_date": "1970-01-01T00:00:00",
        "project_name": "events",
        "project_description": "",
        "project_format_version": "7.0",
        "subjects_conf": {},
        "behaviors_conf": {str(number): _boris_behaviour(number, name) for number, name in enumerate(names)},
        "observations": observations,
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }


def _boris_behaviour(number: int, name: str) -> dict[str, str]:
    key = "123456789abcdefghijklmnopqrstuvwxyz"[number % 35]
    empty = dict.fromkeys(("description", "color", "category", "modifiers", "excluded", "coding map"), "")
    return {"type": "Point event", "key": key, "code": name, **empty}


def parse_boris_csv(text: str, delimiter: str = ",") -> list[LabelTrack]:
    """The tabular or aggregated export; lines before the header row are passed over, so are the ends of states."""
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    start = next(number for number, row in enumerate(rows) if is_boris_header(row))
    header = rows[start]
    time, media = _column(header, _BORIS_TIMES), _column(header, _BORIS_MEDIA)
    rate, kind = _column(header, _BORIS_RATES), _column(header, _BORIS_KINDS)
    behaviour = header.index("Behavior")
    observation = header.index("Observation id") if "Observation id" in header else None
    if time is None or (media is None and observation is None):
        raise ValueError("it has no column of times, or none of media files")
    marks: dict[str, list[tuple[str, float]]] = defaultdict(list)  # by the whole path: folders tell cameras apart
    rates: dict[str, float] = {}
    for row in rows[start + 1 :]:
        if not row:
            continue
        video = row[media] if media is not None and row[media] else row[observation] if observation is not None else ""
        if rate is not None and row[rate].replace(".", "", 1).isdigit() and float(row[rate]) > 0:
            rates[video] = float(row[rate])
        if kind is None or row[kind].strip().upper() != "STOP":
            marks[video].append((row[behaviour], float(row[time])))
    return [LabelTrack(_media_name(video), numbered(found), None, rates.get(video)) for video, found in marks.items()]


def format_boris_csv(tracks: Sequence[LabelTrack]) -> str:
    """The aggregated export, every event a point; an absent event leaves no row (the form has no place for it)."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    columns = ["Observation id", "Observation date", "Description", "Media file", "Total length", "FPS", "Subject"]
    columns += ["Behavior", "Behavioral category", "Modifiers", "Behavior type", "Start (s)", "Stop (s)"]
    table.writerow([*columns, "Duration (s)", "Comment start", "Comment stop"])
    for track in map(known_events, tracks):
        rate, frames = track.frame_rate, track.num_frames
        length = f"{frames / rate:.3f}" if rate and frames else ""
        for name, seconds in track.events:
            if seconds is not None:
                fixed = [track.video, "1970-01-01 00:00:00", "", track.video, length, rate or "", "No focal subject"]
                table.writerow([*fixed, name, "", "", "POINT", f"{seconds:.3f}", f"{seconds:.3f}", 0, "", ""])
    return text.getvalue()


def is_boris_header(row: Sequence[str]) -> bool:
    """Whether a row names the columns of a BORIS export."""
    return "Behavior" in row and any(name in row for name in _BORIS_TIMES)


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


# Label Studio -------------------------------------------------------------------------------------------------------


def parse_label_studio(tasks: list[dict[str, Any]], *, frame_rate: float | None = None) -> list[LabelTrack]:
    """Tasks with timeline labels: frames count from 1; the first annotation that was not cancelled is taken.

    Of uploaded videos the name is the one they had before.
    """
    tracks = []
    for task in tasks:
        data = task.get("data") or {}
        said = task.get("file_upload") or data.get("video") or data.get("video_url") or next(iter(data.values()), "")
        annotations = task.get("annotations") or task.get("completions") or []
        results: list[dict[str, Any]] = next(
            (found["result"] for found in annotations if not found.get("was_cancelled")), []
        )
        marks: list[tuple[str, float]] = []
        for result in results:
            value = result.get("value") or {}
            for name in value.get("timelinelabels") or []:
                starts = [max(int(part["start"]) - 1, 0) for part in value["ranges"]]
                marks.extend((str(name), float(start)) for start in starts)
        in_frames = numbered(marks)
        events = tuple(
            (name, frame / frame_rate if frame is not None and frame_rate else None) for name, frame in in_frames
        )
        frames = tuple(None if frame is None else int(frame) for _, frame in in_frames)
        name = _url_name(str(said))
        if task.get("file_upload") or "data/upload/" in name:  # which puts eight digits before the name
            name = re.sub(r"(^|/)[0-9a-f]{8}-(?=[^/]+$)", r"\1", name)
        tracks.append(LabelTrack(name, events, None, frame_rate, frames=frames))
    return tracks


def format_label_studio(tracks: Sequence[LabelTrack]) -> list[dict[str, Any]]:
    """Tasks for import: each event a timeline region up to the next one; absent events have no place in the form."""
    tasks = []
    for number, track in enumerate(map(known_events, tracks), 1):
        if track.frame_rate is None:
            raise SynclineError(f"{track.video}: Label Studio counts frames; its frame rate is not known")
        rate = track.frame_rate
        frames = track.frames or [None if s is None else counted_frame(s, rate) for _, s in track.events]
        marks = [(name, frame) for (name, _), frame in zip(track.events, frames, strict=True) if frame is not None]
        results = []
        for place, (name, frame) in enumerate(marks):
            stop = marks[place + 1][1] if place + 1 < len(marks) else track.num_frames or frame + 1
            value = {"ranges": [{"start": frame + 1, "end": max(stop, frame + 1)}], "timelinelabels": [name]}
            origin = {"from_name": "timelineLabels", "to_name": "video", "type": "timelinelabels"}
            results.append({"id": f"event{place + 1}", **origin, "value": value})
        tasks.append({"id": number, "data": {"video": quote(track.video)}, "annotations": [{"result": results}]})
    return tasks


def _media_name(path: str) -> str:
    """The path of a file without scheme, drive and leading `./` or `../`; its folders stay, they tell cameras apart."""
    path = re.sub(r"^[A-Za-z][\w+.-]+://", "", path.replace("\\", "/"))
    return re.sub(r"^/?[A-Za-z]:(?=/)|^(\.{1,2}/)+", "", path)


def _url_name(url: str) -> str:
    """The same of a URL, unquoted and without its query, unless that holds the path (Label Studio's local files)."""
    place, _, query = url.partition("?")
    return _media_name(unquote(query.removeprefix("d=") if place.rstrip("/").endswith("local-files") else place))


def _as_number(key: str) -> tuple[int, str]:
    return (int(key), "") if key.isdigit() else (1 << 62, key)
