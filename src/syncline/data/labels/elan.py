"""Labels of ELAN (.eaf): the beginning of each annotation of one tier is an event.

Nothing here opens a file. Whatever is malformed raises ValueError, KeyError and the like, which `forms` turns into one
line; so in the other forms beside this one.
"""

from __future__ import annotations

from urllib.parse import quote
from xml.etree import ElementTree
from xml.parsers import expat

from syncline.data.labels.attach import url_name
from syncline.data.labels.event_order import completed, numbered
from syncline.data.labels.track import LabelTrack, known_events
from syncline.errors import SynclineError

_TIER = "events"


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
    chosen = tier if tier is not None else _TIER if _TIER in tiers else filled[0] if len(filled) == 1 else None
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
    return LabelTrack(url_name(url), completed(numbered(marks), vocabulary))


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
    tier = ElementTree.SubElement(root, "TIER", LINGUISTIC_TYPE_REF="default-lt", TIER_ID=_TIER)
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
