"""Annotated copies (批注件): the user's own file with its findings, kept beside the original.

A copy holds what the original holds, so it lies encrypted for the same key under
``annotated/`` in the home, and expires with the original. It is made after the check for files
up to ``annotated_bytes`` of which there is anything to tell; of all others when somebody asks.
One whose findings have changed
since is made anew: by the next run while the file has open orders, else when it is asked for.
A copy is written under the name of its own bytes before its row says so; what no row names is
garbage that the next run removes.
"""

import hashlib
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, Row, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from xborder import clock, intake
from xborder.checks.annotated import annotated
from xborder.checks.annotator import Annotator, BusyError
from xborder.intake import Nursery
from xborder.registry import answers, faults, mappings, originals, uploads
from xborder.registry.database import reading, transaction
from xborder.registry.staging import run
from xborder.registry.store import Store
from xborder.registry.tables import annotations
from xborder.registry.tables import uploads as uploads_table
from xborder.schemas.exporters import Exporter
from xborder.schemas.tables import Tables
from xborder.settings import Settings

FORM = "2"
"""Raised when the same findings would be shown in another way."""

SECONDS_A_RUN = 60.0
"""A run goes on making copies for so long; the next run goes on where it stopped."""

_NEVER_READ = ("UNKNOWN_EXPORTER", "UNKNOWN_SHOP", "ORIGINAL_UNREADABLE")


def folder(settings: Settings) -> Path:
    """Where the copies of a home lie."""
    return settings.home / "annotated"


def place(settings: Settings, upload_id: int, sha256: str) -> Path:
    """Where the copy with these plain bytes lies."""
    return folder(settings) / f"{upload_id:08d}-{sha256[:16]}.age"


def refresh(
    engine: Engine,
    store: Store,
    settings: Settings,
    exporters: Mapping[str, Exporter],
    tables: Tables,
    seconds: float = SECONDS_A_RUN,
) -> int:
    """Make the copies that lack or have changed, oldest first, for so long; how many were made.

    A file whose copy a fault of ours prevents is left for whoever asks for it.
    """
    with reading(engine) as connection:
        due = _due(connection, settings.annotated_bytes)
    if not due:
        return 0
    until, made = time.monotonic() + seconds, 0
    with Nursery() as nursery, Annotator() as annotator:
        for upload_id, version in due:
            if time.monotonic() >= until:
                break
            try:
                work = _Work(engine, store, settings, exporters, tables, nursery, annotator)
                made += work.keep(upload_id, version)
            except (FileNotFoundError, originals.UnreadableError):
                continue  # ``verify`` tells of the original
            except faults.ANY as fault:
                if faults.of_all(fault):
                    raise
                faults.tell("ANNOTATING_FAILED", f"upload {upload_id}", fault)
    _sweep(engine, settings)
    return made


def of_upload(
    engine: Engine,
    store: Store,
    settings: Settings,
    exporters: Mapping[str, Exporter],
    tables: Tables,
    upload_id: int,
) -> bytes:
    """An upload's annotated copy as it stands now: the one that is kept, or one made now.

    Raises FileNotFoundError when its original is gone, ``originals.UnreadableError`` when it is
    damaged, ``BusyError`` when the machine has no time for it.
    """
    with reading(engine) as connection:
        version = _versions(connection, [upload_id])[upload_id]
    work = _Work(engine, store, settings, exporters, tables)
    return work.copy(upload_id, version, work.found(upload_id), keep=False)[0]


def remove_expired(engine: Engine, settings: Settings) -> int:
    """Remove the copies whose originals have expired; how many."""
    with transaction(engine) as c:
        wanted = select(annotations).join(uploads_table)
        gone = c.execute(wanted.where(uploads_table.c.original == originals.EXPIRED)).all()
        for row in gone:
            place(settings, row.upload_id, row.sha256).unlink(missing_ok=True)
            c.execute(delete(annotations).where(annotations.c.upload_id == row.upload_id))
    return len(gone)


def problems(engine: Engine, settings: Settings) -> tuple[int, list[str]]:
    """How many copies are registered, and what is wrong with those that are."""
    with reading(engine) as c:
        wanted = select(annotations).where(annotations.c.size > 0)
        rows = c.execute(wanted.order_by(annotations.c.upload_id)).all()
    told = []
    for row in rows:
        try:
            _plain(settings, row)
        except FileNotFoundError:
            told.append(f"upload {row.upload_id}: its annotated copy is missing")
        except (originals.UnreadableError, originals.KeyFileError):
            told.append(f"upload {row.upload_id}: its annotated copy is damaged")
    return len(rows), told


def _due(c: Connection, most: int) -> list[tuple[int, str]]:
    """Uploads whose copy lacks, or whose findings may have changed while orders are open."""
    asked = run(
        c,
        """
        SELECT u.id FROM uploads u LEFT JOIN annotations a ON a.upload_id = u.id
        WHERE u.original = 'kept' AND u.size <= :most AND u.state IN ('checked', 'refused')
          AND (u.code IS NULL OR u.code NOT IN (:one, :two, :three))
          AND (a.upload_id IS NULL OR EXISTS (
               SELECT 1 FROM orders o
               WHERE o.upload_id = u.id AND o.open))
        ORDER BY u.id
        """,
        most=most,
        **dict(zip(("one", "two", "three"), _NEVER_READ, strict=True)),
    )
    versions = _versions(c, [int(one) for one in asked.scalars()])
    wanted = select(annotations.c.upload_id, annotations.c.version)
    known = dict(c.execute(wanted).tuples().all())
    return [(one, version) for one, version in versions.items() if known.get(one) != version]


