"""Sending (报文发送): published manifests' messages leave, each once, in the order customs needs.

A manifest's messages are queued as rows that point to bytes in the store; then they go one by
one: ``sending`` is committed, the transport is called, its answer is committed. After a crash in
between, or an answer that leaves it open, a message is not sent again by itself: the transport is
asked what became of it, an answer of customs settles it, or the operator does.
"""

import fcntl
import json
import os
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row, select

from xborder import clock
from xborder.crashpoints import crash_point
from xborder.findings import Both
from xborder.manifests import content, dxp, further, signing
from xborder.manifests import messages as writer
from xborder.manifests.package import INDEX, digest
from xborder.manifests.transports import (
    HttpGateway,
    NotSent,
    OutboxFolder,
    Outcome,
    Outgoing,
    Sent,
    Transport,
)
from xborder.registry import exchange_tables as exchange
from xborder.registry import filings, messages
from xborder.registry.database import SENDER_LOCK, held, reading, transaction
from xborder.registry.home import Home
from xborder.registry.messages import NewMessage
from xborder.registry.staging import fetch
from xborder.registry.store import Store
from xborder.registry.tables import lists, manifests
from xborder.schemas.exporters import Exporter
from xborder.settings import Settings

FOLDER = "messages"
"""Where messages lie that are no part of a manifest's package: ``messages/<day>/<of>/``."""

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)

_APP_TIME = re.compile(rb"<ceb:appTime>([0-9]{14})</ceb:appTime>")


class SendingBusyError(RuntimeError):
    """Another process of this home is sending."""


@dataclass
class Done:
    """What a run of ``send`` did, in messages."""

    queued: int = 0
    sent: int = 0
    not_taken: int = 0
    doubtful: int = 0


@dataclass(frozen=True)
class Way:
    """How an exporter's messages leave: transport, signature, envelope."""

    transport: Transport
    sign: signing.Signer = signing.unsigned
    sender: str = ""
    receiver: str = ""

    def outgoing(self, kind: str, guid: str, unsigned: bytes) -> Outgoing:
        """A message as it leaves: the same bytes at every attempt."""
        signed = self.sign(unsigned)
        if not self.sender:
            return Outgoing(kind, guid, signed)
        found = _APP_TIME.search(unsigned)
        if found is None:
            raise ValueError(f"{kind} {guid} has no appTime")
        said = datetime.strptime(found[1].decode(), "%Y%m%d%H%M%S")  # noqa: DTZ007
        at = said.replace(tzinfo=clock.SHANGHAI)
        wrapped = dxp.wrap(signed, guid, self.sender, kind, at, (self.receiver,))
        return Outgoing(kind, guid, wrapped)


Ways = Callable[[Exporter], Way | None]


def way_of(settings: Settings, exporter: Exporter) -> Way | None:
    """The way that an exporter's profile names; None where the client sends its messages.

    Raises ``signing.SigningError`` for a key that cannot be used.
    """
    said = exporter.sending
    transport: Transport
    if said.transport == "outbox":
        folder = Path(said.folder) if said.folder else settings.home / "outbox" / exporter.id
        transport = OutboxFolder(folder)
    elif said.transport == "http":
        transport = HttpGateway(
            said.url,
            lookup_url=said.lookup_url,
            credential=said.credential,
            authority=Path(said.authority) if said.authority else None,
        )
    else:
        return None
    sign: signing.Signer = signing.unsigned
    if said.signing != "none":
        made = signing.rsa_sha1 if said.signing == "rsa-sha1" else signing.sm2_sm3
        sign = made(Path(said.key_file), Path(said.certificate_file), said.key_name)
    if not said.envelope:
        return Way(transport, sign)
    return Way(transport, sign, said.sender_id or exporter.dxp_id, said.receiver_id)


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """One sender a registry at a time: what another has begun and not ended is then in doubt.

    A file in the home is locked, and where several hosts share a registry on PostgreSQL, that.
    Raises SendingBusyError.
    """
    busy = SendingBusyError(Both("另一个进程正在发送", "another process is sending"))
    place = home.settings.home / ".sending"
    handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise busy from error
        with held(home.engine, SENDER_LOCK) as ours:
            if not ours:
                raise busy
            yield
    finally:
        os.close(handle)


