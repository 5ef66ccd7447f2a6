"""Ways out: nothing is sent twice by itself, whatever the other side or a crash does."""

import json
import logging
import shutil
import subprocess
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from xborder import findings
from xborder.clock import fixed
from xborder.manifests import transports
from xborder.manifests.transports import (
    Doubtful,
    HttpGateway,
    NotSent,
    OutboxFolder,
    Outgoing,
    Sent,
)

GUID = "8F6D7A3C-2B41-5C1E-9B0A-0D3F5E7A9B1C"
MESSAGE = Outgoing("CEB603", GUID, "<a>瓷</a>".encode())
NAME = f"CEB603_{GUID}.xml"
OTHER = Outgoing("CEB603", GUID, b"<b/>")
NOW = "2026-11-22T12:00:00+08:00"
AT = datetime(2026, 11, 22, 4, tzinfo=UTC)
SECRET = "s3cret-token"


@pytest.fixture(autouse=True)
def _noon():
    with fixed(NOW):
        yield


# The folder.


def put(folder: Path) -> list[str]:
    """The files that a client sees."""
    return sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))


def test_a_message_is_a_whole_file_of_its_own(tmp_path):
    box = OutboxFolder(tmp_path / "out")
    assert box.lookup(GUID) == NotSent("MESSAGE_NEVER_TAKEN", AT)
    assert box.send(MESSAGE) == Sent(NAME)
    assert put(tmp_path / "out") == [NAME]
    assert (tmp_path / "out" / NAME).read_bytes() == MESSAGE.content
    assert box.lookup(GUID) == Sent(NAME)


def test_what_the_client_took_is_not_written_again(tmp_path):
    box = OutboxFolder(tmp_path)
    box.send(MESSAGE)
    assert box.send(MESSAGE) == Sent(NAME)
    (tmp_path / NAME).unlink()
    assert box.send(MESSAGE) == Sent(NAME)
    assert put(tmp_path) == []


def test_other_bytes_of_the_same_name_are_an_error(tmp_path):
    box = OutboxFolder(tmp_path)
    box.send(MESSAGE)
    assert box.send(OTHER) == NotSent("OUTBOX_OTHER_BYTES", None, NAME)
    (tmp_path / NAME).unlink()
    assert box.send(OTHER) == NotSent("OUTBOX_OTHER_BYTES", None, NAME)
    assert put(tmp_path) == []


def test_a_file_that_lay_there_before_is_a_repeat_or_an_error(tmp_path):
    for content, outcome in (
        (MESSAGE.content, Sent(NAME)),
        (b"other", NotSent("OUTBOX_OTHER_BYTES", None, NAME)),
    ):
        folder = tmp_path / str(len(content))
        folder.mkdir()
        (folder / NAME).write_bytes(content)
        assert OutboxFolder(folder).send(MESSAGE) == outcome
        assert (folder / NAME).read_bytes() == content


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", range(1, 40))
@pytest.mark.parametrize("again", [MESSAGE, OTHER])
def test_killed_anywhere_it_is_put_there_once(tmp_path, monkeypatch, step, again):
    """Every step on the disk is one after which the process may end; a client takes what it sees."""
    done = 0

    def counted(real):
        def call(*args, **named):
            nonlocal done
            done += 1
            if done == step:
                raise Killed
            answer = real(*args, **named)
            done += 1
            if done == step:
                raise Killed
            return answer

        return call

    box, taken = OutboxFolder(tmp_path), []
    with monkeypatch.context() as m:
        for name in ("mkdir", "open", "replace", "exists", "read_text"):
            m.setattr(Path, name, counted(getattr(Path, name)))
        m.setattr(transports.os, "fsync", counted(transports.os.fsync))
        try:
            box.send(MESSAGE)
        except Killed:
            pass
        else:
            assert step > done
            assert done < 39, "more steps than are tried"
    for name in put(tmp_path):
        if name.endswith(".xml"):
            taken.append((tmp_path / name).read_bytes())
            (tmp_path / name).unlink()
    outcome = box.send(again)
    taken += [(tmp_path / one).read_bytes() for one in put(tmp_path) if one.endswith(".xml")]
    assert len(taken) == 1
    if outcome == Sent(NAME):
        assert taken == [again.content]
    else:
        assert outcome == NotSent("OUTBOX_OTHER_BYTES", None, NAME)
        assert (again, taken) == (OTHER, [MESSAGE.content])


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    outcome = OutboxFolder(tmp_path / "file").send(MESSAGE)
    assert outcome.code == "OUTBOX_NOT_WRITABLE"
    assert outcome.retry_at == AT + timedelta(minutes=1)


