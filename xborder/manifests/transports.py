"""Ways on which messages leave for customs (报文发送): a folder, or a gateway over HTTP.

A way says one of three things of a message. ``Sent``: it was taken. ``NotSent``: it was clearly
not taken, so it may be sent again. ``Doubtful``: nobody here can know, so it is not sent again
until somebody looked: a time-out, a connection that broke after the message had left, an answer
that makes no sense. No repeat reaches customs twice: a folder remembers what it was given, a
gateway is told the message's guid (``Idempotency-Key``).
"""

import hashlib
import json
import logging
import os
import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import requests
from urllib3 import exceptions as wire

from xborder import clock

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outgoing:
    """What is to leave: kind (``CEB603``), root guid, the bytes (signed, wrapped, or neither)."""

    kind: str
    guid: str
    content: bytes


@dataclass(frozen=True)
class Sent:
    """It was taken; ``reference`` is the other side's name for it."""

    reference: str


@dataclass(frozen=True)
class NotSent:
    """It was not taken. ``code``: the finding; ``retry_at``: not before; None: not by itself."""

    code: str
    retry_at: datetime | None
    reason: str = ""


@dataclass(frozen=True)
class Doubtful:
    """It may have been taken. ``code``: the finding."""

    code: str
    reason: str = ""


Outcome = Sent | NotSent | Doubtful


class Transport(Protocol):
    """A way out."""

    @property
    def name(self) -> str:
        """What it is called."""

    def send(self, message: Outgoing) -> Outcome:
        """Send one message; never raises for what the other side does."""

    def lookup(self, guid: str) -> Outcome | None:
        """What became of a message; None: this way cannot say."""


# The folder.

GIVEN = ".xborder"
"""Beside the messages: what was given to the folder, and what is being written."""


