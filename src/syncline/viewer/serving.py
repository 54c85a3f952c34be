"""Opens what users name and starts the server."""

from __future__ import annotations

import contextlib
import csv
import errno
import json
import os
import socket
import threading
import time
import webbrowser
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from starlette.types import ASGIApp

from syncline.data import Video, VideoSet, open_videos
from syncline.data.labels.time_origin import origins_of
from syncline.data.video_set import unique_names
from syncline.errors import SynclineError
from syncline.files import cache_folder, replacing
from syncline.video import find_videos, scan_file
from syncline.viewer.app import create_app
from syncline.viewer.background_training import Trainer
from syncline.viewer.embedding_sources import OWN_RUN, Frozen, Kept, Source, Trained, stored
from syncline.viewer.library import ADDED, Library
from syncline.viewer.pose_source import Beside, BodySource

if TYPE_CHECKING:
    from syncline.encoder.folder_features import FolderBodies

FIRST_PORT, PORTS, LAST_PORT = 8000, 50, 65_535
UNSEEN = 10.0
"""Seconds until embedding begins if nobody opens the page."""
HUB = "hf:"
"""What names of runs on the hub begin with."""


@dataclass(frozen=True)
class Viewer:
    """An application, and what people should know about it."""

    app: ASGIApp
    videos: int
    broken: tuple[tuple[str, str], ...]
    trainer: Trainer | None


def open_viewer(
    source: Path | Sequence[Path],
    *,
    run: str | None = None,
    work: str | None = None,
    cache: str | None = None,
    minutes: float = 15.0,
    follow_links: bool = False,
    host: str = "127.0.0.1",
    bodies: FolderBodies | None = None,
    time_origin: str = "picture",
    label_rate: float | None = None,
) -> Viewer:
    """Find the videos and their embeddings, and make the application.

    Args:
        source: a folder of videos, a manifest, a video, a run (whose own videos are shown), a store of embeddings, or
            several folders, manifests and videos.
        run: a trained run; None for the one that was trained here before, or frozen features.
        work: folder for marks, copies and runs; None for `.syncline` in the (first) folder, or where that cannot be
            written a folder in the user's cache.
        cache: folder of the feature cache; None for the user's. minutes: of "Train on this folder", above 0.
        follow_links: whether links and manifests in a folder may lead out of it.
        host: address on which it will listen.
        time_origin, label_rate: of label files, see `Library`.
        bodies: poses instead of pictures; None for pictures. `auto` is decided here.

    Raises:
        SynclineError: no videos, no run, or a budget of nothing.
    """
    _check(minutes, run)
    several = [source] if isinstance(source, Path) else list(source)
    features = None if cache is None else Path(cache)
    given: Source | None = None
    broken: list[tuple[str, str]] = []
    first = several[0]
    folder = first if first.is_dir() else first.parent
    if len(several) == 1 and (first / "store.json").is_file():
        paths, given = stored(first)
        videos = open_videos(paths)
    elif len(several) == 1 and (first / "model.safetensors").is_file():
        run, paths = run or str(first), _videos_of(first)
        videos, folder = open_videos(paths), Path(os.path.commonpath([path.parent for path in paths]))
    else:
        videos, broken = _all_of(several, follow_links)
    if time_origin == "container":
        origins_of(videos, time_origin)  # refuses parts of files before anything is shown
    own, read_only = (Path(work), False) if work is not None else _work_folder(folder)
    library = Library(
        _with_added(videos, own), own, broken=broken, read_only=read_only, time_origin=time_origin,
        label_rate=label_rate,
    )  # fmt: skip
    trainer = frozen = None
    if given is None and run is not None:
        given = Trained(run, features, folder if len(several) == 1 else None)
    elif given is None:
        frozen = Frozen(lambda: library.videos.videos, features, several[0] if len(several) == 1 else None)
        given = Kept(frozen, own / "frozen", lambda: library.videos.videos, frozen.described)
        trainer = Trainer.of_source(
            lambda: _trained_on(library, several), own / OWN_RUN, minutes=minutes, cache=features
        )
    one = several[0] if len(several) == 1 and several[0].is_dir() else None
    posed, beside = _bodies_of(bodies, library, frozen, given, one)
    app = create_app(
        library, given, host=host, trainer=trainer, embed_after=UNSEEN, bodies=posed, beside=beside,
        beside_first=bodies is not None and bodies.kind == "pictures+pose",
    )  # fmt: skip
    return Viewer(app, len(library), tuple(broken), trainer)


def _check(minutes: float, run: str | None) -> None:
    if not minutes > 0:
        raise SynclineError(f"--minutes must be above 0, got {minutes:g}")
    if run is not None and not run.startswith(HUB) and not (Path(run) / "model.safetensors").is_file():
        raise SynclineError(
            f"there is no run at {run} (no model.safetensors in it); give the folder that syncline train wrote, or "
            f"{HUB}OWNER/NAME for one on the hub"
        )


