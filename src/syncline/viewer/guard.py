"""Checks every request before it is answered: Host header, token, origin.

Host headers are checked by Starlette's `TrustedHostMiddleware`. Only where the server listens on every address of the
machine is a check of our own needed: that middleware takes a list of names, and Python cannot list those addresses.
"""

from __future__ import annotations

import hmac
import ipaddress
from typing import Any

from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
EVERYWHERE = ("0.0.0.0", "::")
"""To listen on these is to listen on every address of the machine."""


def guarded(app: ASGIApp, host: str, token: str) -> ASGIApp:
    """The application behind all checks.

    Args:
        app: what is guarded.
        host: the address on which the server listens.
        token: of this session; every change must carry it in `x-syncline-token`.
    """
    changes = _OwnChanges(app, token)
    if host in EVERYWHERE:
        return _StrictHeaders(_AddressesOnly(changes))
    named = f"[{host}]" if ":" in host else host
    hosts = [named, "localhost"] if host in ("127.0.0.1", "::1") else [named]
    return _StrictHeaders(TrustedHostMiddleware(changes, hosts, www_redirect=False))


class _AddressesOnly:
    """Answers for any address and for localhost, and for no other name: a rebound name is what an attacker has."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        known = scope["type"] != "http" or self._known(Request(scope).headers.get("host", ""))
        answer = self.app if known else PlainTextResponse("Invalid host header", status_code=400)
        await answer(scope, receive, send)

    @staticmethod
    def _known(host: str) -> bool:
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        try:
            ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return name == "localhost"
        return True


class _StrictHeaders:
    """Adds the security headers to every answer, refusals too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""

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

        await self.app(scope, receive, send_with_headers)


class _OwnChanges:
    """Refuses changes without the token of this session, or from pages of other origins."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        refusal = self._refuse(Request(scope)) if scope["type"] == "http" else None
        await (refusal or self.app)(scope, receive, send)

    def _refuse(self, request: Request) -> Response | None:
        if request.method in ("GET", "HEAD"):
            return None
        origin = request.headers.get("origin")
        if origin is not None and origin != f"http://{request.headers.get('host', '')}":
            return JSONResponse({"error": "changes are taken from the viewer's own page only"}, 403)
        given = request.headers.get("x-syncline-token", "").encode()
        if not hmac.compare_digest(given, self.token.encode()):
            return JSONResponse({"error": "this page belongs to an earlier session; reload it"}, 403)
        return None
