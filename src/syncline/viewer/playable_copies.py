"""Makes copies of videos that browsers do not play, one after another in the background."""

from __future__ import annotations

import logging
import queue
import threading
from pathlib import Path
from typing import Any

from syncline.errors import SynclineError
from syncline.progress import Progress
from syncline.video import mark_result_folder, write_browser_copy
from syncline.viewer.library import Library

_log = logging.getLogger(__name__)


class Proxies:
    """The playable file of every video of a library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._states: dict[int, dict[str, Any]] = {}
        self._queue: queue.Queue[int] = queue.Queue()
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None

    def states(self) -> dict[int, dict[str, Any]]:
        """The states of the copies that were asked for: {"state": waiting | working | ready | failed, ...}."""
        return {number: dict(state) for number, state in self._states.items()}

    def told(self, number: int) -> dict[str, Any] | None:
        """The state of one video, for the page that opens it. A failure is reported once; opening it again retries."""
        with self._lock:
            state = self._states.get(number)
            if state is not None and state["state"] == "failed":
                del self._states[number]
            return state

    def path(self, number: int) -> Path | None:
        """The file to play, or None while its copy is not there. The first to ask begins making it."""
        if self._library.plays(number):
            return self._library.file(number)
        proxy = self._proxy(number)
        if proxy.exists():
            self._states[number] = {"state": "ready"}
            return proxy
        if number not in self._states:
            self.make(number)
        return None

    def make(self, number: int) -> None:
        """Put a video in the queue, unless it plays as it is or is already there."""
        if self._library.plays(number):
            return
        with self._lock:
            if self._states.get(number, {}).get("state") in ("waiting", "working", "ready"):
                return
            self._states[number] = {"state": "waiting"}
            self._queue.put(number)
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, daemon=True)
                self._worker.start()

    def _proxy(self, number: int) -> Path:
        return self._library.work / "proxies" / f"{self._library.content(number)}-2.mp4"

    def _work(self) -> None:
        while True:
            number = self._queue.get()
            span, total = self._library.videos[number].span, self._library.num_frames(number)

            def report(told: Progress, number: int = number) -> None:
                self._states[number] = {"state": "working", "share": round(told.done / max(1, told.total), 3)}

            report(Progress("copying", 0, total))
            try:
                mark_result_folder(self._proxy(number).parent)  # with --work in the folder, these are no videos of it
                write_browser_copy(self._library.file(number), self._proxy(number), span=span, callback=report)
                self._states[number] = {"state": "ready"}
            except Exception as error:  # whatever it is, the next video has its turn
                self._states[number] = {"state": "failed", "why": str(error)}
                if not isinstance(error, SynclineError | OSError):
                    _log.exception("the copy of %s failed", self._library.videos[number].name)
