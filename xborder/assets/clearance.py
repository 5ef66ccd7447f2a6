"""The cut-off: pending lists become numbered manifests that never change again."""

from datetime import date

import polars as pl
from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, asset

from xborder.assets.partitions import DAYS
from xborder.assets.previews import markdown
from xborder.assets.resources import HomeResource, LiveRun
from xborder.manifests import cutoff
from xborder.registry import queries
from xborder.registry.database import reading

GROUP = "clearance"


@asset(
    group_name=GROUP, owners=["team:operators"], kinds={"xml", "excel"}, code_version="1",
    partitions_def=DAYS, deps=["clearance_lists"],
)  # fmt: skip
def clearance_manifests(
    context: AssetExecutionContext, config: LiveRun, home: HomeResource
) -> MaterializeResult:
    """Clearance manifests (清单批次): messages, workbook, checksums; a folder and a ZIP each."""
    opened = home.open()
    day = date.fromisoformat(context.partition_key)
    issued = cutoff.issue(
        opened.engine, opened.store, opened.settings, day,
        issue_new=config.is_live(day), exporters=opened.exporters,
        sending={one.id: one.sending for one in opened.exporters.values()},
    )  # fmt: skip
    with reading(opened.engine) as connection:
        ofday = queries.manifests(connection, day)
        waiting = cutoff.waiting(connection, opened.exporters)
    for exporter, count in waiting.items():
        context.log.warning(f"profile missing or with errors: {count} lists of {exporter} wait")
    page = f"http://{opened.settings.host}:{opened.settings.page_port}/manifests/"
    links = "\n".join(f"* [{row['number']}]({page}{row['number']})" for row in ofday)
    shown = ["number", "kind", "exporter", "lists", "state"]
    return MaterializeResult(
        metadata={
            "issued_now": len(issued),
            "manifests": len(ofday),
            "lists": sum(row["lists"] for row in ofday),
            "lists_that_wait_for_a_profile": sum(waiting.values()),
            "of_the_day": markdown(
                pl.DataFrame([{key: row[key] for key in shown} for row in ofday])
            ),
            "downloads": MetadataValue.md(links or "—"),
        }
    )
