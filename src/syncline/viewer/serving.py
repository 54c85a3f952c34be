"""From what people type to a running server."""

from __future__ import annotations

import json
import os
import socket
import threading
import webbrowser
from dataclasses import dataclass, replace
from pathlib import Path

from starlette.types import ASGIApp

from syncline.data import VideoSet, open_videos
from syncline.errors import SynclineError
from syncline.files import cache_folder
from syncline.video import find_videos, scan_file
from syncline.viewer.app import create_app
from syncline.viewer.embedding_sources import OWN_RUN, Frozen, Kept, Source, Trained, stored
from syncline.viewer.library import Library
from syncline.viewer.trainer import Trainer, is_finished

FIRST_PORT, PORTS, LAST_PORT = 8000, 50, 65_535
UNSEEN = 10.0
"""Seconds until embedding begins if nobody opens the page."""


@dataclass(frozen=True)
class Viewer:
    """An application and where it will be."""

    app: ASGIApp
    host: str
    port: int
    videos: int
    broken: tuple[tuple[str, str], ...]
    trainer: Trainer | None

    @property
    def address(self) -> str:
        """For the browser."""
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(self.host, self.host)
        return f"http://{shown}:{self.port}/"


def open_viewer(
    source: Path,
    *,
    run: str | None = None,
    work: str | None = None,
    cache: str | None = None,
    minutes: float = 15.0,
    follow_links: bool = False,
    host: str = "127.0.0.1",
    port: int = 0,
) -> Viewer:
    """Find the videos and their embeddings, and make the application.

    Args:
        source: a folder of videos, a manifest, a video, a run (whose own videos are shown), or a store of embeddings.
        run: a trained run; None for the one that was trained here before, or frozen features.
        work: folder for marks, copies and runs; None for `.syncline` in the folder, or where that cannot be written
            a folder in the user's cache.
        cache: folder of the feature cache; None for the user's.
        minutes: budget of "Train on this folder".
        follow_links: whether links and manifests in a folder may lead out of it.
        host, port: where it will listen; port 0 takes the first free one from `FIRST_PORT` on.

    Raises:
        SynclineError: no videos, no run, no such port, or no free one.
    """
    if not 0 <= port <= LAST_PORT:
        raise SynclineError(f"there is no port {port}; choose a --port from 1 to {LAST_PORT}, or 0 for a free one")
    features = None if cache is None else Path(cache)
    chosen: Source | None = None
    broken: list[tuple[str, str]] = []
    if (source / "store.json").is_file():
        paths, chosen = stored(source)
        videos, folder = open_videos(paths), source
    elif (source / "model.safetensors").is_file():
        run, paths = run or str(source), _videos_of(source)
        videos, folder = open_videos(paths), Path(os.path.commonpath([path.parent for path in paths]))
    else:
        videos, folder = open_videos(source), source if source.is_dir() else source.parent
        if source.is_dir():
            videos = videos if follow_links else _inside(videos, folder)
            broken = _broken(folder, videos)
    own = _work_folder(folder) if work is None else Path(work)
    trained = own / OWN_RUN
    trainer = None
    if chosen is None and run is None and not is_finished(trained):
        chosen = Kept(Frozen(features), own / "frozen", videos.videos)
        trainer = Trainer.of_folder(source, trained, minutes=minutes, cache=features)
    elif chosen is None:
        chosen = Trained(run or trained, features)
    port = port or free_port(host)
    library = Library(videos, own, broken=broken)
    app = create_app(library, chosen, host=host, trainer=trainer, embed_after=UNSEEN)
    return Viewer(app, host, port, len(videos), tuple(broken), trainer)


def serve(viewer: Viewer, *, browser: bool = True) -> None:
    """Answer until interrupted.

    Raises:
        SynclineError: the port is taken.
    """
    import uvicorn

    config = uvicorn.Config(
        viewer.app,
        host=viewer.host,
        port=viewer.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    listening = listen(viewer.host, viewer.port)
    if browser:
        threading.Timer(0.8, webbrowser.open, (viewer.address,)).start()
    try:
        server.run(sockets=[listening])
    finally:
        if viewer.trainer is not None:
            viewer.trainer.stop()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        SynclineError: the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    if os.name == "posix":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise SynclineError(f"cannot listen on {host}:{port} ({error.strerror}); choose another --port") from error
    return listening


def free_port(host: str) -> int:
    """The first free port from `FIRST_PORT` on.

    Raises:
        SynclineError: `PORTS` of them are taken.
    """
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        try:
            listen(host, port).close()
        except SynclineError:
            continue
        return port
    raise SynclineError(f"no free port on {host} from {FIRST_PORT} to {FIRST_PORT + PORTS - 1}; choose one with --port")


def _work_folder(folder: Path) -> Path:
    """`.syncline` beside the videos, where the journal belongs, if that can be written."""
    beside = folder / ".syncline"
    if beside.is_dir() and os.access(beside, os.W_OK):
        return beside
    if os.access(folder, os.W_OK):
        return beside
    return cache_folder() / "viewer" / "-".join(folder.resolve().parts[1:])


def _videos_of(run: Path) -> list[Path]:
    """The videos that a run was trained on, as the run says, as far as they are still there."""
    try:
        source = json.loads((run / "run.json").read_text(encoding="utf-8"))["source"]
        paths = [Path(path) for path in source if Path(path).exists()]
    except (OSError, ValueError, KeyError, TypeError):
        paths = []
    if not paths:
        raise SynclineError(
            f"{run} is a run that does not say where its videos are, or they have moved; give them: "
            f"syncline view VIDEOS --run {run}"
        )
    return paths


def _leads_out(path: Path, folder: Path) -> bool:
    return not path.resolve().is_relative_to(folder.resolve())


def _inside(videos: VideoSet, folder: Path) -> VideoSet:
    """The videos whose files lie in the folder, wherever their names lead."""
    kept = tuple(video for video in videos if not _leads_out(video.path, folder))
    if not kept:
        raise SynclineError(f"every video of {folder} leads out of it; show them with --follow-links")
    return replace(videos, videos=kept)


def _broken(folder: Path, videos: VideoSet) -> list[tuple[str, str]]:
    """Files with a video's name that are not in the set, and why."""
    used = {video.path.resolve() for video in videos}
    found = []
    for path in find_videos(folder):
        if path.resolve() not in used:
            problem = "leads out of the folder; show it with --follow-links" if _leads_out(path, folder) else None
            problem = problem or scan_file(path).problem
            if problem is not None:
                found.append((path.name, problem))
    return found
