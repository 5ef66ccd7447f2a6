"""Every code that the intake raises stands in the catalogue, with its severity as meant."""

import re
from pathlib import Path

from xborder import findings, intake
from xborder.intake.layouts import all_layouts

RAISED = re.compile(r'(?:refuse|finding|Finding)\(\s*"([A-Z_]+)"')
REFUSALS = re.compile(r'refuse\(\s*"([A-Z_]+)"')
SOURCES = [path.read_text("utf-8") for path in Path(intake.__file__).parent.glob("*.py")]


def test_codes_stand_in_the_catalogue() -> None:
    raised = {code for text in SOURCES for code in RAISED.findall(text)}
    raised |= {rule.code for layout in all_layouts() for rule in layout.warn}
    assert len(raised) > 30
    assert raised <= set(findings.catalogue())


def test_refusals_are_fatal_and_nothing_else_is() -> None:
    catalogue = findings.catalogue()
    refused = {code for text in SOURCES for code in REFUSALS.findall(text)}
    others = {code for text in SOURCES for code in RAISED.findall(text)} - refused
    assert {catalogue[code].severity for code in refused} == {"fatal"}
    assert "fatal" not in {catalogue[code].severity for code in others}


def test_codes_of_refusing_layouts_are_fatal() -> None:
    refusing = {layout.refuse for layout in all_layouts() if layout.refuse}
    catalogue = findings.catalogue()
    assert len(refusing) > 3
    assert {catalogue[code].severity for code in refusing} == {"fatal"}


def test_the_page_of_channels_names_every_layout_and_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs" / "channels.md").read_text("utf-8")
    told = set(re.findall(r"^\| `(\w+)` \| ", page, re.M))
    known = {one.layout for one in all_layouts() if one.channel != "template"}
    assert known <= told
    assert {one for one in told - known if re.search(r"_(?:orders|stock|goods)$", one)} == set()
