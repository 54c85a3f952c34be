"""Requests about marks, names and pins: every change is on disk before it is answered."""

from __future__ import annotations

from pathlib import PurePosixPath

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncline.data.labels.label_formats import MAX_BYTES
from syncline.errors import SynclineError
from syncline.viewer.request_values import attachment, body, finite, numbers, pair
from syncline.viewer.session import Session


class LabelRoutes:
    """One method for each route."""

    def __init__(self, session: Session) -> None:
        self._library, self._labelling, self._group = session.library, session.labelling, session.analysis.group

    def table(self) -> list[Route]:
        """All routes."""
        return [
            Route("/api/labels", self.labels, methods=["GET"]),
            Route("/api/labels", self.mark, methods=["POST"]),
            Route("/api/names", self.rename, methods=["POST"]),
            Route("/api/undo", self.undo, methods=["POST"]),
            Route("/api/pins", self.pins, methods=["GET"]),
            Route("/api/pins", self.pin, methods=["POST"]),
            Route("/api/transfer", self.transfer),
            Route("/api/open", self.open, methods=["POST"]),
            Route("/api/next", self.next),
            Route("/api/export", self.export),
        ]

    async def labels(self, request: Request) -> Response:
        return JSONResponse({"marks": self._library.marks(), "names": self._library.event_names})

    async def mark(self, request: Request) -> Response:
        sent = await body(request)
        video = self._library.videos[self._library.checked(int(sent["id"]))]
        second = None if sent.get("second") is None else finite(sent["second"], "second")
        event, clear = int(sent["event"]), bool(sent.get("clear"))
        await run_in_threadpool(lambda: self._library.journal.mark(video.name, event, second, clear=clear))
        return await self.labels(request)

    async def rename(self, request: Request) -> Response:
        sent = await body(request)
        await run_in_threadpool(self._library.journal.rename, int(sent["event"]), str(sent["name"]))
        return await self.labels(request)

    async def undo(self, request: Request) -> Response:
        undone = await run_in_threadpool(self._library.journal.undo)
        if undone is not None and "pin" in undone:
            self._group.renew()
        names = {"undone": undone, "marks": self._library.marks(), "names": self._library.event_names}
        return JSONResponse(names)

    async def pins(self, request: Request) -> Response:
        """Those between two videos, with A's and B's second whichever way round they were made."""
        return JSONResponse({"pins": self._library.pins_between(*pair(request))})

    async def pin(self, request: Request) -> Response:
        sent = await body(request)
        if sent.get("clear"):
            await run_in_threadpool(self._library.journal.unpin, int(sent["number"]))
            self._group.renew()
            return JSONResponse({})
        a, b = (self._library.checked(int(sent[side])) for side in ("a", "b"))
        moments = [finite(sent[f"second_{side}"], f"second_{side}") for side in ("a", "b")]
        number = None if sent.get("number") is None else int(sent["number"])
        await run_in_threadpool(self._library.pin, a, moments[0], b, moments[1], number)
        self._group.renew()
        return JSONResponse({})

    async def transfer(self, request: Request) -> Response:
        asked = numbers(request) if "ids" in request.query_params else None
        return JSONResponse({"videos": await run_in_threadpool(self._labelling.transfer, asked)})

    async def next(self, request: Request) -> Response:
        return JSONResponse({"next": await run_in_threadpool(self._labelling.next)})

    async def open(self, request: Request) -> Response:
        """The labels of a file that was chosen or dropped on the page."""
        content = b""
        async for chunk in request.stream():
            content += chunk
            if len(content) > MAX_BYTES:
                raise SynclineError(f"label files of up to {MAX_BYTES >> 20} MB are read")
        name = PurePosixPath(request.query_params["name"].replace("\\", "/")).name
        taken = await run_in_threadpool(self._labelling.take_in, name, content)
        return JSONResponse({"videos": taken})

    async def export(self, request: Request) -> Response:
        form = request.query_params.get("form", "csv")
        carried = request.query_params.get("carried", "1") == "1"
        return attachment(*await run_in_threadpool(lambda: self._labelling.export(form, carried=carried)))
