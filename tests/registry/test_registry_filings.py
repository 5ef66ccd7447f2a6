"""Filings: their keys, their versions, and that a second entry changes nothing."""

import polars as pl
import pytest
from registry_steps import DAY, NOW, check, issue, upload
from sqlalchemy import Engine

from xborder.registry import database, filings, manifests
from xborder.registry.store import Store


def new(*rows: tuple[str, str, str, int | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=filings.NEW, orient="row")


@pytest.mark.parametrize(
    ("kind", "values", "key"),
    [
        ("303", {"ebpCode": "无", "orderNo": " #1/2 "}, "无/#1/2"),
        ("304", {"ebpCode": "无", "orderNo": "#1/2"}, "无/#1/2"),
        ("404", {"ebcCode": "4414960XXX", "orderNo": "#1", "payNo": None}, "4414960XXX/#1/"),
        ("506", {"logisticsCode": "4414980001", "logisticsNo": "XB1CN"}, "4414980001/XB1CN"),
        ("604", {"copNo": "XB1", "invtNo": "60412026E00000001"}, "XB1"),
        ("608", {"copNo": "XB2", "msgSeqNo": "002"}, "XB2/2"),
        ("510", {"copNo": "XB2"}, "XB2/1"),
        ("214", {"coElNo": "XB3", "copNo": "no"}, "XB3"),
        ("792", {"sumNo": "123"}, "123"),
    ],
)
def test_an_answer_has_the_key_of_its_document(kind, values, key):
    assert filings.key_of(kind, values) == key
    frame = pl.DataFrame([values], schema=dict.fromkeys(values, pl.String))
    assert frame.select(filings.key_column(kind, frame.columns)).item() == key


def test_an_unknown_kind_has_no_key():
    with pytest.raises(ValueError, match="999"):
        filings.key_of("999", {})


def test_versions_of_a_key_count_up_and_exporters_do_not_mix(engine: Engine) -> None:
    with database.transaction(engine) as c:
        told = new(
            ("303", "无/1", "1", None), ("303", "无/1", "1", None), ("505", "L/1", "1", None)
        )
        assert filings.enter(c, "dapu", NOW, told) == 3
        assert filings.enter(c, "meixian", NOW, new(("303", "无/1", "1", None))) == 1
        assert filings.enter(c, "dapu", NOW, new(("303", "无/1", "2", None))) == 1
        asked = pl.DataFrame({"kind": ["303", "505", "603"], "key": ["无/1", "L/1", "no"]})
        of_all = filings.by_keys(c, asked)
        shown = of_all.select("id", "kind", "exporter", "version", "app_type").rows()
        assert shown == [
            (3, "505", "dapu", 1, "1"),
            (4, "303", "meixian", 1, "1"),
            (5, "303", "dapu", 3, "2"),
        ]
        assert of_all["app_time"].unique().to_list() == [NOW.isoformat()]
        assert filings.by_keys(c, asked, "meixian")["id"].to_list() == [4]


def test_lists_of_a_manifest_are_filed_once(engine: Engine, tmp_path) -> None:
    store = Store(tmp_path.as_uri())
    with database.transaction(engine) as c:
        upload(c, "a", {"order_no": "1"}, {"order_no": "2"})
        check(c)
        number = issue(c)
        heads = pl.DataFrame(
            {
                "order_id": [2, 1],
                "ebcCode": "4414960XXX",
                "ebpCode": "无",
                "orderNo": ["2", "1"],
                "logisticsCode": "4414980001",
                "logisticsNo": ["B", "A"],
            }
        )
        store.write_parquet(heads, "lake", "checked_orders", "00000001", "heads.parquet")
        row = manifests.get(c, 1)
        assert row.number == number
        assert filings.without(c) == []  # it is not published
        manifests.published(c, {row.id: ("0" * 64, "manifests/x")})
        assert [one.id for one in filings.without(c)] == [1]
        assert filings.of_manifest(c, store, row) == 4
        assert filings.of_manifest(c, store, row) == 0
        assert filings.of_manifest(c, store, row, ["303", "505", "603"]) == 2
        assert filings.without(c) == []
        day = f"{DAY:%Y%m%d}"
        assert filings.of_lists(c, [1, 2])["key"].to_list() == [
            f"XB{day}0000000001",
            f"XB{day}0000000002",
        ]
        assert filings.of_lists(c, [2], "505")["key"].to_list() == ["4414980001/B"]
        assert filings.of_lists(c, [2, 1], "303").select("list_id", "key", "version").rows() == [
            (1, "无/1", 1),
            (2, "无/2", 1),
        ]
