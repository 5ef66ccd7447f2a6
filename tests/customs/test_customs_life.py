"""From the issue of lists to the declarations that customs makes of them, over the folders.

Whatever the mail does to customs' answers, every list is known, every goods line stands in one
line of one declaration, and no message, declaration or trace holds two exporters' data.
"""

from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from customs_answers import Mail
from customs_life import CODES, FIRST, Life, asked, leaves, life_home, made, states
from sqlalchemy import text

from xborder.cli.traced import told
from xborder.manifests import receiving, verification
from xborder.manifests.consolidation import overview
from xborder.registry import audit
from xborder.registry.database import reading
from xborder.registry.home import Home, open_home

CANCELLED = "XB202611220000000007"
"""The last list of the first exporter; its goods are in no declaration."""


def approved(life: Life) -> bool:
    """Customs' word that the next step needs has come; the rest may be late."""
    wanted = {
        one.cop_no: one.status if not one.cancelled else "399"
        for one in life.customs.lists.values()
    }
    rank = ("399", "800", "899")
    rows = asked(life.folder, "SELECT key, status FROM filings WHERE kind = '603'")
    lists = all(
        status in rank and rank.index(str(status)) >= rank.index(wanted[str(key)])
        for key, status in rows
    )
    others = asked(
        life.folder,
        "SELECT count(*) FROM filings WHERE kind IN ('605', '607', '507', '509') AND"
        " coalesce(status, '') NOT IN ('120', '399')",
    )
    return lists and others == [(0,)]


