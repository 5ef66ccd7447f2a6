"""What a number leads to, put together from registry, lake and warehouses' book (双向追溯).

The chain of one order: file and cell → order → list → manifest → receipts → declaration line →
warehouse → sale. From whichever of these numbers one comes, the same chains are told.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import polars as pl
from sqlalchemy import Connection, text

from xborder import clock
from xborder.registry import checkings, movements, readings
from xborder.registry.chains import MOST_TRACED, chain, trace
from xborder.registry.database import reading
from xborder.registry.home import Home
from xborder.registry.store import Store
from xborder.stock import book, entries
from xborder.stock import chain as stock_chain

Row = dict[str, Any]

GOODS = ("gnum", "sku", "gcode", "gname", "qty", "unit", "currency", "totalPrice")
"""What is told of a goods line of a list, under CEB603's names."""

OVERSEAS = "9810"

_FATE = ("warehouse", "inbound_id", "declared", "received", "in_transit", "sold", "gone",
         "in_stock", "state")  # fmt: skip


def told(home: Home, key: str, exporter: str | None = None) -> Row:
    """The chains behind a number, JSON-ready; of one exporter where it is named.

    ``orders``: each with its ``sources`` (file, sheet, cell), ``waybills`` and ``lists``; a list
    with its ``manifest``, ``goods`` lines (each with the declaration lines in which it is
    ``declared``), ``filings`` (each with its ``receipts``), ``bills`` and ``applications`` (701).
    ``manifests``, ``uploads`` and ``movements`` bear the number themselves. ``more`` says that
    there are more orders than the 1,000 that are told.
    """
    with reading(home.engine) as c:
        borne = trace(c, key)
        own = {row["order_id"] for row in borne["orders"]}
        ids = own | set(_orders_of_sku(c, home.store, key.strip()))
        ids |= set(_orders_of_movements(c, home, borne["movements"]))
        more = len(ids) >= MOST_TRACED
        rows = borne if ids == own else chain(c, sorted(ids)[:MOST_TRACED])
        fates = _fates(c, home, rows)
    orders = _nested(home.store, rows, fates)
    alone = {name: borne[name] for name in ("manifests", "uploads", "movements")}
    if exporter is not None:
        orders = [one for one in orders if one["exporter"] == exporter]
        alone = {
            name: [row for row in of if row["exporter"] == exporter] for name, of in alone.items()
        }
    return {"key": key.strip(), "orders": orders, **alone, "more": more}


def _orders_of_sku(c: Connection, store: Store, sku: str) -> list[int]:
    """Orders whose lines name a SKU: it stands in the lake only, so each reading is looked at."""
    found: list[int] = []
    files = text(
        "SELECT id FROM uploads WHERE kind = 'orders' AND state IN ('read', 'checked') ORDER BY id"
    )
    for (upload_id,) in c.execute(files).all():
        where = (*readings.folder(upload_id), "records.parquet")
        try:
            read = store.read_parquet(*where, columns=["order_no", "sku"])
        except FileNotFoundError:
            continue
        numbers = read.filter(pl.col("sku") == sku)["order_no"].drop_nulls().unique().to_list()
        found += _orders_in(c, upload_id, numbers)
        if len(found) >= MOST_TRACED:
            break
    return found[:MOST_TRACED]


def _orders_in(c: Connection, upload_id: int, numbers: Iterable[str]) -> list[int]:
    wanted = set(numbers)
    if not wanted:
        return []
    entered = text(
        "SELECT o.id, o.order_no FROM appearances e JOIN orders o ON o.id = e.order_id"
        " WHERE e.upload_id = :upload ORDER BY o.id"
    )
    return [row.id for row in c.execute(entered, {"upload": upload_id}) if row.order_no in wanted]


