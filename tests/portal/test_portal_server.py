import socket
import time

import pytest
from portal_site import SMALL, in_landing, running, talk

from xborder.portal.server import NotLoopbackError, check_host, listen, serve


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "", "127.0.0.2"])
def test_only_loopback_is_served(worked, host):
    with pytest.raises(NotLoopbackError, match="this machine only"):
        serve(worked, host, 0)


def test_loopback_names_are_addresses():
    assert [check_host(one) for one in ("127.0.0.1", "localhost", "::1", "[::1]")] == [
        "127.0.0.1",
        "127.0.0.1",
        "::1",
        "::1",
    ]


def test_a_taken_port_is_an_os_error():
    with listen("127.0.0.1", 0) as one, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", one.getsockname()[1])


@pytest.fixture(scope="module")
def port(worked):
    with running(worked, SMALL) as number:
        yield number


def head(port, *more: str, method="GET", path="/"):
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def test_the_page_is_reached_under_its_real_port_only(port):
    assert talk(port, head(port, "Connection: close")).startswith(b"HTTP/1.1 200")
    assert talk(port, head(port + 1, "Connection: close")).startswith(b"HTTP/1.1 421")


def test_a_huge_announced_body_is_refused_before_it_comes(port):
    begun = time.monotonic()
    answer = talk(
        port, head(port, "Content-Length: 99999999999", "Connection: close", method="POST")
    )
    assert answer.startswith(b"HTTP/1.1 413")
    assert time.monotonic() - begun < SMALL.body_seconds + 3


def test_headers_that_trickle_are_cut_off(port):
    begun = time.monotonic()
    answer = talk(port, *[bytes([one]) for one in head(port)], pause=0.1)
    assert answer.startswith(b"HTTP/1.1 408")
    assert SMALL.header_seconds <= time.monotonic() - begun < len(head(port)) * 0.1


def test_a_silent_connection_is_cut_off(port):
    begun = time.monotonic()
    talk(port)
    assert SMALL.header_seconds <= time.monotonic() - begun < SMALL.header_seconds + 3


def test_a_second_request_that_trickles_is_cut_off_too(port):
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(head(port, path="/static/icon.svg"))
        assert line.recv(65536).startswith(b"HTTP/1.1 200")
        try:
            for one in head(port):
                line.sendall(bytes([one]))
                time.sleep(0.1)
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert time.monotonic() - begun < 5


def test_a_body_that_trickles_is_cut_off_and_leaves_nothing(fresh):
    with running(fresh, SMALL) as port:
        lines = head(
            port,
            "Content-Type: multipart/form-data; boundary=b0",
            "Content-Length: 9000",
            method="POST",
            path="/uploads",
        )
        part = b'--b0\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        begun = time.monotonic()
        talk(port, lines, part, *[b"x"] * 100, pause=0.1)
        assert time.monotonic() - begun < SMALL.body_seconds + 3
        time.sleep(0.2)
    assert in_landing(fresh) == []


def test_chunk_extensions_count_as_bytes(port):
    lines = head(port, "Transfer-Encoding: chunked", method="POST", path="/uploads")
    chunk = b"1;" + b"e" * 4000 + b"\r\nx\r\n"
    answer = talk(port, lines, *[chunk] * 200)
    assert b"413" in answer.split(b"\r\n")[0] or b"400" in answer.split(b"\r\n")[0] or not answer


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\nX: "
        + b"y" * 20_000
        + b"\r\n\r\n",
        b"POST /uploads HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 1\r\n"
        b"Content-Length: 2\r\n\r\nab",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01 TLS to a plain port\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n",
    ],
)
def test_broken_requests_are_refused(port, request_):
    asked = request_.replace(b"%d", str(port).encode())
    assert talk(port, asked).split(b" ")[1] in (b"400", b"431")


def test_the_server_does_not_tell_what_it_is(port):
    answer = talk(port, head(port, "Connection: close")).split(b"\r\n\r\n")[0].lower()
    assert b"server:" not in answer and b"uvicorn" not in answer
