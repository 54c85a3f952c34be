"""Requests about long work: how far it is, starting and stopping it, and which embeddings are shown."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncline.data.labels.label_formats import FORMS
from syncline.errors import SynclineError
from syncline.viewer.background_training import Trainer
from syncline.viewer.request_values import body, finite
from syncline.viewer.session import Session


class WorkRoutes:
    """One method for each route."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def table(self) -> list[Route]:
        """All routes."""
        return [
            Route("/api/status", self.status),
            Route("/api/library", self.describe),
            Route("/api/rank", self.rank, methods=["POST"]),
            Route("/api/train", self.train, methods=["POST"]),
            Route("/api/estimate", self.estimate),
            Route("/api/stop", self.stop, methods=["POST"]),
            Route("/api/source", self.source, methods=["POST"]),
        ]

    async def status(self, request: Request) -> Response:
        session, trainer = self._session, self._session.trainer
        training = None
        if trainer is not None:
            training = vars(trainer.progress) | {"minutes": trainer.minutes, "begun": trainer.begun}
        return JSONResponse(
            {
                "embedding": vars(session.queue.progress),
                "generation": session.queue.generation,
                "source": session.queue.source_name,
                "sources": list(session.sources),
                "ranking": vars(session.analysis.ranking),
                "group": vars(session.analysis.group.state),
                "rankings": session.analysis.rankings,
                "filming": vars(session.filming),
                "training": training,
                "copies": session.proxies.states(),
            }
        )

    async def describe(self, request: Request) -> Response:
        library, queue = self._session.library, self._session.queue
        videos = await run_in_threadpool(library.describe)
        for video in videos:
            video |= self._session.analysis.oddness.get(video["id"], {})
            if video["id"] in queue.problems:
                video["problem"] = queue.problems[video["id"]]
        broken = [{"name": name, "why": why} for name, why in library.broken]
        facts = {"name": library.videos.name, "events": library.event_names, "forms": list(FORMS),
                 "timeOrigin": library.time_origin}  # fmt: skip
        return JSONResponse(facts | {"readOnly": library.read_only, "videos": videos, "broken": broken})

    async def rank(self, request: Request) -> Response:
        self._session.analysis.rank()
        return await self.status(request)

    def _trainer(self) -> Trainer:
        if self._session.trainer is None:
            raise SynclineError("this library was opened with a trained run")
        return self._session.trainer

    async def train(self, request: Request) -> Response:
        sent = await body(request)
        self._trainer().start(None if sent.get("minutes") is None else finite(sent["minutes"], "minutes"))
        return await self.status(request)

    async def estimate(self, request: Request) -> Response:
        """How long training would take; `seconds` is null where it is unknown."""
        names = tuple(video.name for video in self._session.library.videos)
        found = await run_in_threadpool(self._trainer().estimate, names)
        return JSONResponse(found or {"seconds": None})

    async def stop(self, request: Request) -> Response:
        self._trainer().stop()
        return await self.status(request)

    async def source(self, request: Request) -> Response:
        self._session.switch(str((await body(request))["name"]))
        return await self.status(request)
