"""Requests for videos, their pictures and the times of their frames, and for taking in more of them."""

from __future__ import annotations

from pathlib import PurePosixPath

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from syncline.errors import SynclineError
from syncline.files import replacing
from syncline.viewer.library import ADDED
from syncline.viewer.request_values import ASK_AGAIN, jpeg, number
from syncline.viewer.session import Session

LARGEST_ADDED = 20 << 30


class VideoRoutes:
    """One method for each route."""

    def __init__(self, session: Session) -> None:
        self._session, self._library = session, session.library

    def table(self) -> list[Route]:
        """All routes."""
        return [
            Route("/api/strip/{id:int}", self.strip),
            Route("/api/picture/{id:int}", self.picture),
            Route("/api/video/{id:int}", self.about),
            Route("/api/pts/{id:int}", self.pts),
            Route("/video/{id:int}", self.video),
            Route("/api/add", self.add, methods=["POST"]),
        ]

    def _number(self, request: Request) -> int:
        return self._library.checked(request.path_params["id"])

    async def strip(self, request: Request) -> Response:
        return jpeg(await run_in_threadpool(self._library.strip, self._number(request)))

    async def picture(self, request: Request) -> Response:
        second = round(number(request, "t"), 5)
        return jpeg(await run_in_threadpool(self._library.picture, self._number(request), second))

    async def about(self, request: Request) -> Response:
        video = self._number(request)
        path = await run_in_threadpool(self._session.proxies.path, video)
        return JSONResponse(
            {
                "playable": path is not None,
                "copy": self._session.proxies.told(video),
                "sound": await run_in_threadpool(lambda: self._library.reader(video).has_audio),
            }
        )

    async def pts(self, request: Request) -> Response:
        seconds = await run_in_threadpool(self._library.pts_seconds, self._number(request))
        return Response(seconds.astype("<f8").tobytes(), media_type="application/octet-stream")

    async def video(self, request: Request) -> Response:
        path = await run_in_threadpool(self._session.proxies.path, self._number(request))
        if path is None:
            return JSONResponse({"error": "browsers do not play this file; a copy that they play is being made"}, 404)
        return FileResponse(path, headers=ASK_AGAIN)

    async def add(self, request: Request) -> Response:
        """A file that was dropped on the page: copied beside the marks, then embedded like the others."""
        name = PurePosixPath(request.query_params["name"].replace("\\", "/")).name
        if not name or name.startswith(".") or len(name) > 200:
            raise SynclineError(f"{name[:200]!r} cannot be the name of a video; rename the file")
        if name in self._library.numbers:
            raise SynclineError(f"there is a video {name} already")
        target = self._library.work / ADDED / name
        with replacing(target) as temporary, temporary.open("wb") as file:
            async for chunk in request.stream():
                if file.tell() + len(chunk) > LARGEST_ADDED:
                    raise SynclineError(f"{name} is larger than {LARGEST_ADDED >> 30} GB; open its folder instead")
                file.write(chunk)
        try:
            taken = await run_in_threadpool(self._session.add, target)
        except SynclineError as error:
            target.unlink(missing_ok=True)
            raise SynclineError(str(error).replace(str(target), name)) from error
        return JSONResponse({"id": taken})
