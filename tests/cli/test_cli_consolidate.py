"""``xborder consolidate``: what it shows, what it does, and its documented JSON."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from xborder.cli import app
from xborder.clock import fixed
from xborder.manifests import receiving
from xborder.registry import consolidations
from xborder.registry.database import reading, transaction

sys.path.append(str(Path(__file__).parents[1] / "manifests"))
from consolidation_homes import EXPORTER, answered, cleared, heads, result
from test_cli_documented_json import compare

DUE = "2026-11-10T09:00:00+08:00"
LATER = "2026-11-20T09:00:00+08:00"


def run(home: Any, *words: str, code: int = 0, at: str = DUE) -> str:
    with fixed(at):
        folder = str(home.settings.home)
        told = CliRunner().invoke(app, ["consolidate", *words, "--home", folder])
    assert told.exit_code == code, told.output
    return str(told.output)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Six lists cleared in October, one of them by flag A, one with fees of its own."""
    rows = heads(6)
    rows[0]["statisticsFlag"] = "A"
    for row in rows:
        row["country"] = "303" if row["list_id"] % 2 else "502"
    rows[1] |= {"freight": "2", "fFlag": "1"}
    made = cleared(tmp_path_factory.mktemp("cli") / "home", rows, 2)
    (made.settings.home / "xborder.toml").write_text('summary_flag = "1"\n', "utf-8")
    with transaction(made.engine) as c:
        answered(c, at="2026-10-20T03:00:00+00:00")
    return made


def test_a_month_on_the_command_line(home: Any) -> None:
    told = run(home, "preview", "--month", "2026-10")
    assert "Rehearsal dapu-ciyun 2026-10 · due 2026-11-16" in told
    assert "1 lists left out: flag A" in told
    assert "summaryFlag 1" in told and "freight or insurance" in told.replace("\n", " ")
    assert "nothing to apply for" in run(home, "apply", "--month", "2026-09")
    whole = run(home, "preview", "--json")
    assert json.loads(whole)[0]["month"] == "2026-10", "the last month is meant"
    compare("xborder consolidate preview --json", whole)
    applied = run(home, "apply", "--json")
    assert json.loads(applied)["held_lists"] == 3
    compare("xborder consolidate apply --json", applied)
    told = run(home, "apply", "--with-held")
    assert "XB20261110" in told and "--with-held" not in told
    assert "nothing to apply for" in run(home, "apply", "--with-held")
    waiting = run(home, "show", "--json")
    assert {one["state"] for one in json.loads(waiting)} == {"waiting"}

    # Customs' results come by the inbox: one as rehearsed, one without line numbers, one wrong.
    with reading(home.engine) as c:
        rows = consolidations.applications(c)
        odd, even = sorted(rows, key=lambda row: row.lists)
        said = [
            result(odd, c, declaration=1, entryId=""),
            result(even, c, declaration=2, gseqno=None, change=lambda lines: lines[1:],
                   sumNo="S60412026000000002"),
        ]  # fmt: skip
    inbox = receiving.inbox(home.settings) / EXPORTER
    inbox.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate([*said, said[0], said[0].replace(b">6041<", b">5349<")]):
        (inbox / f"{number}.xml").write_bytes(content)
    with fixed("2026-12-17T09:00:00+08:00"):
        receiving.receive(home, receiving.look(home.settings))
    shown = run(home, "show", "--json", at=LATER)
    states = {one["cop_no"]: one["state"] for one in json.loads(shown)}
    assert states == {odd.cop_no: "declared", even.cop_no: "partly_declared"}
    differing = [found["code"] for one in json.loads(shown) for found in one["differences"]]
    assert differing == ["CONSOLIDATION_ITEM_MISSING"]
    compare("xborder consolidate show --json", shown)
    told = run(home, "show", at=LATER)
    assert "CONSOLIDATION_ITEM_MISSING" in told and "D60412026000000002" in told
    with reading(home.engine) as c:
        codes = c.exec_driver_sql("SELECT code, info FROM receipts WHERE kind = '792'").all()
    assert ("CONSOLIDATION_CONTRADICTS", "customsCode 5349 ≠ 6041") in [tuple(one) for one in codes]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("preview", "--month", "2026-13"), "YYYY-MM"),
        (("preview", "--month", "October"), "YYYY-MM"),
        (("preview", "--exporter", "nobody"), "nobody"),
        (("apply", "--month", "2026-11"), "the month is not over yet"),
        (("apply", "--month", "2027-01"), "the month is not over yet"),
    ],
)
def test_what_cannot_be_done_is_said(home: Any, words: tuple[str, ...], said: str) -> None:
    assert said in run(home, *words, code=2)


def test_a_month_without_lists_says_so(home: Any) -> None:
    assert "no lists were issued" in run(home, "preview", "--month", "2026-01")
    assert "没有清单" in run(home, "preview", "--month", "2026-01", "--lang", "zh")
