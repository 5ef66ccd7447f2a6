"""Answers: appended and audited, the last one counts, and a later catalogue says more."""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, select

from xborder import clock
from xborder.registry import audit, causes, database, fixes
from xborder.registry.tables import audit as audit_table

HS = {"hs_code": "6911101900"}


@pytest.fixture
def c(engine: Engine) -> Iterator[Connection]:
    with database.transaction(engine) as connection:
        yield connection


def said(c: Connection, exporter: str = "dapu") -> list[tuple[str, str, str, str]]:
    return fixes.standing(c, exporter).select("kind", "key", "field", "value").rows()


def test_the_last_answer_counts_and_a_revocation_leaves_none(c: Connection) -> None:
    assert said(c) == []
    (first,) = fixes.record(c, "dapu", "sku", "CUP-1", HS, by="Li")
    (second,) = fixes.record(c, "dapu", "sku", "CUP-1", {"hs_code": "6912001000"}, by="Wu")
    assert said(c) == [("sku", "CUP-1", "hs_code", "6912001000")]
    with pytest.raises(fixes.FixError, match="stands"):
        fixes.revoke(c, "dapu", first, by="Li")
    with pytest.raises(fixes.FixError, match="stands"):
        fixes.revoke(c, "fengshun", second, by="Li")
    fixes.revoke(c, "dapu", second, by="Li")
    assert said(c) == []
    fixes.record(c, "dapu", "sku", "CUP-1", HS, by="Li")
    assert said(c) == [("sku", "CUP-1", "hs_code", "6911101900")]


def test_an_answer_holds_for_its_exporter_and_for_one_field_or_word(c: Connection) -> None:
    fixes.record(c, "dapu", "sku", "CUP-1", HS | {"gname": "瓷杯"}, by="Li")
    fixes.record(c, "dapu", "country", "Deutschland (DE)", {"": "DE"}, by="Li")
    assert said(c, "fengshun") == []
    assert len(said(c)) == 3
    told = fixes.given(c, "dapu")
    assert told.words == {"country": {"Deutschland (DE)": "DE"}}
    assert told.of_skus["field"].to_list() == ["hs_code", "gname"]


def test_who_when_and_what_is_kept_and_audited(c: Connection) -> None:
    with clock.fixed("2026-11-22T10:00:00+08:00"):
        fixes.record(c, "dapu", "unit", "kgs", {"": "035"}, by=" Li ", note=" scale ")
    row = fixes.standing(c, "dapu").row(0, named=True)
    assert (row["given_by"], row["note"], row["given_at"]) == (
        "Li", "scale", "2026-11-22T02:00:00+00:00",
    )  # fmt: skip
    entry = c.execute(select(audit_table)).one()
    assert (entry.kind, entry.subject) == ("fix given", "dapu unit kgs")
    assert entry.payload["value"] == "035"
    assert audit.verify(c) is None


def test_the_version_says_what_stands_and_is_empty_without(c: Connection) -> None:
    seen = [fixes.given(c, "dapu").version]
    for kind, key, values in (("sku", "A", HS), ("country", "Germny", {"": "DE"})):
        (number,) = fixes.record(c, "dapu", kind, key, values, by="Li")
        seen.append(fixes.given(c, "dapu").version)
    assert seen[0] == "" and len(set(seen)) == 3
    fixes.revoke(c, "dapu", number, by="Li")
    assert fixes.given(c, "dapu").version == seen[1]
    fixes.record(c, "dapu", "sku", "A", HS, by="Li")
    assert fixes.given(c, "dapu").version not in seen


@pytest.mark.parametrize(
    ("kind", "key", "values", "by", "told"),
    [
        ("port", "Los Angeles", {"": "3154"}, "Li", "no such kind"),
        ("sku", "A", {"colour": "red"}, "Li", "no such field"),
        ("sku", "A", {"sku": "B"}, "Li", "no such field"),
        ("country", "Germny", {"code": "DE"}, "Li", "no such field"),
        ("sku", "A", {}, "Li", "needs a value"),
        ("sku", "A", {"hs_code": ""}, "Li", "needs a value"),
        ("sku", "", HS, "Li", "needs a value"),
        ("sku", "A", HS, " ", "must be named"),
    ],
)
def test_what_cannot_be_an_answer_is_refused(
    c: Connection, kind: str, key: str, values: dict[str, str], by: str, told: str
) -> None:
    with pytest.raises(fixes.FixError, match=told):
        fixes.record(c, "dapu", kind, key, values, by=by)
    assert said(c) == []


@pytest.mark.parametrize(("word", "meant", "told"), [
    ("BDT", [], ""),
    ("RMB", [{"field": "currency", "value": "CNY"}], "xborder fix currency RMB CNY"),
    ("taka", [], "xborder fix currency taka …"),
])  # fmt: skip
def test_money_that_customs_has_no_number_for_is_not_given_another_code(
    word: str, meant: list[dict[str, str]], told: str
) -> None:
    cause = {"kind": "currency", "key": word, "field": "currency", "suggestions": json.dumps(meant)}
    assert causes.hint(cause, []) == told
