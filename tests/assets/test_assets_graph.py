"""The graph as an operator sees it: it loads, runs, and past days move nothing."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, DagsterInstance, Definitions, build_schedule_context
from pipeline_homes import EXAMPLES, make_home
from sqlalchemy import text

from xborder import clock
from xborder.assets import consolidation, exchange, guarantees, schedules, sending
from xborder.assets.jobs import asked_to_act
from xborder.assets.resources import HomeResource
from xborder.definitions import build_defs, defs
from xborder.registry.database import reading, transaction
from xborder.registry.home import open_home

ASSETS = {
    "exporters", "tariff", "code_tables", "order_files", "order_lines", "goods_catalogue",
    "shipments", "warehouse_movements", "checked_orders", "findings", "clearance_lists",
    "annotated_files", "price_lists",
    "clearance_manifests", "stock_ledger", "stock_report",
    "consolidation_preview", "consolidated_declarations", "customs_receipts",
    "sent_messages",
}  # fmt: skip


def run(home: Path, job: str, day: str, config: dict[str, Any] | None = None) -> Any:
    made = build_defs(home=HomeResource(path=str(home)))
    with DagsterInstance.ephemeral() as instance:
        return made.resolve_job_def(job).execute_in_process(
            instance=instance, partition_key=day, run_config=config or {}, raise_on_error=False
        )


def metadata(result: Any, asset: str) -> dict[str, Any]:
    for one in result.get_asset_materialization_events():
        if one.asset_key == AssetKey(asset):
            said = one.step_materialization_data.materialization.metadata
            return {key: value.value for key, value in said.items()}
    raise AssertionError(f"{asset} was not materialized")


def test_the_definitions_load_as_the_servers_load_them() -> None:
    Definitions.validate_loadable(defs)
    repository = defs.get_repository_def()
    repository.load_all_definitions()
    assert {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()} == ASSETS
    assert {job for job in repository.job_names if not job.startswith("__")} == {
        "intake", "clearance", "stock_report", "consolidation", "receipts",
        "sending",
    }  # fmt: skip
    assert {one.name for one in repository.sensor_defs} == {
        "landed_files",
        "answers_given",
        "warehouse_files_read",
        "failed_runs",
        "inbox_files",
        "messages_due",
    }
    assert {one.name for one in repository.schedule_defs} == {
        "cut_off", "daily_stock_report", "consolidation_due",
    }  # fmt: skip


def test_only_our_own_promises_block() -> None:
    checks = [*guarantees.ALL, *consolidation.CHECKS, *exchange.CHECKS, *sending.CHECKS]
    blocking = {spec.name for check in checks for spec in check.check_specs if spec.blocking}
    assert blocking == {
        "counts_add_up", "no_order_twice", "audit_unbroken", "messages_are_valid",
        "sums_before_and_after", "every_item_once", "states_follow_the_answers",
    }  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("assets") / "home", "b2b", "shopify-us")


def test_a_day_from_files_to_manifests(home: Path) -> None:
    with clock.fixed("2026-11-22T10:00:00+08:00"):
        intake = run(home, "intake", "2026-11-22")
        assert intake.success
        assert metadata(intake, "order_files")["taken_in"] == 10
        assert metadata(intake, "checked_orders")["accepted_now"] > 5
        assert metadata(intake, "clearance_lists")["await_the_cut_off"] > 5
        cut = run(home, "clearance", "2026-11-22")
        assert cut.success
        first = metadata(cut, "clearance_manifests")
        assert first["issued_now"] == first["manifests"] > 0
        again = metadata(run(home, "clearance", "2026-11-22"), "clearance_manifests")
        assert (again["issued_now"], again["manifests"]) == (0, first["manifests"])
        assert run(home, "stock_report", "2026-11-22").success
    assert (home / "reports" / "2026-11-22" / "stock.html").exists()


def test_a_past_day_takes_nothing_in(home: Path) -> None:
    landing = home / "landing" / "dapu-ciyun" / "b2b"
    landing.mkdir(parents=True, exist_ok=True)
    waiting = landing / "late.xlsx"
    shutil.copy(next((EXAMPLES / "landing" / "dapu-ciyun" / "b2b").glob("01_*")), waiting)
    with clock.fixed("2026-11-23T10:00:00+08:00"):
        result = run(home, "intake", "2026-11-22")
        assert metadata(result, "order_files")["taken_in"] == 0
        assert waiting.exists()
        assert metadata(result, "checked_orders")["checked_now"] == 0
        assert metadata(result, "clearance_lists")["claimed_now"] == 0
        asked = asked_to_act("intake")
        assert metadata(run(home, "intake", "2026-11-22", asked), "order_files")["taken_in"] == 1
    assert not waiting.exists()


def test_counts_that_do_not_add_up_stop_the_run(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "b2b")
    with clock.fixed("2026-11-22T10:00:00+08:00"):
        assert run(home, "intake", "2026-11-22").success
        opened = open_home(home)
        with transaction(opened.engine) as connection:
            connection.execute(text("UPDATE uploads SET rows = rows + 1 WHERE id = 1"))
        result = run(home, "intake", "2026-11-22")
    assert not result.success
    with reading(opened.engine) as connection:
        assert connection.scalar(text("SELECT count(*) FROM manifests")) == 0


def test_no_buyer_leaves_the_file(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "shopify-us")
    source = (
        home / "landing" / "dapu-ciyun" / "shopify-us" / "02_orders_export_1.csv"
    ).read_bytes()
    marks = [mark for mark in (b"Sample Buyer", b"@example", b"Sample Street") if mark in source]
    assert marks, "the example has no personal data to look for"
    from xborder.assets.running import run_jobs

    with clock.fixed("2026-11-22T10:00:00+08:00"):
        run_jobs(home, date(2026, 11, 22))
    files = [path for path in home.rglob("*") if path.is_file()]
    assert len(files) > 30
    leaks = [
        str(path.relative_to(home)) for path in files for mark in marks if mark in path.read_bytes()
    ]
    assert leaks == []


def test_a_schedule_cuts_off_the_day_on_which_it_falls_due() -> None:
    evening = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)  # 04:00 of the 23rd in Shanghai
    context = build_schedule_context(scheduled_execution_time=evening)
    daily = [one for one in schedules.ALL if one.name != "consolidation_due"]
    assert len(daily) == 2
    for due in daily:
        (request,) = list(due(context))
        assert (request.partition_key, due.execution_timezone) == ("2026-11-23", "Asia/Shanghai")
