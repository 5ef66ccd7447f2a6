"""Customs' answers as the operator sees them in Dagster: an asset, its checks, a sensor."""

from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, DagsterInstance, SensorResult, build_sensor_context
from receipt_homes import LATER, answer, cop_nos, drop, issued, statuses, table, tell

from xborder.assets.exchange import MOST_ATTEMPTS, inbox_files
from xborder.assets.resources import HomeResource
from xborder.clock import fixed
from xborder.definitions import build_defs
from xborder.manifests import receiving
from xborder.registry.home import Home


def run(home: Home, now: str = LATER, **config: Any) -> dict[str, Any]:
    """Run the job; metadata of the asset, and of each check whether it passed."""
    defs = build_defs(home=HomeResource(path=str(home.settings.home)))
    told: dict[str, Any] = {}
    with fixed(now), DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("receipts").execute_in_process(
            instance=instance, raise_on_error=False,
            run_config={"ops": {"customs_receipts": {"config": config}}},
        )  # fmt: skip
    for one in result.get_asset_materialization_events():
        assert one.asset_key == AssetKey("customs_receipts")
        said = one.step_materialization_data.materialization.metadata
        told |= {key: value.value for key, value in said.items()}
    told |= {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
    return told | {"success": result.success}


def test_answers_are_an_asset_with_checks(tmp_path: Path) -> None:
    home = issued(tmp_path)
    one, two, _ = cop_nos(home)
    tell(home, answer(one, "399", 1), answer(two, "120", 1))
    said = run(home)
    assert (said["new"], said["files"], said["open_problems"]) == (2, 1, 0)
    assert "审结 approved 1" in said["manifests"] and "CEB603" in said["moved"]
    assert said["receipts_read_and_applied"] and said["states_follow_the_answers"]
    assert said["nothing_stuck"] and said["success"]
    drop(home, "no.xml", b"no")
    tell(home, answer("XB209901010000000001", "120", 1))
    said = run(home, "2026-11-26T20:00:00+08:00")
    assert said["open_problems"] == 2 and "RECEIPT_NOT_XML" in said["problems"]
    assert not said["receipts_read_and_applied"] and said["success"], "that only warns"
    assert not said["nothing_stuck"], "the second list was entered days ago, and nothing since"


def test_a_state_that_no_answer_gave_stops_the_run(tmp_path: Path) -> None:
    from sqlalchemy import text

    from xborder.registry.database import transaction

    home = issued(tmp_path)
    tell(home, answer(cop_nos(home)[0], "120", 1))
    assert run(home)["success"]
    with transaction(home.engine) as c:
        c.execute(text("UPDATE filings SET status = '800' WHERE status = '120'"))
    said = run(home)
    assert not said["states_follow_the_answers"] and not said["success"]


def tick(cursor: str | None, now: str = LATER) -> SensorResult:
    with fixed(now), DagsterInstance.ephemeral() as instance:
        result = inbox_files(build_sensor_context(instance=instance, cursor=cursor))
    assert isinstance(result, SensorResult)
    return result


def test_files_that_stand_still_start_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = issued(tmp_path)
    monkeypatch.setenv("XBORDER_HOME", str(tmp_path))
    assert not tick(None).run_requests
    path = tell(home, answer(cop_nos(home)[0], "120", 1))
    first = tick(None)
    assert not first.run_requests
    moving = drop(home, "b.xml", b"<")
    second = tick(first.cursor)
    assert second.run_requests is not None and len(second.run_requests) == 1
    asked = second.run_requests[0].run_config["ops"]["customs_receipts"]["config"]
    assert run(home, **asked)["files"] == 1
    assert not path.exists() and moving.exists(), "what still moved waits"
    assert statuses(home)[cop_nos(home)[0]] == "120"
    third = tick(second.cursor)
    assert third.run_requests
    cursor, tries = third.cursor, 1
    while (again := tick(cursor)).run_requests:
        cursor, tries = again.cursor, tries + 1
    assert tries == MOST_ATTEMPTS


def test_what_waits_for_its_time_starts_a_run_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = issued(tmp_path)
    monkeypatch.setenv("XBORDER_HOME", str(tmp_path))
    tell(home, answer(cop_nos(home)[0], "399", 60))
    early, later = "2026-11-22T12:00:10+08:00", "2026-11-22T13:30:10+08:00"
    with fixed(early):
        receiving.receive(home, receiving.look(home.settings))
    first = tick(None, early)
    assert first.run_requests
    assert not tick(first.cursor, "2026-11-22T12:05:00+08:00").run_requests, "not at every tick"
    assert tick(first.cursor, later).run_requests
    run(home, later, settled=[])
    assert statuses(home)[cop_nos(home)[0]] == "399"
    assert table(home, "SELECT count(*) FROM receipts WHERE code IS NOT NULL") == [(0,)]
