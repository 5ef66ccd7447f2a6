"""Asset checks: our own promises block, the state of the data warns.

A blocking check fails the run, so only what must never happen blocks: counts that do not add
up, an order on two lists, a message that customs would not read.
"""

import polars as pl
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    MetadataValue,
    asset_check,
)

from xborder import clock
from xborder.assets.overseas_stock import report_of
from xborder.assets.previews import markdown
from xborder.assets.resources import HomeResource
from xborder.manifests import cutoff
from xborder.registry import audit, contradictions, queries
from xborder.registry.customs_states import Rules
from xborder.registry.database import reading

WARN = AssetCheckSeverity.WARN
SAMPLE = 5
MOST_NAMED = 100
"""Orders that a check names."""


@asset_check(asset="clearance_lists", blocking=True)
def counts_add_up(home: HomeResource) -> AssetCheckResult:
    """Every physical row of every upload is in exactly one counted state (promise 1)."""
    with reading(home.open().engine) as connection:
        wrong = queries.uploads_that_do_not_add_up(connection)
    return AssetCheckResult(
        passed=not wrong, metadata={"uploads": ", ".join(map(str, wrong)) or "—"}
    )


@asset_check(asset="clearance_lists", blocking=True)
def no_order_twice(home: HomeResource) -> AssetCheckResult:
    """No order is on two live lists (promise 2); the database forbids it, this looks."""
    with reading(home.open().engine) as connection:
        twice = queries.orders_on_two_lists(connection)
    return AssetCheckResult(passed=not twice, metadata={"orders": len(twice)})


@asset_check(asset="clearance_lists")
def none_declared_twice(home: HomeResource) -> AssetCheckResult:
    """Customs has one list of each order: none that was refused or cancelled stands after all
    beside the one that followed it. Does not block: only customs can take one back."""
    opened = home.open()
    with reading(opened.engine) as connection:
        twice = contradictions.declared_twice(connection, Rules(opened.tables))
    lines = [
        f"* {row['exporter']}/{row['shop']} {row['order_no']}: {row['cop_no']}, {row['later']}"
        for row in twice.head(MOST_NAMED).iter_rows(named=True)
    ]
    return AssetCheckResult(
        passed=twice.is_empty(),
        metadata={"orders": twice.height, "which": MetadataValue.md("\n".join(lines) or "—")},
    )


@asset_check(asset="clearance_lists", blocking=True)
def audit_unbroken(home: HomeResource) -> AssetCheckResult:
    """The audit log's hash chain holds from its first entry to its last."""
    with reading(home.open().engine) as connection:
        broken = audit.verify(connection)
    return AssetCheckResult(passed=broken is None, metadata={"broken_at": str(broken or "—")})


@asset_check(asset="clearance_manifests", blocking=True)
def messages_are_valid(context: AssetCheckExecutionContext, home: HomeResource) -> AssetCheckResult:
    """A sample of the newest cut-off's manifests: checksums, and the same bytes made again.

    Each field's rules hold by construction (they are in the schemas that every list passed);
    ``xborder verify`` looks at all manifests, this at most at ``SAMPLE`` of a cut-off.
    """
    opened = home.open()
    with reading(opened.engine) as connection:
        issued = [row["number"] for row in queries.manifests_of_last_cutoff(connection)]
    step = max(1, -(-len(issued) // SAMPLE))
    numbers = issued[::step]
    problems = [
        str(problem)
        for number in numbers
        for problem in cutoff.verify(opened.engine, opened.store, number)
    ]
    return AssetCheckResult(
        passed=not problems,
        metadata={
            "manifests": len(issued),
            "looked_at": len(numbers),
            "problems": len(problems),
        },
    )


@asset_check(asset="checked_orders")
def held_share(home: HomeResource) -> AssetCheckResult:
    """Held orders stay below the share that the home sets."""
    opened = home.open()
    with reading(opened.engine) as connection:
        states = queries.orders_by_state(connection)
        causes = queries.held_by_code(connection)
    held = sum(row["orders"] for row in states if row["state"] == "held")
    every = sum(row["orders"] for row in states) or 1
    return AssetCheckResult(
        passed=held / every <= opened.settings.held_share_warning,
        severity=WARN,
        metadata={
            "held": held,
            "orders": every,
            "share": held / every,
            "by_cause": markdown(causes),
        },
    )


@asset_check(asset="checked_orders")
def no_faults(home: HomeResource) -> AssetCheckResult:
    """No fault of ours kept a file from being read or orders from being checked.

    What it hit waits and is tried again by each run; the others went on.
    """
    with reading(home.open().engine) as connection:
        faulty = queries.with_faults(connection)
    lines = [f"* {row.code}: upload {row.id} of {row.exporter}" for row in faulty]
    return AssetCheckResult(
        passed=not faulty,
        metadata={"uploads": len(faulty), "which": MetadataValue.md("\n".join(lines) or "—")},
    )


@asset_check(asset="exporters")
def profiles_usable(home: HomeResource) -> AssetCheckResult:
    """Every exporter's profile can be used; the files of one with errors wait."""
    broken = home.open().broken_profiles
    lines = [
        f"* exporters/{one}.toml: {problem}" for one, told in broken.items() for problem in told
    ]
    return AssetCheckResult(
        passed=not broken,
        severity=WARN,
        metadata={
            "with_errors": len(broken),
            "problems": MetadataValue.md("\n".join(lines) or "—"),
        },
    )


@asset_check(asset="code_tables")
def tables_in_date(home: HomeResource) -> AssetCheckResult:
    """Tariff, rates and code tables are valid today."""
    late = home.open().tables.out_of_date(clock.today())
    return AssetCheckResult(
        passed=not late, severity=WARN, metadata={"late": ", ".join(late) or "—"}
    )


@asset_check(asset="stock_report")
def stock_identity(home: HomeResource) -> AssetCheckResult:
    """Opening plus and minus all movements is closing; differences are rows of the report."""
    made = report_of(home.open(), clock.today())
    differing = made.statements.filter(pl.col("difference") != 0).height
    return AssetCheckResult(
        passed=not differing,
        severity=WARN,
        metadata={"differences": differing, "exceptions": made.exceptions.height},
    )


ALL = [
    counts_add_up, no_order_twice, none_declared_twice, audit_unbroken, messages_are_valid,
    held_share, no_faults, profiles_usable, tables_in_date, stock_identity,
]  # fmt: skip
