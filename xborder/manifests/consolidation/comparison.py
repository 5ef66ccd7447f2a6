"""Customs' result against the rehearsal (汇总结果核对): every difference is a finding.

Customs merges, so its result counts; the differences say what the declarant should look at.
"""

from typing import Any

import polars as pl
from sqlalchemy import Connection, Row

from xborder.findings import Finding
from xborder.registry import consolidations
from xborder.registry.store import Store

ITEM = ["invt_no", "gnum"]
TOLD_LINE = ["decl_seq_no", "gseqno"]
LINE = ["declaration", "line"]

DIFFERENCES = (
    "CONSOLIDATION_ITEM_MISSING", "CONSOLIDATION_ITEM_TWICE", "CONSOLIDATION_MERGED_OTHERWISE",
    "CONSOLIDATION_CODE_DIFFERS", "CONSOLIDATION_LIST_UNKNOWN",
)  # fmt: skip


def compare(cop_no: str, rehearsed: pl.DataFrame, told: pl.DataFrame) -> list[Finding]:
    """Differences between a rehearsal and what customs told of its application so far.

    ``rehearsed``: invtNo, gnum, gcode, declaration, line, order_no of the lists that are live in
    it; ``told``: ``declarations.TOLD``. Without any line told there is nothing to compare. Of
    results without line numbers only the declarations are compared.
    """
    if told.is_empty():
        return []
    expected = rehearsed.rename({"invtNo": "invt_no", "gcode": "expected"}).with_columns(
        pl.col("gnum").cast(pl.Int64)
    )
    found = []
    unknown = told.join(expected, on=ITEM, how="anti").unique(ITEM).sort(ITEM)
    found += [_finding("CONSOLIDATION_LIST_UNKNOWN", cop_no, row) for row in unknown.to_dicts()]
    missing = expected.join(told, on=ITEM, how="anti").sort(ITEM)
    found += [_finding("CONSOLIDATION_ITEM_MISSING", cop_no, row) for row in missing.to_dicts()]
    place = pl.concat_str(
        pl.coalesce("entry_id", "decl_seq_no"), pl.col("gseqno").cast(pl.String),
        separator="/", ignore_nulls=True,
    )  # fmt: skip
    known = told.join(expected, on=ITEM).with_columns(place=place)
    twice = (
        known.group_by(ITEM)
        .agg(pl.len().alias("times"), pl.col("order_no").first(),
             pl.col("place").sort().str.join(", ").alias("value"))
        .filter(pl.col("times") > 1).sort(ITEM)
    )  # fmt: skip
    found += [_finding("CONSOLIDATION_ITEM_TWICE", cop_no, row) for row in twice.to_dicts()]
    coded = known.filter(pl.col("gcode") != pl.col("expected")).unique([*ITEM, "gcode"]).sort(ITEM)
    for row in coded.with_columns(value="gcode").to_dicts():
        found.append(_finding("CONSOLIDATION_CODE_DIFFERS", cop_no, row))
    once = known.join(twice, on=ITEM, how="anti")
    numbered = once.filter(pl.col("gseqno").is_not_null())
    found += _otherwise(cop_no, numbered, LINE, TOLD_LINE)
    # Without line numbers: the items of one rehearsed line at least stay in one declaration.
    bare = once.filter(pl.col("gseqno").is_null())
    parted = bare.filter(pl.col("decl_seq_no").n_unique().over(LINE) > 1)
    found += _examples(cop_no, parted, ["decl_seq_no"])
    return found


def _otherwise(
    cop_no: str, items: pl.DataFrame, rehearsed: list[str], told: list[str]
) -> list[Finding]:
    """Lines of customs that hold other items than the rehearsed line does."""
    both = items.with_columns(
        pl.struct(told).n_unique().over(rehearsed).alias("spread"),
        pl.struct(rehearsed).n_unique().over(told).alias("drawn"),
    )
    return _examples(cop_no, both.filter((pl.col("spread") > 1) | (pl.col("drawn") > 1)), told)


def _examples(cop_no: str, differing: pl.DataFrame, by: list[str]) -> list[Finding]:
    """One finding a place of customs', with its first item as the example."""
    rows = (
        differing.sort(*by, *ITEM)
        .group_by(by, maintain_order=True)
        .agg(
            pl.col("place", *ITEM, "order_no").first(),
            pl.concat_str("declaration", "line", separator="/").unique().sort()
            .str.join(", ").alias("expected"),
        )
    )  # fmt: skip
    return [
        _finding("CONSOLIDATION_MERGED_OTHERWISE", cop_no, row | {"value": row["place"]})
        for row in rows.to_dicts()
    ]


def _finding(code: str, cop_no: str, row: dict[str, object]) -> Finding:
    return Finding(
        code,
        field="gcode" if code == "CONSOLIDATION_CODE_DIFFERS" else "invtNo",
        order_no=str(row.get("order_no") or ""),
        value=str(row.get("value") or ""),
        expected=str(row.get("expected") or "") if row.get("value") else "",
        params={"invt_no": str(row["invt_no"]), "gnum": str(row["gnum"]), "cop_no": cop_no},
    )


def rehearsed(c: Connection, store: Store, row: Row[Any]) -> pl.DataFrame:
    """What ``compare`` asks for of an application: its stored rehearsal, of its live lists."""
    items = store.read_parquet(*row.folder.split("/"), "items.parquet")
    named = consolidations.lists_of(c, row.id).filter("live").select("list_id", "order_no")
    return items.join(named, on="list_id", maintain_order="left")
