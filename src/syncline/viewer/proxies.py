"""Copies of videos that browsers do not play (HEVC, AVI, MJPEG ...), made one after another in the background."""

from __future__ import annotations

import queue
import threading
from pathlib import Path

from syncline.errors import SynclineError
from syncline.files import content_hash
from syncline.video import write_proxy
from syncline.viewer.library import Library


class Proxies:
    """The playable file of every video of a library; `states` are waiting | working | ready | the error's line."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._states: dict[int, str] = {}
        self._queue: queue.Queue[int] = queue.Queue()
        self._worker: threading.Thread | None = None

    def states(self) -> dict[int, str]:
        """Videos that need a proxy and were asked for, with what became of it."""
        return dict(self._states)

    def path(self, number: int) -> Path | None:
        """The file to play, or None while its proxy is not there (asking begins making it)."""
        if self._library.plays(number):
            return self._library.videos[number].path
        proxy = self._proxy(number)
        if proxy.exists():
            self._states[number] = "ready"
            return proxy
        self.make(number)
        return None

    def make(self, number: int) -> None:
        """Put a video in the queue, unless it plays as it is or is already there."""
        if self._library.plays(number) or self._states.get(number) in ("waiting", "working", "ready"):
            return
        self._states[number] = "waiting"
        self._queue.put(number)
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, daemon=True)
            self._worker.start()

    def _proxy(self, number: int) -> Path:
        return self._library.work / "proxies" / f"{content_hash(self._library.videos[number].path)}.mp4"

    def _work(self) -> None:
        while True:
            number = self._queue.get()
            self._states[number] = "working"
            try:
                write_proxy(self._library.videos[number].path, self._proxy(number))
                self._states[number] = "ready"
            except (SynclineError, OSError) as error:
                self._states[number] = str(error)
