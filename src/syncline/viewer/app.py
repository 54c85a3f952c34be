"""The viewer's HTTP server: pages, numbers and videos of one library, for this machine's browser only.

`guarded` decides who may ask. Videos are named by number, never by path, and the parts of the page come from a fixed
list, so no request can name a file.
"""

from __future__ import annotations

import logging
import secrets
from importlib.resources import files

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from syncline.errors import SynclineError
from syncline.viewer.background_training import Trainer
from syncline.viewer.embedding_sources import Source
from syncline.viewer.guard import guarded
from syncline.viewer.library import Library
from syncline.viewer.pose_source import BodySource
from syncline.viewer.routes_analysis import AnalysisRoutes
from syncline.viewer.routes_labels import LabelRoutes
from syncline.viewer.routes_poses import PoseRoutes
from syncline.viewer.routes_videos import VideoRoutes
from syncline.viewer.routes_work import WorkRoutes
from syncline.viewer.session import Session

_log = logging.getLogger(__name__)
PAGE = files("syncline.viewer") / "page"
PARTS = {entry.name for entry in PAGE.iterdir() if entry.name.endswith((".js", ".css"))}
PAGE_FIRST = 1.5
"""Seconds for the page to be drawn before embedding begins: its imports hold the interpreter for as long."""


def create_app(
    library: Library,
    source: Source,
    *,
    host: str = "127.0.0.1",
    trainer: Trainer | None = None,
    token: str | None = None,
    embed_after: float = 0.0,
    bodies: BodySource | None = None,
    beside: Source | None = None,
    beside_first: bool = False,
) -> ASGIApp:
    """The ASGI application of one library; embedding begins in the background.

    Args:
        library: what is served.
        source: where embeddings come from. Where the trainer's run is finished already, that serves instead, and the
            page can switch between the two.
        host: address on which it will listen; requests for other hosts are refused.
        trainer: of this folder; the page offers to start it. None hides that.
        token: of the session; drawn at random by default.
        bodies: poses of the videos; they are shown first, and drawn over the films where the page is asked to.
        beside: pictures and poses together, which the page can switch to; beside_first: which it shows first.
        embed_after: seconds that embedding waits for somebody to open the page, which is then drawn first.
    """
    token = token or secrets.token_urlsafe(24)
    session = Session(library, source, trainer)
    if bodies is not None:
        session.add_bodies(bodies, beside, beside_first=beside_first)
    session.queue.start(session.latest, after=embed_after)

    async def page(request: Request) -> Response:
        session.queue.begin_within(PAGE_FIRST)
        text = (PAGE / "index.html").read_text(encoding="utf-8")
        return HTMLResponse(text.replace("{{token}}", token), headers={"cache-control": "no-store"})

    routes = [Route("/", page), Route("/page/{name}", part)]
    for part_of in (VideoRoutes, AnalysisRoutes, LabelRoutes, WorkRoutes, PoseRoutes):
        routes += part_of(session).table()
    app = Starlette(
        routes=routes,
        exception_handlers={SynclineError: _clear_error, OSError: _disk_error}
        | dict.fromkeys((ValueError, KeyError, TypeError), _bad_value),
    )
    return guarded(app, host, token)


async def part(request: Request) -> Response:
    """A script or style sheet of the page."""
    name = request.path_params["name"]
    if name not in PARTS:
        return JSONResponse({"error": "no such part of the page"}, 404)
    media = "text/css" if name.endswith(".css") else "text/javascript"
    return Response((PAGE / name).read_bytes(), media_type=media, headers={"cache-control": "no-cache"})


async def _clear_error(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 409)


async def _disk_error(request: Request, error: Exception) -> Response:
    """A full disk, most often. Only what went wrong: the page is told no path of this machine."""
    _log.warning("%s %s: %s", request.method, request.url.path, error)
    why = getattr(error, "strerror", None) or type(error).__name__
    saved = ", and nothing was saved" if request.method == "POST" else ""
    return JSONResponse({"error": f"a file could not be read or written{saved}: {why}"}, 507)


async def _bad_value(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"the request lacks a value or holds one that cannot be read ({error})"}, 400)
