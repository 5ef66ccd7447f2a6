"""Checkings (核验): every order that is open, against what is known now.

An order is checked again only when something it depends on has changed: its exporter's
profile, catalogue or shipments, the reports that complete others' orders, the tables or what of
them holds on the day, what the operator decided about their facts, what the exporter answered, or
the order itself. So a mended catalogue takes up the held orders by itself, and nothing is uploaded
again.
An order that is held for a number (its own, of logistics) another order has is looked at each
time: the other may be cancelled, or the months be over.

The orders of an exporter are checked in parts of some 50,000 lines. No verdict depends on how
they are parted: what an order shares with others, its numbers, is looked up for all
orders before the first is checked.
"""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, NamedTuple

import polars as pl
from sqlalchemy import Connection, Engine, Row

from xborder.checks import Context, OrderCheck, check_orders
from xborder.crashpoints import crash_point
from xborder.registry import (
    counters,
    decisions,
    faults,
    fixes,
    in_force,
    open_lines,
    order_numbers,
    orders,
    readings,
    uploads,
    versions,
    waybills,
)
from xborder.registry.database import reading, transaction
from xborder.registry.parts import Part, parts_of, shared_waybills, slices
from xborder.registry.store import Store
from xborder.schemas.exporters import Exporter
from xborder.schemas.tables import Tables
from xborder.settings import Settings

RULES_VERSION = "2"
"""Raised when the rules change in a way that should re-check what is open."""

DISTINCT = (
    "order_id", "order_no", "orderNo", "logisticsNo", "inbound_id", "goodsValue", "value_cny", "row",
)  # fmt: skip
"""Columns of list content whose values hardly repeat."""

WORKERS = 2
"""Parts are checked two at a time, and recorded in their order."""


@dataclass(frozen=True)
class Checked:
    """One check of an exporter: its number and how many orders it accepted and held."""

    check_id: int
    exporter: str
    accepted: int
    held: int


def check_open_orders(
    engine: Engine,
    store: Store,
    settings: Settings,
    exporters: dict[str, Exporter],
    tables: Tables,
    on: date,
) -> list[Checked]:
    """Check every open order whose inputs have changed; exporters in order of their id.

    Accepted orders' list content goes to ``checked_orders/<check>/heads.parquet`` and
    ``items.parquet`` (with ``order_id``), all findings to ``checked_orders/<check>/findings.parquet``.
    Where a fault of ours keeps orders from being checked, their uploads carry the code
    CHECK_FAILED until a later run succeeds; all others are checked.
    """
    done = []
    for exporter in sorted(exporters):
        work = _Work(engine, store, settings, exporters[exporter], tables, on)
        try:
            done += work.check()
        except faults.ANY as fault:
            if faults.of_all(fault):
                raise
            work.failed(work.parts, fault)
    return done


def folder(check_id: int) -> tuple[str, str, str]:
    """The lake folder of a check's results."""
    return ("lake", "checked_orders", f"{check_id:08d}")


def _inputs_version(
    exporter: Exporter,
    tables: Tables,
    on: date,
    files: Sequence[int],
    decided: pl.DataFrame,
    answered: fixes.Given,
) -> str:
    """Hash of what an exporter's orders are checked against, besides the waybills in use."""
    # The profile as it was loaded: its file may have changed or gone since.
    parts = [RULES_VERSION, tables.version_on(on), repr(exporter), repr(files)]
    parts += [repr(decided.rows())] + ([answered.version] if answered.version else [])
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:24]


def _files(connection: Connection, exporter: str, *kinds: str) -> list[int]:
    """Uploads of these kinds that were read: kind by kind, in order of their coming."""
    return [row.id for kind in kinds for row in uploads.of_kind(connection, exporter, kind)]


