"""A file checked without storing anything: what ``xborder check`` and the page's preview tell."""

from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from xborder import findings
from xborder.checks import telling
from xborder.checks.context import Context
from xborder.checks.orders import check as check_orders
from xborder.checks.places import placements
from xborder.checks.records import check as check_records
from xborder.checks.records import keys_twice
from xborder.intake import Reading

NOT_CHECKED_ALONE = (
    "goods catalogue (商品备案)",
    "shipments (发货资料)",
    "declaration profile (企业档案): mode, flag, route",
    "history (历史): orders already declared, logistics numbers",
)


@dataclass(frozen=True)
class Report:
    """``counts``: rows, orders, lines, accepted, held, excluded, duplicate (rows by state).

    ``proposal``: what the headers may mean, of a file whose columns are not known.
    """

    layout: str | None
    kind: str | None
    counts: dict[str, int]
    excluded: dict[str, int]
    found: pl.DataFrame
    not_checked: tuple[str, ...]
    usable: bool
    proposal: dict[str, Any] | None = None

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


def check_reading(reading: Reading, context: Context, shop: str) -> Report:
    """Check a reading against a context; without an exporter in it, the lines alone."""
    excluded = dict(
        reading.rows.drop_nulls("excluded").group_by("excluded").len().sort("excluded").rows()
    )
    counts = {"rows": reading.rows.height, "orders": 0, "lines": 0, "accepted": 0, "held": 0}
    counts |= {"excluded": sum(excluded.values()), "duplicate": 0}
    found = reading.findings
    not_checked: tuple[str, ...] = ()
    if reading.usable and reading.kind == "orders":
        own = replace(
            context,
            placed=pl.concat(
                [context.placed, placements(reading.columns, 0, reading.order_fields)]
            ),
        )
        told = reading.findings.with_columns(
            pl.lit(shop).alias("shop"), pl.lit(0, pl.Int64).alias("upload_id")
        )
        result = check_orders(order_lines(reading.records, reading.file_name, shop), own, told)
        states = reading.rows.filter(pl.col("excluded").is_null()).join(
            result.orders, on="order_no", how="left"
        )
        held = states.filter(pl.col("state").fill_null("held") == "held").height
        counts |= {
            "orders": result.orders.height, "lines": reading.records.height, "held": held,
            "accepted": states.height - held,
        }  # fmt: skip
        found = pl.concat([found, result.found.drop("upload_id")])
        not_checked = NOT_CHECKED_ALONE if context.exporter is None else ()
    elif reading.usable:
        checked = check_records(
            reading.records,
            str(reading.kind),
            context.tables,
            file_name=reading.file_name,
            columns=reading.columns,
            twice=keys_twice(str(reading.kind), lambda: [reading.records]),
            before=context.goods,
        )
        rows = reading.rows.filter(pl.col("excluded").is_null())
        held = rows.filter(pl.col("record").is_in(checked.held.implode())).height
        counts |= {"lines": reading.records.height, "held": held, "accepted": rows.height - held}
        more = telling.once(checked.found.drop("upload_id"), telling.CELL[1:], found)
        found = pl.concat([found, more])
    else:
        counts["held"] = counts["rows"] - counts["excluded"]
    return Report(
        reading.layout, reading.kind, counts, excluded, found, not_checked, reading.usable,
        reading.proposal,
    )  # fmt: skip