def _orders_of_movements(c: Connection, home: Home, moved: list[Row]) -> list[int]:
    """The overseas orders whose declared lines went to these movements' warehouse and SKU."""
    if not moved:
        return []
    known = {(one["exporter"], _booking(one["inbound_id"] or one["reference"])) for one in moved}
    stocked = {
        (one["exporter"], one["warehouse"], one["sku"]) for one in moved if not one["inbound_id"]
    }
    lines = book.declared_lines(c, home.store)
    named = [
        (line["exporter"], line["order_no"])
        for line in lines.iter_rows(named=True)
        if (line["exporter"], _booking(line["inbound_id"])) in known
        or (line["exporter"], line["warehouse"], line["sku"]) in stocked
    ]
    found: list[int] = []
    for exporter, order_no in dict.fromkeys(named):
        asked = text(
            "SELECT o.id FROM orders o JOIN shops s ON s.id = o.shop_id"
            " WHERE s.exporter = :exporter AND o.order_no = :order_no ORDER BY o.id"
        )
        found += c.execute(asked, {"exporter": exporter, "order_no": order_no}).scalars()
    return found


def _booking(inbound_id: str | None) -> str | None:
    return re.sub(r"\s", "", inbound_id).upper() if inbound_id else None


def _fates(c: Connection, home: Home, rows: dict[str, list[Row]]) -> dict[tuple[str, str], Row]:
    """What became of the overseas goods of these orders, by copNo and SKU."""
    listed = {row["cop_no"] for row in rows["lists"] if row["state"] == "issued"}
    if not listed:
        return {}
    declared = book.declared_lines(c, home.store)
    if declared.filter(pl.col("cop_no").is_in(sorted(listed))).is_empty():
        return {}
    today = clock.today()
    booked = movements.table(c)
    followed = stock_chain.follow(entries.read(booked, today).entries, declared, today)
    mine = followed.lines.filter(pl.col("cop_no").is_in(sorted(listed)))
    moved: dict[tuple[str, str | None, str], list[Row]] = defaultdict(list)
    for one in booked.iter_rows(named=True):
        moved[one["exporter"], _booking(one["inbound_id"]), one["sku"]].append(one)
    fates = {}
    for line in mine.iter_rows(named=True):
        told = {name: _plain(line[name]) for name in _FATE}
        told["movements"] = [
            {name: one[name] for name in ("movement_id", "moved_at", "movement_type", "qty",
                                          "upload_id", "sheet", "row")}
            for one in moved[line["exporter"], _booking(line["inbound_id"]), line["sku"]]
        ]  # fmt: skip
        fates[line["cop_no"], line["sku"]] = told
    return fates


def _plain(value: Any) -> Any:
    return f"{value.normalize():f}" if hasattr(value, "normalize") else value


def _nested(
    store: Store, rows: dict[str, list[Row]], fates: dict[tuple[str, str], Row]
) -> list[Row]:
    """The flat rows of a chain as the tree that a reader follows."""
    manifests = {row["number"]: row for row in rows["manifests"]}
    receipts = _by(rows["receipts"], "filing_id")
    back: dict[str, list[Row]] = defaultdict(list)
    for row in rows["return_items"]:
        back[row["key"]].append({"gnum": row["gnum"], "qty": row["qty"]})
    filings = _by(
        [
            row
            | {"receipts": receipts.get(row["filing_id"], [])}
            | ({"items": back[row["key"]]} if row["kind"] == "213" else {})
            for row in rows["filings"]
        ],
        "list_id",
    )
    bills = _by(_bills(rows["bills"], rows["bill_filings"]), "list_id")
    applications = _by(rows["applications"], "list_id")
    declared: dict[tuple[int, int], list[Row]] = defaultdict(list)
    for row in rows["declared"]:
        declared[row["list_id"], row["gnum"]].append(
            {name: value for name, value in row.items() if name not in ("list_id", "gnum")}
        )
    goods = _goods(store, rows["lists"])
    lists: dict[int, list[Row]] = defaultdict(list)
    for row in rows["lists"]:
        lines = [
            line
            | {"declared": declared[row["list_id"], line["gnum"]]}
            | (
                {"overseas": fates[row["cop_no"], line["sku"]]}
                if (row["cop_no"], line["sku"]) in fates
                else {}
            )
            for line in goods.get(row["list_id"], [])
        ]
        lists[row["order_id"]].append(
            {name: value for name, value in row.items() if name not in ("check_id", "order_id")}
            | {
                "manifest": manifests.get(row["manifest"]),
                "goods": lines,
                "filings": filings.get(row["list_id"], []),
                "bills": bills.get(row["list_id"], []),
                "applications": applications.get(row["list_id"], []),
            }
        )
    waybills = _by(rows["waybills"], "order_id")
    sources = _sources(store, rows["entries"])
    return [
        row
        | {
            "sources": sources.get(row["order_id"], []),
            "waybills": waybills.get(row["order_id"], []),
            "lists": lists[row["order_id"]],
        }
        for row in rows["orders"]
    ]


