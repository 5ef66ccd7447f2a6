"""Refused lists (海关退单) back at their exporter: findings at the cells that customs speaks of.

A refusal comes after the check, and its words are in the receipts already. So nothing is stored
again: whoever asks what stands of an upload is told the refusals of its held orders anew, each
at the cell that customs' text names — an element of the list by its name or Chinese title, a
goods line by its number — and otherwise at the order's number. They stand until the order's next
list goes out, under whatever file and catalogue hold the cells by then.
"""

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import polars as pl
from sqlalchemy import Connection

from xborder import findings
from xborder.checks import places
from xborder.checks.lists import HEAD_ORIGIN, ITEM_ORIGIN
from xborder.registry import checkings, fixes, in_force, readings, uploads
from xborder.registry.customs_states import REFUSED as STATE_REFUSED
from xborder.registry.customs_states import Answer, Rules
from xborder.registry.staging import fetch, run, stage
from xborder.registry.store import Store
from xborder.registry.versions import CUSTOMS_REFUSED, LIST_APPROVED, LIST_CANCELLED, last_issued
from xborder.schemas import titles
from xborder.schemas.levels import Levels
from xborder.schemas.tables import packaged

MOST_CELLS = 10
"""Cells of an order at which one refusal is told."""

_LINE = re.compile(
    r"第\s*([0-9]{1,3})\s*[项行条]|(?:商品序号|gnum|项号)\D{0,3}([0-9]{1,3})", re.ASCII
)
_SKIPPED = ("note",)
"""Elements whose names are ordinary words of a text."""

_ENDED = {
    "order_id": pl.Int64, "order_no": pl.String, "block": pl.Int64, "upload_id": pl.Int64,
    "file": pl.String, "shop": pl.String, "codes": pl.String, "list_id": pl.Int64, "cop_no": pl.String,
    "check_id": pl.Int64,
}  # fmt: skip

_SAID = {
    "list_id": pl.Int64, "document": pl.String, "kind": pl.String, "status": pl.String,
    "at": pl.String, "info": pl.String,
}  # fmt: skip


def of_upload(c: Connection, store: Store, upload_id: int) -> pl.DataFrame:
    """What customs' refusals and cancellations tell of an upload's held orders, as findings with
    ``upload_id``; the meaning of codes is that of this release's tables."""
    upload = uploads.get(c, upload_id)
    return _told(c, store, str(upload.exporter), _ended(c, "o.upload_id = :one", upload_id))


def of_exporter(c: Connection, store: Store, exporter: str) -> pl.DataFrame:
    """The same of all held orders of an exporter."""
    return _told(c, store, exporter, _ended(c, "u.exporter = :one", exporter))


def _ended(c: Connection, which: str, one: int | str) -> pl.DataFrame:
    """Held orders with a code of these, each with the last list that was issued."""
    first = "SELECT 1 FROM lists WHERE state IN ('refused', 'cancelled') LIMIT 1"
    if run(c, first).first() is None:
        return pl.DataFrame(schema=_ENDED)
    return fetch(
        c,
        f"""
        SELECT o.id, o.order_no, o.block, o.upload_id, u.file_name, u.shop, o.codes, l.id, l.cop_no,
               l.check_id
        FROM orders o JOIN uploads u ON u.id = o.upload_id
        JOIN lists l ON l.id = {last_issued("o.id")}
        WHERE {which} AND o.state = 'held'
          AND (o.codes LIKE '%{CUSTOMS_REFUSED}%' OR o.codes LIKE '%{LIST_CANCELLED}%'
               OR o.codes LIKE '%{LIST_APPROVED}%')
        ORDER BY o.id
        """,  # noqa: S608
        _ENDED,
        one=one,
    )


class _Wrong(NamedTuple):
    """A cell that is spoken of: its order, the line of it, the source and its field."""

    order_id: int
    nth: int
    source: str
    field: str
    code: str
    value: str
    params: str


def _told(c: Connection, store: Store, exporter: str, ended: pl.DataFrame) -> pl.DataFrame:
    if ended.is_empty():
        return findings.empty().with_columns(pl.lit(None, pl.Int64).alias("upload_id"))
    said = _answers(c, ended["list_id"].to_list())
    content = _Content(store, ended)
    wrong: list[_Wrong] = []
    for row in ended.iter_rows(named=True):
        for code in (LIST_CANCELLED, LIST_APPROVED):
            if code in row["codes"]:
                told = json.dumps({"cop_no": row["cop_no"]})
                wrong.append(
                    _Wrong(row["order_id"], 0, "line", "order_no", code, row["order_no"], told)
                )
        if CUSTOMS_REFUSED in row["codes"]:
            for text, params in said.get(row["list_id"], [("", {})]):
                told = json.dumps({"cop_no": row["cop_no"]} | params, ensure_ascii=False)
                wrong += content.cells(row, text, told)
    return _placed(c, store, exporter, ended, content, wrong)


