"""Blocks and parts are how the work is done; nothing that is told depends on them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pipeline_shop import Shop, order, shipment

from xborder.registry import checkings, in_force, parts, queries, reading_tables, readings, uploads
from xborder.registry.database import reading
from xborder.registry.entries import entries, runs
from xborder.registry.faults import CHECK_FAILED, READING_FAILED

ORDERS = 40


def small(path: Path, rows: int, patch: pytest.MonkeyPatch) -> Shop:
    """A shop whose blocks and checks have a few rows, and shipments do not stay in memory."""
    shop = Shop(path)
    (path / "xborder.toml").write_text(f"block_rows = {rows}\n", "utf-8")
    patch.setattr(in_force, "MOST_HELD", 200)
    return shop


def busy(shop: Shop) -> None:
    """Orders with every kind of neighbour: a shared waybill, a scattered order, a taken number."""
    numbers = [f"N{one:03d}" for one in range(ORDERS)]
    waybill = {number: f"W{number}" for number in numbers}
    waybill["N030"] = waybill["N002"]  # two that wait for the same parcel, far from each other
    waybill["N035"] = "WOLD"  # one that an accepted order has
    shop.shipments("first-shipments.csv", shipment("OLD", "WOLD"))
    shop.orders("old.csv", order("OLD"))
    shop.work()
    shop.shipments("shipments.csv", *(shipment(one, waybill[one]) for one in reversed(numbers)))
    rows = [order(one, sku="nowhere" if one == "N007" else "XN-PCB-2L") for one in numbers]
    rows += [order("N001", line="2"), order("N020", line="2", qty="two"), order("", line="9")]
    shop.orders("orders.csv", *rows)
    shop.work()


def told(shop: Shop) -> tuple[Any, ...]:
    """All that a shop is told of its order file."""
    found = shop.findings("orders.csv")
    return shop.states(), shop.receipt("orders.csv"), found.sort(found.columns).rows()


def test_what_is_told_does_not_depend_on_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Shop(tmp_path / "whole")
    busy(whole)
    states, receipt, _ = told(whole)
    notice = whole.findings("orders.csv").filter(pl.col("code") == "US_NO_DE_MINIMIS")
    assert notice["cell"].to_list() == ["K2"]
    assert json.loads(notice["params"].item())["orders"] == str(ORDERS)
    assert states["N002"] == states["N030"] == ("held", "LOGISTICS_NO_TWICE")
    assert states["N035"] == ("held", "LOGISTICS_NO_REUSED,LOGISTICS_NO_TWICE")
    assert receipt["adds_up"]
    for rows in (7, 1):
        cut = small(tmp_path / f"cut{rows}", rows, monkeypatch)
        busy(cut)
        assert len(blocks_of(cut, "orders.csv")) > ORDERS // (rows + 1)
        assert told(cut) == told(whole)


def blocks_of(shop: Shop, name: str) -> list[int]:
    home = shop.home()
    upload = upload_of(shop, name)
    return home.store.block_rows(*readings.folder(upload.id), "records.parquet")


def upload_of(shop: Shop, name: str) -> Any:
    with reading(shop.home().engine) as connection:
        return next(one for one in queries.uploads(connection) if one.file_name == name)


def test_the_same_file_is_the_same_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for name in ("one", "two"):
        shop = small(tmp_path / name, 7, monkeypatch)
        busy(shop)
        folder = shop.path / "lake" / "readings" / f"{upload_of(shop, 'orders.csv').id:08d}"
        made.append({one.name: one.read_bytes() for one in folder.iterdir()})
    assert made[0] == made[1]
    assert set(made[0]) == {
        "records.parquet", "rows.parquet", "entries.parquet", "findings.parquet", "columns.json",
    }  # fmt: skip


def test_a_key_told_in_two_ways_is_found_across_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = small(tmp_path / "home", 4, monkeypatch)
    rows = [shipment(f"N{one}", f"W{one}") for one in range(20)]
    shop.shipments("s.csv", *rows, shipment("N3", "W3", weight="4"), rows[5])
    shop.work()
    found = shop.findings("s.csv")
    assert set(found["code"]) == {"KEY_TWICE_IN_FILE"}
    assert found["row"].to_list() == [5, 22]
    told = shop.receipt("s.csv")
    assert (told["accepted"], told["held"], told["adds_up"]) == (20, 2, True)
    home = shop.home()
    valid = home.store.read_parquet(
        "lake", "shipments", f"{upload_of(shop, 's.csv').id:08d}.parquet"
    )
    assert "N3" not in valid["order_no"].to_list()


def test_a_file_that_turns_out_unusable_leaves_only_its_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = small(tmp_path / "home", 4, monkeypatch)
    rows = [order(f"N{one}") for one in range(30)]
    shop.orders("orders.csv", *rows)
    file = shop.folder() / "orders.csv"
    file.write_bytes(file.read_bytes() + b'N99,"1,never closed\n')
    shop.work()
    upload = upload_of(shop, "orders.csv")
    assert upload.state == uploads.REFUSED
    folder = shop.path / "lake" / "readings" / f"{upload.id:08d}"
    assert {one.name for one in folder.iterdir()} == {"findings.parquet", "columns.json"}
    assert upload.code in shop.findings("orders.csv")["code"].to_list()
    assert shop.states() == {}
    assert shop.receipt("orders.csv")["adds_up"]


def failing(real: Callable[..., Any], when: Callable[..., bool]) -> Callable[..., Any]:
    def fails(*told: Any, **named: Any) -> Any:
        if when(*told):
            raise ZeroDivisionError("the price of Jane Roe's order")
        return real(*told, **named)

    return fails


def test_a_fault_in_one_file_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop(tmp_path / "home")
    shop.orders("bad.csv", order("BAD"))
    shop.orders("good.csv", order("GOOD"))
    with monkeypatch.context() as patch:
        names_bad = lambda records, _: "BAD" in records["order_no"].to_list()  # noqa: E731
        patch.setattr(reading_tables, "entries", failing(entries, names_bad))
        shop.work()
    assert list(shop.states()) == ["GOOD"]
    upload = upload_of(shop, "bad.csv")
    assert (upload.state, upload.code) == (uploads.LANDED, READING_FAILED)
    assert shop.findings("bad.csv")["code"].to_list() == [READING_FAILED]
    assert "ZeroDivisionError" in caplog.text
    assert "Jane Roe" not in caplog.text
    shop.work()
    assert set(shop.states()) == {"GOOD", "BAD"}
    assert upload_of(shop, "bad.csv").code is None
    assert READING_FAILED not in shop.findings("bad.csv")["code"].to_list()


def test_a_fault_in_one_check_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = small(tmp_path / "home", 1, monkeypatch)
    shop.orders("orders.csv", *(order(f"N{one}") for one in range(6)))
    with monkeypatch.context() as patch:
        names_one = lambda lines, *_: "N3" in lines["order_no"].to_list()  # noqa: E731
        patch.setattr(checkings, "check_orders", failing(checkings.check_orders, names_one))
        shop.work()
    states = shop.states()
    assert {number for number, (_, codes) in states.items() if not codes} == {"N3"}
    upload = upload_of(shop, "orders.csv")
    assert upload.code == CHECK_FAILED
    assert CHECK_FAILED in shop.findings("orders.csv")["code"].to_list()
    shop.work()
    assert shop.states()["N3"] == ("held", "AWAITING_SHIPMENT")
    upload = upload_of(shop, "orders.csv")
    assert (upload.state, upload.code) == (uploads.CHECKED, None)


def test_a_lost_registry_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    shop = Shop(tmp_path / "home")
    shop.orders("orders.csv", order("A"))
    monkeypatch.setattr(reading_tables, "entries", full)
    with pytest.raises(OSError, match="No space"):
        shop.work()
    assert upload_of(shop, "orders.csv").code is None


def test_rows_that_are_alike_are_one_run() -> None:
    records = pl.DataFrame({"order_no": ["A", "B", "B", "C"]})
    rows = pl.DataFrame(
        {
            "sheet": [""] * 7, "row": [1, 2, 3, 4, 5, 6, 8], "lines": [1] * 7,
            "excluded": ["HEADER", None, None, None, "BLANK", "BLANK", None],
            "order_no": [None, "A", "B", "B", None, None, "C"],
            "record": [None, 0, 1, 2, None, None, 3],
        },
        schema_overrides={"row": pl.UInt32, "lines": pl.UInt32, "record": pl.UInt32},
    )  # fmt: skip
    told = runs(rows, records)
    assert told.select("row", "rows", "excluded", "order_no", "record").rows() == [
        (1, 1, "HEADER", None, None),
        (2, 3, None, None, 0),
        (5, 2, "BLANK", None, None),
        (8, 1, None, None, 3),
    ]
    assert runs(rows[:0], records[:0]).is_empty()


def test_a_replaced_order_is_looked_up_in_its_own_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = small(tmp_path / "home", 2, monkeypatch)
    rows = [order(f"N{one}") for one in range(9)]
    shop.orders("one.csv", *rows, order("N9"), order("N9", line="2", sku="XN-PCB-4L"))
    shop.work()
    shop.orders("two.csv", *(order(f"M{one}") for one in range(9)), order("N9", qty="3"))
    shop.work()
    found = shop.findings("two.csv").filter(pl.col("code") == "ORDER_LINES_GONE")
    assert found.select("order_no", "row").rows() == [("N9", 11)]


def test_a_crash_between_blocks_survives_another_size_of_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for before, after in ((3, 8), (8, 3)):
        shop = small(tmp_path / f"from{before}", before, monkeypatch)
        rows = [order(f"N{one:03d}") for one in range(ORDERS)]
        shop.orders("orders.csv", *rows, order("N000", line="2"), order("N020", line="2"))
        points: list[str] = []

        def killed(point: str, points: list[str] = points) -> None:
            points.append(point)
            if points.count("block-entered") == 4:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(readings, "crash_point", killed)
            shop.work()
        assert 0 < len(shop.states()) < ORDERS
        (shop.path / "xborder.toml").write_text(f"block_rows = {after}\n", "utf-8")
        shop.work()
        upload = upload_of(shop, "orders.csv")
        assert (upload.state, upload.code) == (uploads.CHECKED, None)
        assert set(shop.states().values()) == {("held", "AWAITING_SHIPMENT")}
        assert len(shop.states()) == ORDERS
        assert shop.receipt("orders.csv")["adds_up"]


def test_orders_that_another_run_took_meanwhile_are_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path / "home")
    shop.orders("orders.csv", order("N1"))
    real = parts.Part.orders
    with monkeypatch.context() as patch:
        patch.setattr(parts.Part, "orders", lambda part, c: real(part, c).clear())
        shop.work()
    assert upload_of(shop, "orders.csv").code is None
    shop.work()
    assert shop.states() == {"N1": ("held", "AWAITING_SHIPMENT")}
