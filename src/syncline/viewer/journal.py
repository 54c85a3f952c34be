"""Event marks made in the browser, kept so that neither a closed tab nor a killed server loses one.

Every change is one JSON line appended and flushed to disk before it is answered; reading the journal from its start
gives the present state. A half-written last line (the machine died within it) is dropped. Undo is a line of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any

from syncline.errors import SynclineError

Marks = dict[str, dict[int, float | None]]
"""Video name -> event number -> seconds, or None where somebody said that the event is absent."""
MOST_EVENTS = 200


class Journal:
    """Marks of the events of many videos, in a file.

    Args:
        path: the journal (made on the first change). Lines: `{"video", "event", "seconds", "clear"}`,
            `{"event", "name"}` or `{"undo": true}`.

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
        self._changes = self._read()

    def _read(self) -> list[dict[str, Any]]:
        changes: list[dict[str, Any]] = []
        if not self.path.exists():
            return changes
        lines = self.path.read_bytes().split(b"\n")
        for line in lines:
            try:
                change = json.loads(line)
            except ValueError:
                continue
            if isinstance(change, dict):
                self._apply(changes, change)
        if lines[-1]:  # the last line has no end: written in part; whole lines come after a fresh start
            with self.path.open("ab") as file:
                file.write(b"\n")
        return changes

    @staticmethod
    def _apply(changes: list[dict[str, Any]], change: dict[str, Any]) -> None:
        if change.get("undo"):
            if changes:
                changes.pop()
        elif isinstance(change.get("event"), int) and (
            isinstance(change.get("video"), str) or isinstance(change.get("name"), str)
        ):
            changes.append(change)

    def _append(self, change: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        before = self.path.stat().st_size if self.path.exists() else 0
        try:
            with self.path.open("ab") as file:
                file.write(json.dumps(change, allow_nan=False).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError:  # a full disk: half a line must not spoil the one that comes after it
            with contextlib.suppress(OSError):
                os.truncate(self.path, before)
            raise
        self._apply(self._changes, change)

    def mark(self, video: str, event: int, seconds: float | None, *, clear: bool = False) -> None:
        """Set an event of a video (None: it is absent there), or with `clear` forget what was said about it.

        Raises:
            SynclineError: a negative event or time.
        """
        if not 0 <= event < MOST_EVENTS or (seconds is not None and not 0 <= seconds < 1e6):
            raise SynclineError(f"event {event} at {seconds} s cannot be marked; both start at 0")
        with self._lock:
            self._append({"video": video, "event": event, "seconds": seconds, "clear": clear})

    def rename(self, event: int, name: str) -> None:
        """Call an event by a name.

        Raises:
            SynclineError: a name that is empty, long, or that label files cannot hold.
        """
        name = " ".join(name.split())
        if not 0 <= event < MOST_EVENTS or not 0 < len(name) <= 60 or ";" in name:
            raise SynclineError(f"{name!r} cannot be the name of an event; 1 to 60 characters without ';'")
        with self._lock:
            self._append({"event": event, "name": name})

    def undo(self) -> dict[str, Any] | None:
        """Take the last change back. Returns that change, None if there was none."""
        with self._lock:
            if not self._changes:
                return None
            last = self._changes[-1]
            self._append({"undo": True})
            return last

    def marks(self) -> Marks:
        """The present state."""
        state: Marks = {}
        with self._lock:
            for change in self._changes:
                if "name" in change:
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
            return {int(change["event"]): str(change["name"]) for change in self._changes if "name" in change}