@dataclass(frozen=True)
class OutboxFolder:
    """A folder from which the exchange client takes files ``<KIND>_<GUID>.xml`` and removes them.

    A file appears whole and once, after whatever crash: its checksum is noted before it moves
    in, so a file that the client took is not written again. The same name with other bytes is
    an error (OUTBOX_OTHER_BYTES).
    """

    folder: Path
    name: str = "outbox"

    def send(self, message: Outgoing) -> Outcome:
        """Put a message into the folder."""
        name = f"{message.kind}_{message.guid}.xml"
        digest = hashlib.sha256(message.content).hexdigest()
        noted, waiting = self._given(message.guid), self.folder / GIVEN / f"{name}.new"
        try:
            noted.parent.mkdir(parents=True, exist_ok=True)
            before = noted.read_text("ascii") if noted.exists() else None
            if before is None and (self.folder / name).exists():
                before = f"{_digest(self.folder / name)} {name}"
                _write(noted, before.encode())
            # As long as it waits it never was in the folder: the move is one step.
            differs = before is not None and before != f"{digest} {name}"
            if differs and not waiting.exists():
                return NotSent("OUTBOX_OTHER_BYTES", None, name)
            if before is None or differs:
                _write(waiting, message.content)
                _write(noted, f"{digest} {name}".encode())
            if waiting.exists():
                waiting.replace(self.folder / name)
                _sync(self.folder)
        except OSError as error:
            later = clock.now() + timedelta(minutes=1)
            return NotSent("OUTBOX_NOT_WRITABLE", later, f"{error.strerror}: {self.folder}")
        return Sent(name)

    def lookup(self, guid: str) -> Outcome | None:
        """What the folder was given is sent; what it never saw, or what still waits, is not."""
        noted = self._given(guid)
        if not noted.exists():
            return NotSent("MESSAGE_NEVER_TAKEN", clock.now())
        name = noted.read_text("ascii").partition(" ")[2]
        if (self.folder / GIVEN / f"{name}.new").exists():
            return NotSent("MESSAGE_NEVER_TAKEN", clock.now())
        return Sent(name)

    def _given(self, guid: str) -> Path:
        return self.folder / GIVEN / guid


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """A whole file or none, on the disk before it has its name."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# The gateway.

LOOPBACK = {"localhost", "127.0.0.1", "::1"}

MALFORMED = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)
BUSY = {429, 503}
"""By their definition the request was not taken (RFC 6585 4, RFC 9110 15.6.4)."""

MOVED = {307, 308}
"""The request shall be made elsewhere (RFC 9110 15.4.8); other redirects may follow a success."""

MAYBE = {408, 425, 500, 502, 504}
"""The message had left by then; what became of it is not known."""


@dataclass(frozen=True)
class HttpGateway:
    """A gateway that takes a message by POST and answers JSON with its ``reference``.

    ``lookup_url``: where to ask for a message, ``{guid}`` stands for its guid; 404 says that it
    was never taken; empty: it cannot be asked. ``credential``: ``env:NAME`` or ``file:PATH``,
    whose text goes as bearer token, over TLS or within this machine only, and shows nowhere.
    ``attempts``: how often at once, with waits that double from ``wait`` seconds, and only after
    a clear "not taken".

    Redirects are not followed: the message would leave for a host that nobody named. TLS
    certificates are checked, with those of ``authority`` (a file) if given.
    """

    url: str
    lookup_url: str = ""
    credential: str = ""
    authority: Path | None = None
    connect_seconds: float = 10
    read_seconds: float = 60
    attempts: int = 3
    wait: float = 1
    most_wait: float = 30
    most_answer: int = 1 << 20
    reference: str = "reference"
    name: str = "http"
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def send(self, message: Outgoing) -> Outcome:
        """Post a message; again after a clear "not taken", a few times."""
        outcome: Outcome = NotSent("GATEWAY_UNREACHABLE", clock.now())
        for attempt in range(1, self.attempts + 1):
            outcome = self._post(message, attempt)
            log.info("%s %s attempt %d: %s", message.kind, message.guid, attempt, outcome)
            if not isinstance(outcome, NotSent) or outcome.retry_at is None:
                break
            wait = (outcome.retry_at - clock.now()).total_seconds()
            if attempt == self.attempts or wait > self.most_wait:
                break
            self.sleep(max(wait, 0) + self._jitter(attempt))
        return outcome

    def lookup(self, guid: str) -> Outcome | None:
        """Ask the gateway for a message by its guid; Doubtful if it gives no clear answer."""
        if not self.lookup_url:
            return None
        url = self.lookup_url.replace("{guid}", quote(guid, safe=""))
        try:
            status, headers, body = self._asked("GET", url, {}, None)
        except _CredentialError as error:
            return Doubtful("GATEWAY_CREDENTIAL", str(error))
        except requests.RequestException as error:
            return Doubtful("GATEWAY_UNREACHABLE", type(error).__name__)
        if status == requests.codes.not_found:
            return NotSent("MESSAGE_NEVER_TAKEN", clock.now())
        if status != requests.codes.ok:
            return Doubtful("GATEWAY_ERROR", f"HTTP {status}")
        return self._taken(guid, headers, body)

    def _post(self, message: Outgoing, attempt: int) -> Outcome:
        headers = {
            "Content-Type": "application/xml; charset=utf-8",
            "Idempotency-Key": message.guid,
            "X-Message-Kind": message.kind,
        }
        try:
            status, told, body = self._asked("POST", self.url, headers, message.content)
        except _CredentialError as error:
            return NotSent("GATEWAY_CREDENTIAL", None, str(error))
        except requests.RequestException as error:
            return self._failed(error, attempt)
        if status in BUSY:
            return NotSent("GATEWAY_BUSY", _after(told, self._later(attempt)), f"HTTP {status}")
        if status in MAYBE:
            return Doubtful("GATEWAY_ERROR", f"HTTP {status}")
        if 200 <= status < 300 or status == requests.codes.conflict:
            # 409: it has this guid already; then it knows by which name.
            return self._taken(message.guid, told, body)
        if status in MOVED:
            return NotSent("GATEWAY_REDIRECTS", None, f"HTTP {status}")
        if 300 <= status < 400:
            return Doubtful("GATEWAY_REDIRECTS", f"HTTP {status}")
        return NotSent("GATEWAY_REFUSED", None, f"HTTP {status}")

    def _asked(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes | None]:
        """Status, headers, body; no body if it was too long, too slow, or broke off."""
        if self.authority and not self.authority.is_file():
            raise _CredentialError(f"file:{self.authority}")
        with requests.Session() as session:
            # No proxy, password file or certificate of whoever's environment this runs in.
            session.trust_env = False
            answer = session.request(
                method,
                url,
                data=content,
                headers={
                    **headers,
                    **self._authorization(url),
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                },
                timeout=(self.connect_seconds, self.read_seconds),
                allow_redirects=False,
                stream=True,
                verify=str(self.authority) if self.authority else True,
            )
            with answer:
                return answer.status_code, answer.headers, self._body(answer)

    def _body(self, answer: requests.Response) -> bytes | None:
        until = time.monotonic() + self.read_seconds
        body = bytearray()
        try:
            while piece := answer.raw.read1(65536, decode_content=False):
                body += piece
                if len(body) > self.most_answer or time.monotonic() > until:
                    return None
        except (wire.HTTPError, OSError):
            return None
        return bytes(body)

    def _taken(self, guid: str, headers: Mapping[str, str], body: bytes | None) -> Outcome:
        """The gateway says that it took a message: only if it says by what name."""
        if body is None:
            return Doubtful("GATEWAY_BROKE_OFF", "the answer is incomplete or too long")
        try:
            said: Any = json.loads(body)
        except (ValueError, RecursionError):
            kind = headers.get("Content-Type", "")[:60]
            return Doubtful("GATEWAY_NONSENSE", f"{len(body)} bytes of {kind or 'no type'}")
        reference = said.get(self.reference) if isinstance(said, dict) else None
        if not isinstance(reference, str) or not 1 <= len(reference) <= 200:
            return Doubtful("GATEWAY_NONSENSE", f"no {self.reference}")
        if said.get("guid", guid) != guid:
            return Doubtful("GATEWAY_NONSENSE", "the guid of another message")
        return Sent(reference)

    def _failed(self, error: requests.RequestException, attempt: int) -> Outcome:
        """What broke, and whether the message can have left by then."""
        why = type(error).__name__
        if isinstance(error, requests.exceptions.SSLError) and not _has(error, ssl.SSLEOFError):
            return NotSent("GATEWAY_CERTIFICATE", None, urlsplit(self.url).hostname or "")
        if isinstance(error, MALFORMED):
            return NotSent("GATEWAY_UNREACHABLE", None, why)
        if _has(error, (wire.NewConnectionError, wire.ConnectTimeoutError)):
            return NotSent("GATEWAY_UNREACHABLE", self._later(attempt), why)
        if isinstance(error, requests.ReadTimeout):
            return Doubtful("GATEWAY_NO_ANSWER", why)
        return Doubtful("GATEWAY_BROKE_OFF", why)

    def _authorization(self, url: str) -> dict[str, str]:
        if not self.credential:
            return {}
        to = urlsplit(url)
        if to.scheme != "https" and to.hostname not in LOOPBACK:
            raise _CredentialError(f"{self.credential}: not without TLS")
        how, _, where = self.credential.partition(":")
        try:
            token = os.environ[where] if how == "env" else Path(where).read_text("utf-8")
        except (KeyError, OSError) as error:
            raise _CredentialError(f"{how}:{where}") from error
        token = token.strip()
        if not token or not token.isascii() or not token.isprintable():
            raise _CredentialError(f"{how}:{where}")
        return {"Authorization": f"Bearer {token}"}

    def _later(self, attempt: int) -> datetime:
        return clock.now() + timedelta(seconds=min(self.wait * 2 ** (attempt - 1), self.most_wait))

    def _jitter(self, attempt: int) -> float:
        """A part of the wait by chance, so that many senders do not come back at one time."""
        return random.uniform(0, min(self.wait * 2 ** (attempt - 1), self.most_wait) / 2)  # noqa: S311


def _has(error: object, kinds: type[Exception] | tuple[type[Exception], ...]) -> bool:
    """Whether an exception is of some kind, or one within it is."""
    if isinstance(error, kinds):
        return True
    inside = [*getattr(error, "args", ()), getattr(error, "reason", None)]
    return any(isinstance(one, Exception) and _has(one, kinds) for one in inside)


class _CredentialError(RuntimeError):
    """There is no credential where it was said to be."""


def _after(headers: Mapping[str, str], otherwise: datetime) -> datetime:
    """When to come again (Retry-After: seconds or a date), within a day."""
    said = headers.get("Retry-After", "").strip()
    most = clock.now() + timedelta(days=1)
    if said.isascii() and said.isdigit():
        return min(clock.now() + timedelta(seconds=int(said[:6])), most)
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return otherwise
    return min(max(at, clock.now()), most) if at.tzinfo else otherwise
