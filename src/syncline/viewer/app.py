"""The viewer's server: pages, numbers and videos of one library, to this machine's own browser only.

`guarded` decides who may ask. Videos are named by number, never by path, and the parts of the page come from a fixed
list, so no request can name a file.
"""

from __future__ import annotations

import json
import logging
import secrets
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from syncline.data.labels.forms import FORMS
from syncline.errors import SynclineError
from syncline.viewer.analysis import Analysis
from syncline.viewer.embedding_queue import EmbeddingQueue
from syncline.viewer.embedding_sources import Source, Trained
from syncline.viewer.guard import guarded
from syncline.viewer.labelling import Labelling
from syncline.viewer.library import Library
from syncline.viewer.proxies import Proxies
from syncline.viewer.share import share_page
from syncline.viewer.trainer import Trainer

_log = logging.getLogger(__name__)
PAGE = files("syncline.viewer") / "page"
PARTS = {entry.name for entry in PAGE.iterdir() if entry.name.endswith((".js", ".css"))}
LARGEST_BODY = 100_000
PAGE_FIRST = 1.5
"""Seconds for the page to be drawn before embedding begins: its imports hold the interpreter for as long."""
ASK_AGAIN = {"cache-control": "private, no-cache"}
"""Of what is named by a number: the next folder that is opened at this port gives the same names to other videos."""


def create_app(
    library: Library,
    source: Source,
    *,
    host: str = "127.0.0.1",
    trainer: Trainer | None = None,
    token: str | None = None,
    embed_after: float = 0.0,
) -> ASGIApp:
    """The ASGI application of one library; embedding begins in the background.

    Args:
        library: what is served.
        source: where embeddings come from.
        host: address on which it will listen; requests for other hosts are refused.
        trainer: of this folder; the page offers to start it. None hides that.
        token: of the session; drawn at random by default.
        embed_after: seconds that embedding waits for somebody to open the page, which is then drawn first.
    """
    token = token or secrets.token_urlsafe(24)
    routes = Routes(library, source, trainer, token, embed_after)
    app = Starlette(
        routes=routes.table(),
        exception_handlers={SynclineError: _clear_error, OSError: _disk_error}
        | dict.fromkeys((ValueError, KeyError, TypeError), _bad_value),
    )
    return guarded(app, host, token)


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


