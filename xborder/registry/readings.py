"""Readings (读入): each landed file parsed once, its rows counted, its records in force.

A reading lies in the lake under ``readings/<upload>/``: ``records`` (canonical columns, text),
``rows`` (every physical row), ``entries`` (the orders), ``findings``, and ``columns`` (where each
canonical column stands). The tables are written block by block as the file is read, row group by
row group: the number of a row group is the number of its block. ``findings`` has more after the
blocks': what belongs to the file as a whole. All is written before the registry's row says so; a
crash between leaves files that the next run replaces.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from queue import SimpleQueue
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine

from xborder import findings
from xborder.checks import placements
from xborder.checks.dry_run import order_lines
from xborder.checks.orders import check_lines
from xborder.checks.places import with_right_shops
from xborder.checks.records import check as check_records
from xborder.checks.records import keys_twice
from xborder.crashpoints import crash_point
from xborder.intake import Head, Limits, Nursery, read_blocks
from xborder.intake.limits import MIB
from xborder.registry import (
    claims,
    faults,
    in_force,
    movements,
    orders,
    originals,
    patches,
    postal,
    uploads,
)
from xborder.registry.database import reading, transaction
from xborder.registry.entries import all_rows
from xborder.registry.mappings import in_force as mapped_by
from xborder.registry.mappings import keep as keep_proposal
from xborder.registry.reading_tables import ReadingTables, of_upload
from xborder.registry.store import BlockWriter, Store
from xborder.schemas.exporters import Exporter, Shop
from xborder.schemas.tables import Tables
from xborder.settings import Settings

READERS = 2
"""Files are parsed two at a time, each in a limited child process."""

UNREADABLE = "ORIGINAL_UNREADABLE"
"""A file is refused by this code when its kept original is gone or damaged."""


@dataclass
class _Read:
    """A file that was read into the lake: its head, how many blocks, rows and rows by kind."""

    head: Head
    blocks: int = 0
    rows: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    patch: patches.Patch | None = None


def read_uploads(
    engine: Engine,
    store: Store,
    settings: Settings,
    exporters: dict[str, Exporter],
    tables: Tables,
    progress: Callable[[str], None] = lambda _: None,
) -> list[int]:
    """Parse every upload that has landed and not been read; returns the ids of those read now.

    Orders are entered into the registry (new, duplicate, replaced …), valid goods, shipment
    and movement rows come into force. A file that cannot be used is refused with its code. One
    that a fault of ours keeps from being read waits with the code READING_FAILED for the next
    run; the others are read.
    """
    with reading(engine) as connection:
        # A profile that has errors now, or is gone, tells nothing of a file's shop: it waits.
        landed = [one for one in uploads.pending(connection) if one.exporter in exporters]
        # Before the first of them is read: what is told must not depend on who reads faster.
        before = {
            one.exporter: [row.id for row in uploads.of_kind(connection, one.exporter, "goods")]
            for one in landed
        }
        own = {one.exporter: mapped_by(connection, one.exporter) for one in landed}
    done: list[int] = []
    with ExitStack() as stack:
        stack.callback(originals.AT_HAND.let_go)
        if not landed:
            return []
        free: SimpleQueue[Nursery] = SimpleQueue()
        first = stack.enter_context(Nursery())
        free.put(first)
        for _ in range(min(READERS, len(landed)) - 1):
            free.put(stack.enter_context(Nursery(beside=first)))
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=READERS))

        def parse(upload: Any) -> _Read | BaseException | None:
            nursery = free.get()
            try:
                goods, mapped = before[upload.exporter], own[upload.exporter]
                known = partial(patches.find, engine, store, upload, folder=folder)
                return _read(
                    store, settings, exporters, tables, upload, nursery, goods, mapped, known
                )
            except faults.ANY as fault:
                # The nursery may have ended with it: the next file gets a new one.
                nursery = stack.enter_context(Nursery())
                return fault
            finally:
                free.put(nursery)

        for upload, result in zip(landed, pool.map(parse, landed), strict=True):
            try:
                if isinstance(result, BaseException):
                    raise result
                _settle(engine, store, settings, upload, result, _shop(exporters, upload))
            except faults.ANY as fault:
                if faults.of_all(fault):
                    raise
                faults.tell(faults.READING_FAILED, f"upload {upload.id}", fault)
                with transaction(engine) as connection:
                    uploads.note(connection, [upload.id], faults.READING_FAILED)
                continue
            done.append(upload.id)
            progress(upload.file_name)
    return done


def _shop(exporters: dict[str, Exporter], upload: Any) -> Shop | None:
    found = exporters.get(upload.exporter)
    return found.shop(upload.shop) if found else None


def _refused_without_shop(head: Head, shop: Shop | None) -> Head:
    """Two shops of one exporter both have an order #1001: orders must say whose they are."""
    if not head.usable or shop is not None or head.kind not in ("orders", "shipments"):
        return head
    told = findings.to_frame([findings.Finding("SHOP_NOT_NAMED", file=head.file_name)])
    return replace(head, usable=False, findings=pl.concat([head.findings, told]))


