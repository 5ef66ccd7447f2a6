"""The month in Dagster: the rehearsal, its promises, what is due, what customs made of it."""

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetKey,
    DagsterInstance,
    RunRequest,
    SkipReason,
    build_schedule_context,
)
from sqlalchemy import text

from xborder.assets import schedules
from xborder.assets.partitions import MONTHS
from xborder.assets.resources import HomeResource
from xborder.clock import fixed
from xborder.definitions import build_defs
from xborder.registry.database import transaction

sys.path.append(str(Path(__file__).parents[1] / "manifests"))
from consolidation_homes import EXPORTER, applied, cleared, heads, result, take

MONTH = "2026-11-01"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    rows = heads(4)
    rows[0]["statisticsFlag"] = "A"
    for row in rows:
        row["country"] = "303" if row["list_id"] % 2 else "502"
    return cleared(tmp_path_factory.mktemp("month") / "home", rows, 2)


def run(home: Any, at: str) -> Any:
    made = build_defs(home=HomeResource(path=str(home.settings.home)))
    with fixed(at), DagsterInstance.ephemeral() as instance:
        return made.resolve_job_def("consolidation").execute_in_process(
            instance=instance, partition_key=MONTH, raise_on_error=False
        )


def told(result: Any, asset: str) -> dict[str, Any]:
    (one,) = [one for one in result.get_asset_materialization_events()
              if one.asset_key == AssetKey(asset)]  # fmt: skip
    said = one.step_materialization_data.materialization.metadata
    return {key: value.value for key, value in said.items()}


def checks(result: Any) -> dict[str, bool]:
    return {one.check_name: one.passed for one in result.get_asset_check_evaluations()}


def test_a_month_from_the_rehearsal_to_its_declarations(home: Any) -> None:
    done = run(home, "2026-12-02T07:00:00+08:00")
    assert done.success
    said = told(done, "consolidation_preview")
    assert (said["due"], said["lists"], said["declarations"], said["lists_left_out"]) == (
        "2026-12-15", 3, 2, 1,
    )  # fmt: skip
    assert "FLAG_A" in said["left_out_because"]
    assert checks(done) == {
        "sums_before_and_after": True, "every_item_once": True, "consolidated_in_time": True,
        "declared_as_rehearsed": True,
    }  # fmt: skip
    where = home.settings.home / "consolidations" / EXPORTER / "2026-11" / "preview.xlsx"
    before = where.read_bytes()
    late = run(home, "2026-12-11T07:00:00+08:00")
    assert late.success, "what is late is told, and stops nothing"
    assert checks(late)["consolidated_in_time"] is False
    assert where.read_bytes() == before
    (row,) = applied(home)
    with transaction(home.engine) as c:
        take(c, result(row, c, declaration=1))
    done = run(home, "2026-12-11T07:00:00+08:00")
    assert checks(done)["consolidated_in_time"] and not checks(done)["declared_as_rehearsed"]
    said = told(done, "consolidated_declarations")
    assert (said["applications"], said["lists"], said["declarations"]) == (1, 3, 1)
    assert said["differences"] == 4, "two lists of two lines are in no declaration yet"


def test_a_broken_promise_stops_the_run(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from xborder.manifests.consolidation import merging

    with transaction(home.engine) as c:
        c.execute(text("UPDATE consolidation_lists SET live = false"))
    monkeypatch.setattr(merging, "_prices", lambda lines: lines["qty"])
    whole = merging._lines

    def doubled(goods: Any, most: int) -> Any:
        made = whole(goods, most)
        return made.with_columns(qty=made["qty"] + 1)

    monkeypatch.setattr(merging, "_lines", doubled)
    done = run(home, "2026-12-02T07:00:00+08:00")
    assert not done.success and checks(done)["sums_before_and_after"] is False


@pytest.mark.parametrize(
    ("at", "month"),
    [
        ("2026-12-09T07:00:00+08:00", None),
        ("2026-12-10T07:00:00+08:00", "2026-11-01"),
        ("2026-12-15T07:00:00+08:00", "2026-11-01"),
        ("2026-12-16T07:00:00+08:00", None),
        # Spring Festival moves the due day of January to the 24th.
        ("2026-02-18T07:00:00+08:00", None),
        ("2026-02-19T07:00:00+08:00", "2026-01-01"),
        ("2026-02-24T07:00:00+08:00", "2026-01-01"),
        ("2026-02-25T07:00:00+08:00", None),
    ],
)
def test_the_preview_is_made_in_the_days_before_it_is_due(at: str, month: str | None) -> None:
    (due,) = [one for one in schedules.ALL if one.name == "consolidation_due"]
    context = build_schedule_context(scheduled_execution_time=datetime.fromisoformat(at))
    (one,) = list(due(context))  # type: ignore[call-overload]
    if month is None:
        assert isinstance(one, SkipReason) and "is due on" in str(one.skip_message)
    else:
        assert isinstance(one, RunRequest) and one.partition_key == month


def test_the_present_month_is_a_partition() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    keys = MONTHS.get_partition_keys(current_time=now)
    assert (keys[0], keys[-1]) == ("2026-01-01", "2026-11-01")
    assert date.fromisoformat(keys[-1]).day == 1
