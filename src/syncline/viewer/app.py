"""The viewer's server: pages, numbers and videos of one library, to this machine's own browser only.

Safety, all in one place (`Guard`): the Host header must name the address that is served (DNS rebinding), every change
needs the token of this session and the same origin, and the answer carries a strict Content-Security-Policy. Videos
are named by number, never by path, so no request can name a file.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from syncline.errors import SynclineError
from syncline.viewer.library import Library
from syncline.viewer.proxies import Proxies
from syncline.viewer.share import share_page

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE = files("syncline.viewer") / "page"
TYPES = {"app.js": "text/javascript", "views.js": "text/javascript", "style.css": "text/css"}

Train = Callable[[Library], None]


class Guard:
    """Refuses requests from other hosts, changes without token or from other origins; adds the security headers."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str], token: str) -> None:
        self.app, self.hosts, self.token = app, frozenset(hosts), token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        refused = self._refuse(request)

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [
                    (b"content-security-policy", POLICY.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                    (b"cross-origin-resource-policy", b"same-origin"),
                ]
            await send(message)

        await (refused or self.app)(scope, receive, send_with_headers)

    def _refuse(self, request: Request) -> Response | None:
        host = request.headers.get("host", "")
        if host not in self.hosts:
            return JSONResponse({"error": f"this server does not answer for host {host!r}"}, 421)
        if request.method in ("GET", "HEAD"):
            return None
        origin = request.headers.get("origin")
        if origin is not None and origin not in {f"http://{name}" for name in self.hosts}:
            return JSONResponse({"error": "changes are taken from the viewer's own page only"}, 403)
        if not hmac.compare_digest(request.headers.get("x-syncline-token", ""), self.token):
            return JSONResponse({"error": "this page belongs to an earlier session; reload it"}, 403)
        return None


def create_app(
    library: Library, *, host: str = "127.0.0.1", port: int = 8000, train: Train | None = None, token: str | None = None
) -> ASGIApp:
    """The ASGI application of one library.

    Args:
        library: what is served.
        host, port: where it will listen; requests for other hosts are refused.
        train: starts training on the library in the background; None hides the button.
        token: of the session; drawn at random by default.
    """
    token = token or secrets.token_urlsafe(24)
    proxies = Proxies(library)
    library.start()
    routes = _Routes(library, proxies, train, token)
    app = Starlette(routes=routes.table(), exception_handlers={SynclineError: _clear_error, ValueError: _bad_value})
    names = {f"{host}:{port}", *([f"localhost:{port}"] if host in ("127.0.0.1", "::1") else [])}
    return Guard(app, sorted(names), token)


async def _clear_error(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 409)


async def _bad_value(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"the request holds a value that cannot be read ({error})"}, 400)


