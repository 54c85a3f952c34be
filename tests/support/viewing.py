"""Small libraries of bar-code videos with known correspondence, served by the viewer's real server."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import uvicorn
from bars import write_bar_codes
from numpy.typing import NDArray
from starlette.types import ASGIApp, Receive, Scope, Send

from syncline.data import Embedding, Video, open_videos
from syncline.video import VideoReader
from syncline.viewer.app import create_app
from syncline.viewer.background_training import Trainer
from syncline.viewer.embedding_sources import Given, Source
from syncline.viewer.library import Library
from syncline.viewer.pose_source import BodySource
from syncline.viewer.serving import address_of, listen

RATE = 15
COUNTS = {"one": 120, "two": 120, "three": 90}


def progress_of(name: str, count: int) -> NDArray[np.float64]:
    """Canonical progress of every frame: one steady, two fast then slow, three with an extra part."""
    t = np.linspace(0.0, 1.0, count)
    if name == "two":
        return np.where(t < 0.3, t / 0.3 * 0.5, 0.5 + (t - 0.3) / 0.7 * 0.5)
    if name == "three":
        extra = slice(int(0.4 * count), int(0.6 * count))
        steady = np.linspace(0.0, 1.0, count - (extra.stop - extra.start))
        filled = np.full(count, np.nan)
        filled[: extra.start] = steady[: extra.start]
        filled[extra.stop :] = steady[extra.start :]
        return filled
    return t


def vectors_of(progress: NDArray[np.float64], width: int = 32) -> NDArray[np.float32]:
    """Bumps along the progress; frames without one look like nothing else."""
    centres = np.linspace(0.0, 1.0, width)
    bumps = np.exp(-0.5 * ((np.nan_to_num(progress, nan=5.0)[:, None] - centres) / 0.04) ** 2)
    odd = np.isnan(progress).astype(np.float64)[:, None]
    return np.concatenate([bumps, odd], axis=1).astype(np.float32)


def known_embedding(video: Video) -> Embedding:
    """Of one of these videos, for every second frame."""
    seconds = VideoReader(video.path).pts_seconds
    progress = progress_of(Path(video.name).stem.split("-")[0], len(seconds))
    return Embedding(vectors_of(progress)[::2], seconds[::2], video.video_id)


def make_folder(folder: Path, counts: dict[str, int] | None = None) -> Path:
    """Bar-code videos, one a name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in (counts or COUNTS).items():
        write_bar_codes(folder / f"{name}.mp4", count, rate=RATE, options={"g": "15", "bf": "2"})
    return folder


def make_library(folder: Path, work: Path, *, broken: Sequence[tuple[str, str]] = ()) -> Library:
    """The library of a folder."""
    return Library(open_videos(folder), work, broken=broken, event_names=())


class _Server(uvicorn.Server):
    """Leaves no connection open: the process of a test goes on, and a page may still be loading a film when it ends."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


class _LateFilms:
    """Answers requests for films only after a while."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app, self.seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/video/"):
            await asyncio.sleep(self.seconds)
        await self.app(scope, receive, send)


@contextmanager
def served(
    library: Library,
    *,
    source: Source | None = None,
    trainer: Trainer | None = None,
    token: str | None = None,
    films_after: float = 0.0,
    bodies: BodySource | None = None,
) -> Iterator[str]:
    """The address of a running server of a library; `films_after` seconds it keeps whoever asks for a film waiting."""
    app = create_app(library, source or Given(known_embedding), trainer=trainer, token=token, bodies=bodies)
    if films_after:
        app = _LateFilms(app, films_after)
    server = _Server(uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=1))
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        address = address_of(listening).rstrip("/")
        try:
            wait_until_up(address)
            yield address
        finally:
            server.should_exit = True
            thread.join(10)


def wait_until_up(address: str, seconds: float = 60.0) -> None:
    """Until the server answers."""
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(f"{address}/api/status", timeout=5).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def until(happened: Callable[[], bool], seconds: float = 30.0) -> None:
    """Until it has happened."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
