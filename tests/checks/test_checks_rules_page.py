"""The page of rules explains every rule, by findings that exist and a command that exists."""

import csv
import re
from pathlib import Path

import pytest

from xborder import findings
from xborder.checks import facts

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| (R\d\d) \| .* \| (.+?) \|$", PAGE, re.M))


def test_every_rule_to_the_destinations_is_explained_once() -> None:
    assert list(ROWS) == [f"R{number:02d}" for number in range(1, 52)]


def test_the_findings_that_it_names_exist_and_belong_to_the_rule() -> None:
    known = findings.catalogue()
    for rule, does in ROWS.items():
        for code in re.findall(r"\b[A-Z0-9]+(?:_[A-Z0-9]+)+\b", does):
            assert code in known, (rule, code)


def test_each_finding_of_a_fact_hazard_or_destination_is_named_at_its_rule() -> None:
    for code, entry in findings.catalogue().items():
        numbers = set(re.findall(r"R\d\d", entry.rule)) & {f"R{n}" for n in range(43, 52)}
        assert all(code in ROWS[one] for one in numbers), (code, numbers)


def test_kinds_of_facts_are_those_of_the_command() -> None:
    assert set(re.findall(r"^\| `([a-z]+)` \| .+ \| .+ \|$", PAGE, re.M)) == set(facts.KINDS)


def test_the_severities_are_those_of_the_study() -> None:
    study = Path(__file__).parents[3] / "shared" / "rules" / "rules.csv"
    if not study.is_file():
        pytest.skip("../shared/rules is not here: the page is held to the catalogue only")
    with study.open(encoding="utf-8", newline="") as file:
        rules = {row["id"] for row in csv.DictReader(file)}
    assert set(ROWS) <= rules
