"""Publishing (发布): reserved manifests become files, many written in one pass.

Two threads write groups of manifests (the columns' work leaves Python's lock) and put their files
aside, flushed to the disk; this thread renames them into place, in order. Groups follow the
lists, so that the lake's checked content is read about once; what a manifest's files say does not
depend on its group.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import Engine, Row, select

from xborder.crashpoints import crash_point
from xborder.manifests import content, package
from xborder.manifests.shelf import Kept, Shelf, aside, settle
from xborder.registry import manifests, tables
from xborder.registry.database import reading, transaction
from xborder.registry.staging import fetch
from xborder.registry.store import Store

WORKERS = 2

LINES = 20_000
"""Goods lines of a group, about: more would only take memory."""

_WAITING = """
    SELECT id, cutoff_id, lists, first, (SELECT check_id FROM lists WHERE id = first) FROM (
        SELECT m.id, m.cutoff_id, m.lists,
            (SELECT l.id FROM lists l WHERE l.manifest_id = m.id ORDER BY l.id LIMIT 1) AS first
        FROM manifests m WHERE m.state = 'reserved'
    ) waiting ORDER BY cutoff_id, first
"""


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


Written = tuple[Row[Any], Kept | Exception]


def publish(engine: Engine, store: Store, checked: content.Checked) -> list[Issued]:
    """Publish every reserved manifest; those that this run published, by number of their row.

    Raises the first fault that a manifest had, after all others were published.
    """
    issued: list[tuple[int, Issued]] = []
    faults: list[Exception] = []
    with aside(store) as shelf, ThreadPoolExecutor(WORKERS) as pool:
        under_way: deque[Future[list[Written]]] = deque()

        def take() -> None:
            kept = []
            for row, written in under_way.popleft().result():
                if isinstance(written, Exception):
                    faults.append(written)
                else:
                    kept.append((row, written))
            issued.extend(_publish(engine, store, kept))

        try:
            for group in _groups(engine, checked):
                under_way.append(pool.submit(_write_all, engine, checked, shelf, group))
                if len(under_way) > WORKERS:
                    take()
            while under_way:
                take()
        finally:
            for one in under_way:
                one.cancel()
    if faults:
        raise faults[0]
    return [one for _, one in sorted(issued, key=lambda pair: pair[0])]


def _groups(engine: Engine, checked: content.Checked) -> Iterator[list[int]]:
    """Ids of reserved manifests to write together: of one cut-off, in order of their lists."""
    shape = {"id": pl.Int64, "cutoff": pl.Int64, "lists": pl.Int64, "first": pl.Int64}
    with reading(engine) as connection:
        waiting = fetch(connection, _WAITING, shape | {"check_id": pl.Int64})
    a_list: dict[int, float] = {}
    group: list[int] = []
    cutoff, lines = 0, 0.0
    for one in waiting.iter_rows(named=True):
        check_id = one["check_id"]
        if check_id not in a_list:
            a_list[check_id] = checked.lines_a_list(check_id)
        more = one["lists"] * a_list[check_id]
        if group and (one["cutoff"] != cutoff or lines + more > LINES):
            yield group
            group, lines = [], 0.0
        group.append(one["id"])
        cutoff, lines = one["cutoff"], lines + more
    if group:
        yield group


def _write_all(
    engine: Engine, checked: content.Checked, shelf: Shelf, ids: Sequence[int]
) -> list[Written]:
    """A group's manifests written, or what is wrong with one, in the order of ``ids``."""
    with reading(engine) as connection:
        wanted = select(tables.manifests).where(tables.manifests.c.id.in_(ids))
        rows = sorted(connection.execute(wanted), key=lambda row: ids.index(row.id))
    try:
        with reading(engine) as connection:
            group = [content.load(connection, checked, rows)]
        # Let go of by then: what was read is as much as what is written.
        files = package.build(group.pop())
    except (content.ContentError, ValueError) as error:
        if len(rows) == 1:
            return [(rows[0], error)]
        # One of them has a fault: the others shall not suffer from it.
        return [one for number in ids for one in _write_all(engine, checked, shelf, [number])]
    # Let go of one by one: together they are what takes most memory.
    return [(row, shelf.keep(row.number, files.pop(0))) for row in rows]


def _publish(
    engine: Engine, store: Store, written: Sequence[tuple[Row[Any], Kept]]
) -> list[tuple[int, Issued]]:
    """A group's files put in place, and its rows; those that no other run published meanwhile."""
    issued = []
    # The writer's transaction also keeps two runs from renaming over each other.
    with transaction(engine) as connection:
        left = manifests.reserved(connection, [row.id for row, _ in written])
        done = {}
        for row, kept in written:
            if row.id not in left:
                continue
            crash_point("manifest-rendered")
            kept.put_folder(store, content.place(row))
            crash_point("manifest-folder-renamed")
            kept.put_archive(store, content.archive_place(row))
            crash_point("manifest-renamed")
            folder = "/".join(content.place(row))
            done[row.id] = (kept.sha256, folder)
            told = (row.number, row.kind, row.exporter, row.lists, folder, f"{folder}.zip")
            issued.append((row.id, Issued(*told, kept.sha256)))
        settle(store, [content.place(row) for row, _ in written if row.id in done])
        manifests.published(connection, done)
    for _ in issued:
        crash_point("manifest-published")
    return issued