def _bills(rows: list[Row], filed: list[Row]) -> list[Row]:
    """Bills with their documents; of several pieces the first and the last one are told."""
    documents: dict[int, dict[tuple[str, str, str], Row]] = defaultdict(dict)
    for row in filed:
        said = {name: row[name] for name in ("status", "status_at")}
        names = ("kind", "cop_no", "app_type", "app_time", "parts")
        named = (row["kind"], row["cop_no"], row["app_type"])
        of = documents[row["bill_id"]].setdefault(
            named, {name: row[name] for name in names} | {"answers": []}
        )
        of["answers"].append(said)
    return [
        {name: row[name] for name in row if name != "bill_id"}
        | {"documents": list(documents[row["bill_id"]].values())}
        for row in rows
    ]


def _by(rows: list[Row], name: str) -> dict[int, list[Row]]:
    """Rows by what one column says, which they have no more."""
    grouped: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row[name]].append({key: value for key, value in row.items() if key != name})
    return grouped


def _goods(store: Store, lists: list[Row]) -> dict[int, list[Row]]:
    """The goods lines of lists, by list: what the check wrote that the list goes out with."""
    found: dict[int, list[Row]] = {}
    columns = ["order_id", "upload_id", "sheet", "row", *GOODS]
    for check_id, of_check in _by(lists, "check_id").items():
        try:
            items = store.read_parquet(
                *checkings.folder(check_id), "items.parquet", columns=columns
            )
        except FileNotFoundError:
            continue
        wanted = {row["order_id"]: row["list_id"] for row in of_check}
        mine = (
            items.filter(pl.col("order_id").is_in(list(wanted)))
            .with_columns(pl.col("gnum", "row").cast(pl.Int64))
            .sort("order_id", "gnum")
        )
        for line in mine.iter_rows(named=True):
            listed = wanted[line.pop("order_id")]
            found.setdefault(listed, []).append(line)
    return found


def _sources(store: Store, entered: list[Row]) -> dict[int, list[Row]]:
    """Where orders stand in the files that named them: sheet and cell of each line."""
    found: dict[int, list[Row]] = defaultdict(list)
    for upload_id, of_upload in _by(entered, "upload_id").items():
        wanted = pl.DataFrame(
            {"order_no": [row["order_no"] for row in of_upload]}, schema={"order_no": pl.String}
        ).with_columns(block=pl.lit(None, pl.Int64))
        try:
            lines = readings.lines_in(
                store, upload_id, wanted, ["order_no", "line_no", "sku", "sheet", "row"]
            )
            placed = readings.columns_of(store, [upload_id])
        except FileNotFoundError:
            lines, placed = None, None
        letters = {} if placed is None else dict(
            placed.filter(pl.col("field") == "order_no").select("sheet", "letter").iter_rows()
        )  # fmt: skip
        cells: dict[str, list[Row]] = defaultdict(list)
        for line in () if lines is None else lines.iter_rows(named=True):
            letter = letters.get(line["sheet"])
            at = {"cell": f"{letter}{line['row']}" if letter else None}
            cells[line["order_no"]].append(
                {name: line[name] for name in ("sheet", "row", "line_no", "sku")} | at
            )
        for row in of_upload:
            kept = {name: row[name] for name in row if name not in ("order_no", "order_id")}
            lined = {"upload_id": upload_id, "lines": cells.get(row["order_no"], [])}
            found[row["order_id"]].append(kept | lined)
    return found
