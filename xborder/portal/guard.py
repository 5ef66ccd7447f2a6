"""The wall before every page (防护): hosts, origins, body size, headers, errors without a trace.

A page on loopback is reachable by every web site that its user visits: DNS rebinding is met by
the list of hosts, a foreign form by the origin check (and by the form's token, see
``receiving``), and a reply that a browser would misread by the headers.
"""

import logging
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xborder.portal.limits import Limits

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""Names under which the page answers; always with its port."""

CONTENT_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'"
)

HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # With no-referrer a browser would send "Origin: null" with our own form.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""Set on every reply that does not set them itself."""

SAFE_METHODS = ("GET", "HEAD")

log = logging.getLogger(__name__)

ErrorPage = Callable[[Request, int, str], Awaitable[Response]]
"""Makes a page for (request, status, text key)."""


class TooLargeError(Exception):
    """The body is larger than allowed."""


def allowed_hosts(port: int) -> frozenset[str]:
    """The ``Host`` values under which the page answers."""
    return frozenset(f"{name}:{port}" for name in LOOPBACK)


class Guard:
    """ASGI middleware: refuses what must not reach a page, and seals every reply."""

    def __init__(self, app: ASGIApp, port: int, limits: Limits, error_page: ErrorPage) -> None:
        self.app = app
        self.hosts = allowed_hosts(port)
        self.limits = limits
        self.error_page = error_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def sealed(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await self._refuse(scope, receive, sealed, *refusal)
            return
        try:
            await self.app(scope, self._bounded(receive), sealed)
        except TooLargeError:
            if started:
                raise
            await self._refuse(scope, receive, sealed, 413, "error.too_large")
        except ClientDisconnect:
            return
        except Exception as error:
            # The text of an exception may quote a file's data: its kind and place are enough.
            log.error("%s %s: %s at %s", scope["method"], _route(scope), *_place(error))
            if not started:
                await self._refuse(scope, receive, sealed, 500, "error.ours")

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        # h11 bounds only headers that are not complete yet; what came in one piece counts too.
        if sum(len(name) + len(value) for name, value in headers.raw) > self.limits.header:
            return 431, "error.form"
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            return 421, "error.host"
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            return 400, "error.form"
        if int(length) > self.limits.body:
            return 413, "error.too_large"
        if scope["method"] in SAFE_METHODS:
            return None
        if scope["method"] != "POST":
            return 405, "error.method"
        return None if self._same_origin(headers) else (403, "error.origin")

    def _same_origin(self, headers: Headers) -> bool:
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = headers.get("origin")
        # Programs send no Origin; they still need the form's token.
        return origin is None or (
            urlsplit(origin).scheme == "http" and urlsplit(origin).netloc == headers["host"].lower()
        )

    def _bounded(self, receive: Receive) -> Receive:
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limits.body:
                raise TooLargeError
            return message

        return counted

    async def _refuse(
        self, scope: Scope, receive: Receive, send: Send, status: int, key: str
    ) -> None:
        response = await self.error_page(Request(scope), status, key)
        await response(scope, receive, send)


def _route(scope: Scope) -> str:
    route = scope.get("route")
    return str(getattr(route, "path", "?"))


def _place(error: BaseException) -> tuple[str, str]:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__, "?"
    code = trace.tb_frame.f_code
    return type(error).__name__, f"{code.co_filename}:{trace.tb_lineno}"
