"""The page's server (服务): uvicorn with h11 on a loopback address, deadlines included.

uvicorn has no limit on how long a request may take to arrive; ``Punctual`` adds one that is
absolute, so a client that sends a byte now and then cannot hold a connection for ever.
"""

import asyncio
import ipaddress
import socket
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from xborder.portal.app import create_app
from xborder.portal.limits import Limits
from xborder.registry.home import Home


class NotLoopbackError(ValueError):
    """The page was asked to listen where others could reach it."""


def check_host(host: str) -> str:
    """The address to bind for a loopback host.

    Raises NotLoopbackError for any other host: the page knows no accounts, so whoever reaches
    it may read everything and hand in files.
    """
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        address = None
    if address is None or str(address) not in ("127.0.0.1", "::1"):
        raise NotLoopbackError(
            f"网页没有账户，只能在本机打开 (127.0.0.1)；不能绑定 {host}。 "
            f"The page has no accounts yet and serves this machine only (127.0.0.1, ::1, "
            f"localhost); it will not listen on {host}."
        )
    return str(address)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on a loopback host; port 0 takes a free one.

    Raises NotLoopbackError, or OSError when the port is taken.
    """
    address = check_host(host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(128)
    except BaseException:
        listening.close()
        raise
    return listening


class Punctual(H11Protocol):
    """HTTP/1.1 whose requests must have arrived by a deadline, and within a byte count."""

    limits = Limits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.deadline: asyncio.TimerHandle | None = None
        self.in_body = False
        self.wire = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request(self.limits.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self.wire += len(data)
        if self.deadline is None:
            self._await_request(self.limits.header_seconds)
        if self.wire > self.limits.wire:
            self._give_up(413, b"The request is too large.\n")
            return
        super().data_received(data)
        if self.conn.their_state is h11.SEND_BODY:
            if not self.in_body:
                self._await_request(self.limits.body_seconds)
                self.in_body = True
        elif self.conn.their_state is not h11.IDLE or not self.conn.trailing_data[0]:
            self._arrived()

    def _await_request(self, seconds: float) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
        self.deadline = self.loop.call_later(
            seconds, self._give_up, 408, b"The request took too long to arrive.\n"
        )

    def _arrived(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
        self.deadline, self.in_body, self.wire = None, False, 0

    def _give_up(self, status: int, text: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(
                b"HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\n"
                b"content-length: %d\r\nconnection: close\r\n\r\n%s"
                % (status, b"Request Refused", len(text), text)
            )
        self.transport.close()


def server(home: Home, listening: socket.socket, limits: Limits | None = None) -> uvicorn.Server:
    """A server of a home's page that is ready to run on a listening socket."""
    bounds = limits or Limits()
    config = uvicorn.Config(
        create_app(home, port=listening.getsockname()[1], limits=bounds),
        http=type("Bounded", (Punctual,), {"limits": bounds}),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=bounds.header,
        limit_concurrency=bounds.connections,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)


def serve(home: Home, host: str, port: int, limits: Limits | None = None) -> None:
    """Serve the page until SIGINT or SIGTERM.

    Raises NotLoopbackError for a host that others could reach, OSError for a taken port.
    """
    with listen(host, port) as listening:
        server(home, listening, limits).run(sockets=[listening])
