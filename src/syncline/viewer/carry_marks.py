"""Carries the marks of a few videos to all others, and exports them in every format.

A video with some events marked and others not takes the missing ones from the videos that have them, and then votes
for the rest of the folder with all of them: a correction counts at once.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from syncline.data import Embedding
from syncline.data.labels.attach_labels import labelled_video, tracks_of
from syncline.data.labels.label_formats import FORMS, read_labels, write_labels
from syncline.data.labels.time_origin import in_container, origins_of, tracks_from_container
from syncline.data.labels.video_labels import LabelTrack, known_events, track_of_shown
from syncline.errors import SynclineError
from syncline.viewer.embedding_queue import EmbeddingQueue, thinned
from syncline.viewer.library import Library
from syncline.viewer.marks_journal import Marks
from syncline.viewer.viewer_consensus import LEAST, Group

if TYPE_CHECKING:
    from syncline.tasks import Transferred

Events = Mapping[int, Sequence[float | None]]
"""Seconds of every event of some videos, by number; None where it is absent."""
MEDIA = {".csv": "text/csv", ".json": "application/json", ".boris": "application/json"}


class Labelling:
    """Marks and what follows from them.

    Args:
        library: the videos and their journal.
        embedder: their embeddings. group: what they agree on.
    """

    def __init__(self, library: Library, embedder: EmbeddingQueue, group: Group) -> None:
        self._library, self.embedder, self._group = library, embedder, group

    def transfer(self, numbers: Sequence[int] | None = None) -> list[dict[str, Any]]:
        """Events of the given videos (None: all): marked by hand, else carried with a confidence.

        Each is `{"id", "events": [{"second", "confidence", "by": "hand" | "carried"}, ...], "apart"}`; the second is
        None where the event is absent; apart are videos that show nothing in common with the others. Empty without any
        mark.
        """
        marks = self._marks()
        if not marks:
            return []
        self.embedder.all()
        votes, filled = self._complete(marks)
        wanted = range(len(self._library)) if numbers is None else [self._library.checked(n) for n in numbers]
        targets = [n for n in wanted if n not in marks and n not in self.embedder.problems]
        apart = []
        for number, video in zip(targets, self._carried(votes, targets), strict=True):
            filled[number] = [
                {"second": second, "confidence": round(float(sure), 3), "by": "carried"}
                for second, sure in zip(video.events, video.confidence, strict=True)
            ]
            apart += [] if video.in_common else [number]
        return [{"id": n, "events": filled[n], "apart": n in apart} for n in wanted if n in filled]

    def _marks(self) -> dict[int, dict[int, float | None]]:
        """The marks by the number of their video."""
        known = self._library.numbers
        return {known[name]: events for name, events in self._library.marks().items() if name in known}

    def _carried(self, votes: Events, targets: Sequence[int]) -> list[Transferred]:
        """Events of some videos from the marked ones: by all of the folder, or while it is unknown, by these."""
        from syncline.tasks import LabelledVideo, transfer_events, transfer_in_folder

        if not votes or not targets:
            return []
        if self._group.state.state == "ready":
            folder, numbers = self._group.for_moments()
            index = {number: k for k, number in enumerate(numbers)}
            if index.keys() >= {*votes, *targets}:
                marks = {index[number]: events for number, events in votes.items()}
                return transfer_in_folder(folder, marks, [index[number] for number in targets])
        labelled = [LabelledVideo(self._short(number), tuple(events)) for number, events in votes.items()]
        whole = len(self.embedder.all()) < LEAST  # no folder will ever say more, so that these answer as the verb does
        # while one may, a few labelled videos cannot tell who has nothing in common with it
        return transfer_events(labelled, [self._short(n) for n in targets], consensus=whole, refuse=whole)

    def _strangers(self) -> list[str]:
        """The sources of those without a vote, as far as the folder is known."""
        if self._group.state.state != "ready":
            return []
        folder, _ = self._group.for_moments()
        return [folder.embeddings[i].source for i in folder.votes.strangers]

    def _short(self, number: int) -> Embedding:
        return thinned(self.embedder.of([number])[0])

    def _complete(
        self, marks: dict[int, dict[int, float | None]]
    ) -> tuple[dict[int, list[float | None]], dict[int, list[dict[str, Any]]]]:
        """The marked videos with all events, and the same as the page shows them."""
        count = max(max(events) for events in marks.values()) + 1
        votes, shown = {}, {}
        for number, own in marks.items():
            events: list[dict[str, Any]] = []
            for k in range(count):
                if k in own:
                    events.append({"second": own[k], "confidence": 1.0, "by": "hand"})
                    continue
                voters = {
                    other: [theirs[k]]
                    for other, theirs in marks.items()
                    if k in theirs and other not in self.embedder.problems
                }
                known = number not in self.embedder.problems
                found = self._carried(voters, [number]) if known else []
                second = found[0].events[0] if found else None
                sure = float(found[0].confidence[0]) if found else 0.0
                events.append({"second": second, "confidence": sure, "by": "carried"})
            shown[number] = events
            if number not in self.embedder.problems:
                votes[number] = [None if e["second"] is None else float(e["second"]) for e in events]
        return votes, shown

    def next(self) -> dict[str, Any] | None:
        """The video whose label would teach most, as `{"id", "event", "second"}` with its least certain event.

        Before anything is marked that is the one in which the folder finds most of itself again; None if nothing is
        left, or nothing is known of the folder.
        """
        from syncline.tasks import next_to_label, suggest

        marks = self._marks()
        if not marks:
            if self._group.state.state != "ready":
                return None
            folder, numbers = self._group.get()
            found = suggest(folder, 1)
            return {"id": numbers[found.videos[0]], "event": 0, "second": None, "covered": found.covered[0]}
        votes, _ = self._complete(marks)
        rest = [n for n in range(len(self._library)) if n not in marks and n not in self.embedder.problems]
        if not rest:
            return None
        carried = self._carried(votes, rest)
        chosen = [video.source for video in carried].index(next_to_label(carried, strangers=self._strangers()))
        event = int(np.argmin(carried[chosen].confidence))
        return {"id": rest[chosen], "event": event, "second": carried[chosen].events[event]}

    def take_in(self, name: str, content: bytes) -> int:
        """Take the labels of a file in any form that is read as marks. Returns the number of videos that got some.

        Raises:
            SynclineError: no labels that can be read, of none of these videos, or that do not fit one; then nothing
                changes.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / Path(name).name
            path.write_bytes(content)
            try:
                tracks = read_labels(path, frame_rate=self._library.label_rate)
            except SynclineError as error:
                raise SynclineError(str(error).replace(str(path), name)) from error
        if self._library.time_origin == "container":
            tracks = tracks_from_container(self._library.videos, tracks)
        names = self._library.event_names
        marks: Marks = {}
        for number, track in tracks_of(self._library.videos, tracks).items():
            video, pts_seconds = self._library.videos[number], self._library.pts_seconds(number)
            labelled_video(video, track)  # refuses what does not fit the film, as the command line does
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
            raise SynclineError(f"{name} labels no video of these; their names must agree")
        there = self._library.event_names
        self._library.journal.take_in(marks, {k: event for k, event in enumerate(names) if [event] != there[k : k + 1]})
        return len(marks)

    def tracks(self, *, carried: bool) -> list[LabelTrack]:
        """Labels of the marked videos, or of all with what was carried: the frames on display and their times.

        Their seconds count from the library's `time_origin`.

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
            (begins,) = origins_of([self._library.videos[number]], self._library.time_origin)
            tracks.append(in_container(track, begins))
        return tracks

    def _by_hand(self, number: int, count: int) -> list[dict[str, Any]]:
        """The marks of a video; events without a mark are unknown, and so is who would place them."""
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
                what = "" if form in ("csv", "json", "boris") else f"-{form.removesuffix('-csv')}"
                path = Path(folder) / f"{self._library.title}-labels{what}{single[form]}"
                write_labels(path, tracks, form=form)
                return path.name, path.read_bytes(), MEDIA[path.suffix]
            write_labels(Path(folder), tracks, form=form)
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in sorted(Path(folder).rglob("*")):
                    if path.is_file():
                        archive.write(path, path.relative_to(folder))
            return f"{self._library.title}-labels-{form}.zip", buffer.getvalue(), "application/zip"