def folder(upload_id: int) -> tuple[str, str, str]:
    """The lake folder of an upload's reading."""
    return ("lake", "readings", f"{upload_id:08d}")


def _read(
    store: Store,
    settings: Settings,
    exporters: dict[str, Exporter],
    tables: Tables,
    upload: Any,
    nursery: Nursery,
    goods: Sequence[int],
    mapped: dict[str, str],
    original: Callable[[str], patches.Patch | None],
) -> _Read | None:
    """Read an upload into the lake; None when its original cannot be read.

    ``goods``: the exporter's catalogue files that were read before; ``mapped``: its mappings;
    ``original`` finds the upload of which a file is a corrected copy.
    """
    shop = _shop(exporters, upload)
    where = folder(upload.id)
    limits = Limits(
        memory_bytes=settings.reader_memory_mib * MIB,
        cpu_seconds=settings.reader_cpu_seconds,
        block_rows=settings.block_rows,
    )
    with ExitStack() as stack:
        try:
            plain = stack.enter_context(originals.open_plain(settings, upload.sha256))
        except (FileNotFoundError, originals.UnreadableError):
            if not originals.folder(settings).is_dir():
                raise  # all of them are away, not one of them is lost
            return None
        told = stack.enter_context(store.write_blocks(*where, "findings.parquet"))
        with ExitStack() as tables_of_it:
            records, rows, entered = (
                tables_of_it.enter_context(store.write_blocks(*where, f"{name}.parquet"))
                for name in ("records", "rows", "entries")
            )
            made = ReadingTables(records, rows, entered, told, upload.id, original)
            head = read_blocks(
                plain,
                upload.file_name,
                keep=made.keep,
                exporter_shop=shop,
                kind=upload.kind or None,
                limits=limits,
                code_tables=tables,
                nursery=nursery,
                mappings=mapped,
                sha256=upload.sha256,
            )
            found = with_right_shops(head.findings, exporters[upload.exporter])
            head = _refused_without_shop(replace(head, findings=found), shop)
            made.end(head)
        read = _Read(head, made.blocks, made.total, made.counts, made.patch)
        if not head.usable:
            told.restart()
        told.write(of_upload(head.findings, upload.id))
        if head.usable and head.kind == "orders":
            for part in _without_number(store, read, made.lost, tables, upload.id):
                told.write(part)
        elif head.usable:
            _check_records(store, read, tables, upload, told, goods)
        places = {"columns": head.columns, "order_fields": sorted(head.order_fields)}
        places |= {"partner": head.partner}
        store.write_bytes((*where, "columns.json"), json.dumps(places, ensure_ascii=False).encode())
        keep_proposal(store, where, head.proposal)
        if head.usable and head.kind == "orders" and exporters[upload.exporter].keeps_postal:
            own = (upload.exporter, (shop.channel if shop else head.channel) or "", upload.shop)
            postal.take(
                settings, store, plain, where, head.layout, head.encoding, own, upload.id,
                upload.received_at, limits=limits, nursery=nursery, mapped=mapped,
                patch_of=made.patch.of if made.patch else None,
            )  # fmt: skip
    return read


def _records(
    store: Store, upload_id: int, block: int, columns: list[str] | None = None
) -> pl.DataFrame:
    where = (*folder(upload_id), "records.parquet")
    return store.read_parquet(*where, columns=columns, blocks=[block])


def _without_number(
    store: Store, read: _Read, lost: list[int], tables: Tables, upload_id: int
) -> Iterator[pl.DataFrame]:
    """Findings of lines without an order number: they belong to no order that a check takes up."""
    for block in lost:
        lines = _records(store, upload_id, block).filter(pl.col("order_no").is_null())
        lines = order_lines(lines, read.head.file_name, "", upload_id)
        yield check_lines(lines, read.head.columns, tables)