class _Routes:
    """One method a route; all numbers come from `Library`."""

    def __init__(self, library: Library, proxies: Proxies, train: Train | None, token: str) -> None:
        self.library, self.proxies, self.train, self.token = library, proxies, train, token

    def table(self) -> list[Route]:
        """All routes."""
        return [
            Route("/", self.page),
            Route("/page/{name}", self.static),
            Route("/api/status", self.status),
            Route("/api/library", self.describe),
            Route("/api/strip/{id:int}", self.strip),
            Route("/api/picture/{id:int}", self.picture),
            Route("/video/{id:int}", self.video),
            Route("/api/proxy/{id:int}", self.proxy, methods=["POST"]),
            Route("/api/compare", self.compare),
            Route("/api/matrix", self.matrix),
            Route("/api/timeline", self.timeline),
            Route("/api/search", self.search),
            Route("/api/map", self.map),
            Route("/api/labels", self.labels, methods=["GET"]),
            Route("/api/labels", self.mark, methods=["POST"]),
            Route("/api/undo", self.undo, methods=["POST"]),
            Route("/api/transfer", self.transfer),
            Route("/api/export", self.export),
            Route("/api/rank", self.rank, methods=["POST"]),
            Route("/api/train", self.begin_training, methods=["POST"]),
            Route("/api/share", self.share),
        ]

    async def page(self, request: Request) -> Response:
        text = (PAGE / "index.html").read_text(encoding="utf-8")
        return HTMLResponse(text.replace("{{token}}", self.token), headers={"cache-control": "no-store"})

    async def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in TYPES:
            return JSONResponse({"error": "no such part of the page"}, 404)
        return Response((PAGE / name).read_bytes(), media_type=TYPES[name], headers={"cache-control": "no-cache"})

    async def status(self, request: Request) -> Response:
        progress = self.library.progress
        return JSONResponse({**vars(progress), "canTrain": self.train is not None, "proxies": self.proxies.states()})

    async def describe(self, request: Request) -> Response:
        videos = await run_in_threadpool(self.library.describe)
        return JSONResponse({"name": self.library.videos.name, "events": self.library.event_names, "videos": videos})

    async def strip(self, request: Request) -> Response:
        number = self.library.place(request.path_params["id"])
        return _picture(await run_in_threadpool(self.library.strip, number))

    async def picture(self, request: Request) -> Response:
        number = self.library.place(request.path_params["id"])
        second = round(float(request.query_params["t"]), 3)
        return _picture(await run_in_threadpool(self.library.picture, number, second))

    async def video(self, request: Request) -> Response:
        number = self.library.place(request.path_params["id"])
        path = self.proxies.path(number)
        if path is None:
            return JSONResponse({"error": "browsers do not play this file; a proxy is being made"}, 404)
        return FileResponse(path)

    async def proxy(self, request: Request) -> Response:
        self.proxies.make(self.library.place(request.path_params["id"]))
        return JSONResponse({"proxies": self.proxies.states()})

    async def compare(self, request: Request) -> Response:
        a, b = _pair(request)
        mode = request.query_params.get("mode", "local")
        return JSONResponse(await run_in_threadpool(self.library.compare, a, b, mode))

    async def matrix(self, request: Request) -> Response:
        cells, extent = await run_in_threadpool(self.library.matrix, *_pair(request))
        headers = {"x-shape": f"{cells.shape[0]},{cells.shape[1]}", "x-extent": ",".join(f"{e:.4f}" for e in extent)}
        return Response(cells.tobytes(), media_type="application/octet-stream", headers=headers)

    async def timeline(self, request: Request) -> Response:
        numbers = tuple(int(number) for number in request.query_params["ids"].split(","))
        timeline = await run_in_threadpool(self.library.timeline, numbers)
        return JSONResponse({"seconds": timeline.seconds.tolist(), "positions": timeline.held().round(4).tolist()})

    async def search(self, request: Request) -> Response:
        query = request.query_params
        number, second, k = int(query["id"]), float(query["t"]), int(query.get("k", 12))
        return JSONResponse({"hits": await run_in_threadpool(self.library.search, number, second, k)})

    async def map(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self.library.map))

    async def labels(self, request: Request) -> Response:
        return JSONResponse({"marks": self.library.journal.marks()})

    async def mark(self, request: Request) -> Response:
        body = await _body(request)
        number = self.library.place(int(body["id"]))
        second = None if body.get("second") is None else float(body["second"])
        name = self.library.videos[number].name
        clear = bool(body.get("clear"))
        await run_in_threadpool(lambda: self.library.journal.mark(name, int(body["event"]), second, clear=clear))
        return JSONResponse({"marks": self.library.journal.marks()})

    async def undo(self, request: Request) -> Response:
        done = await run_in_threadpool(self.library.journal.undo)
        return JSONResponse({"undone": done, "marks": self.library.journal.marks()})

    async def transfer(self, request: Request) -> Response:
        return JSONResponse({"videos": await run_in_threadpool(self.library.transfer)})

    async def export(self, request: Request) -> Response:
        from syncline.viewer.exports import export_labels

        form = request.query_params.get("form", "csv")
        name, content, media = await run_in_threadpool(export_labels, self.library, form)
        return Response(content, media_type=media, headers={"content-disposition": f'attachment; filename="{name}"'})

    async def rank(self, request: Request) -> Response:
        self.library.rank()
        return JSONResponse(vars(self.library.progress))

    async def begin_training(self, request: Request) -> Response:
        if self.train is None:
            raise SynclineError("this library was opened with a trained run")
        self.train(self.library)
        return JSONResponse(vars(self.library.progress))

    async def share(self, request: Request) -> Response:
        a, b = _pair(request)
        mode = request.query_params.get("mode", "local")
        page = await run_in_threadpool(share_page, self.library, a, b, mode)
        headers = {"content-disposition": 'attachment; filename="comparison.html"'}
        return Response(page, media_type="text/html", headers=headers)


def _pair(request: Request) -> tuple[int, int]:
    query = request.query_params
    if "a" not in query or "b" not in query:
        raise ValueError("a and b must be given")
    return int(query["a"]), int(query["b"])


async def _body(request: Request) -> dict[str, Any]:
    if int(request.headers.get("content-length", "0")) > 100_000:
        raise ValueError("the request is too long")
    body = json.loads(await request.body())
    if not isinstance(body, dict) or "id" not in body or "event" not in body:
        raise ValueError("id and event must be given")
    return body


def _picture(content: bytes) -> Response:
    return Response(content, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})