# The gateway.


class Gateway(ThreadingHTTPServer):
    """Answers each request by the next of some functions of a handler; the last one stays."""

    daemon_threads = True

    def handle_error(self, *_):
        """Connections are broken on purpose."""


@contextmanager
def gateway(*answers, tls=None):
    """A gateway on this machine: its address and what it was sent."""
    got, waiting = [], list(answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            """Says nothing."""

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            got.append((self.command, self.path, dict(self.headers), body))
            (waiting.pop(0) if len(waiting) > 1 else waiting[0])(self)

        def do_GET(self):
            self.do_POST()

    server = Gateway(("127.0.0.1", 0), Handler)
    scheme = "http"
    if tls:
        scheme, server.socket = "https", tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}/in", got
    finally:
        server.shutdown()
        server.server_close()


def says(status: int, body: bytes | dict = b"", **headers: str):
    """An answer with a status, a body and headers."""

    def answer(handler):
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        handler.send_response(status)
        for name, text in {"Content-Length": str(len(content)), **headers}.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def drops(handler):
    """The message was taken, and the connection ends without a word."""
    handler.close_connection = True
    handler.connection.close()


def hangs(handler):
    """Nothing ever comes."""
    threading.Event().wait(2)
    handler.close_connection = True


def breaks_off(handler):
    """An answer that is longer than what comes of it."""
    handler.send_response(200)
    handler.send_header("Content-Length", "500")
    handler.end_headers()
    handler.wfile.write(b'{"reference"')
    handler.close_connection = True


def trickles(handler):
    """An answer without an end, a byte at a time."""
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(60):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            threading.Event().wait(0.05)
    except OSError:
        pass
    handler.close_connection = True


TAKEN = says(200, {"reference": "R-1", "guid": GUID})


def way(url: str, **said) -> tuple[HttpGateway, list[float]]:
    """A gateway with short waits that are noted, not slept."""
    slept: list[float] = []
    quick = {"connect_seconds": 1, "read_seconds": 0.5, "sleep": slept.append}
    return HttpGateway(url, **(quick | said)), slept


