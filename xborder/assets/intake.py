"""Landing to clearance lists: files taken in, read, checked, and put on lists.

Bad data is a result here (held rows, a check that warns), never an exception; an exception is
a fault of ours.
"""

from collections.abc import Iterator
from datetime import date

import polars as pl
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    asset,
    multi_asset,
)

from xborder import clock
from xborder.assets.partitions import DAYS
from xborder.assets.previews import markdown
from xborder.assets.resources import HomeResource, LiveRun, TakeIn
from xborder.registry import (
    annotations,
    answers,
    checkings,
    landing,
    lists,
    originals,
    postal,
    queries,
    readings,
)
from xborder.registry.database import reading, transaction
from xborder.registry.home import Home
from xborder.registry.uploads import ROW_STATES

GROUP = "intake"
OWNERS = ["team:operators"]


def _day(context: AssetExecutionContext) -> date:
    return date.fromisoformat(context.partition_key)


def _spec(name: str, description: str, deps: list[str], kinds: set[str]) -> AssetSpec:
    return AssetSpec(
        name, description=description, deps=deps, group_name=GROUP, owners=OWNERS, kinds=kinds,
        code_version="1", partitions_def=DAYS,
    )  # fmt: skip


@asset(group_name=GROUP, owners=OWNERS, kinds={"file"}, code_version="1", partitions_def=DAYS)
def order_files(
    context: AssetExecutionContext, config: TakeIn, home: HomeResource
) -> MaterializeResult:
    """Files (订单文件等) that exporters handed in: kept encrypted, registered, out of the landing zone."""
    opened = home.open()
    day = _day(context)
    taken = []
    if config.is_live(day):
        files = landing.settled(opened.settings, config.settled) if config.settled else None
        taken = landing.take_in(
            opened.engine,
            opened.settings,
            opened.exporters,
            day=day,
            landed=files,
            waiting_for=opened.broken_profiles,
        )
        originals.expire(opened.engine, opened.settings, clock.now())
        annotations.remove_expired(opened.engine, opened.settings)
        postal.expire(opened.settings, clock.now())
    with reading(opened.engine) as connection:
        landed = queries.uploads(connection, day=day)
    return MaterializeResult(
        metadata={
            "taken_in": len(taken),
            "files_of_the_day": len(landed),
            "bytes": sum(row.size for row in landed),
            "by_exporter": markdown(_counted(landed)),
        }
    )


def _counted(landed: list[queries.UploadRow]) -> pl.DataFrame:
    rows = [(row.exporter, row.shop, row.state) for row in landed]
    frame = pl.DataFrame(rows, schema=["exporter", "shop", "state"], orient="row")
    return (
        frame.group_by("exporter", "shop", "state").len("files").sort("exporter", "shop", "state")
    )


READ = (
    _spec("order_lines", "Order lines (订单行) in canonical columns, as text; personal columns "
          "never get this far.", ["order_files"], {"polars", "parquet"}),
    _spec("goods_catalogue", "Goods catalogue (商品备案) rows in force, one a SKU.",
          ["order_files"], {"polars", "parquet"}),
    _spec("shipments", "Shipments (发货资料) in force: waybill, weights, export date of each "
          "order.", ["order_files"], {"polars", "parquet"}),
    _spec("price_lists", "Price lists (价格表) in force: what a SKU is sold for where the "
          "channel's orders have no price.", ["order_files"], {"polars", "parquet"}),
    _spec("warehouse_movements", "Movements of the overseas warehouses (海外仓流水), each once.",
          ["order_files"], {"polars", "parquet"}),
)  # fmt: skip

_KIND_OF = {
    "order_lines": "orders",
    "goods_catalogue": "goods",
    "shipments": "shipments",
    "price_lists": "prices",
    "warehouse_movements": "stock",
}


