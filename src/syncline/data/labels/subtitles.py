"""Labels as subtitles (SubRip .srt, WebVTT .vtt): each event a cue from its moment up to the next event.

So a player shows which phase a film is in. A second line of a cue says who placed the event and how sure that is.
"""

from __future__ import annotations

import re

from syncline.data.labels.event_order import in_time
from syncline.data.labels.event_remarks import as_columns, parse_remark, remarks_of
from syncline.data.labels.spreadsheet import as_seconds, decoded
from syncline.data.labels.video_labels import LabelTrack, film_end, known_events
from syncline.errors import SynclineError

_CUE = re.compile(r"^\s*([\d:.,]+)\s*-->\s*[\d:.,]+[^\n]*$", re.MULTILINE)
_TAGS = re.compile(r"<[^<>]{0,200}>")


def parse_subtitles(content: bytes, video: str) -> LabelTrack:
    """Events of the cues of a file: the beginning of each, named by its first line.

    Raises:
        SynclineError: there is no cue.
    """
    text = decoded(content)
    cues = list(_CUE.finditer(text))
    if not cues:
        raise SynclineError("it holds no cue (a line with -->)")
    ends = [cue.start() for cue in cues[1:]] + [len(text)]
    marks: list[tuple[str, float, str]] = []
    for cue, end in zip(cues, ends, strict=True):
        block = text[cue.end() : end].strip("\n").split("\n\n")[0]
        lines = [_TAGS.sub("", line).strip() for line in block.split("\n")]
        lines = [line for line in lines if line]
        if lines:
            marks.append((lines[0], as_seconds(cue[1]), " ".join(lines[1:])))
    marks.sort(key=lambda mark: mark[1])
    confidence, provenance = as_columns([parse_remark(words) for *_, words in marks])
    events = in_time([(name, seconds) for name, seconds, _ in marks])
    return LabelTrack(video, events, confidence=confidence, provenance=provenance)


def format_subtitles(track: LabelTrack, *, webvtt: bool) -> str:
    """The cues of a track; absent events have none.

    Raises:
        SynclineError: a name with line breaks or `-->`, which end a cue.
    """
    track = known_events(track)
    cues = [
        (name, seconds, words)
        for (name, seconds), words in zip(track.events, remarks_of(track), strict=True)
        if seconds is not None
    ]
    end = film_end(track)
    blocks = ["WEBVTT\n"] if webvtt else []
    for number, (name, begin, words) in enumerate(cues, 1):
        if "\n" in name or "-->" in name or not name.strip():
            raise SynclineError(f"{track.video}: the event {name!r} cannot be the text of a subtitle")
        stop = cues[number][1] if number < len(cues) else max(end or 0.0, begin + 1.0)
        span = f"{_written(begin, webvtt)} --> {_written(max(stop, begin + 0.001), webvtt)}"
        blocks.append("\n".join([*([] if webvtt else [str(number)]), span, name, *([words] if words else [])]) + "\n")
    return "\n".join(blocks)


def _written(seconds: float, webvtt: bool) -> str:
    """`hh:mm:ss.mmm`, with a comma in SubRip."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
    return text if webvtt else text.replace(".", ",")