def test_a_message_is_posted_with_its_guid(monkeypatch, caplog):
    monkeypatch.setenv("GATEWAY_TOKEN", SECRET + "\n")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with gateway(TAKEN) as (url, got), caplog.at_level(logging.DEBUG):
        http, slept = way(url, credential="env:GATEWAY_TOKEN")
        assert http.send(MESSAGE) == Sent("R-1")
    ((method, path, headers, body),) = got
    assert (method, path, body) == ("POST", "/in", MESSAGE.content)
    assert headers["Idempotency-Key"] == GUID
    assert headers["Content-Type"] == "application/xml; charset=utf-8"
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert slept == []
    assert SECRET not in caplog.text + repr(http)
    assert GUID in caplog.text


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (drops, Doubtful("GATEWAY_BROKE_OFF", "ConnectionError")),
        (hangs, Doubtful("GATEWAY_NO_ANSWER", "ReadTimeout")),
        (breaks_off, Doubtful("GATEWAY_BROKE_OFF", "the answer is incomplete or too long")),
        (trickles, Doubtful("GATEWAY_BROKE_OFF", "the answer is incomplete or too long")),
        (says(200, b"x" * 2_000_000), Doubtful("GATEWAY_BROKE_OFF", "the answer is incomplete or too long")),
        (says(200, b"<html>OK</html>", Content_Type="text/html"),
         Doubtful("GATEWAY_NONSENSE", "15 bytes of text/html")),
        (says(200), Doubtful("GATEWAY_NONSENSE", "0 bytes of no type")),
        (says(204), Doubtful("GATEWAY_NONSENSE", "0 bytes of no type")),
        (says(200, b"[" * 100_000), Doubtful("GATEWAY_NONSENSE", "100000 bytes of no type")),
        (says(200, b"null"), Doubtful("GATEWAY_NONSENSE", "no reference")),
        (says(200, {"reference": 1}), Doubtful("GATEWAY_NONSENSE", "no reference")),
        (says(200, {"reference": ""}), Doubtful("GATEWAY_NONSENSE", "no reference")),
        (says(200, {"reference": "x" * 201}), Doubtful("GATEWAY_NONSENSE", "no reference")),
        (says(200, {"reference": "R", "guid": "G"}),
         Doubtful("GATEWAY_NONSENSE", "the guid of another message")),
        (says(500), Doubtful("GATEWAY_ERROR", "HTTP 500")),
        (says(504), Doubtful("GATEWAY_ERROR", "HTTP 504")),
        (says(302, Location="http://example.org/"), Doubtful("GATEWAY_REDIRECTS", "HTTP 302")),
        (says(307, Location="http://example.org/"), NotSent("GATEWAY_REDIRECTS", None, "HTTP 307")),
        (says(400), NotSent("GATEWAY_REFUSED", None, "HTTP 400")),
        (says(401), NotSent("GATEWAY_REFUSED", None, "HTTP 401")),
        (says(413), NotSent("GATEWAY_REFUSED", None, "HTTP 413")),
        (says(409, {"reference": "R-0", "guid": GUID}), Sent("R-0")),
        (says(409), Doubtful("GATEWAY_NONSENSE", "0 bytes of no type")),
        (says(202, {"reference": "R-2"}), Sent("R-2")),
    ],
)  # fmt: skip
def test_what_may_have_been_taken_is_sent_once(answer, outcome):
    with gateway(answer) as (url, got):
        http, slept = way(url)
        assert http.send(MESSAGE) == outcome
        assert (len(got), slept) == (1, [])
    if not isinstance(outcome, Sent):
        assert outcome.code in findings.catalogue()


def test_what_was_clearly_not_taken_is_sent_again_after_waits_that_grow():
    with gateway(says(503), says(429), TAKEN) as (url, got):
        http, slept = way(url, wait=2)
        assert http.send(MESSAGE) == Sent("R-1")
    assert [body for *_, body in got] == [MESSAGE.content] * 3
    assert {headers["Idempotency-Key"] for *_, headers, _ in got} == {GUID}
    assert 2 <= slept[0] <= 3
    assert 4 <= slept[1] <= 6


def test_after_some_attempts_it_waits_in_the_queue():
    with gateway(says(503)) as (url, got):
        http, slept = way(url, wait=4)
        outcome = http.send(MESSAGE)
    assert outcome == NotSent("GATEWAY_BUSY", AT + timedelta(seconds=16), "HTTP 503")
    assert (len(got), len(slept)) == (3, 2)


@pytest.mark.parametrize(
    ("said", "retry_at"),
    [
        ("600", AT + timedelta(minutes=10)),
        ("Sun, 22 Nov 2026 05:00:00 GMT", AT + timedelta(hours=1)),
        ("99999999999999999999", AT + timedelta(days=1)),
    ],
)
def test_a_gateway_that_wants_more_time_gets_it(said, retry_at):
    with gateway(says(429, Retry_After=said)) as (url, got):
        http, slept = way(url)
        assert http.send(MESSAGE) == NotSent("GATEWAY_BUSY", retry_at, "HTTP 429")
        assert (len(got), slept) == (1, [])


@pytest.mark.parametrize("said", ["soon", "-1", "Sun, 22 Nov 2020 05:00:00 GMT"])
def test_a_time_that_makes_no_sense_is_not_waited_for(said):
    with gateway(says(429, Retry_After=said), TAKEN) as (url, _):
        http, slept = way(url)
        assert http.send(MESSAGE) == Sent("R-1")
        assert len(slept) == 1
        assert slept[0] <= 1.5


