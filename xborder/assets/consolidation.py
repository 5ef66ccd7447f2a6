"""Consolidated declarations: what a month's cleared lists make, and what customs made of them."""

import warnings
from datetime import date, timedelta
from typing import Any

import polars as pl
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetDep,
    AssetExecutionContext,
    BetaWarning,
    MaterializeResult,
    MetadataValue,
    TimeWindowPartitionMapping,
    asset,
    asset_check,
)

from xborder import clock
from xborder.assets.guarantees import WARN
from xborder.assets.partitions import MONTHS
from xborder.assets.previews import markdown
from xborder.assets.resources import HomeResource
from xborder.manifests.consolidation import merging, overview, rehearsal
from xborder.manifests.consolidation.rehearsal import Rehearsal
from xborder.registry import consolidations
from xborder.registry.database import reading
from xborder.registry.home import Home
from xborder.schemas.working_days import due_day

GROUP = "consolidation"
OWNERS = ["team:operators"]

# Of a month that is not over, the days to come have no partition yet.
with warnings.catch_warnings():
    # That the parameter is in beta is no concern of who reads the terminal.
    warnings.simplefilter("ignore", BetaWarning)
    _DAYS = TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)


@asset(
    group_name=GROUP, owners=OWNERS, kinds={"polars", "excel"}, code_version="1",
    partitions_def=MONTHS, deps=[AssetDep("clearance_manifests", partition_mapping=_DAYS)],
)  # fmt: skip
def consolidation_preview(context: AssetExecutionContext, home: HomeResource) -> MaterializeResult:
    """Rehearsal (汇总申报预演): declarations, lines, the items behind them, what is left out."""
    opened, month = home.open(), date.fromisoformat(context.partition_key)
    made = [overview.make_preview(opened, one, month) for one in _exporters(opened, month)]
    due = due_day(opened.tables, month)
    rows: list[dict[str, Any]] = [
        {
            "exporter": one.exporter,
            "declarations": one.merged.declarations.height,
            "lines": one.merged.lines.height,
            "lists": one.found.heads.height,
            "not_eligible": one.found.excluded.height,
            "flag_a": one.found.flag_a["list_id"].n_unique(),
            "held_fees": int(one.merged.declarations["held"].sum()),
        }
        for one, _ in made
    ]
    files = "\n".join(f"* {opened.store.path(*told[-1].split('/'))}" for _, told in made)
    return MaterializeResult(
        metadata={
            "due": due.day.isoformat(),
            "holidays_known": due.known,
            "lists": sum(row["lists"] for row in rows),
            "declarations": sum(row["declarations"] for row in rows),
            "lists_left_out": sum(row["not_eligible"] for row in rows),
            "by_exporter": markdown(pl.DataFrame(rows)),
            "left_out_because": markdown(_reasons([one for one, _ in made])),
            "workbooks": MetadataValue.md(files or "—"),
        }
    )


def _reasons(made: list[Rehearsal]) -> pl.DataFrame:
    if not made:
        return pl.DataFrame()
    every = pl.concat([one.found.excluded.select("reason") for one in made])
    return every.group_by("reason").agg(pl.len().alias("lists")).sort("reason")


def _exporters(opened: Home, month: date) -> list[str]:
    with reading(opened.engine) as connection:
        return overview.exporters(connection, month)


@asset(
    group_name=GROUP, owners=OWNERS, kinds={"xml"}, code_version="1", partitions_def=MONTHS,
    deps=["consolidation_preview"],
)  # fmt: skip
def consolidated_declarations(
    context: AssetExecutionContext, home: HomeResource
) -> MaterializeResult:
    """Applications (汇总申请 701) of a month and the declarations that customs made (792)."""
    opened, month = home.open(), date.fromisoformat(context.partition_key)
    with reading(opened.engine) as connection:
        told = overview.shown(connection, opened, month)
    shown = ["cop_no", "exporter", "lists", "state"]
    differing = [one["code"] for row in told for one in row["differences"]]
    return MaterializeResult(
        metadata={
            "applications": len(told),
            "lists": sum(row["live_lists"] for row in told),
            "declarations": sum(len(row["declarations"]) for row in told),
            "differences": len(differing),
            "by_application": markdown(pl.DataFrame([{key: row[key] for key in shown}
                                                     for row in told])),
        }
    )  # fmt: skip


def _month(context: AssetCheckExecutionContext) -> date:
    """The month that a check's run is for; the last one where it runs by itself."""
    key = context.run.tags.get("dagster/partition")
    return date.fromisoformat(key) if key else consolidations.previous_month(clock.today())


def _rehearsed(opened: Home, month: date) -> list[Rehearsal]:
    with reading(opened.engine) as connection:
        return [
            rehearsal.rehearse(connection, opened, one, month)
            for one in overview.exporters(connection, month)
        ]


def _holds(context: AssetCheckExecutionContext, home: HomeResource, look: Any) -> AssetCheckResult:
    wrong = [
        f"{one.exporter}: {problem}"
        for one in _rehearsed(home.open(), _month(context))
        for problem in look(one.found.heads, one.found.items, one.merged)
    ]
    return AssetCheckResult(passed=not wrong, metadata={"problems": "; ".join(wrong) or "—"})


@asset_check(asset="consolidation_preview", blocking=True)
def sums_before_and_after(
    context: AssetCheckExecutionContext, home: HomeResource
) -> AssetCheckResult:
    """Quantities, totals, weights and packages of the declarations are those of the lists."""
    return _holds(context, home, merging.sum_faults)


@asset_check(asset="consolidation_preview", blocking=True)
def every_item_once(context: AssetCheckExecutionContext, home: HomeResource) -> AssetCheckResult:
    """Every goods line of a list is in exactly one line of a declaration."""
    return _holds(context, home, merging.item_faults)


@asset_check(asset="consolidation_preview")
def consolidated_in_time(
    context: AssetCheckExecutionContext, home: HomeResource
) -> AssetCheckResult:
    """No list of a month is left to be applied for when its due day is near or past."""
    opened, month = home.open(), _month(context)
    due = due_day(opened.tables, month)
    left = sum(one.found.heads.height for one in _rehearsed(opened, month))
    near = clock.today() >= due.day - timedelta(days=opened.settings.consolidation_days)
    return AssetCheckResult(
        passed=not (left and near),
        severity=WARN,
        metadata={"due": due.day.isoformat(), "lists_to_apply_for": left},
    )


@asset_check(asset="consolidated_declarations")
def declared_as_rehearsed(
    context: AssetCheckExecutionContext, home: HomeResource
) -> AssetCheckResult:
    """What customs made of the lists is what the rehearsal made of them."""
    opened, month = home.open(), _month(context)
    with reading(opened.engine) as connection:
        told = overview.shown(connection, opened, month)
    found = pl.DataFrame([{"code": one["code"]} for row in told for one in row["differences"]],
                         schema={"code": pl.String})  # fmt: skip
    counted = found.group_by("code").agg(pl.len().alias("differences")).sort("code")
    return AssetCheckResult(
        passed=found.is_empty(),
        severity=WARN,
        metadata={"differences": found.height, "by_code": markdown(counted)},
    )


CHECKS = [sums_before_and_after, every_item_once, consolidated_in_time, declared_as_rehearsed]
