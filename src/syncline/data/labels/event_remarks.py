"""Who placed an event and with what confidence, as a comment in annotation programs."""

from __future__ import annotations

import re

from syncline.data.labels.video_labels import LabelTrack

_REMARK = re.compile(r"\s*(?P<provenance>[^,;]*?)\s*(?:(?:^|,)\s*confidence (?P<confidence>[01](?:\.\d+)?))?\s*")


def remark(provenance: str = "", confidence: float | None = None) -> str:
    """The words of a comment, "" where nothing is known.

    Examples:
        >>> remark("carried", 0.834), remark("by hand"), remark("", 0.5)
        ('carried, confidence 0.83', 'by hand', 'confidence 0.50')
    """
    sure = "" if confidence is None else f"confidence {confidence:.2f}"
    return ", ".join(part for part in (provenance, sure) if part)


def parse_remark(text: str) -> tuple[str, float | None]:
    """Reads who placed an event and how surely; ("", None) of other texts.

    Examples:
        >>> parse_remark("carried, confidence 0.83"), parse_remark("by hand"), parse_remark("blurred; look again")
        (('carried', 0.83), ('by hand', None), ('', None))
    """
    match = _REMARK.fullmatch(text)
    known = match is not None and match["provenance"] in ("", "by hand", "carried", "labelled")
    if match is None or not known:
        return "", None
    return match["provenance"], None if match["confidence"] is None else float(match["confidence"])


def remarks_of(track: LabelTrack) -> list[str]:
    """The remark of every event of a track, "" without any."""
    count = len(track.events)
    who = track.provenance or ("",) * count
    sure = track.confidence or (None,) * count
    return [remark(*both) for both in zip(who, sure, strict=True)]


def as_columns(
    remarks: list[tuple[str, float | None]],
) -> tuple[tuple[float | None, ...] | None, tuple[str, ...] | None]:
    """Confidence and provenance of a track's events as `LabelTrack` takes them: None where no event has any."""
    sure = tuple(confidence for _, confidence in remarks)
    who = tuple(provenance for provenance, _ in remarks)
    return (sure if any(value is not None for value in sure) else None), (who if any(who) else None)