def _bodies_of(
    bodies: FolderBodies | None, library: Library, frozen: Frozen | None, pictures: Source, folder: Path | None
) -> tuple[BodySource | None, Beside | None]:
    """The poses that were asked for, and frozen features beside them, where these are what pictures are shown by."""
    if bodies is None or bodies.decide(library.videos.videos) == "pictures":
        return None, None
    if frozen is None:
        if bodies.kind == "pictures+pose":
            raise SynclineError("--features pictures+pose: here are embeddings already; view the folder of the videos")
        return BodySource(bodies, lambda: library.videos.videos, folder=folder), None
    posed = BodySource(bodies, lambda: library.videos.videos, lambda: frozen.cache.sampling.rate_hz, folder)
    return posed, Beside(pictures, posed)


def serve(viewer: Viewer, listening: socket.socket, *, browser: bool = True) -> None:
    """Answer at a socket from `listen` until interrupted."""
    if browser:
        threading.Timer(0.8, webbrowser.open, (address_of(listening),)).start()
    try:
        uvicorn.Server(_config(viewer.app, "warning")).run(sockets=[listening])
    finally:
        if viewer.trainer is not None:
            viewer.trainer.stop()


@contextlib.contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The address of a server in a thread of this process, for scripts; it is gone when the block ends."""
    server = uvicorn.Server(_config(app, "error"))
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield address_of(listening)
        finally:
            server.should_exit = True
            thread.join(10)


def _config(app: ASGIApp, level: str) -> uvicorn.Config:
    return uvicorn.Config(app, log_level=level, access_log=False, timeout_graceful_shutdown=1)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at a port, or for port 0 at the first free one from `FIRST_PORT` on.

    Raises:
        SynclineError: there is no such port, it is taken, or none is free.
    """
    if not 0 <= port <= LAST_PORT:
        raise SynclineError(f"there is no port {port}; choose a --port from 1 to {LAST_PORT}, or 0 for a free one")
    if port:
        return _bound(host, port)
    for free in range(FIRST_PORT, FIRST_PORT + PORTS):
        try:
            return _bound(host, free)
        except SynclineError as error:
            if not isinstance(error.__cause__, OSError) or error.__cause__.errno != errno.EADDRINUSE:
                raise
    raise SynclineError(f"no free port on {host} from {FIRST_PORT} to {FIRST_PORT + PORTS - 1}; choose one with --port")


def _bound(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)  # now, so that of two viewers the second one is told at once
    except OSError as error:
        listening.close()
        what = "--port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "--host"
        raise SynclineError(f"cannot listen on {host}:{port} ({error.strerror}); choose another {what}") from error
    return listening


def address_of(listening: socket.socket) -> str:
    """The address for the browser."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(host, host)
    return f"http://{shown}:{port}/"


def _all_of(sources: Sequence[Path], follow_links: bool) -> tuple[VideoSet, list[tuple[str, str]]]:
    """The videos of folders, manifests and files, and the files that cannot be used with the reason."""
    sets, broken = [], []
    for source in sources:
        videos = open_videos(source)
        if source.is_dir():
            videos = videos if follow_links else _inside(videos, source)
            broken += _broken(source, videos)
        sets.append(videos)
    if len(sets) == 1:
        return sets[0], broken
    counts = Counter(video.name for videos in sets for video in videos)
    renamed: list[Video] = []
    for videos, folder in zip(sets, unique_names([source.resolve() for source in sources]), strict=True):
        for video in videos:
            name = video.name if counts[video.name] == 1 else f"{folder}/{video.name}"
            renamed.append(replace(video, name=name, source=name if video.source == video.name else video.source))
    name = " + ".join(videos.name for videos in sets)
    return VideoSet(tuple(renamed), name, next((s.event_names for s in sets if s.event_names), ())), broken


def _with_added(videos: VideoSet, work: Path) -> VideoSet:
    """The videos and those that were added in the browser before, which lie in the work folder."""
    added = work / ADDED
    if not added.is_dir() or not find_videos(added):
        return videos
    known = {video.name for video in videos}
    more = tuple(video for video in open_videos(added) if video.name not in known)
    return replace(videos, videos=(*videos, *more))


def _trained_on(library: Library, sources: Sequence[Path]) -> Path:
    """The source to train on: itself, or with more than one, a manifest of all videos."""
    if len(sources) == 1 and not any(library.work / ADDED in video.path.parents for video in library.videos):
        return sources[0]
    manifest = library.work / "videos.csv"
    with replacing(manifest) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["video"])
        rows.writerows([str(video.path.resolve())] for video in library.videos)
    return manifest


def _work_folder(folder: Path) -> tuple[Path, bool]:
    """`.syncline` beside the videos, where the journal belongs, if that can be written, and whether it cannot."""
    beside = folder / ".syncline"
    if os.access(beside if beside.is_dir() else folder, os.W_OK):
        return beside, False
    return cache_folder() / "viewer" / "-".join(folder.resolve().parts[1:]), True


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


LEADS_OUT = "leads out of the folder; show it with --follow-links"


def _broken(folder: Path, videos: VideoSet) -> list[tuple[str, str]]:
    """Files with a video's name that are not in the set, and why."""
    used = {video.path.resolve() for video in videos}
    found = []
    for path in find_videos(folder):
        if path.resolve() not in used:
            problem = LEADS_OUT if _leads_out(path, folder) else None
            problem = problem or scan_file(path).problem
            if problem is not None:
                found.append((path.name, problem))
    return found