def send(
    home: Home,
    named: Sequence[str] = (),
    *,
    ways: Ways | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Done:
    """Queue what is published and not queued, and send what is due; what was done.

    ``named``: manifests' numbers that are queued even though they were issued when the client
    sent their exporter's messages. Exporters without a transport are left out. Safe to run
    twice; raises SendingBusyError while another process of this home sends.
    """
    done = Done()
    way = ways or (lambda exporter: way_of(home.settings, exporter))
    found = {one.id: way(one) for one in home.exporters.values()}
    open_ways = {name: one for name, one in found.items() if one is not None}
    if not open_ways:
        return done
    with alone(home):
        done.queued = queue(home, sorted(open_ways), named)
        _settle(home, open_ways, done)
        for exporter, one in sorted(open_ways.items()):
            _send_all(home, exporter, one, done, progress)
    return done


def older(home: Home) -> list[str]:
    """Numbers of manifests from before their exporter's profile named a way, of whose lists
    nothing was sent from here and nothing was heard: the client sends them, or ``named``."""
    senders = {one.id for one in home.exporters.values() if one.sending.transport != "none"}
    heard = (
        select(exchange.filings.c.id)
        .join(lists, lists.c.id == exchange.filings.c.list_id)
        .where(lists.c.manifest_id == manifests.c.id, exchange.filings.c.status.is_not(None))
    )
    queued = select(messages.messages.c.id).where(messages.messages.c.manifest_id == manifests.c.id)
    left = (manifests.c.state == "published", ~queued.exists(), ~heard.exists())
    with reading(home.engine) as c:
        rows = c.execute(select(manifests).where(*left).order_by(manifests.c.id)).all()
    return [row.number for row in rows if row.exporter in senders and "sending" not in row.batch]


def due(home: Home) -> bool:
    """Whether ``send`` has something to do now: manifests to queue, or messages whose time is."""
    senders = [one.id for one in home.exporters.values() if one.sending.transport != "none"]
    if not senders:
        return False
    with reading(home.engine) as c:
        now = clock.now()
        return bool(_unqueued(c, senders, ())) or any(
            messages.next_of(c, one, now) is not None for one in senders
        )


def queue(home: Home, exporters: Sequence[str], named: Sequence[str] = ()) -> int:
    """Queue the messages of these exporters' published manifests; how many messages."""
    with reading(home.engine) as c:
        waiting = _unqueued(c, exporters, named)
    queued = 0
    for row in waiting:
        queued += _queue(home, row)
    return queued


def _unqueued(c: Connection, exporters: Sequence[str], named: Sequence[str]) -> list[Row[Any]]:
    of_manifest = messages.messages.c.manifest_id == manifests.c.id
    wanted = (
        select(manifests)
        .where(
            manifests.c.state == "published",
            manifests.c.exporter.in_(exporters),
            ~select(messages.messages.c.id).where(of_manifest).exists(),
        )
        .order_by(manifests.c.id)
    )
    return [row for row in c.execute(wanted) if "sending" in row.batch or row.number in named]


def _queue(home: Home, row: Row[Any]) -> int:
    """Queue one manifest's messages, with the filings that stand in them."""
    # Of a manifest from before a way was named, the profile as it is now.
    beside = row.batch.get("sending") or content.beside(home.exporters[row.exporter].sending)
    kinds = filings.kinds_of(row, beside["documents"])
    folder = tuple(row.folder.split("/"))
    index = json.loads(home.store.read_bytes((*folder, INDEX)))
    new = [
        NewMessage(
            one["guid"], one["message"][3:], f"{row.folder}/{one['name']}", one["sha256"],
            one["entities"],
        )
        for one in index["files"]
        if "guid" in one
    ]  # fmt: skip
    with reading(home.engine) as c:
        more = {
            kind: further.written(c, home.store, row, kind, beside)
            for kind in kinds
            if kind in further.KINDS
        }
    for kind, made in more.items():
        for one in made:
            new.append(put(home.store, one, row.business_date.isoformat(), row.number, kind))
    new.sort(key=lambda one: (one.kind, one.path))
    crash_point("messages-written")
    with transaction(home.engine) as c:
        filings.of_manifest(c, home.store, row, kinds)
        ids = messages.queue(c, row.exporter, new, row.id)
        messages.link(c, _links(c, row, new, ids))
        crash_point("messages-queueing")
    crash_point("messages-queued")
    return len(new)


def put(store: Store, made: writer.Message, day: str, of: str, kind: str) -> NewMessage:
    """Put a message that is no part of a package into the store; the same again is the same."""
    place = (FOLDER, day, of, made.name)
    store.write_bytes(place, made.content)
    return NewMessage(made.guid, kind, "/".join(place), digest(made.content), made.entities)


def _links(
    c: Connection, row: Row[Any], new: Sequence[NewMessage], ids: Sequence[int]
) -> pl.DataFrame:
    """In which message each list's filings stand: messages take the lists in their order."""
    listed = fetch(
        c,
        "SELECT id FROM lists WHERE manifest_id = :of ORDER BY id",
        {"list_id": pl.Int64},
        of=row.id,
    )
    parts = []
    for kind in sorted({one.kind for one in new}):
        own = [(one.entities, number) for one, number in zip(new, ids, strict=True) if one.kind == kind]  # fmt: skip
        of = [number for entities, number in own for _ in range(entities)]
        parts.append(listed.with_columns(kind=pl.lit(kind), message_id=pl.Series(of)))
    return pl.concat(parts)


def _settle(home: Home, ways: dict[str, Way], done: Done) -> None:
    """Find out what became of messages that a crash or a doubtful answer left open."""
    with transaction(home.engine) as c:
        messages.answered(c, clock.now())
    with reading(home.engine) as c:
        doubtful = [row for row in messages.unsent(c) if row.state == messages.SENDING]
    for row in doubtful:
        way = ways.get(row.exporter)
        outcome = way.transport.lookup(row.guid) if way else None
        if isinstance(outcome, Sent | NotSent):
            _note(home, row, outcome, done)
        else:
            done.doubtful += 1
            if row.code is None:
                with transaction(home.engine) as c:
                    messages.doubtful(c, row.id, "MESSAGE_DOUBTFUL")


def _send_all(
    home: Home,
    exporter: str,
    way: Way,
    done: Done,
    progress: Callable[[int, int], None] | None,
) -> None:
    with reading(home.engine) as c:
        rows = messages.unsent(c, exporter)
    of, count = sum(row.state == messages.QUEUED for row in rows), 0
    while True:
        with reading(home.engine) as c:
            row = messages.next_of(c, exporter, clock.now())
        if row is None:
            return
        with transaction(home.engine) as c:
            if not messages.begin(c, row.id, way.transport.name):
                continue
            crash_point("message-beginning")
        crash_point("message-sending")
        outcome = _send(home.store, row, way)
        crash_point("message-taken")
        _note(home, row, outcome, done)
        crash_point("message-noted")
        count += 1
        if progress:
            progress(count, max(of, count))


def _send(store: Store, row: Row[Any], way: Way) -> Outcome:
    """Send a message's bytes; NotSent for good where they are not what was queued."""
    try:
        unsigned = store.read_bytes(row.path.split("/"))
    except FileNotFoundError:
        return NotSent("MESSAGE_MISSING", None, row.path)
    if digest(unsigned) != row.sha256:
        return NotSent("MESSAGE_DAMAGED", None, row.path)
    try:
        outgoing = way.outgoing(f"CEB{row.kind}", row.guid, unsigned)
    except signing.SigningError as error:
        return NotSent(error.code, None, str(error))
    return way.transport.send(outgoing)


def _note(home: Home, row: Row[Any], outcome: Outcome, done: Done) -> None:
    """Commit what the transport said of a message."""
    with transaction(home.engine) as c:
        now = clock.now()
        if isinstance(outcome, Sent):
            messages.sent(c, row.id, now, outcome.reference)
            done.sent += 1
        elif isinstance(outcome, NotSent):
            attempts = messages.get(c, row.id).attempts
            at = None
            if outcome.retry_at is not None and attempts < home.settings.send_attempts:
                looked_up = outcome.code == "MESSAGE_NEVER_TAKEN"
                at = now if looked_up else max(outcome.retry_at, now + wait(attempts))
            messages.not_taken(c, row.id, outcome.code, at)
            done.not_taken += 1
        else:
            messages.doubtful(c, row.id, outcome.code)
            done.doubtful += 1


def wait(attempts: int) -> timedelta:
    """How long a message waits after so many attempts: twice as long each time, and a little
    more by chance, so that many senders do not come back at one time."""
    longest = min(FIRST_WAIT * 2 ** min(attempts - 1, 10), LONGEST_WAIT)
    return longest * random.uniform(1, 1.2)  # noqa: S311
