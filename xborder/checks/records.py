"""What is wrong with the rows of goods catalogues, shipment files and warehouse files.

A row with an error is held: it does not come into force, the others do.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import polars as pl

from xborder.checks import suggestions, telling
from xborder.checks.amounts import decimal
from xborder.checks.elements import with_elements
from xborder.checks.facts import none
from xborder.checks.places import blocking, from_schema, placements, to_findings
from xborder.checks.rules import Book, Rule, apply
from xborder.schemas import violations as schema_violations
from xborder.schemas.levels import Levels
from xborder.schemas.tables import Tables

SCHEMAS = {
    "goods": "goods",
    "shipments": "shipment",
    "prices": "price",
    "stock": "warehouse_movement",
}
"""The schema of each kind of file."""

_KEYS = {
    "goods": ("sku",),
    "shipments": ("logistics_no", "order_no"),
    "prices": ("sku",),
    "stock": ("movement_id", "warehouse"),
}
"""What tells one record of a file from another; the first is the cell to change."""

_PLACES = ("sheet", "row", "order_row")


@dataclass(frozen=True)
class RecordCheck:
    """``valid``: the records in force, canonical columns and lineage; ``held``: indices of the
    records that are not (UInt32); ``found``: findings with ``upload_id``."""

    valid: pl.DataFrame
    held: pl.Series
    found: pl.DataFrame


def _c(name: str) -> pl.Expr:
    return pl.col(name)


def _rules(kind: str) -> list[Rule]:
    if kind not in ("goods", "shipments"):
        return []
    # Where one is missing, as in most files, no letter need be looked at.
    both = _c("net_weight").is_not_null() & _c("gross_weight").is_not_null()
    above = decimal("net_weight") > decimal("gross_weight")
    return [
        Rule("NET_ABOVE_GROSS", "line", "gross_weight", both & above, expected=_c("net_weight")),
        *(_elements() if kind == "goods" else ()),
    ]


@cache
def _book(kind: str) -> Book:
    told_twice = Rule("KEY_TWICE_IN_FILE", "line", _KEYS[kind][0], _c("twice"))
    return Book((*_rules(kind), told_twice))


def _elements() -> list[Rule]:
    """What the model text says beside the heading's elements: told, and held by none of it.

    A verified element that is missing holds the orders, so that an operator who refuses the fact
    finds the row in force.
    """
    written = _c("gmodel").is_not_null() & _c("hs_code").str.contains("^[0-9]{10}$")
    return [
        Rule("ELEMENTS_UNKNOWN", "line", "gmodel", written & _c("elements.key").is_null(),
             params={"hs_code": _c("hs_code")}),
        Rule("ELEMENTS_MISSING_UNVERIFIED", "line", "gmodel",
             written & (_c("elements.missing_zh") != "") & ~_c("elements.verified"),
             params={name: _c(f"elements.{name}")
                     for name in ("key", "wanted", "given", "missing_zh", "missing_en")}),
        Rule("ELEMENT_VALUE_UNEXPECTED", "line", "gmodel", _c("elements.odd").is_not_null(),
             expected=_c("elements.odd_expected"),
             params={"element": _c("elements.odd"), "element_zh": _c("elements.odd_zh"),
                     "element_en": _c("elements.odd_en")}),
        Rule("BRAND_TYPE_CONTRADICTS", "line", "gmodel", _c("elements.brand").is_not_null(),
             params={"brand": _c("elements.brand")}),
    ]  # fmt: skip


def check(
    records: pl.DataFrame,
    kind: str,
    held_tables: Tables,
    *,
    file_name: str,
    columns: dict[str, dict[str, tuple[int, str]]],
    twice: pl.DataFrame,
    upload_id: int = 0,
    shop: str = "",
    before: pl.DataFrame | None = None,
) -> RecordCheck:
    """Check records of a goods, shipments or stock file: all of them or a block.

    ``columns`` as a reading tells them; ``twice`` are the keys that the whole file tells in two
    ways (``keys_twice``): such a row is refused at each place (which of the two is meant is not
    guessed); the same row twice counts once. ``before`` is the exporter's catalogue in force
    before this file.
    """
    key = _KEYS[kind]
    marked = records.with_columns(pl.lit(value=False).alias("twice"))
    if not twice.is_empty():
        marked = records.join(
            twice.with_columns(pl.lit(value=True).alias("twice")), on=key, how="left",
            maintain_order="left",
        )  # fmt: skip
    lines = marked.with_row_index("at").with_columns(
        pl.lit(upload_id, pl.Int64).alias("upload_id"),
        pl.lit(file_name).alias("file"),
        (pl.col("order_no") if kind == "shipments" else pl.lit("")).alias("order_no"),
        pl.lit(shop).alias("shop"),
    )  # fmt: skip
    if kind == "goods":
        lines = with_elements(lines, held_tables, held_tables.today, none())
    broken = schema_violations(SCHEMAS[kind], records, held_tables)
    levels = Levels(lines)
    every = pl.concat([from_schema(broken), apply(_book(kind), levels)])
    every = telling.once(every, ["at", "source", "field"])
    held = every.filter(blocking()).get_column("at").unique().sort()
    canonical = [name for name in records.columns if name not in _PLACES]
    valid = lines.select(*canonical, "upload_id", "file", "sheet", "row", "shop")
    sound = pl.repeat(True, lines.height, dtype=pl.Boolean, eager=True).scatter(held, False)
    return RecordCheck(
        valid=valid if held.is_empty() else valid.filter(sound),
        held=held,
        found=to_findings(
            suggestions.told(every, levels, held_tables, held_tables.today, before),
            levels,
            placements(columns, upload_id),
        ),
    )


def keys_twice(
    kind: str, blocks: Callable[[list[str] | None], Iterable[pl.DataFrame]]
) -> pl.DataFrame:
    """The keys that a file tells in two ways, as a frame of the kind's key columns.

    ``blocks`` gives the file's records block by block, with the columns that are named or with
    all. They are gone over once for hashes of the keys alone (8 bytes a row), and again only
    for those that come twice, as hardly any do.
    """
    key = _KEYS[kind]
    nothing = pl.DataFrame(schema=dict.fromkeys(key, pl.String))
    own = pl.struct(key).hash().alias("#key")

    def whole(records: pl.DataFrame) -> pl.DataFrame:
        return records.filter(pl.all_horizontal(_c(name).is_not_null() for name in key))

    marks = [whole(records).select(own).to_series() for records in blocks(list(key))]
    if not marks:
        return nothing
    every = pl.concat(marks).sort()
    marks.clear()
    twice = every.filter(every == every.shift(1)).unique()
    if twice.is_empty():
        return nothing

    def told(wanted: pl.Series, *columns: str) -> pl.DataFrame:
        """What the rows with these marks say, each once."""
        found = []
        for records in blocks(None):
            content = [name for name in records.columns if name not in _PLACES]
            marked = whole(records).with_columns(own).filter(_c("#key").is_in(wanted.implode()))
            hashed = marked.with_columns(pl.struct(content).hash().alias("#content"))
            found.append(hashed.select(*columns, "#content").unique())
        return pl.concat(found).unique()

    contents = told(twice, "#key").get_column("#key")
    suspects = contents.filter(contents.is_duplicated()).unique()
    if suspects.is_empty():
        return nothing
    # Two keys of one hash are no key of two contents: the keys themselves decide.
    apart = told(suspects, *key)
    return apart.filter(pl.struct(key).is_duplicated()).select(key).unique(maintain_order=True)
