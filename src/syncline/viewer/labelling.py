"""Label once: marks of a few videos, carried to all the others, and written in every form.

A video with some events marked and others not takes the missing ones from the videos that have them, and then votes
for the rest of the folder with all of them: a correction counts at once.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from syncline.data.labels.attach import tracks_of
from syncline.data.labels.forms import FORMS, read_labels, write_labels
from syncline.data.labels.track import LabelTrack, known_events, track_of_shown
from syncline.errors import SynclineError
from syncline.viewer.embedding_queue import EmbeddingQueue, thinned
from syncline.viewer.journal import Marks
from syncline.viewer.library import Library

if TYPE_CHECKING:
    from syncline.tasks import LabelledVideo

MEDIA = {".csv": "text/csv", ".json": "application/json", ".boris": "application/json"}


class Labelling:
    """Marks and what follows from them.

    Args:
        library: the videos and their journal.
        embedder: their embeddings.
    """

    def __init__(self, library: Library, embedder: EmbeddingQueue) -> None:
        self._library, self.embedder = library, embedder

    def transfer(self, numbers: Sequence[int] | None = None) -> list[dict[str, Any]]:
        """Events of the given videos (None: all): marked by hand, else carried with a confidence.

        Each is `{"id", "events": [{"second", "confidence", "by": "hand" | "carried"}, ...]}`; the second is None where
        the event is absent. Empty without any mark.
        """
        from syncline.tasks import transfer_events

        marks = {self._library.numbers[n]: e for n, e in self._library.marks().items() if n in self._library.numbers}
        if not marks:
            return []
        self.embedder.all()
        count = max(max(events) for events in marks.values()) + 1
        votes, filled = self._complete(marks, count)
        wanted = range(len(self._library)) if numbers is None else [self._library.checked(n) for n in numbers]
        targets = [n for n in wanted if n not in marks and n not in self.embedder.problems]
        carried = transfer_events(votes, [self._short(n) for n in targets]) if targets else []
        for number, video in zip(targets, carried, strict=True):
            filled[number] = [
                {"second": second, "confidence": round(float(sure), 3), "by": "carried"}
                for second, sure in zip(video.events, video.confidence, strict=True)
            ]
        return [{"id": number, "events": filled[number]} for number in wanted if number in filled]

    def _short(self, number: int) -> Any:
        return thinned(self.embedder.of([number])[0])

    def _complete(
        self, marks: dict[int, dict[int, float | None]], count: int
    ) -> tuple[list[LabelledVideo], dict[int, list[dict[str, Any]]]]:
        """The marked videos with all events, and the same as the page shows them."""
        from syncline.tasks import LabelledVideo, transfer_events

        votes, shown = [], {}
        for number, own in marks.items():
            events: list[dict[str, Any]] = []
            for k in range(count):
                if k in own:
                    events.append({"second": own[k], "confidence": 1.0, "by": "hand"})
                    continue
                voters = [
                    LabelledVideo(self._short(other), (theirs[k],))
                    for other, theirs in marks.items()
                    if k in theirs and other not in self.embedder.problems
                ]
                found = transfer_events(voters, [self._short(number)])[0] if voters else None
                second = found.events[0] if found else None
                events.append({"second": second, "confidence": float(found.confidence[0]) if found else 0.0,
                               "by": "carried"})  # fmt: skip
            shown[number] = events
            if number not in self.embedder.problems:
                seconds = tuple(None if e["second"] is None else float(e["second"]) for e in events)
                votes.append(LabelledVideo(self._short(number), seconds))
        return votes, shown

    def next(self) -> dict[str, Any] | None:
        """The video whose label would teach most, as `{"id", "event", "second"}` with its least certain event.

        None if nothing has been marked, or nothing is left.
        """
        from syncline.tasks import next_to_label, transfer_events

        marks = {self._library.numbers[n]: e for n, e in self._library.marks().items() if n in self._library.numbers}
        if not marks or len(marks) == len(self._library):
            return None
        votes, _ = self._complete(marks, max(max(events) for events in marks.values()) + 1)
        rest = [n for n in range(len(self._library)) if n not in marks and n not in self.embedder.problems]
        short = {n: self._short(n) for n in rest}
        sources = {embedding.source: n for n, embedding in short.items()}
        if not rest:
            return None
        carried = transfer_events(votes, list(short.values()))
        chosen = next_to_label(carried)
        found = next(video for video in carried if video.source == chosen)
        event = int(np.argmin(found.confidence))
        return {"id": sources[chosen], "event": event, "second": found.events[event]}

    def take_in(self, name: str, content: bytes) -> int:
        """Take the labels of a file in any form that is read as marks. Returns the number of videos that got some.

        Raises:
            SynclineError: no labels that can be read, or of none of these videos; then nothing changes.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / Path(name).name
            path.write_bytes(content)
            try:
                tracks = read_labels(path)
            except SynclineError as error:
                raise SynclineError(str(error).replace(str(path), name)) from error
        names = self._library.event_names
        marks: Marks = {}
        for number, track in tracks_of(self._library.videos, tracks).items():
            video, pts_seconds = self._library.videos[number], self._library.pts_seconds(number)
            known = known_events(replace(track, frame_rate=track.frame_rate or video.frame_rate))
            for k, (event, second) in enumerate(known.events):
                if known.provenance is not None and known.provenance[k] == "carried":
                    continue  # what a program guessed is no mark
                if event not in names:
                    names.append(event)
                if known.frames is not None and known.frames[k] is not None:
                    second = float(pts_seconds[min(known.frames[k] or 0, len(pts_seconds) - 1)])
                marks.setdefault(video.name, {})[names.index(event)] = second
        if not marks:
            raise SynclineError(f"{name} labels none of these {len(self._library)} videos; their names must agree")
        there = self._library.event_names
        self._library.journal.take_in(marks, {k: event for k, event in enumerate(names) if [event] != there[k : k + 1]})
        return len(marks)

    def tracks(self, *, carried: bool) -> list[LabelTrack]:
        """Labels of the marked videos, or of all with what was carried: the frames on display and their times.

        Raises:
            SynclineError: nothing has been marked.
        """
        marks = self._library.marks()
        if not any(name in self._library.numbers for name in marks):
            raise SynclineError("nothing has been marked yet, so there is nothing to export")
        names = self._library.event_names
        if carried:
            found = {entry["id"]: entry["events"] for entry in self.transfer()}
        else:
            count = max(max(events) for events in marks.values()) + 1
            by_hand = [self._library.numbers[name] for name in marks if name in self._library.numbers]
            found = {number: self._by_hand(number, count) for number in by_hand}
        tracks = []
        for number, events in sorted(found.items()):
            named = [names[k] if k < len(names) else f"event {k + 1}" for k in range(len(events))]
            track = track_of_shown(
                self._library.videos[number], named, [event["second"] for event in events],
                self._library.pts_seconds(number), confidence=[event["confidence"] for event in events],
                provenance=["by hand" if event["by"] == "hand" else event["by"] for event in events],
            )  # fmt: skip
            tracks.append(track)
        return tracks

    def _by_hand(self, number: int, count: int) -> list[dict[str, Any]]:
        """What was marked of a video; what was not is unknown, and so is who would say so."""
        own = self._library.marks()[self._library.videos[number].name]
        return [
            {"second": own.get(k), "confidence": 1.0 if k in own else None, "by": "hand" if k in own else ""}
            for k in range(count)
        ]

    def export(self, form: str, *, carried: bool) -> tuple[str, bytes, str]:
        """File name, content and media type of the labels in a form; several files come as one zip archive."""
        if form not in FORMS:
            raise SynclineError(f"no form {form!r}; there are {', '.join(FORMS)}")
        tracks = self.tracks(carried=carried)
        single = {"csv": ".csv", "json": ".json", "boris": ".boris", "boris-csv": ".csv", "label-studio": ".json",
                  "activitynet": ".json"}  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            if form in single:
                path = Path(folder) / f"{self._library.title}-labels{single[form]}"
                write_labels(path, tracks, form=form)
                return path.name, path.read_bytes(), MEDIA[path.suffix]
            write_labels(Path(folder), tracks, form=form)
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in sorted(Path(folder).rglob("*")):
                    if path.is_file():
                        archive.write(path, path.relative_to(folder))
            return f"{self._library.title}-labels-{form}.zip", buffer.getvalue(), "application/zip"
