"""The store of postal data (收件人资料): of those exporters whose profile keeps them, encrypted.

``postal.db`` in the home holds one record an order, sealed by AES-256-GCM: a nonce of its own,
and the order's key (exporter, channel, shop, order number) as associated data, so that no record
can stand for another. The key lies outside the home. What stands in clear is the order's key,
which upload told the record, and when it came. Records go ``postal_days`` after they came.
Whatever shows them masks them; only an export, which is audited, does not.
"""

import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection

from xborder.clock import UTC
from xborder.intake import Limits, Nursery
from xborder.intake.postal import FIELDS, layout_of, read_rows
from xborder.registry import originals
from xborder.registry.originals import KeyFileError
from xborder.registry.staging import fetch
from xborder.registry.store import Store
from xborder.settings import Settings

_NONCE = 12
_KEY = re.compile("[0-9a-f]{64}", re.ASCII)
_TABLE = """
CREATE TABLE IF NOT EXISTS postal (
    exporter TEXT NOT NULL, channel TEXT NOT NULL, shop TEXT NOT NULL, order_no TEXT NOT NULL,
    upload_id INTEGER NOT NULL, received_at TEXT NOT NULL, nonce BLOB NOT NULL,
    sealed BLOB NOT NULL, PRIMARY KEY (exporter, channel, shop, order_no)
) WITHOUT ROWID
"""


class OrderKey(NamedTuple):
    """Which order a record is of."""

    exporter: str
    channel: str
    shop: str
    order_no: str


class SealError(RuntimeError):
    """A record that cannot be opened: it was changed, or moved to another order."""


def place(settings: Settings) -> Path:
    """Where the store of a home lies."""
    return settings.home / "postal.db"


@contextmanager
def _opened(settings: Settings) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(place(settings), timeout=60, isolation_level=None)) as c:
        # What is deleted leaves no page that still holds it.
        c.execute("PRAGMA secure_delete = ON")
        c.execute("PRAGMA synchronous = FULL")
        c.execute(_TABLE)
        yield c


def _cipher(settings: Settings, c: sqlite3.Connection) -> AESGCM:
    """The cipher; a key is made while there is no record that would need another.

    Raises KeyFileError.
    """
    key = settings.postal_key
    if key.resolve().is_relative_to(settings.home.resolve()):
        raise KeyFileError(f"the key file {key} must lie outside the home {settings.home}")
    if not key.exists():
        if c.execute("SELECT 1 FROM postal LIMIT 1").fetchone():
            raise KeyFileError(
                f"the key file {key} is missing, and {place(settings)} needs it: bring it back, "
                "or remove that file"
            )
        originals.write_key(key, os.urandom(32).hex())
    text = key.read_text("utf-8").strip()
    if not _KEY.fullmatch(text):
        raise KeyFileError(f"the key file {key} holds no key of 64 hexadecimal digits")
    return AESGCM(bytes.fromhex(text))


def _associated(key: OrderKey) -> bytes:
    return json.dumps(list(key), ensure_ascii=False).encode()


def take(
    settings: Settings,
    store: Store,
    source: Any,
    reading: tuple[str, ...],
    layout: str | None,
    encoding: str | None,
    key: tuple[str, str, str],
    upload_id: int,
    received_at: datetime,
    *,
    limits: Limits,
    nursery: Nursery,
    mapped: Mapping[str, str],
    patch_of: int | None = None,
) -> int:
    """Keep the postal data of a file's orders; how many records were written.

    ``reading``: where the file's reading lies, whose records say which order a row is of;
    ``key``: exporter, channel and shop; ``mapped``: the exporter's mappings. What a later file
    tells of an order replaces what an earlier one told; a corrected copy replaces only what its
    original or an older file told.
    """
    if layout_of(layout, mapped) is None:
        return 0
    numbers = _numbers(store, reading)
    written = 0
    with _opened(settings) as c:
        cipher = _cipher(settings, c)

        def keep(rows: pl.DataFrame) -> None:
            nonlocal written
            told = rows.join(numbers(rows), on=["sheet", "row"], maintain_order="left")
            first = told.unique("order_no", keep="first", maintain_order=True)
            c.execute("BEGIN IMMEDIATE")
            for row in first.iter_rows(named=True):
                own = OrderKey(*key, row["order_no"])
                said = {name: row[name] for name in (*FIELDS, "country") if row[name]}
                until = upload_id if patch_of is None else patch_of
                written += _put(c, cipher, own, said, upload_id, until, received_at)
            c.execute("COMMIT")

        read_rows(
            source, str(layout), encoding, keep=keep, limits=limits, nursery=nursery, own=mapped
        )
    return written


