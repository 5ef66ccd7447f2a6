"""The cut-off (截单): pending lists become numbered manifests, once and for all.

One transaction takes the cut-off and reserves all manifests: numbers, lists, the time of issue
and every setting that shows in the bytes. The files are then derived from these rows; the row's
state ``published`` is the commit point. A crash anywhere leaves either nothing or reserved rows,
from which the next run writes the same bytes.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Engine, Row

from xborder import clock
from xborder.crashpoints import crash_point
from xborder.manifests import batches, content, package
from xborder.manifests.verification import FetchError, Problem, fetch, verify
from xborder.registry import cutoffs, lists, manifests
from xborder.registry.database import reading, transaction
from xborder.registry.store import Store
from xborder.schemas import Tables, tables
from xborder.settings import Settings

__all__ = ["FetchError", "Issued", "Problem", "fetch", "issue", "verify"]


@dataclass(frozen=True)
class Issued:
    """A manifest that this run published; ``folder`` and ``archive`` are paths in the store."""

    number: str
    kind: str
    exporter: str
    lists: int
    folder: str
    archive: str
    sha256: str


def issue(
    engine: Engine,
    store: Store,
    settings: Settings,
    business_date: date,
    *,
    issue_new: bool = True,
    named_by: Tables | None = None,
) -> list[Issued]:
    """Cut off now, and publish every manifest that is not published yet, oldest first.

    ``issue_new=False`` takes no cut-off: it only completes what a crash left. ``named_by``: the
    code tables that name the codes, by default the home's. Without pending lists no cut-off is
    taken. Safe to run twice, also at once: a manifest is published by whoever comes first.

    Raises ``content.ContentError`` when checked content is missing, and ValueError for a list
    that may not be written (``messages.render``): both are faults of ours, nothing is lost.
    """
    checked = content.Checked(store)
    if issue_new:
        names = named_by or tables.load(settings.home / "tables")
        with transaction(engine) as connection:
            _reserve(connection, checked, settings, business_date, names)
        crash_point("cutoff-reserved")
    with reading(engine) as connection:
        waiting = manifests.unpublished(connection)
    published = [_publish(engine, store, checked, row) for row in waiting]
    return [one for one in published if one]


def _reserve(
    c: Connection, checked: content.Checked, settings: Settings, business_date: date, names: Tables
) -> None:
    waiting = lists.pending(c)
    if waiting.is_empty():
        return
    heads, items = checked.of(waiting, "heads"), checked.of(waiting, "items")
    named = content.names(names, heads, items)
    issued_at = clock.now()
    cutoff = cutoffs.take(c, business_date, issued_at)
    for batch in batches.group(heads, settings.lists_per_manifest):
        manifests.reserve(
            c,
            cutoff,
            batch.kind,
            batch.key["exporter"],
            content.reservation(batch, heads, named, settings),
            batch.list_ids,
            batch.key["customsCode"],
            business_date,
            issued_at,
        )
    crash_point("cutoff-reserving")


def _publish(
    engine: Engine, store: Store, checked: content.Checked, row: Row[Any]
) -> Issued | None:
    with reading(engine) as connection:
        files = content.render(connection, checked, row)
    zipped = package.archive(row.number, files)
    crash_point("manifest-rendered")
    # The writer's transaction also keeps two runs from renaming over each other.
    with transaction(engine) as connection:
        if manifests.get(connection, row.id).state == manifests.PUBLISHED:
            return None
        _write(store, row, files, zipped)
        crash_point("manifest-renamed")
        folder, sha256 = "/".join(content.place(row)), package.digest(zipped)
        manifests.published(connection, row.id, sha256, folder)
    crash_point("manifest-published")
    return Issued(row.number, row.kind, row.exporter, row.lists, folder, f"{folder}.zip", sha256)


def _write(store: Store, row: Row[Any], files: dict[str, bytes], zipped: bytes) -> None:
    """Write folder and ZIP; what an earlier try left is replaced."""
    if store.local:
        with store.write_folder(*content.place(row)) as folder:
            for name, data in files.items():
                (folder / name).write_bytes(data)
    else:
        for name, data in files.items():
            store.write_bytes((*content.place(row), name), data)
    crash_point("manifest-folder-renamed")
    store.write_bytes(content.archive_place(row), zipped)
