"""A consolidation before the customs to test against: as rehearsed, so declared."""

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from consolidation_homes import DAY, EXPORTER, heads, rehearsed
from manifest_samples import home as prepared

from xborder.clock import fixed
from xborder.manifests import cutoff, receiving
from xborder.manifests.consolidation import application, merging, overview
from xborder.registry.database import reading
from xborder.registry.home import Home, create, open_home

sys.path.append(str(Path(__file__).parents[1] / "customs"))
from customs_answers import Mail
from customs_front import deliver
from customs_office import Customs

XSD = Path(__file__).parents[2].parent / "shared" / "ceb" / "xsd-2022-05"


def answered(home: Home, customs: Customs, at: str, seed: int) -> None:
    """All answers come, some twice, in no order."""
    mail = Mail(seed=seed, bundle=20, doubled=0.2, shuffled=True, held_back=0.3)
    with fixed(at):
        while customs.post or mail._sack:
            deliver(home.settings.home, customs, mail)
            receiving.receive(home, receiving.look(home.settings))


@pytest.mark.parametrize("names_gseqno", [True, False])
def test_customs_declares_as_rehearsed(tmp_path: Path, names_gseqno: bool) -> None:
    folder = tmp_path / "home"
    rows = heads(40)
    for row in rows:
        number = int(row["list_id"])
        row |= {
            "country": ("303", "502")[number % 2],
            "ownerCode": ("4414960XXX", "NO")[number % 3 == 0],
            "grossWeight": str(Decimal(number) / 7)[:7],
            "netWeight": str(Decimal(number) / 9)[:7],
        }
    create(folder)
    prepared(folder, rows, 3, summary_lists=7)
    home = open_home(folder, summary_lists=7)
    with fixed("2026-11-22T12:00:00+08:00"):
        cutoff.issue(home.engine, home.store, home.settings, DAY, issue_new=True)
    customs = Customs(xsd=XSD if XSD.exists() else None, names_gseqno=names_gseqno)
    for number in sorted((folder / "manifests").rglob("CEB*.xml")):
        customs.take(number.read_bytes())
    answered(home, customs, "2026-11-22T14:00:00+08:00", seed=1)
    for cop_no in sorted(customs.lists):
        customs.say(cop_no, "800")
        customs.say(cop_no, "899")
    answered(home, customs, "2026-11-22T15:00:00+08:00", seed=2)
    told = rehearsed(home, date(2026, 11, 1))
    assert (told.found.heads.height, told.merged.declarations.height) == (40, 4)

    with fixed("2026-12-10T10:00:00+08:00"):
        (row,) = application.apply(home, EXPORTER, date(2026, 11, 1)).rows
    customs.start = datetime(2026, 12, 10, 4, tzinfo=UTC)
    for one in sorted((folder / row.folder).glob("CEB701_*.xml")):
        customs.take(one.read_bytes())
    answered(home, customs, "2026-12-11T10:00:00+08:00", seed=3)
    with reading(home.engine) as c:
        (shown,) = overview.shown(c, home)
    assert (shown["state"], shown["differences"]) == ("declared", [])
    assert (shown["messages"], set(shown["statuses"])) == (6, {"399"})
    assert sum(one["items"] for one in shown["declarations"]) == 120
    # The declarations weigh what the rehearsal's do.
    weights = sorted(Decimal(head["grossWeight"]) for head, _ in customs.declarations)
    assert weights == sorted(told.merged.declarations["grossWeight"])
    assert merging.faults(told.found.heads, told.found.items, told.merged) == []
    again = rehearsed(home, date(2026, 11, 1)).found.excluded
    assert again["reason"].unique().to_list() == ["APPLIED"]


def test_a_refusal_of_one_message_frees_the_lists_for_another_try(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    create(folder)
    prepared(folder, heads(6), 1, summary_lists=3)
    home = open_home(folder, summary_lists=3)
    with fixed("2026-11-22T12:00:00+08:00"):
        cutoff.issue(home.engine, home.store, home.settings, DAY, issue_new=True)
    customs = Customs()
    for number in sorted((folder / "manifests").rglob("CEB*.xml")):
        customs.take(number.read_bytes())
    for cop_no in sorted(customs.lists):
        customs.say(cop_no, "899")
    answered(home, customs, "2026-11-22T14:00:00+08:00", seed=1)
    refused = customs.lists[min(customs.lists)]
    refused.status = "800"
    with fixed("2026-12-10T10:00:00+08:00"):
        (row,) = application.apply(home, EXPORTER, date(2026, 11, 1)).rows
    for one in sorted((folder / row.folder).glob("CEB701_*.xml")):
        customs.take(one.read_bytes())
    answered(home, customs, "2026-12-11T10:00:00+08:00", seed=2)
    with reading(home.engine) as c:
        (shown,) = overview.shown(c, home)
    assert (shown["state"], shown["live_lists"], sorted(shown["statuses"])) == (
        "refused", 0, ["100", "120"],
    )  # fmt: skip
    refused.status = "899"
    with fixed("2026-12-12T10:00:00+08:00"):
        (row,) = application.apply(home, EXPORTER, date(2026, 11, 1)).rows
    for one in sorted((folder / row.folder).glob("CEB701_*.xml")):
        customs.take(one.read_bytes())
    answered(home, customs, "2026-12-13T10:00:00+08:00", seed=3)
    with reading(home.engine) as c:
        states = [one["state"] for one in overview.shown(c, home)]
        live = c.exec_driver_sql("SELECT count(*) FROM consolidation_lists WHERE live").scalar()
        lines = c.exec_driver_sql("SELECT count(*), count(list_id) FROM declaration_lines").one()
    assert (states, live, tuple(lines)) == (["refused", "declared"], 6, (6, 6))
