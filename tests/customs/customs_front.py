"""How the customs to test against is reached: over the folders of a home, or over HTTP."""

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import Path

from customs_answers import Mail
from customs_office import Customs


def pick_up(home: Path, customs: Customs) -> int:
    """Do what the exchange client does: take all messages out of the outboxes, in order of time."""
    waiting = [path for path in (home / "outbox").rglob("*.xml") if path.parent.name[0] != "."]
    # The client sends orders and waybills before lists, as they lie there.
    waiting.sort(key=lambda path: (path.stat().st_mtime_ns, path.name))
    for path in waiting:
        customs.take(path.read_bytes())
        path.unlink()
    return len(waiting)


def deliver(home: Path, customs: Customs, mail: Mail) -> int:
    """Put the answers that are due into the inbox; how many files."""
    files = list(mail.collect(customs.post))
    for name, content in files:
        part = home / "inbox" / f".{name}.part"
        part.write_bytes(content)
        part.replace(home / "inbox" / name)
    return len(files)


GOOD, NONSENSE, REFUSES, BREAKS_OFF, FAILS, HANGS = (
    "good", "nonsense", "refuses", "breaks off", "fails", "hangs",
)  # fmt: skip
"""What the gateway does with a message: takes it and says so; takes it and answers 200 with
nonsense; is too busy to take it; takes it and closes the connection; takes it and answers 500;
takes it and never answers."""


@contextmanager
def gateway(customs: Customs, moods: Sequence[str] = ()) -> Iterator[str]:
    """A gateway on this machine; its address. ``moods`` for the first messages, then GOOD.

    A message whose Idempotency-Key is known is not taken again. GET ``/<guid>`` asks for one.
    """
    told = chain(moods, repeat(GOOD))
    references: dict[str, str] = {}
    one_at_a_time = threading.Lock()
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            guid = self.headers["Idempotency-Key"]
            with one_at_a_time:
                mood = next(told)
                if mood != REFUSES and guid not in references:
                    customs.take(body)
                    references[guid] = f"G{len(references) + 1}"
            if mood == HANGS:
                closing.wait(30)
            elif mood == BREAKS_OFF:
                self.connection.shutdown(socket.SHUT_RDWR)
            elif mood == NONSENSE:
                self._say(200, b"<html>OK</html>")
            elif mood == REFUSES:
                self._say(503, b"")
            elif mood == FAILS:
                self._say(500, b"")
            else:
                self._tell(guid)

        def do_GET(self) -> None:
            guid = self.path.strip("/")
            if guid in references:
                self._tell(guid)
            else:
                self._say(404, b"")

        def _tell(self, guid: str) -> None:
            said = {"reference": references[guid], "guid": guid}
            self._say(200, json.dumps(said).encode())

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        closing.set()
        server.shutdown()
        server.server_close()
