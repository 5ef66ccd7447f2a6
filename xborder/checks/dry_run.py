"""A file checked without storing anything: what ``xborder check`` and the page's preview tell."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from xborder import findings
from xborder.checks import partners, telling
from xborder.checks.context import Context, records_schema
from xborder.checks.orders import check as check_orders
from xborder.checks.places import placements, with_right_shops
from xborder.checks.prices import awaiting
from xborder.checks.records import RecordCheck, keys_twice
from xborder.checks.records import check as check_records
from xborder.findings import Both
from xborder.intake import Reading
from xborder.intake.mappings import base_name

NOT_CHECKED_ALONE = (
    Both("商品备案", "goods catalogue"),
    Both("发货资料", "shipments"),
    Both("企业档案：监管方式、标志、口岸", "declaration profile: mode, flag, route"),
    Both("历史：已申报的订单、运单号", "history: orders already declared, logistics numbers"),
)


@dataclass(frozen=True)
class Report:
    """``counts``: rows, orders, lines, accepted, held, excluded, duplicate (rows by state).

    ``proposal``: what the headers may mean, of a file whose columns are not known. ``declared``:
    orders that are declared already and stay as they are; their rows are duplicates.
    """

    layout: str | None
    kind: str | None
    counts: dict[str, int]
    excluded: dict[str, int]
    found: pl.DataFrame
    not_checked: tuple[str, ...]
    usable: bool
    proposal: dict[str, Any] | None = None
    declared: int = 0

    @property
    def exit_code(self) -> int:
        """0 clean, 1 findings that hold something, 2 a file that cannot be used."""
        if not self.usable:
            return 2
        return int(self.found.get_column("severity").is_in(findings.BLOCKING).any())

    def to_json(self, most: int | None = None) -> dict[str, Any]:
        """The documented object; ``most`` bounds the findings told for one cause."""
        told = self.found
        if most is not None:
            told = told.filter(pl.int_range(pl.len()).over("code") < most)
        proposed = {"proposal": self.proposal} if self.proposal else {}
        return proposed | {
            "layout": self.layout,
            "kind": self.kind,
            "usable": self.usable,
            "counts": self.counts,
            "declared": self.declared,
            "excluded": self.excluded,
            "not_checked": list(self.not_checked),
            "totals": dict(self.found.group_by("code").len().sort("code").rows()),
            "findings": [findings.explain(row) for row in told.iter_rows(named=True)],
        }


def order_lines(
    records: pl.DataFrame, file_name: str, shop: str, upload_id: int = 0
) -> pl.DataFrame:
    """Records of an order file with the lineage that the checks expect."""
    return records.with_columns(
        pl.lit(shop).alias("shop"),
        pl.lit(upload_id, pl.Int64).alias("upload_id"),
        pl.lit(file_name).alias("file"),
    )


def check_together(
    readings: Sequence[Reading], context: Context, shop: str, declared: Sequence[pl.DataFrame] = ()
) -> list[Report]:
    """Check files that belong together, as if all had been handed in; their order does not matter.

    What catalogues, shipment files and price lists among them say is in force for the orders of
    the others. Orders of a report without amounts that a fuller report among them has too are
    duplicates there; what an order lacks that another report of it tells is taken from that.
    ``declared``: for each file its orders that are declared already, with
    ``order_no``, ``same`` (nothing else is said of them now) and ``row``.
    """
    for number, reading in enumerate(readings, 1):
        if reading.usable and reading.kind in _IN_FORCE:
            context = _with_records(context, reading, -number, shop)
    context = _with_order_facts(context, readings, shop)
    reports = []
    for place, reading in enumerate(readings):
        fuller = [
            one.records.get_column("order_no")
            for one in readings
            if one.usable and reading.yields_to and base_name(one.layout) == reading.yields_to
        ]
        known = pl.concat(fuller).unique() if fuller else None
        before = declared[place] if declared else None
        reports.append(check_reading(reading, context, shop, known, before))
    return reports


_IN_FORCE = {"goods": ("sku",), "shipments": ("shop", "order_no"), "prices": ("shop", "sku")}
"""Kinds of files whose rows count for orders, and what a later file says anew."""


def _with_records(context: Context, reading: Reading, number: int, shop: str) -> Context:
    """The context with the valid rows of a file, under the upload ``number``."""
    kind = str(reading.kind)
    checked = _checked_records(reading, context, number, shop)
    before: pl.DataFrame = getattr(context, kind)
    key = list(_IN_FORCE[kind])
    told = checked.valid.select(before.columns).cast(before.schema)
    rest = before.join(told.select(key).unique(), on=key, how="anti", nulls_equal=True)
    both = pl.concat([rest, told])
    if kind != "shipments":
        both = both.unique(key, keep="last", maintain_order=True)
    placed = pl.concat([context.placed, placements(reading.columns, number)])
    return replace(context, placed=placed, **{kind: both})  # type: ignore[arg-type]


def _with_order_facts(context: Context, readings: Sequence[Reading], shop: str) -> Context:
    """The context with what reports tell of the orders of the others among them."""
    awaited = {one.partner["awaits"] for one in readings if one.partner.get("awaits_fields")}
    numbered = {
        -number: one
        for number, one in enumerate(readings, 1)
        if one.usable and one.kind == "orders" and base_name(one.layout) in awaited
    }
    if not numbered:
        return context
    told = [order_lines(one.records, one.file_name, shop, at) for at, one in numbered.items()]
    placed = [placements(one.columns, at) for at, one in numbered.items()]
    facts = partners.latest([context.order_facts, *told], records_schema("order_line"))
    return replace(context, order_facts=facts, placed=pl.concat([context.placed, *placed]))


def _checked_records(
    reading: Reading, context: Context, number: int = 0, shop: str = ""
) -> RecordCheck:
    kind = str(reading.kind)
    return check_records(
        reading.records,
        kind,
        context.tables,
        file_name=reading.file_name,
        columns=reading.columns,
        twice=keys_twice(kind, lambda _: [reading.records]),
        upload_id=number,
        shop=shop,
        before=context.goods,
    )


def check_reading(
    reading: Reading,
    context: Context,
    shop: str,
    known: pl.Series | None = None,
    declared: pl.DataFrame | None = None,
) -> Report:
    """Check a reading against a context; without an exporter in it, the lines alone.

    ``known``: orders that a fuller report tells; they are no second orders here. ``declared``: as
    for ``check_together``.
    """
    again = 0
    if declared is not None and declared.height:
        same = declared.filter("same").get_column("order_no")
        again = same.len()
        known = same if known is None else pl.concat([known, same])
    excluded = dict(
        reading.rows.drop_nulls("excluded").group_by("excluded").len().sort("excluded").rows()
    )
    counts = {"rows": reading.rows.height, "orders": 0, "lines": 0, "accepted": 0, "held": 0}
    counts |= {"excluded": sum(excluded.values()), "duplicate": 0}
    found = reading.findings
    if context.exporter is not None:
        found = with_right_shops(found, context.exporter)
    not_checked: tuple[str, ...] = ()
    if reading.usable and reading.kind == "orders":
        if known is not None:
            twice = pl.col("order_no").is_in(known.implode()).fill_null(value=False)
            counted = twice & pl.col("excluded").is_null()
            counts["duplicate"] = reading.rows.filter(counted).height
            reading = replace(
                reading, records=reading.records.filter(~twice), rows=reading.rows.filter(~counted)
            )
        own = replace(
            context,
            placed=pl.concat(
                [context.placed, placements(reading.columns, 0, reading.order_fields)]
            ),
        )
        told = reading.findings.with_columns(
            pl.lit(shop).alias("shop"), pl.lit(0, pl.Int64).alias("upload_id")
        )
        lines = order_lines(reading.records, reading.file_name, shop)
        result = check_orders(awaiting(lines, reading.partner), own, told)
        changed = _changed(reading, declared)
        states = reading.rows.filter(pl.col("excluded").is_null()).join(
            result.orders, on="order_no", how="left"
        )
        is_held = (pl.col("state").fill_null("held") == "held") | pl.col("order_no").is_in(
            changed.get_column("order_no").implode()
        ).fill_null(value=False)
        held = states.filter(is_held).height
        counts |= {
            "orders": result.orders.height, "lines": reading.records.height, "held": held,
            "accepted": states.height - held,
        }  # fmt: skip
        found = pl.concat([found, result.found.drop("upload_id"), changed])
        not_checked = NOT_CHECKED_ALONE if context.exporter is None else ()
    elif reading.usable:
        checked = _checked_records(reading, context)
        rows = reading.rows.filter(pl.col("excluded").is_null())
        held = rows.filter(pl.col("record").is_in(checked.held.implode())).height
        counts |= {"lines": reading.records.height, "held": held, "accepted": rows.height - held}
        more = telling.once(checked.found.drop("upload_id"), telling.CELL[1:], found)
        found = pl.concat([found, more])
    else:
        counts["held"] = counts["rows"] - counts["excluded"]
    return Report(
        reading.layout, reading.kind, counts, excluded, found, not_checked, reading.usable,
        reading.proposal, again,
    )  # fmt: skip


def _changed(reading: Reading, declared: pl.DataFrame | None) -> pl.DataFrame:
    """DECLARED_OTHERWISE of each order of which the file says other things than were declared."""
    if declared is None:
        return findings.empty()
    told = declared.filter(~pl.col("same")).join(
        reading.records.unique("order_no", keep="first").select("order_no", "sheet"),
        on="order_no", maintain_order="left",
    )  # fmt: skip
    made = []
    for order_no, _, row, sheet in told.iter_rows():
        at, head = reading.columns.get(sheet or "", {}).get("order_no", (None, ""))
        made.append(
            findings.Finding(
                "DECLARED_OTHERWISE", file=reading.file_name, sheet=sheet or "", row=row,
                cell=f"{findings.column_letter(at)}{row}" if at is not None else "", column=head,
                field="order_no", order_no=order_no, value=order_no,
            )
        )  # fmt: skip
    return findings.to_frame(made)
