"""The sensor: files that stand still for two ticks start one run; a moving file waits."""

import json
from pathlib import Path

import pytest
from dagster import (
    DagsterInstance,
    SensorResult,
    SkipReason,
    build_run_status_sensor_context,
    build_sensor_context,
    job,
    op,
)

from xborder.assets.sensors import (
    MOST_ATTEMPTS,
    PATIENCE_TICKS,
    answers_given,
    failed_runs,
    landed_files,
)
from xborder.registry import fixes
from xborder.registry.database import transaction
from xborder.registry.home import create, open_home
from xborder.registry.landing import settled
from xborder.settings import load


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    create(tmp_path)
    monkeypatch.setenv("XBORDER_HOME", str(tmp_path))
    folder = tmp_path / "landing" / "dapu" / "us"
    folder.mkdir(parents=True)
    return folder


def tick(cursor: str | None) -> SensorResult:
    with DagsterInstance.ephemeral() as instance:
        result = landed_files(build_sensor_context(instance=instance, cursor=cursor))
    assert isinstance(result, SensorResult)
    return result


def test_nothing_landed_starts_nothing(landing: Path) -> None:
    assert tick(None).run_requests in (None, [])


def test_two_still_ticks_start_one_run_for_all_files(landing: Path) -> None:
    (landing / "a.csv").write_text("x")
    first = tick(None)
    assert not first.run_requests
    (landing / "b.csv").write_text("y")
    second = tick(first.cursor)
    assert not second.run_requests, "a file came meanwhile: all wait until all stand still"
    third = tick(second.cursor)
    assert third.run_requests is not None and len(third.run_requests) == 1
    assert third.run_requests[0].tags["xborder/files"] == "2"


def test_a_growing_file_waits(landing: Path) -> None:
    growing = landing / "a.csv"
    growing.write_text("x")
    cursor = tick(None).cursor
    for size in range(2, 5):
        growing.write_text("x" * size)
        result = tick(cursor)
        assert not result.run_requests
        cursor = result.cursor


def test_a_file_that_never_stands_still_does_not_keep_the_others(landing: Path) -> None:
    growing = landing / "log.csv"
    (landing / "a.csv").write_text("x")
    cursor, asked = None, None
    for size in range(1, PATIENCE_TICKS + 3):
        growing.write_text("x" * size)
        result = tick(cursor)
        cursor, asked = result.cursor, result.run_requests
        if asked:
            break
    assert size > PATIENCE_TICKS and asked
    marks = asked[0].run_config["ops"]["order_files"]["config"]["settled"]
    assert [one.file_name for one in settled(load(landing.parents[2]), marks)] == ["a.csv"]


def test_a_failed_set_is_tried_again_under_a_new_key_and_not_for_ever(landing: Path) -> None:
    (landing / "a.csv").write_text("x")
    cursor, keys = tick(None).cursor, []
    for _ in range(MOST_ATTEMPTS):
        result = tick(cursor)
        assert result.run_requests
        keys.append(result.run_requests[0].run_key)
        cursor = result.cursor
    assert len(set(keys)) == MOST_ATTEMPTS
    with DagsterInstance.ephemeral() as instance:
        last = landed_files(build_sensor_context(instance=instance, cursor=cursor))
    assert isinstance(last, SkipReason)
    assert json.loads(cursor or "{}")["seen"]


def test_the_run_takes_only_the_files_that_stood_still(landing: Path) -> None:
    (landing / "a.csv").write_text("x")
    run = tick(tick(None).cursor).run_requests
    assert run
    marks = run[0].run_config["ops"]["order_files"]["config"]["settled"]
    settings = load(landing.parents[2])
    (landing / "b.csv").write_text("came later")
    assert [one.file_name for one in settled(settings, marks)] == ["a.csv"]
    (landing / "a.csv").write_text("grew meanwhile")
    assert settled(settings, marks) == []


def test_a_failed_run_writes_an_alert_without_the_exceptions_text(
    landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @op
    def broken() -> None:
        raise RuntimeError("Jane Roe, 12 Sample Street")

    @job
    def breaking() -> None:
        broken()

    with DagsterInstance.ephemeral() as instance:
        result = breaking.execute_in_process(instance=instance, raise_on_error=False)
        failure = next(e for e in result.all_events if e.event_type_value == "PIPELINE_FAILURE")
        context = build_run_status_sensor_context(
            sensor_name="failed_runs", dagster_instance=instance,
            dagster_run=result.dagster_run, dagster_event=failure,
        )  # fmt: skip
        failed_runs(context.for_run_failure())
    (alert,) = (landing.parents[2] / "alerts").iterdir()
    told = json.loads(alert.read_text("utf-8"))
    assert (told["job"], told["steps"]) == ("breaking", ["broken"])
    assert "Jane" not in alert.read_text("utf-8")


def test_an_answer_starts_one_run_that_takes_no_file(landing: Path) -> None:
    home = open_home(load().home)

    def look(cursor: str | None) -> SensorResult | SkipReason:
        with DagsterInstance.ephemeral() as instance:
            told = answers_given(build_sensor_context(instance=instance, cursor=cursor))
        assert isinstance(told, SensorResult | SkipReason)
        return told

    assert isinstance(look(None), SkipReason)
    with transaction(home.engine) as c:
        fixes.record(c, "dapu", "country", "Germny", {"": "DE"}, by="Li")
    first = look(None)
    assert isinstance(first, SensorResult) and not first.run_requests
    second = look(first.cursor)
    assert isinstance(second, SensorResult) and second.run_requests
    asked = second.run_requests[0].run_config["ops"]["order_files"]["config"]
    (landing / "half.csv").write_text("half a f")
    assert asked["live"] and settled(load(), asked["settled"]) == []
    assert isinstance(look(second.cursor), SkipReason), "one run for one answer"
    with transaction(home.engine) as c:
        fixes.revoke(c, "dapu", 1, by="Li")
    third = look(second.cursor)
    assert isinstance(third, SensorResult) and not third.run_requests
    home.engine.dispose()
