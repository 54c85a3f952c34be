"""Requests about marks, names and pins: every change is on disk before it is answered."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncline.viewer.asked import attachment, body, finite, numbers
from syncline.viewer.session import Session


class LabelRoutes:
    """One method a route."""

    def __init__(self, session: Session) -> None:
        self._library, self._labelling = session.library, session.labelling

    def table(self) -> list[Route]:
        """All routes."""
        return [
            Route("/api/labels", self.labels, methods=["GET"]),
            Route("/api/labels", self.mark, methods=["POST"]),
            Route("/api/names", self.rename, methods=["POST"]),
            Route("/api/undo", self.undo, methods=["POST"]),
            Route("/api/transfer", self.transfer),
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
        names = {"undone": undone, "marks": self._library.marks(), "names": self._library.event_names}
        return JSONResponse(names)

    async def transfer(self, request: Request) -> Response:
        asked = numbers(request) if "ids" in request.query_params else None
        return JSONResponse({"videos": await run_in_threadpool(self._labelling.transfer, asked)})

    async def next(self, request: Request) -> Response:
        return JSONResponse({"id": await run_in_threadpool(self._labelling.next)})

    async def export(self, request: Request) -> Response:
        form = request.query_params.get("form", "csv")
        carried = request.query_params.get("carried", "1") == "1"
        return attachment(*await run_in_threadpool(lambda: self._labelling.export(form, carried=carried)))
