"""Reads the values of a request strictly: a missing or bad one is a ValueError or KeyError."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

LARGEST_BODY = 100_000
ASK_AGAIN = {"cache-control": "private, no-cache"}
"""Of what is named by a number: the next folder that is opened at this port gives the same names to other videos."""


def pair(request: Request) -> tuple[int, int]:
    """The numbers of A and B."""
    return int(request.query_params["a"]), int(request.query_params["b"])


def numbers(request: Request) -> list[int]:
    """Parses `ids=0,3,1`."""
    return [int(number) for number in request.query_params["ids"].split(",") if number]


def number(request: Request, name: str) -> float:
    """Parses a finite number."""
    return finite(request.query_params[name], name)


def finite(value: Any, name: str) -> float:
    """A finite number of what was sent."""
    found = float(value)
    if not -1e9 < found < 1e9:
        raise ValueError(f"{name} is not finite")
    return found


async def body(request: Request) -> dict[str, Any]:
    """The object that was sent."""
    if int(request.headers.get("content-length", "0")) > LARGEST_BODY:
        raise ValueError("the request is too long")
    sent = json.loads(await request.body())
    if not isinstance(sent, dict):
        raise ValueError("an object is expected")
    return sent


def jpeg(content: bytes) -> Response:
    """A response with a picture."""
    return Response(content, media_type="image/jpeg", headers=ASK_AGAIN)


def attachment(name: str, content: bytes | str, media: str) -> Response:
    """A response with a file to save."""
    return Response(content, media_type=media, headers={"content-disposition": f'attachment; filename="{name}"'})