@pytest.fixture(scope="module")
def orderly(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """A life in which every answer comes once, at once, in order."""
    life = Life(life_home(tmp_path_factory.mktemp("orderly") / "home"))
    life.live()
    return life


@pytest.fixture
def home(orderly: Life) -> Home:
    return open_home(orderly.folder)


def test_every_list_is_known_and_stands_where_customs_has_it(orderly: Life) -> None:
    rows = dict(asked(orderly.folder, "SELECT key, status FROM filings WHERE kind = '603'"))
    assert rows == {one.cop_no: one.status for one in orderly.customs.lists.values()}
    assert Counter(rows.values()) == {"899": 10, "399": 1}
    numbers = dict(asked(orderly.folder, "SELECT key, customs_no FROM filings WHERE kind = '603'"))
    assert numbers == {one.cop_no: one.invt_no for one in orderly.customs.lists.values()}
    ended = asked(orderly.folder, "SELECT cop_no, state, live FROM lists WHERE state <> 'issued'")
    assert ended == [(CANCELLED, "cancelled", 0)]
    assert orderly.customs.by_number[str(numbers[CANCELLED])].cancelled


def test_nothing_waits_and_nothing_is_sent_twice(orderly: Life) -> None:
    assert not asked(orderly.folder, "SELECT * FROM receipts WHERE code IS NOT NULL")
    assert not asked(orderly.folder, "SELECT * FROM messages WHERE state <> 'sent'")
    assert not asked(orderly.folder, "SELECT * FROM filings WHERE status IS NULL")
    kinds = Counter(kind for kind, _ in orderly.customs.taken)
    assert set(kinds) == {"303", "505", "603", "605", "607", "507", "509", "213", "701"}
    assert len({guid for _, guid in orderly.customs.taken}) == len(orderly.customs.taken)


def test_every_goods_line_stands_in_one_declaration_line(orderly: Life) -> None:
    declared = Counter(
        (row["invtNo"], row["gnum"]) for _, rows in orderly.customs.declarations for row in rows
    )
    wanted = {
        (one.invt_no, item["gnum"])
        for one in orderly.customs.lists.values()
        if one.status == "899"
        for item in one.items
    }
    assert set(declared) == wanted and set(declared.values()) == {1}
    stored = asked(orderly.folder, "SELECT invt_no, gnum, count(*) FROM declaration_lines GROUP BY 1, 2")  # fmt: skip
    assert {(number, str(gnum)): times for number, gnum, times in stored} == declared


def test_sums_before_are_sums_after(orderly: Life, home: Home) -> None:
    """What customs took of the lists, against the lines of the rehearsal, by key."""
    before: dict[tuple[str, ...], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 3)
    for one in orderly.customs.lists.values():
        if one.status != "899":
            continue
        for item in one.items:
            key = (one.head["ebcCode"], one.head["country"], item["gcode"], item["currency"])
            said = (item["qty"], item["qty1"], item["totalPrice"])
            before[key] = [was + Decimal(new) for was, new in zip(before[key], said, strict=True)]
    after: dict[tuple[str, ...], list[Decimal]] = {}
    for place in sorted((orderly.folder / "consolidations").glob("*/2026-11/XB*/lines.parquet")):
        heads = pl.read_parquet(place.with_name("declarations.parquet"))
        # The line's own country is the destination of its goods; the head's that of the lists.
        lines = pl.read_parquet(place).join(
            heads.select("declaration", "ebcCode", headed="country"), on="declaration"
        )
        for line in lines.iter_rows(named=True):
            key = (line["ebcCode"], line["headed"], line["gcode"], line["currency"])
            assert key not in after
            after[key] = [line["qty"], line["qty1"], line["totalPrice"]]
    assert after == before and len(after) == 4
    weights = {(head["ebcCode"], head["grossWeight"]) for head, _ in orderly.customs.declarations}
    told_of = asked(
        orderly.folder,
        "SELECT k.exporter, r.gross_weight FROM summary_results r JOIN consolidations k"
        " ON k.id = r.consolidation_id",
    )
    assert {(CODES[str(exporter)], weight) for exporter, weight in told_of} == weights
    of_lists = sum(
        Decimal(one.head["grossWeight"])
        for one in orderly.customs.lists.values()
        if one.status == "899"
    )
    assert sum(Decimal(weight) for _, weight in weights) == of_lists


def test_the_comparison_with_the_rehearsal_is_clean(home: Home) -> None:
    with reading(home.engine) as c:
        shown = overview.shown(c, home)
    assert [(one["exporter"], one["state"], one["differences"]) for one in shown] == [
        (FIRST, "declared", []), ("xingning-gongju", "declared", []),
    ]  # fmt: skip
    assert [one["live_lists"] for one in shown] == [6, 4]


def test_two_exporters_never_meet(orderly: Life, home: Home) -> None:
    owner = {one.cop_no: one.head["ebcCode"] for one in orderly.customs.lists.values()}
    owner |= {one.invt_no: one.head["ebcCode"] for one in orderly.customs.lists.values()}
    for one in orderly.customs.lists.values():
        owner[one.head["orderNo"]] = owner[one.head["logisticsNo"]] = one.head["ebcCode"]
    named = ("ebcCode", "copNo", "invtNo", "orderNo", "logisticsNo", "copCode")
    seen = Counter()
    for content in orderly.customs.messages:
        whose = {owner.get(word, word) for word in leaves(content, *named)} & set(CODES.values())
        assert len(whose) == 1, content[:300]
        seen[whose.pop()] += 1
    assert set(seen) == set(CODES.values())
    for head, rows in orderly.customs.declarations:
        assert {owner[row["invtNo"]] for row in rows} == {head["ebcCode"]}
    for exporter, code in CODES.items():
        mine = [number for number, whose in owner.items() if whose == code]
        for number in mine:
            found = told(home, number)
            assert {one["exporter"] for one in found["orders"]} == {exporter}, number
            text_of = str(found)
            assert not [other for other in CODES if other != exporter and other in text_of]


def test_the_books_agree_with_themselves(home: Home) -> None:
    assert receiving.problems(home) == []
    with reading(home.engine) as c:
        assert audit.verify(c) is None
        numbers = c.execute(text("SELECT number FROM manifests")).scalars().all()
    assert len(numbers) == 3
    assert verification.verify(home.engine, home.store) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_late_doubled_shuffled_and_lost_answers_lead_to_the_same_states(
    orderly: Life, tmp_path: Path, seed: int
) -> None:
    mail = Mail(seed=seed, bundle=7, doubled=0.3, shuffled=True, held_back=0.5, lost=0.2)
    life = Life(life_home(tmp_path / "home"), mail=mail, settled=approved)
    life.live()
    assert life.late > 0 and life.asked_again > 0
    assert states(life.folder) == states(orderly.folder)
    assert made(life.folder) == made(orderly.folder)
