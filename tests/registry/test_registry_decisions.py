"""Decisions: appended and audited, the last one counts, an exporter's own before all's."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, select, text

from xborder import clock
from xborder.registry import audit, database, decisions
from xborder.registry.tables import audit as audit_table

UNITS = ("units", "6911101100", "035+")


@pytest.fixture
def c(engine: Engine) -> Iterator[Connection]:
    with database.transaction(engine) as connection:
        yield connection


def said(c: Connection, exporter: str = "dapu") -> list[tuple[str, str, str, bool]]:
    return decisions.in_force(c, exporter).rows()


def decide(c: Connection, verdict: str, exporter: str = "") -> int:
    return decisions.record(c, *UNITS, verdict, by="Li", exporter=exporter, note="seen")


def test_the_last_decision_counts_and_a_revocation_leaves_none(c: Connection) -> None:
    assert said(c) == []
    assert decide(c, "confirmed") == 1
    assert said(c) == [(*UNITS, True)]
    decide(c, "refused")
    assert said(c) == [(*UNITS, False)]
    decide(c, "revoked")
    assert said(c) == []
    assert decisions.recorded(c)["verdict"].to_list() == ["confirmed", "refused", "revoked"]
    assert decisions.standing(c).is_empty()


def test_an_exporter_s_own_decision_comes_before_that_for_all(c: Connection) -> None:
    decide(c, "confirmed")
    decide(c, "refused", "dapu")
    assert said(c) == [(*UNITS, False)] and said(c, "fengshun") == [(*UNITS, True)]
    decide(c, "confirmed", "fengshun")
    decide(c, "revoked", "dapu")
    assert said(c) == [(*UNITS, True)]
    decide(c, "revoked")
    assert said(c) == [] and said(c, "fengshun") == [(*UNITS, True)]


def test_who_when_and_what_is_kept_and_audited(c: Connection) -> None:
    with clock.fixed("2026-11-22T10:00:00+08:00"):
        decisions.record(c, *UNITS, "confirmed", by=" Li ", note=" tariff 2026, p. 512 ")
    row = decisions.recorded(c).row(0, named=True)
    assert (row["decided_by"], row["note"], row["decided_at"]) == (
        "Li", "tariff 2026, p. 512", "2026-11-22T02:00:00+00:00",
    )  # fmt: skip
    entry = c.execute(select(audit_table)).one()
    assert (entry.kind, entry.subject) == ("fact confirmed", "units 6911101100")
    assert (entry.payload["value"], entry.payload["decided_by"]) == ("035+", "Li")
    assert audit.verify(c) is None


@pytest.mark.parametrize(
    ("kind", "verdict", "by", "told"),
    [
        ("weather", "confirmed", "Li", "weather: no such kind of fact"),
        ("units", "maybe", "Li", "maybe: no such verdict"),
        ("units", "confirmed", "  ", "who decides must be named"),
        ("units", "revoked", "Li", "units 1: nothing was decided for all"),
    ],
)
def test_what_is_no_decision_is_refused(
    c: Connection, kind: str, verdict: str, by: str, told: str
) -> None:
    with pytest.raises(decisions.DecisionError, match=told):
        decisions.record(c, kind, "1", "", verdict, by=by)
    assert decisions.recorded(c).is_empty()
    assert c.execute(text("SELECT count(*) FROM audit")).scalar() == 0
