"""What is wrong with orders (订单), and the list content of those with nothing wrong.

A bad line holds its order; the rest of the file goes on. All findings are told at once.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache

import polars as pl

from xborder.checks import (
    destinations,
    hazards,
    lists,
    partners,
    prices,
    rules,
    suggestions,
    telling,
)
from xborder.checks.context import Context
from xborder.checks.customs import with_customs_facts
from xborder.checks.joined import ORDER, Joined, alone, join
from xborder.checks.line_amounts import with_amounts, with_stated_amounts
from xborder.checks.places import blocking, from_schema, placements, to_findings
from xborder.checks.words import in_codes
from xborder.schemas import violations as schema_violations
from xborder.schemas.levels import Levels, marked_rows
from xborder.schemas.tables import Tables

VERDICTS: dict[str, pl.DataType] = {
    "shop": pl.String(),
    "order_no": pl.String(),
    "state": pl.String(),
    "route": pl.String(),
    "codes": pl.String(),
}
"""``state`` accepted or held; ``route`` list, declaration or null; ``codes`` comma-joined."""


@dataclass(frozen=True)
class OrderCheck:
    """Verdicts, list content of the accepted orders, and all findings.

    ``orders`` has the columns of ``VERDICTS``; ``heads`` and ``items`` those that
    ``checks.lists`` describes; ``found`` those of ``findings.FINDINGS`` and ``upload_id``.
    """

    orders: pl.DataFrame
    heads: pl.DataFrame
    items: pl.DataFrame
    found: pl.DataFrame


def check(lines: pl.DataFrame, context: Context, told: pl.DataFrame | None = None) -> OrderCheck:
    """Check order lines (canonical columns, ``shop`` and lineage) against the context.

    Orders whose lines obey the line's schema and every rule are accepted; a finding of
    severity error or fatal holds the order. ``told`` (shop, order_no, code; upload_id, sheet,
    row, field) are findings that the reading of the file told already: a damaged identifier
    holds its order too.
    May run in several threads at once.
    """
    lines = in_codes(partners.completed(lines, context.order_facts), context.words)
    lines = prices.completed(lines, context.prices)
    own = from_schema(schema_violations("order_line", lines, context.tables))
    own = partners.awaited(own, lines)
    waits = prices.waiting(lines)
    own = pl.concat([prices.without_awaited(own, waits), prices.awaited(waits)])
    numbered = lines.with_row_index("at")
    if context.exporter is None:
        own = suggestions.told(own, Levels(numbered), context.tables, context.on)
        return _alone(numbered, own, context.placed, told)
    joined = with_customs_facts(with_amounts(join(numbered, context)), context)
    every_rule = _rules(context.tables, context.on, context.waybill_months)
    broken = pl.concat([own, rules.apply(every_rule, joined.by_line, joined.by_order)])
    heads, items = lists.heads(joined), lists.items(joined)
    listed = _by_list_schemas(context.tables, broken, joined, heads, items)
    broken = pl.concat([broken, prices.without_awaited(listed, waits)])
    broken = telling.once(broken, _CELL)
    notices = destinations.notices(joined, context)
    meant = suggestions.told(broken, joined.by_line, context.tables, context.on, context.goods)
    orders = _verdicts(joined, broken, told)
    accepted = orders.get_column("state") == "accepted"
    return OrderCheck(
        orders=orders,
        heads=heads.gather(lists.HEADS, marked_rows(accepted)),
        items=items.gather(lists.ITEMS, marked_rows(accepted[joined.order])),
        found=_not_told(
            to_findings(
                _at_sources_of(pl.concat([meant, notices]), lines),
                joined.by_line,
                context.placed,
            ),
            told,
        ),
    )


_CELL = ["at", "source", "field"]


def _at_sources_of(violations: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Violations of what other files tell of the lines, at the cells of those."""
    return partners.at_the_partner(prices.at_the_list(violations, lines), lines)


def _not_told(found: pl.DataFrame, told: pl.DataFrame | None) -> pl.DataFrame:
    """Findings without those that say less than what the reading told at their cell."""
    if told is None or "field" not in told.columns:
        return found
    return telling.once(found, telling.CELL, told)


@lru_cache(maxsize=8)
def _rules(tables: Tables, on: date, months: int) -> rules.Book:
    return rules.Book(
        (
            *rules.line_rules(),
            *rules.goods_rules(),
            *rules.shipment_rules(months),
            *rules.mode_rules(tables, on),
            *hazards.rules(tables, on),
        )
    )


@cache
def _rules_of_lines() -> rules.Book:
    return rules.Book(tuple(rules.line_rules()))


