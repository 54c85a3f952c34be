"""Requests for the bodies that are drawn over the films."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncline.errors import SynclineError
from syncline.viewer.session import Session


class PoseRoutes:
    """One method a route."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def table(self) -> list[Route]:
        """All routes."""
        return [Route("/api/poses", self.available), Route("/api/pose", self.pose)]

    async def available(self, request: Request) -> Response:
        return JSONResponse({"available": self._session.bodies is not None})

    async def pose(self, request: Request) -> Response:
        bodies = self._session.bodies
        if bodies is None:
            raise SynclineError("there are no poses; open the folder with --features pose or --keypoints DIR")
        video = self._session.library.videos[int(request.query_params["id"])]
        return JSONResponse(await run_in_threadpool(bodies.drawn, video))