def test_nobody_there_is_clear():
    with gateway(TAKEN) as (url, _):
        pass
    http, slept = way(url)
    outcome = http.send(MESSAGE)
    assert (outcome.code, len(slept)) == ("GATEWAY_UNREACHABLE", 2)
    assert outcome.retry_at == AT + timedelta(seconds=4)
    for wrong in ("http://", "ftp://127.0.0.1/", "http://nowhere.invalid/"):
        assert way(wrong, attempts=1)[0].send(MESSAGE).code == "GATEWAY_UNREACHABLE"


@pytest.mark.parametrize("credential", ["env:NOT_THERE", "file:/not/there", "env:EMPTY", "env:ODD"])
def test_without_its_credential_nothing_leaves(credential, monkeypatch):
    monkeypatch.setenv("EMPTY", " ")
    monkeypatch.setenv("ODD", "a\r\nX-Other: 1")
    with gateway(TAKEN) as (url, got):
        http, _ = way(url, credential=credential)
        assert http.send(MESSAGE) == NotSent("GATEWAY_CREDENTIAL", None, credential)
        assert got == []


def test_a_credential_goes_over_tls_only(monkeypatch):
    monkeypatch.setenv("GATEWAY_TOKEN", SECRET)
    http, slept = way("http://gateway.invalid/in", credential="env:GATEWAY_TOKEN")
    outcome = http.send(MESSAGE)
    assert (outcome.code, slept) == ("GATEWAY_CREDENTIAL", [])
    assert SECRET not in outcome.reason


def test_a_credential_in_a_file(tmp_path):
    (tmp_path / "token").write_text(SECRET + "\n")
    with gateway(TAKEN) as (url, got):
        way(url, credential=f"file:{tmp_path / 'token'}")[0].send(MESSAGE)
    assert got[0][2]["Authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (TAKEN, Sent("R-1")),
        (says(404), NotSent("MESSAGE_NEVER_TAKEN", AT)),
        (says(500), Doubtful("GATEWAY_ERROR", "HTTP 500")),
        (says(200, b"<html/>"), Doubtful("GATEWAY_NONSENSE", "7 bytes of no type")),
        (drops, Doubtful("GATEWAY_UNREACHABLE", "ConnectionError")),
    ],
)
def test_a_gateway_can_be_asked_what_became_of_a_message(answer, outcome):
    with gateway(answer) as (url, got):
        http, _ = way(url, lookup_url=f"{url}/{{guid}}")
        assert http.lookup(GUID) == outcome
        assert got[0][:2] == ("GET", f"/in/{GUID}")
    assert way(url)[0].lookup(GUID) is None


def test_a_certificate_that_nobody_signed_is_not_trusted(tmp_path):
    import ssl

    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    words = "req -x509 -newkey rsa:2048 -nodes -keyout key -out crt -days 3650 -subj /CN=x"
    words += " -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(["openssl", *words.split()], cwd=tmp_path, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    with gateway(TAKEN, tls=tls) as (url, got):
        assert way(url)[0].send(MESSAGE) == NotSent("GATEWAY_CERTIFICATE", None, "127.0.0.1")
        assert got == []
        gone = way(url, authority=tmp_path / "gone")[0].send(MESSAGE)
        assert gone.code == "GATEWAY_CREDENTIAL"
        assert way(url, authority=tmp_path / "crt")[0].send(MESSAGE) == Sent("R-1")
    with gateway(TAKEN) as (url, got):
        plain = url.replace("http:", "https:")
        assert way(plain)[0].send(MESSAGE).code == "GATEWAY_CERTIFICATE"
        assert got == []


def test_every_code_has_its_sentence():
    source = Path(transports.__file__).read_text("utf-8")
    codes = {
        word
        for word in source.replace('"', " ").split()
        if word.startswith(("GATEWAY_", "OUTBOX_", "MESSAGE_"))
    }
    assert codes
    assert codes <= findings.catalogue().keys()
