"""Event marks made in the browser, kept so that neither a closed tab nor a killed server loses one.

Every change is one JSON line appended and flushed to disk before it is answered; reading the journal from its start
gives the present state. A half-written last line (the machine died within it) is dropped. Undo is a line of its own.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

from syncline.errors import SynclineError

Marks = dict[str, dict[int, float | None]]
"""Video name -> event number -> seconds, or None where somebody said that the event is absent."""


class Journal:
    """Marks of the events of many videos, in a file.

    Args:
        path: the journal (made on the first change). Lines: `{"video", "event", "seconds"}`, `{"clear": ...}` or
            `{"undo": true}`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._changes = self._read()

    def _read(self) -> list[dict[str, object]]:
        changes: list[dict[str, object]] = []
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
    def _apply(changes: list[dict[str, object]], change: dict[str, object]) -> None:
        if change.get("undo"):
            if changes:
                changes.pop()
        elif isinstance(change.get("video"), str) and isinstance(change.get("event"), int):
            changes.append(change)

    def _append(self, change: dict[str, object]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(json.dumps(change, allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._apply(self._changes, change)

    def mark(self, video: str, event: int, seconds: float | None, *, clear: bool = False) -> None:
        """Set an event of a video (None: it is absent there), or with `clear` forget what was said about it.

        Raises:
            SynclineError: a negative event or time.
        """
        if event < 0 or (seconds is not None and not 0 <= seconds < 1e6):
            raise SynclineError(f"event {event} at {seconds} s cannot be marked; numbers and times start at 0")
        with self._lock:
            self._append({"video": video, "event": event, "seconds": seconds, "clear": clear})

    def undo(self) -> bool:
        """Take the last change back. Returns whether there was one."""
        with self._lock:
            if not self._changes:
                return False
            self._append({"undo": True})
            return True

    def marks(self) -> Marks:
        """The present state."""
        state: Marks = {}
        with self._lock:
            for change in self._changes:
                video, event, seconds = str(change["video"]), change["event"], change.get("seconds")
                assert isinstance(event, int)
                if change.get("clear"):
                    state.get(video, {}).pop(event, None)
                else:
                    state.setdefault(video, {})[event] = float(seconds) if isinstance(seconds, int | float) else None
        return {video: events for video, events in state.items() if events}
