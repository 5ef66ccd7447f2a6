"""Publishing (发布): reserved manifests become files, many written in one pass, one by one sealed.

Two threads write groups of manifests (the columns' work leaves Python's lock); this thread puts
their files in place, in order. Groups follow the lists, so that the lake's checked content is
read about once; what a manifest's files say does not depend on its group.
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
from xborder.registry import manifests, tables
from xborder.registry.database import reading, transaction
from xborder.registry.staging import fetch
from xborder.registry.store import Store

WORKERS = 2

LINES = 16_000
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


Files = dict[str, bytes]
Written = list[tuple[Row[Any], Files | Exception]]


def publish(engine: Engine, store: Store, checked: content.Checked) -> list[Issued]:
    """Publish every reserved manifest; those that this run published, by number of their row.

    Raises the first fault that a manifest had, after all others were published.
    """
    issued: list[tuple[int, Issued]] = []
    faults: list[Exception] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        under_way: deque[Future[Written]] = deque()
        try:
            for group in _groups(engine, checked):
                under_way.append(pool.submit(_write_all, engine, checked, group))
                if len(under_way) > WORKERS:
                    _take(engine, store, under_way.popleft(), issued, faults)
            while under_way:
                _take(engine, store, under_way.popleft(), issued, faults)
        finally:
            for one in under_way:
                one.cancel()
    if faults:
        raise faults[0]
    return [one for _, one in sorted(issued, key=lambda pair: pair[0])]


def _take(
    engine: Engine,
    store: Store,
    written: "Future[Written]",
    issued: list[tuple[int, Issued]],
    faults: list[Exception],
) -> None:
    for row, files in written.result():
        if isinstance(files, Exception):
            faults.append(files)
        elif one := _publish(engine, store, row, files):
            issued.append((row.id, one))


def _groups(engine: Engine, checked: content.Checked) -> Iterator[list[int]]:
    """Ids of reserved manifests to write together: of one cut-off, in order of their lists."""
    shape = {"id": pl.Int64, "cutoff": pl.Int64, "lists": pl.Int64, "first": pl.Int64}
    with reading(engine) as connection:
        waiting = fetch(connection, _WAITING, shape | {"check_id": pl.Int64})
    a_list: dict[int, int] = {}
    group: list[int] = []
    cutoff, lines = 0, 0
    for one in waiting.iter_rows(named=True):
        check_id = one["check_id"]
        if check_id not in a_list:
            a_list[check_id] = checked.lines_a_list(check_id)
        more = one["lists"] * a_list[check_id]
        if group and (one["cutoff"] != cutoff or lines + more > LINES):
            yield group
            group, lines = [], 0
        group.append(one["id"])
        cutoff, lines = one["cutoff"], lines + more
    if group:
        yield group


def _write_all(engine: Engine, checked: content.Checked, ids: Sequence[int]) -> Written:
    """The files of a group's manifests, or what is wrong with one, in the order of ``ids``."""
    with reading(engine) as connection:
        wanted = select(tables.manifests).where(tables.manifests.c.id.in_(ids))
        rows = sorted(connection.execute(wanted), key=lambda row: ids.index(row.id))
    try:
        with reading(engine) as connection:
            group = content.load(connection, checked, rows)
        return list(zip(rows, package.build(group), strict=True))
    except (content.ContentError, ValueError) as error:
        if len(rows) == 1:
            return [(rows[0], error)]
    # One of them has a fault: the others shall not suffer from it.
    return [one for number in ids for one in _write_all(engine, checked, [number])]


def _publish(engine: Engine, store: Store, row: Row[Any], files: Files) -> Issued | None:
    crash_point("manifest-rendered")
    # The writer's transaction also keeps two runs from renaming over each other.
    with transaction(engine) as connection:
        if manifests.get(connection, row.id).state == manifests.PUBLISHED:
            return None
        sha256 = _put(store, row, files)
        crash_point("manifest-renamed")
        folder = "/".join(content.place(row))
        manifests.published(connection, row.id, sha256, folder)
    crash_point("manifest-published")
    return Issued(row.number, row.kind, row.exporter, row.lists, folder, f"{folder}.zip", sha256)


def _put(store: Store, row: Row[Any], files: Files) -> str:
    """Write folder and ZIP; what an earlier try left is replaced. The ZIP's SHA-256."""
    if store.local:
        with store.write_folder(*content.place(row)) as folder:
            for name, data in files.items():
                (folder / name).write_bytes(data)
    else:
        for name, data in files.items():
            store.write_bytes((*content.place(row), name), data)
    crash_point("manifest-folder-renamed")
    zipped = package.archive(row.number, files)
    store.write_bytes(content.archive_place(row), zipped)
    return package.digest(zipped)