@multi_asset(specs=READ, name="read_files")
def read_files(context: AssetExecutionContext, home: HomeResource) -> Iterator[MaterializeResult]:
    """Parse what has landed, each file in a limited child process, and enter its orders."""
    opened = home.open()
    read = readings.read_uploads(
        opened.engine, opened.store, opened.settings, opened.exporters, opened.tables
    )
    with reading(opened.engine) as connection:
        landed = queries.uploads(connection, day=_day(context))
        receipts = {row.id: queries.receipt(connection, row.id) for row in landed}
    for spec in READ:
        own = [row for row in landed if row.kind == _KIND_OF[spec.key.path[-1]]]
        counts = pl.DataFrame(
            [
                (
                    row.exporter,
                    row.shop,
                    row.layout or "",
                    *(receipts[row.id][key] for key in _STATES),
                )
                for row in own
            ],
            schema=["exporter", "shop", "layout", *_STATES],
            orient="row",
        )
        yield MaterializeResult(
            asset_key=spec.key,
            metadata={
                "files": len(own),
                "read_now": len([row for row in own if row.id in read]),
                "rows": int(counts.get_column("rows").sum()) if own else 0,
                "uploads": markdown(counts),
            },
        )


_STATES = ("rows", *ROW_STATES)

CHECKED = (
    _spec("checked_orders", "Orders checked against schema, catalogue, shipments, tariff and "
          "history; a bad line holds its order, the rest goes on.",
          ["order_lines", "goods_catalogue", "shipments", "price_lists", "exporters", "tariff",
           "code_tables"],
          {"polars", "jsonschema"}),
    _spec("findings", "Findings (问题) of the orders that are open, by cause.",
          ["order_lines", "goods_catalogue", "shipments"], {"polars", "parquet"}),
)  # fmt: skip


@multi_asset(specs=CHECKED, name="check_orders")
def check_orders(
    context: AssetExecutionContext, config: LiveRun, home: HomeResource
) -> Iterator[MaterializeResult]:
    """Check every open order whose inputs have changed; a past day's tables check nothing."""
    opened = home.open()
    day = _day(context)
    done = []
    if config.is_live(day):
        done = checkings.check_open_orders(
            opened.engine, opened.store, opened.settings, opened.exporters, opened.tables, day
        )
    with reading(opened.engine) as connection:
        states = queries.orders_by_state(connection)
        faulty = queries.with_faults(connection)
    for row in faulty:
        context.log.error(
            f"{row.code}: upload {row.id} of {row.exporter} waits for the next run; "
            "the program's log says where the fault arose"
        )
    held = sum(row["orders"] for row in states if row["state"] == "held")
    yield MaterializeResult(
        asset_key=AssetKey("checked_orders"),
        metadata={
            "checked_now": sum(one.accepted + one.held for one in done),
            "accepted_now": sum(one.accepted for one in done),
            "held_now": sum(one.held for one in done),
            "held_in_all": held,
            "orders": markdown(pl.DataFrame(states)),
        },
    )
    causes = open_findings(opened)
    yield MaterializeResult(
        asset_key=AssetKey("findings"),
        metadata={
            "findings": int(causes.get_column("cells").sum()),
            "by_cause": markdown(causes),
        },
    )


def open_findings(opened: Home) -> pl.DataFrame:
    """Findings of the uploads that have open orders, counted by cause: ``answers.TOTALS``."""
    with reading(opened.engine) as connection:
        open_uploads = queries.uploads_with_open_orders(connection)
    return answers.answer(opened.engine, opened.store, open_uploads, most=0).totals


@asset(
    group_name=GROUP, owners=OWNERS, kinds={"sqlite", "postgres"}, code_version="1",
    partitions_def=DAYS, deps=["checked_orders"],
)  # fmt: skip
def clearance_lists(
    context: AssetExecutionContext, config: LiveRun, home: HomeResource
) -> MaterializeResult:
    """Clearance lists (清单): each accepted order claimed once, with its own number (copNo)."""
    opened = home.open()
    claimed = 0
    if config.is_live(_day(context)):
        with transaction(opened.engine, proven=True) as connection:
            claimed = lists.claim(connection)
    with reading(opened.engine) as connection:
        waiting = lists.count_pending(connection)
    return MaterializeResult(
        metadata={
            "claimed_now": claimed,
            "await_the_cut_off": waiting,
            "next": MetadataValue.text("clearance_manifests, at the next cut-off or on demand"),
        }
    )


@asset(
    group_name=GROUP, owners=OWNERS, kinds={"excel"}, code_version="1", partitions_def=DAYS,
    deps=["clearance_lists"],
)  # fmt: skip
def annotated_files(home: HomeResource) -> MaterializeResult:
    """Annotated copies (批注件) of files whose findings are new or changed, kept encrypted."""
    opened = home.open()
    made = annotations.refresh(
        opened.engine, opened.store, opened.settings, opened.exporters, opened.tables
    )
    return MaterializeResult(metadata={"made_now": made})