class Routes:
    """One method a route."""

    def __init__(
        self, library: Library, source: Source, trainer: Trainer | None, token: str, embed_after: float
    ) -> None:
        self._library, self.trainer, self.token = library, trainer, token
        self.proxies = Proxies(library)
        self.embedder = EmbeddingQueue(library.videos, lambda: self.analysis.changed(), library.begins)
        self.analysis = Analysis(library, self.embedder)
        self.labelling = Labelling(library, self.embedder)
        if trainer is not None:
            trainer.finished = lambda run: self.embedder.start(Trained(run, trainer.cache))
        self.embedder.start(source, after=embed_after)

    def table(self) -> list[Route]:
        """All routes."""
        return [
            Route("/", self.page),
            Route("/page/{name}", self.part),
            Route("/api/status", self.status),
            Route("/api/library", self.describe),
            Route("/api/strip/{id:int}", self.strip),
            Route("/api/picture/{id:int}", self.picture),
            Route("/api/video/{id:int}", self.about_video),
            Route("/api/pts/{id:int}", self.pts),
            Route("/video/{id:int}", self.video),
            Route("/api/compare", self.compare),
            Route("/api/partner", self.partner),
            Route("/api/matrix", self.matrix),
            Route("/api/timeline", self.timeline),
            Route("/api/search", self.search),
            Route("/api/map", self.map),
            Route("/api/labels", self.labels, methods=["GET"]),
            Route("/api/labels", self.mark, methods=["POST"]),
            Route("/api/names", self.rename, methods=["POST"]),
            Route("/api/undo", self.undo, methods=["POST"]),
            Route("/api/transfer", self.transfer),
            Route("/api/next", self.next),
            Route("/api/export", self.export),
            Route("/api/rank", self.rank, methods=["POST"]),
            Route("/api/train", self.train, methods=["POST"]),
            Route("/api/share", self.share),
        ]

    # ---- the page and the videos

    async def page(self, request: Request) -> Response:
        self.embedder.begin_within(PAGE_FIRST)
        text = (PAGE / "index.html").read_text(encoding="utf-8")
        return HTMLResponse(text.replace("{{token}}", self.token), headers={"cache-control": "no-store"})

    async def part(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in PARTS:
            return JSONResponse({"error": "no such part of the page"}, 404)
        media = "text/css" if name.endswith(".css") else "text/javascript"
        return Response((PAGE / name).read_bytes(), media_type=media, headers={"cache-control": "no-cache"})

    async def strip(self, request: Request) -> Response:
        number = self._library.checked(request.path_params["id"])
        return _picture(await run_in_threadpool(self._library.strip, number))

    async def picture(self, request: Request) -> Response:
        number = self._library.checked(request.path_params["id"])
        second = round(_number(request, "t"), 5)
        return _picture(await run_in_threadpool(self._library.picture, number, second))

    async def about_video(self, request: Request) -> Response:
        number = self._library.checked(request.path_params["id"])
        path = await run_in_threadpool(self.proxies.path, number)
        return JSONResponse({"playable": path is not None, "copy": self.proxies.told(number)})

    async def pts(self, request: Request) -> Response:
        number = self._library.checked(request.path_params["id"])
        seconds = await run_in_threadpool(self._library.pts_seconds, number)
        return Response(seconds.astype("<f8").tobytes(), media_type="application/octet-stream")

    async def video(self, request: Request) -> Response:
        number = self._library.checked(request.path_params["id"])
        path = await run_in_threadpool(self.proxies.path, number)
        if path is None:
            return JSONResponse({"error": "browsers do not play this file; a copy that they play is being made"}, 404)
        return FileResponse(path, headers=ASK_AGAIN)

    # ---- what is known

    async def status(self, request: Request) -> Response:
        trainer = self.trainer
        return JSONResponse(
            {
                "embedding": vars(self.embedder.progress),
                "generation": self.embedder.generation,
                "source": self.embedder.source_name,
                "ranking": vars(self.analysis.ranking),
                "rankings": self.analysis.rankings,
                "training": None if trainer is None else vars(trainer.progress) | {"minutes": trainer.minutes},
                "copies": self.proxies.states(),
            }
        )

    async def describe(self, request: Request) -> Response:
        videos = await run_in_threadpool(self._library.describe)
        for video in videos:
            video |= self.analysis.oddness.get(video["id"], {})
            if video["id"] in self.embedder.problems:
                video["problem"] = self.embedder.problems[video["id"]]
        broken = [{"name": name, "why": why} for name, why in self._library.broken]
        facts = {"name": self._library.videos.name, "events": self._library.event_names, "forms": list(FORMS)}
        return JSONResponse(facts | {"videos": videos, "broken": broken})

    async def compare(self, request: Request) -> Response:
        mode = request.query_params.get("mode", "local")
        return JSONResponse(await run_in_threadpool(self.analysis.compare, *_pair(request), mode))

    async def partner(self, request: Request) -> Response:
        return JSONResponse({"id": await run_in_threadpool(self.analysis.partner, int(request.query_params["a"]))})

    async def matrix(self, request: Request) -> Response:
        window = None
        if "a0" in request.query_params:
            window = (_number(request, "a0"), _number(request, "a1"), _number(request, "b0"), _number(request, "b1"))
        cells, extent = await run_in_threadpool(self.analysis.matrix, *_pair(request), window)
        headers = {"x-shape": f"{cells.shape[0]},{cells.shape[1]}", "x-extent": ",".join(f"{e:.6f}" for e in extent)}
        return Response(cells.tobytes(), media_type="application/octet-stream", headers=headers)

    async def timeline(self, request: Request) -> Response:
        timeline = await run_in_threadpool(self.analysis.timeline, tuple(_numbers(request)))
        positions = timeline.held()
        return JSONResponse(
            {
                "seconds": timeline.seconds.round(6).tolist(),
                "positions": positions.round(6).tolist(),
                "absent": (timeline.positions != timeline.positions).astype(int).tolist(),
                "coverage": timeline.coverage.round(3).tolist(),
            }
        )

    async def search(self, request: Request) -> Response:
        query = request.query_params
        number, k, own = int(query["id"]), int(query.get("k", 12)), query.get("own") == "1"
        hits = await run_in_threadpool(lambda: self.analysis.search(number, _number(request, "t"), k, own=own))
        return JSONResponse({"hits": hits})

    async def map(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self.analysis.map))

    # ---- labels

    async def labels(self, request: Request) -> Response:
        return JSONResponse({"marks": self._library.marks(), "names": self._library.event_names})

    async def mark(self, request: Request) -> Response:
        body = await _body(request)
        video = self._library.videos[self._library.checked(int(body["id"]))]
        second = None if body.get("second") is None else float(body["second"])
        event, clear = int(body["event"]), bool(body.get("clear"))
        await run_in_threadpool(lambda: self._library.journal.mark(video.name, event, second, clear=clear))
        return await self.labels(request)

    async def rename(self, request: Request) -> Response:
        body = await _body(request)
        await run_in_threadpool(self._library.journal.rename, int(body["event"]), str(body["name"]))
        return await self.labels(request)

    async def undo(self, request: Request) -> Response:
        undone = await run_in_threadpool(self._library.journal.undo)
        names = {"undone": undone, "marks": self._library.marks(), "names": self._library.event_names}
        return JSONResponse(names)

    async def transfer(self, request: Request) -> Response:
        numbers = _numbers(request) if "ids" in request.query_params else None
        return JSONResponse({"videos": await run_in_threadpool(self.labelling.transfer, numbers)})

    async def next(self, request: Request) -> Response:
        return JSONResponse({"id": await run_in_threadpool(self.labelling.next)})

    async def export(self, request: Request) -> Response:
        form = request.query_params.get("form", "csv")
        carried = request.query_params.get("carried", "1") == "1"
        name, content, media = await run_in_threadpool(lambda: self.labelling.export(form, carried=carried))
        return Response(content, media_type=media, headers={"content-disposition": f'attachment; filename="{name}"'})

    # ---- long work and sharing

    async def rank(self, request: Request) -> Response:
        self.analysis.rank()
        return await self.status(request)

    async def train(self, request: Request) -> Response:
        if self.trainer is None:
            raise SynclineError("this library was opened with a trained run")
        self.trainer.start()
        return await self.status(request)

    async def share(self, request: Request) -> Response:
        mode = request.query_params.get("mode", "local")
        a, b = _pair(request)
        page = await run_in_threadpool(share_page, self._library, self.analysis, a, b, mode)
        headers = {"content-disposition": 'attachment; filename="comparison.html"'}
        return Response(page, media_type="text/html", headers=headers)


def _pair(request: Request) -> tuple[int, int]:
    return int(request.query_params["a"]), int(request.query_params["b"])


def _numbers(request: Request) -> list[int]:
    return [int(number) for number in request.query_params["ids"].split(",") if number]


def _number(request: Request, name: str) -> float:
    value = float(request.query_params[name])
    if not -1e9 < value < 1e9:
        raise ValueError(f"{name} is not finite")
    return value


async def _body(request: Request) -> dict[str, Any]:
    if int(request.headers.get("content-length", "0")) > LARGEST_BODY:
        raise ValueError("the request is too long")
    body = json.loads(await request.body())
    if not isinstance(body, dict):
        raise ValueError("an object is expected")
    return body


def _picture(content: bytes) -> Response:
    return Response(content, media_type="image/jpeg", headers=ASK_AGAIN)
