"""Labels of ELAN (.eaf): the beginning of each annotation of one tier is an event.

Notable choices:
- Seconds of a film are those of the document plus the film's TIME_ORIGIN: where the film begins in ELAN's time. A
  document of several films gives a track for each of them.
- A time slot without a value lies evenly between the slots with values around it, among those that its tier uses, as
  ELAN shows it. A referring annotation begins where the one it refers to does; several of one tier that refer to one
  share it evenly, in the order in which they follow each other.
- Nothing here opens a file. Whatever is malformed raises ValueError, KeyError and the like; `label_formats` turns that
  into one line; so in the other forms beside this one.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from urllib.parse import quote
from xml.etree import ElementTree
from xml.parsers import expat

from syncline.data.labels.attach_labels import url_name
from syncline.data.labels.event_order import in_time, with_absent
from syncline.data.labels.event_remarks import as_columns, parse_remark, remarks_of
from syncline.data.labels.video_labels import LabelTrack, film_end, known_events
from syncline.errors import SynclineError

_TIER = "events"
_REMARKS = "events: who and how sure"
_TIERS = (_TIER, _REMARKS)
_SLOTS = ("TIME_SLOT_REF1", "TIME_SLOT_REF2")
_UNITS = {"milliseconds": 1e-3, "pal-frames": 1 / 25, "ntsc-frames": 1001 / 30000}


def parse_elan(content: bytes, *, tier: str | None = None) -> list[LabelTrack]:
    """One tier of an ELAN document, for each of its films: the beginning of each annotation is an event.

    Args:
        content: the XML. A document type declaration is refused, so no entity is ever expanded.
        tier: which; None takes the only tier with annotations, or the one called `events`.
    """
    root = _safe_xml(content)
    if root.tag != "ANNOTATION_DOCUMENT":
        raise ValueError(f"its root is {root.tag!r}, expected ANNOTATION_DOCUMENT")
    tiers = {found.get("TIER_ID", ""): found for found in root.iter("TIER")}
    filled = [name for name, found in tiers.items() if found.find("./ANNOTATION/*") is not None]
    chosen = tier if tier is not None else _TIER if _TIER in tiers else filled[0] if len(filled) == 1 else None
    if chosen is None or chosen not in tiers:
        raise SynclineError(f"which tier holds the events? There are {', '.join(map(repr, tiers)) or 'none'}")
    header = root.find("./HEADER")
    unit = "milliseconds" if header is None else header.get("TIME_UNITS", "milliseconds")
    if unit.lower() not in _UNITS:
        raise SynclineError(f"its times are in {unit!r}; {', '.join(_UNITS)} are read")
    begins = _begins(root, tiers)
    marks = []
    for annotation in tiers[chosen].iterfind("./ANNOTATION/*"):
        time = begins.get(annotation.attrib["ANNOTATION_ID"])
        if time is None:
            raise SynclineError(f"annotation {annotation.attrib['ANNOTATION_ID']} of {chosen!r} has no time")
        marks.append(((annotation.findtext("ANNOTATION_VALUE") or "").strip(), time * _UNITS[unit.lower()]))
    events = with_absent(in_time(marks), _vocabulary(root, tiers[chosen]))
    said = _remarks(tiers.get(_REMARKS), begins, _UNITS[unit.lower()])
    confidence, provenance = as_columns([said.get(seconds, ("", None)) for _, seconds in events])
    return [
        LabelTrack(
            name,
            tuple((event, None if seconds is None else seconds + origin) for event, seconds in events),
            confidence=confidence,
            provenance=provenance,
        )
        for name, origin in _films(root)
    ]


def _remarks(
    tier: ElementTree.Element | None, begins: dict[str, float], unit: float
) -> dict[float | None, tuple[str, float | None]]:
    """Who placed each event, and how surely, by its seconds; from the tier that `format_elan` writes."""
    if tier is None:
        return {}
    return {
        begins[a.attrib["ANNOTATION_ID"]] * unit: parse_remark(a.findtext("ANNOTATION_VALUE") or "")
        for a in tier.iterfind("./ANNOTATION/*")
        if a.attrib["ANNOTATION_ID"] in begins
    }


def _films(root: ElementTree.Element) -> list[tuple[str, float]]:
    """Name of every film of a document and its own time at ELAN's zero; one without a name where none is said."""
    found = []
    for media in root.iterfind("./HEADER/MEDIA_DESCRIPTOR"):
        if media.get("EXTRACTED_FROM") or media.get("MIME_TYPE", "").startswith("audio/"):
            continue
        url = media.get("RELATIVE_MEDIA_URL") or media.get("MEDIA_URL") or ""
        found.append((url_name(url), int(media.get("TIME_ORIGIN") or 0) / 1000))
    return found or [("", 0.0)]