def _by_list_schemas(
    held: Tables, broken: pl.DataFrame, joined: Joined, heads: Levels, items: Levels
) -> pl.DataFrame:
    """What the list's own schema finds beside what is known.

    A line that is wrong already would only be told again through the amounts made from it, and
    so would its order's sums; a fault at a cell is not told twice. A warning there hides none.
    """
    faults = broken.filter(blocking())
    holding = faults.get_column("at")
    wrong = _marked(holding, joined.lines.height)
    wrong_orders = _marked(joined.order[holding], joined.orders.height)
    by_list = joined.shops.get_column("profile.mode").is_in(rules.LIST_MODES)
    shipped = (
        by_list.fill_null(value=False)[joined.shop]
        & joined.orders.get_column("shipment.logistics_no").is_not_null()
    )
    of_heads = schema_violations("clearance_list_head", heads, held, shipped)
    # Sums over the lines are not judged where a line is wrong.
    of_heads = of_heads.filter(
        ~(pl.col("field").is_in(lists.SUMS) & wrong_orders[of_heads.get_column("row")])
    )
    sound = ~wrong & shipped[joined.order]
    of_items = schema_violations("clearance_list_item", items, held, sound)
    told = pl.concat(
        [
            _at_sources(of_heads, joined.first, lists.HEAD_ORIGIN),
            _at_sources(of_items, joined.lines.get_column("at"), lists.ITEM_ORIGIN),
        ]
    )
    if told.is_empty():
        return told
    return told.join(faults, on=_CELL, how="anti", maintain_order="left").unique(
        _CELL, keep="first", maintain_order=True
    )


def _marked(rows: pl.Series, height: int) -> pl.Series:
    marks = pl.repeat(False, height, dtype=pl.Boolean, eager=True)
    return marks.scatter(rows, True) if not rows.is_empty() else marks


def _at_sources(
    broken: pl.DataFrame, at: pl.Series, origin: dict[str, tuple[str, str]]
) -> pl.DataFrame:
    """Violations of a list's schema, moved to the source cells that ``origin`` names."""
    told = from_schema(broken)
    if told.is_empty():
        return told
    sources = {field: place[0] for field, place in origin.items()}
    fields = {field: place[1] for field, place in origin.items()}
    return told.with_columns(
        at[broken.get_column("row")].alias("at"),
        pl.col("field").replace_strict(sources, default="line", return_dtype=pl.String)
        .alias("source"),
        pl.col("field").replace(fields),
    )  # fmt: skip


def _verdicts(joined: Joined, broken: pl.DataFrame, told: pl.DataFrame | None) -> pl.DataFrame:
    """State, route and holding codes of each order; columns of ``VERDICTS``."""
    held = broken.filter(blocking())
    order = joined.order[held.get_column("at")]
    holding = pl.DataFrame([order.alias("order"), held.get_column("code")])
    if told is not None and not (before := told.filter(blocking())).is_empty():
        numbered = joined.orders.select(*ORDER).with_row_index("order")
        before = numbered.join(before, on=ORDER).select("order", "code")
        holding = pl.concat([holding, before])
    codes = holding.group_by("order").agg(_CODES)
    told_codes = pl.repeat("", joined.orders.height, dtype=pl.String, eager=True).scatter(
        codes.get_column("order"), codes.get_column("codes")
    )
    verdicts = joined.orders.select(*ORDER, "route").hstack([told_codes.alias("codes")])
    return verdicts.with_columns(_STATE).select(list(VERDICTS))


_CODES = pl.col("code").unique().sort().str.join(",").alias("codes")
_STATE = (
    pl.when(pl.col("codes") == "").then(pl.lit("accepted")).otherwise(pl.lit("held")).alias("state")
)


def check_lines(
    lines: pl.DataFrame, columns: dict[str, dict[str, tuple[int, str]]], held: Tables
) -> pl.DataFrame:
    """Findings of lines that stand alone (no order, no profile): schema and amounts."""
    upload_id = lines.get_column("upload_id").first()
    placed = placements(columns, int(str(upload_id)))
    own = from_schema(schema_violations("order_line", lines, held))
    own = suggestions.told(own, Levels(lines), held, held.today)
    return _alone(lines.with_row_index("at"), own, placed).found


def _alone(
    lines: pl.DataFrame, own: pl.DataFrame, placed: pl.DataFrame, told: pl.DataFrame | None = None
) -> OrderCheck:
    """A dry run without an exporter: the lines' own schema and amounts only."""
    joined = with_stated_amounts(alone(lines))
    broken = pl.concat([own, rules.apply(_rules_of_lines(), joined.by_line, joined.by_order)])
    broken = telling.once(broken, _CELL)
    return OrderCheck(
        orders=_verdicts(joined, broken, told),
        heads=pl.DataFrame(),
        items=pl.DataFrame(),
        found=_not_told(to_findings(_at_sources_of(broken, lines), joined.by_line, placed), told),
    )
