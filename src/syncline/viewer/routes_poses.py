"""Requests for the bodies that are drawn over the films, and for the angles of their joints."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncline.data import Video
from syncline.errors import SynclineError
from syncline.viewer.pose_source import BodySource
from syncline.viewer.session import Session


class PoseRoutes:
    """One method for each route."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def table(self) -> list[Route]:
        """All routes."""
        return [
            Route("/api/poses", self.available),
            Route("/api/pose", self.pose),
            Route("/api/angles", self.angles),
        ]

    async def available(self, request: Request) -> Response:
        return JSONResponse({"available": self._session.bodies is not None})

    async def pose(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._bodies().drawn, self._video(request)))

    async def angles(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._bodies().angles, self._video(request)))

    def _bodies(self) -> BodySource:
        if self._session.bodies is None:
            raise SynclineError("there are no poses; open the folder with --features pose or --keypoints DIR")
        return self._session.bodies

    def _video(self, request: Request) -> Video:
        return self._session.library.videos[int(request.query_params["id"])]
