"""Is a published manifest still what was issued? And: fetch one, checked."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from xborder.findings import Both
from xborder.manifests import content, package
from xborder.registry import exchange_tables, manifests, tables
from xborder.registry.database import reading
from xborder.registry.store import Store


@dataclass(frozen=True)
class Problem:
    """What is wrong with a stored manifest; ``file`` is its path in the store, or empty."""

    number: str
    file: str
    what: str

    def __str__(self) -> str:
        """One line for a terminal."""
        return (
            f"{self.number}: {self.file}: {self.what}"
            if self.file
            else f"{self.number}: {self.what}"
        )


class FetchError(RuntimeError):
    """A manifest that cannot be handed out: unknown, unpublished, missing or damaged."""


def verify(
    engine: Engine,
    store: Store,
    number: str | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[Problem]:
    """Check one manifest, or all: stored files against checksums, and bytes against the rows.

    The ZIP must have the registry's checksum, the folder must hold exactly the ZIP's files, and
    rendering the manifest again from its rows must give the same bytes. A manifest that another
    version of the writers made is compared by its messages only. Messages that lie beside the
    packages (``beside``) must be the bytes that were queued. One manifest after another is in
    memory; ``progress`` is told how many of how many are done. Raises LookupError for an unknown
    number.
    """
    checked = content.Checked(store)
    wanted = select(tables.manifests.c.id).order_by(tables.manifests.c.id)
    if number is not None:
        wanted = wanted.where(tables.manifests.c.number == number)
    with reading(engine) as c:
        ids = c.scalars(wanted).all()
    if number is not None and not ids:
        raise LookupError(f"no manifest {number}")
    problems = []
    for done, one in enumerate(ids, start=1):
        problems += _problems(engine, store, checked, one)
        progress(done, len(ids))
    for row in beside(engine, ids[0] if number is not None else None):
        problems += _queued(store, row)
    return problems


def beside(engine: Engine, manifest_id: int | None = None) -> list[Row[Any]]:
    """Messages that are no part of a manifest's package (guid, kind, path, sha256), oldest first.

    Waybills, bills of lading, cancellations, summaries …; those of one manifest if named.
    """
    of = exchange_tables.messages.c
    wanted = select(of.guid, of.kind, of.path, of.sha256).order_by(of.id)
    wanted = wanted.where(~of.path.startswith(f"{content.FOLDER}/", autoescape=True))
    if manifest_id is not None:
        wanted = wanted.where(of.manifest_id == manifest_id)
    with reading(engine) as c:
        return list(c.execute(wanted))


def _queued(store: Store, row: Row[Any]) -> list[Problem]:
    """Whether a message beside the packages is there, with the bytes that were queued."""
    named = f"CEB{row.kind} {row.guid}"
    try:
        found = package.digest(store.read_bytes(row.path.split("/")))
    except FileNotFoundError:
        return [Problem(named, row.path, "is missing")]
    return [] if found == row.sha256 else [Problem(named, row.path, f"sha256 is not {row.sha256}")]


def _problems(
    engine: Engine, store: Store, checked: content.Checked, manifest_id: int
) -> list[Problem]:
    with reading(engine) as c:
        row = manifests.get(c, manifest_id)
        if row.state != manifests.PUBLISHED:
            return [Problem(row.number, "", "reserved, not published yet")]
        stored, found = _stored(store, row)
        return found if stored is None else found + _again(c, checked, row, stored)


def _stored(store: Store, row: Row[Any]) -> tuple[dict[str, bytes] | None, list[Problem]]:
    """The sealed files, from the ZIP, and what is wrong with ZIP and folder."""
    archive, folder = "/".join(content.archive_place(row)), content.place(row)
    try:
        data = store.path(*content.archive_place(row)).read_bytes()
    except FileNotFoundError:
        return None, [Problem(row.number, archive, "is missing")]
    if package.digest(data) != row.sha256:
        return None, [Problem(row.number, archive, f"sha256 is not {row.sha256}")]
    sealed = package.unpack(row.number, data)
    problems = []
    there = {one.name for one in store.path(*folder).iterdir()} if store.exists(*folder) else set()
    for name in sorted(set(sealed) | there):
        place = "/".join((*folder, name))
        if name not in sealed:
            problems.append(Problem(row.number, place, "does not belong here"))
        elif name not in there:
            problems.append(Problem(row.number, place, "is missing"))
        elif store.path(*folder, name).read_bytes() != sealed[name]:
            problems.append(Problem(row.number, place, "differs from what was issued"))
    return sealed, problems


def _again(
    c: Connection, checked: content.Checked, row: Row[Any], sealed: dict[str, bytes]
) -> list[Problem]:
    """Differences between the sealed files and what the rows give now."""
    try:
        (files,) = package.build(content.load(c, checked, [row]))
    except (content.ContentError, ValueError) as error:
        return [Problem(row.number, "", f"cannot be rendered again: {error}")]
    written_by = json.loads(sealed[package.INDEX])["written_by"]
    same_programs = written_by == package.written_by()
    folder = "/".join(content.place(row))
    return [
        Problem(row.number, f"{folder}/{name}", "differs from a rendering of its rows")
        for name in sorted(set(files) | set(sealed))
        if (same_programs or name.endswith(".xml")) and files.get(name) != sealed.get(name)
    ]


def fetch(engine: Engine, store: Store, number: str, to: Path) -> Path:
    """Copy a manifest's ZIP into the folder ``to`` after checking its checksum; the copy's path.

    The copy appears whole or not at all. Raises FetchError.
    """
    with reading(engine) as c:
        row = manifests.issued(c, number)
    if row is None:
        raise FetchError(Both(f"没有已签发的批次 {number}", f"no published manifest {number}"))
    try:
        data = store.path(*content.archive_place(row)).read_bytes()
    except FileNotFoundError as error:
        raise FetchError(
            Both(f"批次 {number} 的 ZIP 不在原处", f"the ZIP of {number} is missing from the store")
        ) from error
    if package.digest(data) != row.sha256:
        raise FetchError(
            Both(
                f"批次 {number} 的 ZIP 已损坏：SHA-256 不是 {row.sha256}",
                f"the ZIP of {number} is damaged: its sha256 is not {row.sha256}",
            )
        )
    to.mkdir(parents=True, exist_ok=True)
    target = to / f"{number}.zip"
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(target)
    return target
