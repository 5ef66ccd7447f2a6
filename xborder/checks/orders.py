"""What is wrong with orders (订单), and the list content of those with nothing wrong.

A bad line holds its order; the rest of the file goes on. All findings are told at once.
"""

from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from xborder import findings
from xborder.checks import destinations, hazards, lists, rules
from xborder.checks.context import Context
from xborder.checks.customs import with_customs_facts
from xborder.checks.joined import ORDER, join
from xborder.checks.places import VIOLATIONS, no_sources, placements, to_findings
from xborder.schemas import violations as schema_violations
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


class _Origin(NamedTuple):
    schema: str
    fields: dict[str, tuple[str, str]]


_HEAD = _Origin("clearance_list_head", lists.HEAD_ORIGIN)
_ITEM = _Origin("clearance_list_item", lists.ITEM_ORIGIN)


def check(lines: pl.DataFrame, context: Context, told: pl.DataFrame | None = None) -> OrderCheck:
    """Check order lines (canonical columns, ``shop`` and lineage) against the context.

    Orders whose lines obey the line's schema and every rule are accepted; a finding of
    severity error or fatal holds the order. ``told`` (shop, order_no, code, severity) are
    findings that the reading of the file told already: a damaged identifier holds its order too.
    """
    own = _schema(context.tables, "order_line", lines.with_row_index("at"), None)
    if context.exporter is None:
        return _alone(lines, own, context.placed, told)
    wide = with_customs_facts(join(lines, context), context)
    every_rule = [
        *rules.line_rules(),
        *rules.goods_rules(),
        *rules.shipment_rules(context.waybill_months),
        *rules.mode_rules(context.tables, context.on),
        *hazards.rules(context.tables, context.on),
    ]
    broken = pl.concat([own, rules.apply(every_rule, wide)])
    heads, items = lists.heads(wide), lists.items(wide)
    broken = _with_list_schema(context.tables, broken, wide, heads, items)
    notices = destinations.notices(wide, context)
    found = to_findings(pl.concat([broken, notices]), wide, context.placed)
    orders = _verdicts(wide, broken, told)
    accepted = orders.filter(pl.col("state") == "accepted")
    return OrderCheck(
        orders=orders,
        heads=heads.join(accepted, on=ORDER, how="semi", maintain_order="left").drop("at"),
        items=items.join(accepted, on=ORDER, how="semi", maintain_order="left").drop("at"),
        found=found,
    )


def _as_text(items: pl.DataFrame) -> pl.DataFrame:
    return items.with_columns(pl.col("gnum").cast(pl.String))


def _schema(
    held: Tables,
    name: str,
    frame: pl.DataFrame,
    origin: dict[str, tuple[str, str]] | None,
    summed: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Violations of a schema, moved to the source cells that ``origin`` names.

    Sums over the lines are not judged for the rows (``at``) of ``summed``.
    """
    if frame.is_empty():
        return pl.DataFrame(schema=VIOLATIONS)
    broken = schema_violations(name, frame, held)
    at = frame.get_column("at")
    if summed is not None:
        broken = broken.filter(
            ~(
                pl.col("field").is_in(lists.SUMS)
                & at.gather(broken.get_column("row")).is_in(summed.get_column("at").implode())
            )
        )
    sources = {field: place[0] for field, place in (origin or {}).items()}
    fields = {field: place[1] for field, place in (origin or {}).items()}
    return broken.select(
        at.gather(broken.get_column("row")).alias("at"),
        pl.col("field")
        .replace_strict(sources, default="line", return_dtype=pl.String)
        .alias("source"),
        pl.when(pl.col("code") == "AMOUNT_MISSING")
        .then(pl.lit("unit_price"))
        .otherwise(pl.col("field").replace(fields))
        .alias("field"),
        "code",
        pl.col("value").fill_null(""),
        pl.col("expected").fill_null(""),
        pl.lit("{}").alias("params"),
    ).cast(VIOLATIONS)  # type: ignore[arg-type]


def _with_list_schema(
    held: Tables, broken: pl.DataFrame, wide: pl.DataFrame, heads: pl.DataFrame, items: pl.DataFrame
) -> pl.DataFrame:
    """Add what the list's own schema finds beside what is known.

    A line that is wrong already would only be told again through the amounts made from it, and
    so would its order's sums; a fault at a cell is not told twice. A warning there hides none.
    """
    faults = broken.filter(pl.col("code").is_in(findings.blocking_codes()))
    wrong = faults.select("at").unique()
    wrong_orders = wide.select("at", *ORDER).join(wrong, on="at", how="semi").select(ORDER).unique()
    shipped = heads.filter(
        pl.col("logisticsNo").is_not_null(), pl.col("tradeMode").is_in(rules.LIST_MODES)
    )
    sound = items.join(wrong, on="at", how="anti").join(shipped, on=ORDER, how="semi")
    sums = heads.join(wrong_orders, on=ORDER, how="semi").select("at")
    told = pl.concat(
        [
            _schema(held, _HEAD.schema, shipped, _HEAD.fields, summed=sums),
            _schema(held, _ITEM.schema, _as_text(sound), _ITEM.fields),
        ]
    )
    key = ["at", "source", "field"]
    return pl.concat(
        [broken, told.join(faults, on=key, how="anti").unique(key, maintain_order=True)]
    )


def _verdicts(wide: pl.DataFrame, broken: pl.DataFrame, told: pl.DataFrame | None) -> pl.DataFrame:
    here = broken.join(wide.select("at", *ORDER), on="at").select(*ORDER, "code")
    before = here.clear() if told is None else told.select(*ORDER, "code")
    holding = (
        pl.concat([here, before])
        .filter(pl.col("code").is_in(findings.blocking_codes()))
        .group_by(ORDER)
        .agg(pl.col("code").unique().sort().str.join(",").alias("codes"))
    )
    return (
        wide.filter(pl.col("place_in_order") == 0)
        .select(*ORDER, "route")
        .join(holding, on=ORDER, how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("codes").is_null())
            .then(pl.lit("accepted"))
            .otherwise(pl.lit("held"))
            .alias("state"),
            pl.col("codes").fill_null(""),
        )
        .select(*VERDICTS)
    )


def check_lines(
    lines: pl.DataFrame, columns: dict[str, dict[str, tuple[int, str]]], held: Tables
) -> pl.DataFrame:
    """Findings of lines that stand alone (no order, no profile): schema and amounts."""
    upload_id = lines.get_column("upload_id").first()
    placed = placements(columns, int(str(upload_id)))
    own = _schema(held, "order_line", lines.with_row_index("at"), None)
    return _alone(lines, own, placed).found


def _alone(
    lines: pl.DataFrame,
    own: pl.DataFrame,
    placed: pl.DataFrame,
    told: pl.DataFrame | None = None,
) -> OrderCheck:
    """A dry run without an exporter: the lines' own schema and amounts only."""
    bare = lines.with_row_index("at").with_columns(
        pl.int_range(pl.len(), dtype=pl.UInt32).over(ORDER).alias("place_in_order"),
        pl.lit(None, pl.String).alias("route"),
        *no_sources(),
    )
    broken = pl.concat([own, rules.apply(rules.line_rules(), bare)])
    return OrderCheck(
        orders=_verdicts(bare, broken, told),
        heads=pl.DataFrame(),
        items=pl.DataFrame(),
        found=to_findings(broken, bare, placed),
    )