def _answers(c: Connection, list_ids: Sequence[int]) -> dict[int, list[tuple[str, dict[str, str]]]]:
    """The refusals of lists: customs' text and what its code means, the newest first."""
    stage(
        c, "asked_refusals", pl.DataFrame({"list_id": list(list_ids)}, schema={"list_id": pl.Int64})
    )
    rows = fetch(
        c,
        """
        SELECT a.list_id, f.kind, r.kind, r.status, coalesce(r.returned_at, ''), r.info
        FROM asked_refusals a JOIN filings f ON f.list_id = a.list_id
        JOIN receipts r ON r.filing_id = f.id
        WHERE f.kind IN ('603', '303') AND (r.status = '100' OR r.status LIKE '-%')
        ORDER BY a.list_id, r.returned_at DESC, r.id
        """,
        _SAID,
    )
    run(c, "DROP TABLE asked_refusals")
    rules = Rules(packaged())
    found: dict[int, list[tuple[str, dict[str, str]]]] = {}
    for list_id, document, kind, status, at, info in rows.iter_rows():
        if rules.state(document, Answer(at, kind, status, info)) != STATE_REFUSED:
            continue
        zh, en = rules.meaning(status, info)
        error = rules.error(status, info) or status
        params = {"status": error, "meaning_zh": zh, "meaning_en": en, "info": info}
        told = found.setdefault(list_id, [])
        if info not in [text for text, _ in told]:
            told.append((info, params))
    return found


@cache
def _names() -> list[tuple[str, str, bool]]:
    """What a text may call an element, the element, and whether it is of a goods line; the
    longest names first."""
    found = []
    for schema, origin, of_line in (
        ("clearance_list_item", ITEM_ORIGIN, True),
        ("clearance_list_head", HEAD_ORIGIN, False),
    ):
        for element, (zh, _) in titles(schema).items():
            if element not in origin or element in _SKIPPED:
                continue
            named = re.sub("（[^）]*）", "", zh).split("/")
            words = {element, *named, *(one.removesuffix("代码") for one in named)}
            if of_line:
                words |= {one.removeprefix("申报") for one in named}
            found += [(word, element, of_line) for word in sorted(words) if len(word) > 1]
    return sorted(found, key=lambda one: -len(one[0]))


def _named(text: str) -> Iterator[tuple[str, bool]]:
    """The elements that a text names, and whether each is of a goods line."""
    seen = set()
    of_line = _LINE.search(text) is not None
    for word, element, in_line in _names():
        mark = rf"(?<![A-Za-z]){word}(?![A-Za-z0-9])" if word.isascii() else re.escape(word)
        if not re.search(mark, text):
            continue
        text = re.sub(mark, "\0", text)
        # An element of both, the country, is the line's where a line is named.
        both = element in HEAD_ORIGIN and element in ITEM_ORIGIN
        key = (element, of_line if both else in_line)
        if key not in seen:
            seen.add(key)
            yield key


class _Content:
    """What the refused lists said, by order: heads, and goods lines in their sequence."""

    def __init__(self, store: Store, ended: pl.DataFrame) -> None:
        self.heads: dict[int, dict[str, Any]] = {}
        self.items: dict[int, list[dict[str, Any]]] = {}
        for (check_id,), own in ended.group_by("check_id", maintain_order=True):
            where = checkings.folder(int(str(check_id)))
            ids = own.select("order_id")
            for name, keep in (("heads", self._head), ("items", self._item)):
                if store.exists(*where, f"{name}.parquet"):
                    table = store.read_parquet(*where, f"{name}.parquet")
                    for row in table.join(
                        ids, on="order_id", how="semi", maintain_order="left"
                    ).iter_rows(named=True):
                        keep(row)

    def _head(self, row: dict[str, Any]) -> None:
        self.heads[row["order_id"]] = row

    def _item(self, row: dict[str, Any]) -> None:
        self.items.setdefault(row["order_id"], []).append(row)

    def cells(self, row: dict[str, Any], text: str, params: str) -> list[_Wrong]:
        """The cells of an order that a refusal's text speaks of."""
        order_id = row["order_id"]
        lines = self.items.get(order_id, [{}])
        said = _LINE.search(text)
        nth = int(said[1] or said[2]) - 1 if said else None
        which = [nth] if nth is not None and 0 <= nth < len(lines) else range(len(lines))
        found = []
        for element, of_line in _named(text):
            source, field = (ITEM_ORIGIN if of_line else HEAD_ORIGIN)[element]
            for at in which if of_line or source == "goods" else [0]:
                held = lines[at] if of_line else self.heads.get(order_id, {})
                value = str(held.get(element) or "")
                found.append(_Wrong(order_id, at, source, field, CUSTOMS_REFUSED, value, params))
        number = _Wrong(order_id, nth if nth in which and nth else 0, "line", "order_no",
                        CUSTOMS_REFUSED, row["order_no"], params)  # fmt: skip
        return found[:MOST_CELLS] or [number]

    def sku(self, order_id: int, nth: int) -> str:
        """The SKU of an order's nth goods line."""
        lines = self.items.get(order_id, [])
        return str(lines[nth].get("sku") or "") if nth < len(lines) else ""


