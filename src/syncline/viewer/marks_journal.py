"""The journal of marks and pins: no closed tab or killed server loses one.

Every change is one JSON line that is on disk before it is answered; reading the journal from its start gives the
present state. Undo is a line of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncline.errors import SynclineError
from syncline.files import append_jsonl, read_jsonl

Marks = dict[str, dict[int, float | None]]
"""Video name -> event number -> seconds, or None where somebody said that the event is absent."""
MOST_EVENTS = 200
LATEST = 1e6
"""Seconds: no video is longer."""


@dataclass(frozen=True)
class PinnedPair:
    """Two moments that a person marked as the same; `number` names the pin in the journal."""

    number: int
    video_a: str
    seconds_a: float
    video_b: str
    seconds_b: float


class Journal:
    """Marks of the events of many videos, and pins between them, in a file.

    Args:
        path: the journal (made on the first change). Lines: `{"video", "event", "seconds", "clear"}`,
            `{"event", "name"}`, `{"pin", "video_a", "seconds_a", "video_b", "seconds_b"}`, `{"pin", "clear"}`, or
            `{"together": [change, ...]}` and `{"undo": true}`.

    Examples:
        >>> import tempfile
        >>> journal = Journal(Path(tempfile.mkdtemp()) / "labels.jsonl")
        >>> journal.mark("a.mp4", 0, 1.5)
        >>> Journal(journal.path).marks()
        {'a.mp4': {0: 1.5}}
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._changes: list[dict[str, Any]] = []
        for change in read_jsonl(path):
            self._apply(change)

    def _apply(self, change: dict[str, Any]) -> None:
        if change.get("undo"):
            del self._changes[-1:]
        elif isinstance(change.get("together"), list) or _is_change(change):
            self._changes.append(change)

    def _each(self) -> Iterator[dict[str, Any]]:
        """The changes one by one, those that were made together too."""
        for change in self._changes:
            yield from (c for c in change["together"] if _is_change(c)) if "together" in change else (change,)

    def _append(self, *changes: dict[str, Any]) -> None:
        append_jsonl(self.path, changes)
        for change in changes:
            self._apply(change)

    def mark(self, video: str, event: int, seconds: float | None, *, clear: bool = False) -> None:
        """Set an event of a video (None: it is absent there), or with `clear` forget what was said about it.

        Raises:
            SynclineError: a negative event or time.
        """
        _check_mark(event, seconds)
        with self._lock:
            self._append({"video": video, "event": event, "seconds": seconds, "clear": clear})

    def rename(self, event: int, name: str) -> None:
        """Call an event by a name.

        Raises:
            SynclineError: a name that is empty, long, or that label files cannot hold.
        """
        with self._lock:
            self._append({"event": event, "name": _name(event, name)})

    def take_in(self, marks: Marks, names: dict[int, str]) -> None:
        """Take in labels from elsewhere, as one change: undo takes all of them back.

        Args:
            marks: of videos; what is marked here by that video and event is replaced. names: of events.

        Raises:
            SynclineError: as `mark` and `rename`; then nothing is taken in.
        """
        changes: list[dict[str, Any]] = [{"event": event, "name": _name(event, name)} for event, name in names.items()]
        for video, events in marks.items():
            for event, seconds in events.items():
                _check_mark(event, seconds)
                changes.append({"video": video, "event": event, "seconds": seconds, "clear": False})
        with self._lock:
            self._append({"together": changes})

    def pin(self, video_a: str, seconds_a: float, video_b: str, seconds_b: float, *, number: int | None = None) -> int:
        """Say that two moments are the same. Returns the number of the pin.

        Args:
            video_a, seconds_a, video_b, seconds_b: the moments.
            number: of the pin that is moved; None makes a new one.

        Raises:
            SynclineError: one video twice, or a time that cannot be.
        """
        if video_a == video_b or not 0 <= seconds_a < LATEST or not 0 <= seconds_b < LATEST:
            raise SynclineError(f"{video_a} at {seconds_a} s and {video_b} at {seconds_b} s cannot be pinned together")
        with self._lock:
            known = [change["pin"] for change in self._each() if "pin" in change]
            number = max(known, default=-1) + 1 if number is None else number
            self._append({"pin": number, "video_a": video_a, "seconds_a": seconds_a, "video_b": video_b,
                          "seconds_b": seconds_b})  # fmt: skip
            return number

    def unpin(self, number: int) -> None:
        """Forget a pin.

        Raises:
            SynclineError: there is no such pin.
        """
        if number not in {pin.number for pin in self.pins()}:
            raise SynclineError(f"there is no pin {number}; it may have been removed in another window")
        with self._lock:
            self._append({"pin": number, "clear": True})

    def undo(self) -> dict[str, Any] | None:
        """Take the last change back. Returns that change, None if there was none."""
        with self._lock:
            if not self._changes:
                return None
            last = self._changes[-1]
            self._append({"undo": True})
            return last

    def marks(self) -> Marks:
        """The present state of the events."""
        state: Marks = {}
        with self._lock:
            for change in self._each():
                if "video" not in change:
                    continue
                video, event, seconds = str(change["video"]), int(change["event"]), change.get("seconds")
                if change.get("clear"):
                    state.get(video, {}).pop(event, None)
                else:
                    state.setdefault(video, {})[event] = float(seconds) if isinstance(seconds, int | float) else None
        return {video: events for video, events in state.items() if events}

    def names(self) -> dict[int, str]:
        """Names that people gave to events."""
        with self._lock:
            return {int(change["event"]): str(change["name"]) for change in self._each() if "name" in change}

    def pins(self) -> list[PinnedPair]:
        """The present pins, the oldest first."""
        state: dict[int, PinnedPair] = {}
        with self._lock:
            for change in self._each():
                if "pin" not in change:
                    continue
                if change.get("clear"):
                    state.pop(change["pin"], None)
                else:
                    state[change["pin"]] = PinnedPair(
                        change["pin"], str(change["video_a"]), float(change["seconds_a"]), str(change["video_b"]),
                        float(change["seconds_b"]),
                    )  # fmt: skip
        return list(state.values())


def _is_change(change: dict[str, Any]) -> bool:
    named = isinstance(change.get("video"), str) or isinstance(change.get("name"), str)
    return isinstance(change.get("pin"), int) or (isinstance(change.get("event"), int) and named)


def _check_mark(event: int, seconds: float | None) -> None:
    if not 0 <= event < MOST_EVENTS or (seconds is not None and not 0 <= seconds < LATEST):
        raise SynclineError(f"event {event} at {seconds} s cannot be marked; both start at 0")


def _name(event: int, name: str) -> str:
    name = " ".join(name.split())
    if not 0 <= event < MOST_EVENTS or not 0 < len(name) <= 60 or ";" in name:
        raise SynclineError(f"{name!r} cannot be the name of an event; 1 to 60 characters without ';'")
    return name
