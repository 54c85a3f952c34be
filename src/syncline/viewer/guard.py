"""Who may ask the viewer's server for what: every request passes here first."""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_WITH_PORT = re.compile(r":\d+$")


class Guard:
    """Refuses requests for other hosts, changes without token or from other origins; adds the security headers.

    Args:
        app: what is guarded.
        hosts: values of the Host header that are answered ("127.0.0.1:8000").
        token: of this session; every change must carry it in `x-syncline-token`.
        any_address: a port at which the machine may be named by any of its addresses; None where it listens on one
            only. A name is refused even then: a rebound name is what an attacker has, an address he has not.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str], token: str, *, any_address: int | None = None) -> None:
        self.app, self.hosts, self.token, self._port = app, frozenset(hosts), token, any_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [
                    (b"content-security-policy", POLICY.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                    (b"cross-origin-resource-policy", b"same-origin"),
                    (b"cross-origin-opener-policy", b"same-origin"),
                ]
            await send(message)

        await (self._refuse(Request(scope)) or self.app)(scope, receive, send_with_headers)

    def _known(self, host: str) -> bool:
        if not _WITH_PORT.search(host):  # browsers leave out the one that http:// has anyway
            host += ":80"
        if host in self.hosts:
            return True
        name, _, port = host.rpartition(":")
        if self._port is None or port != str(self._port):
            return False
        try:
            ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return True

    def _refuse(self, request: Request) -> Response | None:
        host = request.headers.get("host", "")
        if not self._known(host):
            return JSONResponse({"error": f"this server does not answer for host {host[:100]!r}"}, 421)
        if request.method in ("GET", "HEAD"):
            return None
        origin = request.headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return JSONResponse({"error": "changes are taken from the viewer's own page only"}, 403)
        given = request.headers.get("x-syncline-token", "").encode()
        if not hmac.compare_digest(given, self.token.encode()):
            return JSONResponse({"error": "this page belongs to an earlier session; reload it"}, 403)
        return None
