"""Requests for what is computed from embeddings: alignments, matrices, timelines, moments, the map, shared files."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncline.errors import SynclineError
from syncline.viewer.compare_film import Look
from syncline.viewer.request_values import attachment, number, numbers, pair
from syncline.viewer.session import Session
from syncline.viewer.shared_page import share_page


class AnalysisRoutes:
    """One method for each route."""

    def __init__(self, session: Session) -> None:
        self._session, self._analysis = session, session.analysis

    def table(self) -> list[Route]:
        """All routes."""
        return [
            Route("/api/compare", self.compare),
            Route("/api/partner", self.partner),
            Route("/api/matrix", self.matrix),
            Route("/api/timeline", self.timeline),
            Route("/api/search", self.search),
            Route("/api/map", self.map),
            Route("/api/share", self.share),
            Route("/api/film", self.film),
        ]

    async def compare(self, request: Request) -> Response:
        mode = request.query_params.get("mode", "local")
        return JSONResponse(await run_in_threadpool(self._analysis.compare, *pair(request), mode))

    async def partner(self, request: Request) -> Response:
        return JSONResponse({"id": await run_in_threadpool(self._analysis.partner, int(request.query_params["a"]))})

    async def matrix(self, request: Request) -> Response:
        window = None
        if "a0" in request.query_params:
            window = (number(request, "a0"), number(request, "a1"), number(request, "b0"), number(request, "b1"))
        cells, extent = await run_in_threadpool(self._analysis.matrix, *pair(request), window)
        headers = {"x-shape": f"{cells.shape[0]},{cells.shape[1]}", "x-extent": ",".join(f"{e:.6f}" for e in extent)}
        return Response(cells.tobytes(), media_type="application/octet-stream", headers=headers)

    async def timeline(self, request: Request) -> Response:
        timeline = await run_in_threadpool(self._analysis.timeline, tuple(numbers(request)))
        positions = timeline.held()
        return JSONResponse(
            {
                "seconds": timeline.seconds.round(6).tolist(),
                "positions": positions.round(6).tolist(),
                "absent": (timeline.positions != timeline.positions).astype(int).tolist(),
                "coverage": timeline.coverage.round(3).tolist(),
                "doubtful": timeline.doubtful.tolist(),
            }
        )

    async def search(self, request: Request) -> Response:
        query = request.query_params
        video, k, own = int(query["id"]), int(query.get("k", 12)), query.get("own") == "1"
        second, each = number(request, "t"), max(0, int(query.get("each", 1))) or None
        return JSONResponse(
            await run_in_threadpool(lambda: self._analysis.search(video, second, k, per_video=each, own=own))
        )

    async def map(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._analysis.map))

    async def share(self, request: Request) -> Response:
        mode = request.query_params.get("mode", "local")
        a, b = pair(request)
        bodies = None
        if request.query_params.get("pictures") == "0":
            bodies = self._session.bodies
            if bodies is None:
                raise SynclineError("there are no poses to share instead of pictures; open with --features pose")
        page = await run_in_threadpool(share_page, self._session.library, self._analysis, a, b, mode, bodies)
        name = self._names(a, b) + ("-bodies" if bodies is not None else "")
        return attachment(f"{name}.html", page, "text/html")

    def _names(self, a: int, b: int) -> str:
        return f"{self._session.library.stem(a)}-{self._session.library.stem(b)}"

    async def film(self, request: Request) -> Response:
        """The mp4 of what is seen, made while one waits; `/api/status` tells how far it is."""
        query = request.query_params
        look = Look(
            query.get("layout", "side"), number(request, "mix"), number(request, "zoom"), number(request, "x"),
            number(request, "y"), number(request, "aspect"),
        )  # fmt: skip
        part, (a, b) = (number(request, "from"), number(request, "to")), pair(request)
        sound = query.get("sound", "") if query.get("sound") in ("a", "b") else ""
        content = await run_in_threadpool(self._session.film, (a, b), query.get("mode", "local"), look, part, sound)
        return attachment(f"{self._names(a, b)}-{look.layout}.mp4", content, "video/mp4")