def _put(
    c: sqlite3.Connection,
    cipher: AESGCM,
    key: OrderKey,
    said: Mapping[str, str],
    upload_id: int,
    until: int,
    received_at: datetime,
) -> int:
    nonce = os.urandom(_NONCE)
    plain = json.dumps(said, ensure_ascii=False).encode()
    sealed = cipher.encrypt(nonce, plain, _associated(key))
    # Of one file the first row counts: channels write the address on an order's first line.
    return c.execute(
        "INSERT INTO postal VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "upload_id = excluded.upload_id, received_at = excluded.received_at, "
        "nonce = excluded.nonce, sealed = excluded.sealed "
        "WHERE postal.upload_id <> excluded.upload_id AND postal.upload_id <= ?",
        (*key, upload_id, received_at.astimezone(UTC).isoformat(), nonce, sealed, until),
    ).rowcount


def _numbers(store: Store, reading: tuple[str, ...]) -> Any:
    """Asks which order some rows of a file are of: sheet, row, order_no, country."""
    where = (*reading, "records.parquet")
    columns = {
        "sheet": pl.String, "row": pl.UInt32, "order_no": pl.String, "country": pl.String
    }  # fmt: skip
    spans = pl.concat(
        store.read_parquet(*where, columns=["row"], blocks=[block]).select(
            block=pl.lit(block), first=pl.col("row").min(), last=pl.col("row").max()
        )
        for block in range(len(store.block_rows(*where)))
    )

    def asked(rows: pl.DataFrame) -> pl.DataFrame:
        low, high = rows["row"].min(), rows["row"].max()
        blocks = spans.filter(pl.col("first") <= high, pl.col("last") >= low)["block"].to_list()
        if not blocks:
            return pl.DataFrame(schema=columns)
        return (
            store.read_parquet(*where, columns=list(columns), blocks=blocks)
            .drop_nulls("order_no")
            .unique(["sheet", "row"], keep="first", maintain_order=True)
        )

    return asked


ASKED: dict[str, Any] = {
    "exporter": pl.String, "channel": pl.String, "shop": pl.String, "order_no": pl.String,
    "manifest": pl.String, "cop_no": pl.String, "logistics_no": pl.String,
}  # fmt: skip
"""Orders whose postal data may be asked for, with their list and waybill."""


def orders_of(
    c: Connection,
    *,
    manifest: str | None = None,
    day: date | None = None,
    order_no: str | None = None,
    exporter: str | None = None,
) -> pl.DataFrame:
    """Orders by what is named, in order of manifest and list; columns ``ASKED``.

    With a manifest or a day of cut-off the orders that were issued there, else those of that
    number.
    """
    issued = "LEFT JOIN" if manifest is None and day is None else "JOIN"
    asked = {"manifest": manifest, "day": day.isoformat() if day else None}
    return fetch(
        c,
        f"""
        SELECT s.exporter, s.channel, s.shop, o.order_no, m.number, l.cop_no, w.logistics_no
        FROM orders o JOIN shops s ON s.id = o.shop_id
        {issued} lists l ON l.order_id = o.id AND l.live
        {issued} manifests m ON m.id = l.manifest_id
        LEFT JOIN waybills w ON w.order_id = o.id AND w.released = 0
        WHERE (CAST(:manifest AS TEXT) IS NULL OR m.number = :manifest)
          AND (CAST(:day AS TEXT) IS NULL OR m.business_date = :day)
          AND (CAST(:order AS TEXT) IS NULL OR o.order_no = :order)
          AND (CAST(:exporter AS TEXT) IS NULL OR s.exporter = :exporter)
        ORDER BY m.number, l.id, o.id
        """,  # noqa: S608
        ASKED,
        order=order_no,
        exporter=exporter,
        **asked,
    )