def _check_records(
    store: Store,
    read: _Read,
    tables: Tables,
    upload: Any,
    told: BlockWriter,
    goods: Sequence[int],
) -> None:
    """Check the rows of a goods, shipment or stock file, block by block; valid ones are kept."""
    kind = str(read.head.kind)

    def blocks(columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        return (_records(store, upload.id, number, columns) for number in range(read.blocks))

    twice = keys_twice(kind, blocks)
    before = in_force.goods(store, goods) if kind == "goods" else None
    where = folder(upload.id)
    with store.write_blocks("lake", kind, f"{upload.id:08d}.parquet") as valid:
        for number, records in enumerate(blocks()):
            checked = check_records(
                records,
                kind,
                tables,
                file_name=read.head.file_name,
                columns=read.head.columns,
                upload_id=upload.id,
                shop=upload.shop,
                twice=twice,
                before=before,
            )
            passed, found, same = checked.valid, checked.found, None
            if read.patch is not None and read.patch.kind == kind:
                passed, found, same = read.patch.rest(records, passed, found)
            valid.write(passed)
            told.write(found)
            rows = store.read_parquet(*where, "rows.parquet", blocks=[number])
            read.counts += all_rows(rows, checked.held, same)


def _settle(
    engine: Engine,
    store: Store,
    settings: Settings,
    upload: Any,
    read: _Read | None,
    shop: Shop | None,
) -> None:
    """Enter into the registry what was read: each block of orders by itself, the last with the
    upload's counts. A run after a crash between two finds the first entered and goes on."""
    if read is None:
        _refuse_unreadable(engine, settings, upload)
        return
    crash_point("reading-written")
    last = read.blocks - 1
    # An order is the shop's, whichever layout it comes in: the shop's channel is its identity.
    channel = shop.channel if shop else read.head.channel
    enters = read.head.usable and read.head.kind == "orders"
    with reading(engine) as connection:
        again = claims.begun(connection, upload.id)

    def enter(connection: Connection, block: int) -> None:
        of_block = _entries(store, upload.id, block)
        fuller = read.head.yields_to
        orders.enter(
            connection, upload.id, of_block, block, channel=channel, again=again, yields_to=fuller
        )

    for block in range(last if enters else 0):
        with transaction(engine, proven=True) as connection:
            if not _waits(connection, upload.id):
                return
            enter(connection, block)
        crash_point("block-entered")
    with transaction(engine, proven=True) as connection:
        if not _waits(connection, upload.id):
            return
        if not read.head.usable:
            uploads.refuse(connection, upload.id, read.head.fatal, rows=read.rows)
        else:
            _register(connection, store, upload, read, channel)
            if enters and read.blocks:
                enter(connection, last)
    crash_point("reading-registered")


def _waits(connection: Connection, upload_id: int) -> bool:
    """False when another run read the same file meanwhile, to the same end."""
    return bool(uploads.get(connection, upload_id).state == uploads.LANDED)


def _entries(store: Store, upload_id: int, block: int) -> pl.DataFrame:
    return store.read_parquet(*folder(upload_id), "entries.parquet", blocks=[block])


def _refuse_unreadable(engine: Engine, settings: Settings, upload: Any) -> None:
    # One damaged file must not keep everybody's from being read, on every later run too.
    with transaction(engine) as connection:
        if _waits(connection, upload.id):
            uploads.refuse(connection, upload.id, UNREADABLE)
            originals.set_aside(settings, upload.sha256)


def _register(
    connection: Connection, store: Store, upload: Any, read: _Read, channel: str | None
) -> None:
    uploads.mark_read(
        connection,
        upload.id,
        layout=read.head.layout,
        channel=channel,
        kind=str(read.head.kind),
        counts=dict(read.counts),
        total_rows=read.rows,
        patch_of=read.patch.of if read.patch else None,
    )
    if read.head.kind == "orders":
        return
    uploads.mark_checked(connection, upload.id)
    if read.head.kind == "stock" and read.blocks:
        valid = store.read_parquet("lake", "stock", f"{upload.id:08d}.parquet")
        movements.enter(connection, upload.id, upload.exporter, valid)


def lines_in(
    store: Store, upload_id: int, wanted: pl.DataFrame, columns: list[str] | None = None
) -> pl.DataFrame:
    """The lines of some orders of a reading, in file order.

    ``wanted`` has order_no and block; a null block means that they may be anywhere in the file.
    """
    where = (*folder(upload_id), "records.parquet")
    known = wanted.get_column("block")
    blocks = None if known.null_count() else known.unique().sort().to_list()
    read = store.read_parquet(*where, columns=columns, blocks=blocks)
    return read.join(wanted, on="order_no", how="semi", maintain_order="left")


def partner_of(store: Store, upload_id: int) -> dict[str, str]:
    """What the layout of an upload says of the file that completes it (see ``checks.prices``)."""
    said = json.loads(store.read_bytes((*folder(upload_id), "columns.json")))
    return dict(said.get("partner", {}))


def columns_of(store: Store, upload_ids: Iterable[int]) -> pl.DataFrame:
    """Where the canonical columns stand in these uploads; columns of ``PLACEMENTS``."""
    parts = [placements({}, 0)]
    for upload_id in upload_ids:
        said = json.loads(store.read_bytes((*folder(upload_id), "columns.json")))
        parts.append(placements(said["columns"], upload_id, frozenset(said["order_fields"])))
    return pl.concat(parts)