def _begins(root: ElementTree.Element, tiers: dict[str, ElementTree.Element]) -> dict[str, float]:
    """When every annotation begins, in the document's units; those without any time are left out."""
    order = [slot.attrib["TIME_SLOT_ID"] for slot in root.iter("TIME_SLOT")]
    said = {slot.attrib["TIME_SLOT_ID"]: slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
    position = {name: number for number, name in enumerate(order)}
    anywhere = dict(zip(order, _filled_in([said[name] for name in order]), strict=True))
    ends: dict[str, tuple[float, float]] = {}
    referring: dict[str, list[list[str]]] = defaultdict(list)  # a list for each tier
    for tier in tiers.values():
        own = tier.findall("./ANNOTATION/ALIGNABLE_ANNOTATION")
        used = sorted({a.attrib[key] for a in own for key in _SLOTS}, key=position.__getitem__)
        inside = dict(zip(used, _filled_in([said[name] for name in used]), strict=True))
        for a in own:
            begin, end = (
                anywhere[slot] if inside[slot] is None else inside[slot] for slot in (a.attrib[key] for key in _SLOTS)
            )
            if begin is not None:
                ends[a.attrib["ANNOTATION_ID"]] = (begin, begin if end is None else max(begin, end))
        referred: dict[str, dict[str, str | None]] = defaultdict(dict)
        for a in tier.iterfind("./ANNOTATION/REF_ANNOTATION"):
            referred[a.attrib["ANNOTATION_REF"]][a.attrib["ANNOTATION_ID"]] = a.get("PREVIOUS_ANNOTATION")
        for parent, before in referred.items():
            referring[parent].append(_one_after_another(before))
    waiting = [name for name in referring if name in ends]
    while waiting:  # each annotation is visited once: a name that comes again is already there
        parent = waiting.pop()
        begin, end = ends[parent]
        for shared in referring[parent]:
            step = (end - begin) / len(shared)
            for number, name in enumerate(shared):
                if name not in ends:
                    ends[name] = (begin + number * step, begin + (number + 1) * step)
                    if name in referring:
                        waiting.append(name)
    return {name: begin for name, (begin, _) in ends.items()}


def _one_after_another(before: dict[str, str | None]) -> list[str]:
    """Annotations in the order in which they follow each other; given is of each the one before it, None of the first.

    Examples:
        >>> _one_after_another({"a3": "a2", "a1": None, "a2": "a1"})
        ['a1', 'a2', 'a3']
    """
    after = {previous: name for name, previous in before.items() if previous in before}
    order: dict[str, None] = {}
    for name, previous in before.items():
        following: str | None = name if previous not in before else None
        while following is not None and following not in order:
            order[following] = None
            following = after.get(following)
    return [*order, *(name for name in before if name not in order)]


def _filled_in(values: list[str | None]) -> list[float | None]:
    """Times in the order of their slots; those without one evenly between their neighbours, None beyond the outermost.

    Examples:
        >>> _filled_in(["0", None, None, "300", None])
        [0.0, 100.0, 200.0, 300.0, None]
    """
    times = [None if value is None else float(int(value)) for value in values]
    known = [k for k, time in enumerate(times) if time is not None]
    for first, last in itertools.pairwise(known):
        begin, end = times[first] or 0.0, times[last] or 0.0
        for k in range(first + 1, last):
            times[k] = begin + (end - begin) * (k - first) / (last - first)
    return times


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
    tiers = {name: ElementTree.Element("TIER", LINGUISTIC_TYPE_REF="default-lt", TIER_ID=name) for name in _TIERS}
    said = remarks_of(track)
    marks = [
        (name, round(seconds * 1000), words)
        for (name, seconds), words in zip(track.events, said, strict=True)
        if seconds is not None
    ]
    end = round(1000 * (film_end(track) or 0.0))
    for number, (name, start, words) in enumerate(marks, 1):
        stop = marks[number][1] if number < len(marks) else end
        slots = (f"ts{2 * number - 1}", f"ts{2 * number}")
        for slot, value in zip(slots, (start, max(stop, start + 1)), strict=True):
            ElementTree.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(value))
        _annotate(tiers[_TIER], f"a{number}", slots, name)
        if words:
            _annotate(tiers[_REMARKS], f"r{number}", slots, words)
    root.extend(tier for name, tier in tiers.items() if name == _TIER or len(tier))
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


def _annotate(tier: ElementTree.Element, name: str, slots: tuple[str, str], value: str) -> None:
    annotation = ElementTree.SubElement(
        ElementTree.SubElement(tier, "ANNOTATION"),
        "ALIGNABLE_ANNOTATION",
        ANNOTATION_ID=name,
        TIME_SLOT_REF1=slots[0],
        TIME_SLOT_REF2=slots[1],
    )
    ElementTree.SubElement(annotation, "ANNOTATION_VALUE").text = value


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