def _versions(c: Connection, upload_ids: list[int]) -> dict[int, str]:
    """What stands of uploads, as a short text that changes whenever their findings may."""
    found = {}
    for one in upload_ids:
        upload = uploads.get(c, one)
        parts = run(
            c,
            """
            SELECT e.outcome, o.proposed_cancellation, o.upload_id,
                   CASE WHEN o.upload_id = e.upload_id THEN o.check_id END, count(*)
            FROM appearances e JOIN orders o ON o.id = e.order_id
            WHERE e.upload_id = :upload GROUP BY 1, 2, 3, 4 ORDER BY 1, 3, 4, 2
            """,
            upload=one,
        )
        told = [tuple(map(str, part)) for part in parts]
        said = repr((FORM, upload.state, upload.code, upload.file_name, told))
        found[one] = hashlib.sha256(said.encode()).hexdigest()
    return found


@dataclass(frozen=True)
class _Work:
    """Making the copies of a home."""

    engine: Engine
    store: Store
    settings: Settings
    exporters: Mapping[str, Exporter]
    tables: Tables
    nursery: Nursery | None = None
    annotator: Annotator | None = None

    def found(self, upload_id: int) -> pl.DataFrame:
        """What stands of an upload."""
        return answers.findings_of(self.engine, self.store, upload_id)

    def keep(self, upload_id: int, version: str) -> bool:
        """Have an upload's copy as it stands now; whether it had to be made."""
        found = self.found(upload_id)
        if found.height:
            return self.copy(upload_id, version, found)[1]
        self._register(upload_id, version, "", b"")
        return False

    def copy(
        self, upload_id: int, version: str, found: pl.DataFrame, *, keep: bool = True
    ) -> tuple[bytes, bool]:
        """An upload's copy with these findings, and whether it had to be made; it is kept, or
        given to who asks and forgotten, because looking at a page changes nothing."""
        with reading(self.engine) as c:
            upload = uploads.get(c, upload_id)
            wanted = select(annotations).where(annotations.c.upload_id == upload_id)
            known = c.execute(wanted).first()
        said = found.drop("upload_id").write_csv()
        digest = hashlib.sha256(f"{FORM}\0{said}".encode()).hexdigest()
        same = known if known is not None and known.digest == digest else None
        if same is not None:
            with suppress(FileNotFoundError, originals.UnreadableError, originals.KeyFileError):
                copy = _plain(self.settings, same)
                if keep and same.version != version:
                    self._register(upload_id, version, digest, copy)
                return copy, False
        copy = self._made(upload, found)
        # A copy that was lost is put back by anybody: that is no change.
        if (keep or same is not None) and upload.size <= self.settings.annotated_bytes:
            target = place(self.settings, upload_id, hashlib.sha256(copy).hexdigest())
            originals.seal(self.settings, copy, target)
            self._register(upload_id, version, digest, copy)
        return copy, True

    def _made(self, upload: Row[Any], found: pl.DataFrame) -> bytes:
        exporter = self.exporters.get(upload.exporter)
        with reading(self.engine) as c:
            mapped = mappings.of_reading(c, upload.exporter, upload.layout)
        with originals.open_plain(self.settings, upload.sha256) as plain:
            read = intake.read(
                plain,
                upload.file_name,
                exporter_shop=exporter.shop(upload.shop) if exporter else None,
                kind=upload.kind,
                code_tables=self.tables,
                nursery=self.nursery,
                mappings=mapped,
            )
            if upload.state == uploads.CHECKED and not read.usable:
                # It was read before: a copy that says otherwise must not be kept.
                raise BusyError("the file could not be read again within the limits")
            plain.seek(0)
            original = plain.read()
        return annotated(original, read, found, self.annotator)

    def _register(self, upload_id: int, version: str, digest: str, copy: bytes) -> None:
        """Note a copy that was written; without a byte: that there is nothing to tell."""
        sha256 = hashlib.sha256(copy).hexdigest() if copy else ""
        row = {"upload_id": upload_id, "version": version, "digest": digest, "sha256": sha256}
        row |= {"size": len(copy), "made_at": clock.now()}
        target = place(self.settings, upload_id, sha256)
        with transaction(self.engine) as c:
            wanted = select(annotations).where(annotations.c.upload_id == upload_id)
            former = c.execute(wanted).first()
            if uploads.get(c, upload_id).original != originals.KEPT:
                target.unlink(missing_ok=True)
                return
            if copy and not target.exists():
                return  # swept by a run that found no row of it yet
            build = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
            kept = build(annotations).values(row)
            c.execute(kept.on_conflict_do_update(index_elements=["upload_id"], set_=row))
        if former is not None and former.sha256 not in ("", sha256):
            place(self.settings, upload_id, former.sha256).unlink(missing_ok=True)


def _plain(settings: Settings, row: Row[Any]) -> bytes:
    data = originals.unseal(settings, place(settings, row.upload_id, row.sha256))
    if hashlib.sha256(data).hexdigest() != row.sha256:
        raise originals.UnreadableError(f"the annotated copy of upload {row.upload_id} is damaged")
    return data


def _sweep(engine: Engine, settings: Settings) -> None:
    """Remove what no row names: the remains of a crash."""
    before = {one for one in folder(settings).glob("*.age")}
    with transaction(engine) as c:  # a writer's: nobody registers a copy meanwhile
        rows = c.execute(select(annotations.c.upload_id, annotations.c.sha256))
        for one in before - {place(settings, *row) for row in rows}:
            one.unlink(missing_ok=True)
