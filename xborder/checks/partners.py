"""Facts of an order from another report of the same orders (同一订单的另一份报表).

A layout that may lack what another report of its channel tells names that as its ``partner``, and
in ``partner_tells`` the fields that it tells. Lines of such a file carry both (``awaits``,
``awaits_fields``); what they leave empty is taken from the record of the same order there. What
they say themselves stands, whatever the other report says. A required field that neither file has
told awaits the partner, under its layout's code.
"""

import json
from collections.abc import Iterable, Sequence

import polars as pl

from xborder.checks.places import SOURCE, VIOLATIONS

ORDER = ["shop", "order_no"]

_PREFIX = "partner."
_TAKEN = f"{_PREFIX}fields"
_DISCOUNTS = ("order_discount", "line_discount")


def wanted(lines: pl.DataFrame) -> pl.DataFrame:
    """The orders whose partner may tell what they lack; shop and order_no, each once."""
    fields = _told(lines)
    if not fields:
        return pl.DataFrame(schema=dict.fromkeys(ORDER, pl.String))
    asked = pl.any_horizontal(_lacks(name) for name in fields)
    return lines.filter(asked).select(ORDER).unique(maintain_order=True)


def latest(told: Sequence[pl.DataFrame], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Records of several files (oldest first) as one: each order as the latest tells it."""
    every = pl.concat([pl.DataFrame(schema=schema), *told], how="diagonal")
    # Of one file the order's first row, where its order fields stand.
    each = [one.unique(ORDER, keep="first", maintain_order=True) for one in every.partition_by(
        "upload_id", maintain_order=True)]  # fmt: skip
    return (
        pl.concat([every.clear(), *each])
        .unique(ORDER, keep="last", maintain_order=True)
        .select(*schema)
    )


def completed(lines: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """The lines with what their partner tells of their orders; ``partner.*`` is its lineage.

    ``facts`` has one record an order (shop, order_no, canonical fields, lineage). A record of
    another creation time is of another order under the same number, and tells nothing.
    """
    fields = [] if facts.is_empty() else _told(lines)
    if not fields:
        return lines
    known = facts.select(
        *ORDER,
        *(pl.col(name).alias(f"{_PREFIX}{name}") for name in dict.fromkeys(
            [*SOURCE, *fields, "ordered_at"])),
    )  # fmt: skip
    both = lines.join(known, on=ORDER, how="left", maintain_order="left")
    same = (pl.col("ordered_at") == pl.col(f"{_PREFIX}ordered_at")).fill_null(value=True)
    there = pl.col(f"{_PREFIX}row").is_not_null() & same
    takes = {name: there & _lacks(name) for name in fields}
    listed = pl.concat_str(
        pl.when(take).then(pl.lit(f",{name},")).otherwise(pl.lit(""))
        for name, take in takes.items()
    )
    taken = pl.any_horizontal(takes.values())
    return both.with_columns(
        *(
            pl.when(take).then(f"{_PREFIX}{name}").otherwise(name).alias(name)
            for name, take in takes.items()
        ),
        *(pl.when(taken).then(f"{_PREFIX}{name}").alias(f"{_PREFIX}{name}") for name in SOURCE),
        listed.alias(_TAKEN),
    ).drop(f"{_PREFIX}{name}" for name in dict.fromkeys([*fields, "ordered_at"]))


def _told(lines: pl.DataFrame) -> list[str]:
    """All fields that some partner of the lines tells; none for most files."""
    if "awaits_fields" not in lines.columns:
        return []
    said = lines.get_column("awaits_fields").drop_nulls().unique()
    return sorted({name for one in said for name in one.split(",")})


def _lacks(name: str) -> pl.Expr:
    """Whether a line lacks a field that its partner tells."""
    own = pl.format(",{},", "awaits_fields").str.contains(f",{name},", literal=True)
    lacks = own.fill_null(value=False) & pl.col(name).is_null()
    if name == _DISCOUNTS[0]:
        # Discounts that stand at the lines are the order's: they do not count twice.
        lacks &= pl.col(_DISCOUNTS[1]).is_null().all().over(ORDER)
    return lacks


def awaited(violations: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Violations, where those of empty fields that the partner may still tell say what to hand in."""
    if "awaits_fields" not in lines.columns:
        return violations
    at = violations.get_column("at")
    waits = _within(lines.get_column("awaits_fields")[at], violations)
    if _TAKEN in lines.columns:
        waits &= ~_within(lines.get_column(_TAKEN)[at], violations)
    waits &= (violations.get_column("value") == "") & (violations.get_column("source") == "line")
    if not waits.any():
        return violations
    said = lines.select("awaits_code", "awaits_zh", "awaits_en")[at]
    params = [
        json.dumps({"partner_zh": zh or "", "partner_en": en or ""}, ensure_ascii=False)
        if mine
        else "{}"
        for mine, (zh, en) in zip(
            waits, said.select("awaits_zh", "awaits_en").iter_rows(), strict=True
        )
    ]
    mine = pl.lit(waits)
    return violations.with_columns(
        pl.when(mine).then(said.get_column("awaits_code")).otherwise("code").alias("code"),
        pl.when(mine).then(pl.Series(params, dtype=pl.String)).otherwise("params").alias("params"),
    ).cast(VIOLATIONS)  # type: ignore[arg-type]


def at_the_partner(violations: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Violations of what the partner told, moved to its cells."""
    if _TAKEN not in lines.columns:
        return violations
    taken = _within(lines.get_column(_TAKEN)[violations.get_column("at")], violations)
    moved = pl.lit(taken) & (pl.col("source") == "line")
    return violations.with_columns(
        pl.when(moved).then(pl.lit("partner")).otherwise("source").alias("source")
    )


def _within(listed: pl.Series, violations: pl.DataFrame) -> pl.Series:
    """Whether a violation's field is among those that ``listed`` names, comma-joined."""
    told: Iterable[tuple[str | None, str]] = zip(
        listed, violations.get_column("field"), strict=True
    )
    return pl.Series(
        [f",{field}," in f",{names or ''}," for names, field in told], dtype=pl.Boolean
    )
