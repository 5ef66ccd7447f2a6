"""The orders of a shop in several volumes are told apart as in one."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registry_steps import check, entries, issue, receive, upload
from sqlalchemy import Connection, Engine, text

from xborder.registry import counters, orders, uploads, volumes
from xborder.registry.database import reading, transaction

ROOT = Path(__file__).parents[2]

NUMBER = st.text(max_size=40) | st.text("AB\x00", max_size=17) | st.from_regex(r"[A-Z0-9]{24}")


def marks(numbers: pl.Series, size: int) -> list[tuple[Any, Any]]:
    return volumes._marks(volumes._hashes(numbers), size)


def numbered(*numbers: int) -> list[dict[str, object]]:
    return [{"order_no": f"#{one:04d}"} for one in numbers]


def of_shop(c: Connection) -> list[tuple[int, int]]:
    """Volume and orders, as they are counted and as they are."""
    found = c.execute(text(
        "SELECT volume, orders, (SELECT count(*) FROM orders o WHERE o.shop_id = s.id) AS stand"
        " FROM shops s ORDER BY volume"
    )).all()  # fmt: skip
    assert all(row.orders == row.stand for row in found)
    return [(row.volume, row.orders) for row in found]


@settings(deadline=None)
@given(own=st.sets(NUMBER, min_size=1, max_size=60), others=st.sets(NUMBER, max_size=60))
def test_a_filter_denies_no_number_of_its_own(own: set[str], others: set[str]) -> None:
    import numpy as np

    # Hashed in other company than when the filter was made.
    asked = pl.Series(sorted(own | others), dtype=pl.String)
    made = np.zeros(64, np.uint8)
    for one in own:
        for place, bit in marks(pl.Series([one]), len(made)):
            np.bitwise_or.at(made, place, bit)
    maybe = asked.gather(volumes._maybe(made.tobytes(), marks(asked, len(made))))
    assert own <= set(maybe.to_list())


def test_hashes_and_marks_stay_what_they_are() -> None:
    # Filters that were kept would deny what they hold.
    told = volumes._hashes(pl.Series(["", "A", "SHOPEE-24010199999", "订单一"]))
    assert told.tolist() == HASHES
    last = [(place[1], bit[1]) for place, bit in volumes._marks(told, 1 << 20)][-1]
    assert last == LAST


HASHES = [10446227545017889331, 17896082482622443648, 8693273918665858374, 17760963145939807987]
LAST = (192303, 128)


def test_a_full_volume_is_closed_and_its_orders_are_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volumes, "FULL", 40)
    monkeypatch.setattr(volumes, "PORTION", 7)
    with transaction(engine) as c:
        upload(c, "a", *numbered(*range(0, 60)))
        assert of_shop(c) == [(1, 60)], "a block stands in one volume"
        check(c)
        issue(c)
    with transaction(engine) as c:
        told = upload(c, "b", *numbered(*range(30, 100)))
        assert sorted(told.values()) == ["current"] * 40 + ["duplicate"] * 30
        assert of_shop(c) == [(1, 60), (2, 40)]
    with transaction(engine) as c:
        changed = [one | {"digest": "other"} for one in numbered(10, 70, 100)]
        assert upload(c, "c", *changed) == {
            "#0010": "changed_after_issue", "#0070": "current", "#0100": "current",
        }  # fmt: skip
        assert of_shop(c) == [(1, 60), (2, 40), (3, 1)]
    with reading(engine) as c:
        anyone = volumes.any_of(c, "dapu", "template", "shop")
        assert anyone is not None and volumes.any_of(c, "dapu", "template", "none") is None
        asked = pl.Series([f"#{one:04d}" for one in (0, 59, 60, 99, 100, 101, 5000)])
        found = volumes.located(c, anyone, asked).sort("order_no")
        assert found["order_no"].to_list() == ["#0000", "#0059", "#0060", "#0099", "#0100"]
        closed = volumes.located(c, anyone, asked, closed=True)
        assert sorted(closed["order_no"]) == ["#0000", "#0059", "#0060", "#0099"]


def test_the_filter_of_a_big_volume_rules_most_out(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volumes, "FULL", 20_000)
    with transaction(engine) as c:
        upload(c, "a", *numbered(*range(20_000)))
        volumes.opened(c, "dapu", "template", "shop")
        (bits,) = c.execute(text("SELECT bits FROM order_filters")).scalars()
    own, others = (pl.Series([f"#{one:04d}" for one in range(start, start + 20_000)])
                   for start in (0, 20_000))  # fmt: skip
    kept = bytes(bits)
    assert len(volumes._maybe(kept, marks(own, len(kept)))) == 20_000
    assert len(volumes._maybe(kept, marks(others, len(kept)))) < 300


def test_what_was_entered_before_a_crash_is_found_in_any_volume(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volumes, "FULL", 3)
    with transaction(engine) as c:
        upload_id = receive(c)
        uploads.mark_read(c, upload_id, "l", "template", "orders", {}, 9)
        for block, few in enumerate((range(4), range(4, 8), range(8, 9))):
            orders.enter(c, upload_id, entries(*numbered(*few)), block)
        assert of_shop(c) == [(1, 4), (2, 4), (3, 1)]
    with transaction(engine) as c:
        again = orders.enter(c, upload_id, entries(*numbered(*range(9))), 0, again=True)
        assert again["outcome"].to_list() == ["current"] * 9
        assert counters.peek(c, "order") == 9
    with transaction(engine) as c:
        assert orders.enter(c, upload_id, entries(*numbered(*range(4))), 0).height == 4
        assert counters.peek(c, "order") == 9


ENTER = """
from registry_steps import upload
from xborder.registry import database, volumes
volumes.FULL = 25
engine = database.connect(sys.argv[1])
for file in range(6):
    told = [{"order_no": f"#{one:04d}"} for one in range(file * 10, file * 10 + 20)]
    with database.transaction(engine) as c:
        outcomes = list(upload(c, f"{sys.argv[2]}{file}", *told).values())
    print(outcomes.count("current"))
"""


def test_two_processes_enter_a_number_once(url: str, engine: Engine) -> None:
    begin = f"import sys; sys.path[:0] = {[str(ROOT), str(Path(__file__).parent)]!r}\n"
    children = [
        subprocess.Popen([sys.executable, "-c", begin + ENTER, url, name],
                         stdout=subprocess.PIPE, text=True)
        for name in "ab"
    ]  # fmt: skip
    said = [child.communicate(timeout=60)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert sum(int(line) for one in said for line in one.split()) == 70
    with reading(engine) as c:
        found = c.execute(text("SELECT count(*), count(DISTINCT order_no) FROM orders")).one()
        assert tuple(found) == (70, 70)
        assert len(of_shop(c)) > 1