class _Work:
    """The check of one exporter's open orders."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        settings: Settings,
        exporter: Exporter,
        tables: Tables,
        on: date,
    ) -> None:
        self.engine, self.store, self.settings = engine, store, settings
        self.exporter, self.tables, self.on = exporter, tables, on
        self.parts: list[Part] = []
        self.hit: set[int] = set()
        self.completing: Sequence[Row[Any]] = ()

    def check(self) -> list[Checked]:
        """Check what is open, part by part; the checks that were recorded."""
        scratch = self.settings.home / "uploads"
        with in_force.Parted(scratch) as shipments:
            # One state of the registry: what other parts' checks record changes no verdict.
            with reading(self.engine) as connection:
                files = _files(connection, self.exporter.id, "goods", "shipments", "prices")
                self.completing = open_lines.completing(connection, self.exporter)
                files += [one.id for one in self.completing]
                decided = decisions.in_force(connection, self.exporter.id)
                answered = fixes.given(connection, self.exporter.id)
                version = _inputs_version(
                    self.exporter, self.tables, self.on, files, decided, answered
                )
                self.parts = parts_of(
                    connection, self.store, self.exporter.id, version, self.settings.block_rows
                )
                if not self.parts:
                    return []
                for part in self.parts:
                    shipments.wants(part.number, part.numbers(connection, self.store))
                shipments.take(self.store, _files(connection, self.exporter.id, "shipments"))
                priced = _files(connection, self.exporter.id, "prices")
                numbers = order_numbers.taken(connection, self.store, self.exporter, version)
                shared, taken = shared_waybills(connection, self.store, self.parts, shipments)
            context = Context(
                tables=self.tables,
                on=self.on,
                exporter=self.exporter,
                goods=fixes.goods(self.store, answered, self.tables),
                prices=in_force.prices(self.store, priced),
                words=answered.words,
                shared=shared,
                numbers=numbers,
                decisions=decided,
                waybill_months=self.settings.waybill_months,
            )
            with transaction(self.engine) as connection:
                first = counters.draw_many(connection, "check", len(self.parts)).start
            return list(self._recorded(version, context, shipments, taken, first))

    def _recorded(
        self,
        version: str,
        context: Context,
        shipments: in_force.Parted,
        taken: pl.DataFrame,
        first: int,
    ) -> Iterator[Checked]:
        size = self.settings.block_rows
        waiting, running = deque(self.parts), deque[_Running]()
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:

            def start() -> None:
                while waiting and len(running) < WORKERS:
                    part = waiting.popleft()
                    with reading(self.engine) as connection:
                        open_now = part.orders(connection)
                    if open_now.is_empty():  # another run took them meanwhile, to their end
                        continue
                    number, own = first + part.number, shipments.of(part.number)
                    task = pool.submit(
                        _checked, self.store, context, number, open_now, own, taken,
                        self.completing, size,
                    )  # fmt: skip
                    running.append(_Running(part, number, open_now, task))

            start()
            while running:
                one = running.popleft()
                try:
                    verdicts = one.task.result()
                    start()
                    yield self._record(version, one, verdicts)
                except faults.ANY as fault:
                    if faults.of_all(fault):
                        raise
                    self.failed([one.part], fault)
                start()

    def _record(self, version: str, one: "_Running", made: "_Verdicts") -> Checked:
        verdicts = made.orders.join(one.open_now, on=["shop", "order_no"], maintain_order="left")
        crash_point("check-written")
        with transaction(self.engine, proven=True) as connection:
            verdicts = versions.unchanged(connection, self.store, folder(one.check_id), verdicts)
            orders.record_check(
                connection, self.exporter.id, version, one.check_id, verdicts, self.on
            )
            waybills.enter(connection, made.waybills, self.settings.waybill_months)
            for upload_id in sorted(set(one.part.completes) - self.hit):
                uploads.mark_checked(connection, upload_id)
        crash_point("check-registered")
        counts: dict[Any, int] = dict(verdicts.group_by("state").len().rows())
        accepted, held = counts.get("accepted", 0), counts.get("held", 0)
        return Checked(one.check_id, self.exporter.id, accepted, held)

    def failed(self, parts: Sequence[Part], fault: BaseException) -> None:
        """Log a fault and mark the uploads whose orders it kept from being checked."""
        faults.tell(faults.CHECK_FAILED, f"exporter {self.exporter.id}", fault)
        self.hit.update(upload_id for part in parts for upload_id, _ in part.blocks)
        with transaction(self.engine) as connection:
            if not parts:  # it came before they were known
                self.hit.update(orders.open_blocks(connection, self.exporter.id)["upload_id"])
            uploads.note(connection, self.hit, faults.CHECK_FAILED)


class _Running(NamedTuple):
    """A part that is being checked under a number; ``open_now`` its orders when it began."""

    part: Part
    check_id: int
    open_now: pl.DataFrame
    task: "Future[_Verdicts]"


@dataclass(frozen=True)
class _Verdicts:
    """What the registry takes of a check: verdicts, and the accepted orders' waybills."""

    orders: pl.DataFrame
    waybills: pl.DataFrame