def get(settings: Settings, keys: Iterable[OrderKey]) -> Iterator[tuple[OrderKey, dict[str, str]]]:
    """The records of orders, those that are there, in the order asked.

    Raises KeyFileError, SealError.
    """
    if not place(settings).exists():
        return
    with _opened(settings) as c:
        cipher = None
        for key in keys:
            row = c.execute(
                "SELECT nonce, sealed FROM postal WHERE exporter = ? AND channel = ? AND shop = ? "
                "AND order_no = ?", key,
            ).fetchone()  # fmt: skip
            if row is None:
                continue
            cipher = cipher or _cipher(settings, c)
            try:
                plain = cipher.decrypt(row[0], row[1], _associated(key))
            except InvalidTag as error:
                raise SealError(f"the postal record of order {key.order_no} is damaged") from error
            yield key, json.loads(plain)


def count(settings: Settings) -> int:
    """How many records there are."""
    if not place(settings).exists():
        return 0
    with _opened(settings) as c:
        return int(c.execute("SELECT count(*) FROM postal").fetchone()[0])


def forget(settings: Settings, keys: Iterable[OrderKey]) -> int:
    """Delete the records of orders; how many there were."""
    if not place(settings).exists():
        return 0
    with _opened(settings) as c:
        return sum(
            c.execute(
                "DELETE FROM postal WHERE exporter = ? AND channel = ? AND shop = ? "
                "AND order_no = ?", key,
            ).rowcount
            for key in keys
        )  # fmt: skip


def expire(settings: Settings, now: datetime) -> int:
    """Delete the records whose time (``postal_days``) is over; how many there were."""
    if not place(settings).exists():
        return 0
    before = now - timedelta(days=settings.postal_days)
    with _opened(settings) as c:
        gone = c.execute(
            "DELETE FROM postal WHERE received_at < ?", (before.astimezone(UTC).isoformat(),)
        ).rowcount
    return int(gone)


def problems(settings: Settings) -> list[str]:
    """What is wrong with the records that are there."""
    if not place(settings).exists():
        return []
    with _opened(settings) as c:
        keys = [OrderKey(*row) for row in c.execute(
            "SELECT exporter, channel, shop, order_no FROM postal ORDER BY 1, 2, 3, 4")]  # fmt: skip
    told = []
    try:
        for key in keys:
            try:
                for _ in get(settings, [key]):
                    pass
            except SealError as error:
                told.append(str(error))
    except KeyFileError as error:
        told.append(str(error))
    return told


def masked(said: Mapping[str, str]) -> dict[str, str]:
    """A record as it may be shown: ``张*``, ``138****1234``, ``a***@…``; no address."""
    return {name: text if name == "country" else _masked(name, text) for name, text in said.items()}


def _masked(name: str, text: str) -> str:
    if name in ("name", "surname", "company"):
        return " ".join(f"{word[0]}{'*' * min(len(word) - 1, 3) or '*'}" for word in text.split())
    if name == "phone":
        digits = re.sub("[^0-9]", "", text, flags=re.ASCII)
        return f"{digits[:3]}****{digits[-4:]}" if len(digits) >= 9 else "****"
    if name == "email":
        return f"{text[0]}***@***"
    if name == "postcode":
        return f"{text[:2]}***" if len(text) > 3 else "***"
    return f"{text[0]}***"