_OF_LINE: dict[str, pl.DataType] = {
    "order_no": pl.String(), "order_row": pl.UInt32(), "line_no": pl.String(), **places.SOURCE
}  # fmt: skip
"""What of a line tells its cells."""


def _placed(
    c: Connection, store: Store, exporter: str, ended: pl.DataFrame, content: _Content,
    wrong: list[_Wrong],
) -> pl.DataFrame:  # fmt: skip
    """The cells as findings: in the order file, the catalogue, the shipments or the profile."""
    lines = _lines(store, ended)
    sources = _sources(c, store, exporter, ended, {one.source for one in wrong})
    rows: list[dict[str, Any]] = []
    violations: list[tuple[object, ...]] = []
    for one in wrong:
        own = lines.get(one.order_id, [])
        line = own[one.nth] if one.nth < len(own) else own[0]
        there = {
            "goods": sources.get(("goods", "", content.sku(one.order_id, one.nth))),
            "shipment": sources.get(("shipment", line["shop"], line["order_no"])),
        }
        source, field = one.source, one.field
        if source in there and there[source] is None:
            source, field = "line", "order_no"
        told = {name: line[name] for name in _OF_LINE}
        for name, found in there.items():
            told |= {f"{name}.{key}": (found or {}).get(key) for key in places.SOURCE}
        rows.append(told | {"profile.file": f"exporters/{exporter}.toml"})
        violations.append((len(violations), source, field, one.code, one.value, "", one.params))
    types = dict(_OF_LINE)
    types |= {f"{name}.{key}": kind for name in ("goods", "shipment")
              for key, kind in places.SOURCE.items()}  # fmt: skip
    frame = pl.DataFrame(rows, schema=types | {"profile.file": pl.String()}, orient="row")
    concerned = pl.concat(
        [frame[name] for name in ("upload_id", "goods.upload_id", "shipment.upload_id")]
    )
    placed = readings.columns_of(store, concerned.drop_nulls().unique().sort())
    broken = pl.DataFrame(violations, schema=places.VIOLATIONS, orient="row")
    # Lineage of the line itself, and one level above it that of the other sources.
    of_line = list(_OF_LINE)
    every = pl.int_range(frame.height, dtype=pl.UInt32, eager=True)
    lined = Levels(frame.select(of_line), ((frame.drop(of_line), every),))
    return places.to_findings(broken, lined, placed)


def _lines(store: Store, ended: pl.DataFrame) -> dict[int, list[dict[str, Any]]]:
    """The lines of orders as their present file has them, by order."""
    found: dict[int, list[dict[str, Any]]] = {}
    for (upload_id,), own in ended.group_by("upload_id", maintain_order=True):
        number = int(str(upload_id))
        read = readings.lines_in(store, number, own.select("order_no", "block"))
        ids = own.select("order_no", "order_id", "file", "shop")
        for row in read.join(ids, on="order_no", maintain_order="left").iter_rows(named=True):
            found.setdefault(row["order_id"], []).append(row | {"upload_id": number})
    return found


def _sources(
    c: Connection, store: Store, exporter: str, ended: pl.DataFrame, wanted: set[str]
) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Where catalogue rows (by SKU) and shipments (by order) in force stand."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    if "goods" in wanted:
        goods = fixes.goods(store, fixes.given(c, exporter), packaged())
        for row in goods.select("sku", *places.SOURCE).iter_rows(named=True):
            found["goods", "", row["sku"]] = row
    if "shipment" in wanted:
        files = [row.id for row in uploads.of_kind(c, exporter, "shipments")]
        own = in_force.shipments(store, files).join(ended, on="order_no", how="semi")
        for row in own.select("shop", "order_no", *places.SOURCE).iter_rows(named=True):
            found["shipment", row["shop"], row["order_no"]] = row
    return found