def _checked(
    store: Store,
    context: Context,
    check_id: int,
    open_now: pl.DataFrame,
    shipments: pl.DataFrame,
    taken: pl.DataFrame,
    completing: Sequence[Row[Any]],
    size: int,
) -> _Verdicts:
    """Check the orders of a part and write what the check found to the lake."""
    lines, told = open_lines.lines_of(store, open_now)
    facts = open_lines.order_facts(store, completing, lines)
    sources = [lines["upload_id"], context.goods["upload_id"], shipments["upload_id"]]
    sources += [context.prices["upload_id"], facts["upload_id"]]
    concerned = pl.concat(sources).drop_nulls().unique().sort()
    own = replace(
        context,
        shipments=shipments,
        order_facts=facts,
        waybills=taken.join(
            shipments.select("logistics_code", "logistics_no"),
            on=["logistics_code", "logistics_no"], how="semi",
        ),
        placed=readings.columns_of(store, concerned),
    )  # fmt: skip
    result = _together([check_orders(few, own, told) for few in slices(lines, size)])
    where = folder(check_id)
    heads, items = (_with_ids(content, open_now) for content in (result.heads, result.items))
    store.write_parquet(heads, *where, "heads.parquet", distinct=DISTINCT)
    store.write_parquet(items, *where, "items.parquet", distinct=DISTINCT)
    store.write_parquet(result.found, *where, "findings.parquet")
    return _Verdicts(
        result.orders,
        heads.select(
            "order_id",
            pl.col("logisticsCode").alias("logistics_code"),
            pl.col("logisticsNo").alias("logistics_no"),
            pl.col("ieDate").str.to_date("%Y%m%d").alias("export_date"),
        ),
    )


def _with_ids(content: pl.DataFrame, open_now: pl.DataFrame) -> pl.DataFrame:
    """Content of lists with the numbers of its orders (``order_id``); what is no open order's is
    left out."""
    # Joined by the key alone: most often nothing is left out, and no other column need move.
    key = content.select("shop", "order_no")
    ids = key.join(
        open_now.select("shop", "order_no", "order_id"), on=["shop", "order_no"], how="left",
        maintain_order="left",
    ).get_column("order_id")  # fmt: skip
    numbered = content.with_columns(ids)
    return numbered.filter(ids.is_not_null()) if ids.null_count() else numbered


def _together(results: list[OrderCheck]) -> OrderCheck:
    if len(results) == 1:
        return results[0]
    return OrderCheck(
        **{
            name.name: pl.concat([getattr(one, name.name) for one in results])
            for name in fields(OrderCheck)
        }
    )


def context_of(
    engine: Engine,
    store: Store,
    settings: Settings,
    exporter: Exporter,
    tables: Tables,
    on: date,
) -> Context:
    """Everything that an exporter's orders are checked against, as it stands now."""
    with reading(engine) as connection:
        answered = fixes.given(connection, exporter.id)
        shipments = in_force.shipments(store, _files(connection, exporter.id, "shipments"))
        numbers = shipments.select("logistics_code", "logistics_no").unique()
        taken = waybills.taken(connection, numbers)
        prices = in_force.prices(store, _files(connection, exporter.id, "prices"))
        decided = decisions.in_force(connection, exporter.id)
    goods = fixes.goods(store, answered, tables)
    sources = [goods["upload_id"], shipments["upload_id"], prices["upload_id"]]
    concerned = pl.concat(sources).drop_nulls().unique().sort()
    return Context(
        tables=tables,
        on=on,
        exporter=exporter,
        goods=goods,
        words=answered.words,
        shipments=shipments,
        prices=prices,
        waybills=taken,
        placed=readings.columns_of(store, concerned),
        decisions=decided,
        waybill_months=settings.waybill_months,
    )
