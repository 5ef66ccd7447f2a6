"""A whole day from files to manifests, on SQLite and on PostgreSQL alike."""

import json
import random
import string
from pathlib import Path

import pytest
from pipeline_homes import issued
from pipeline_shop import FIRM, SHOP, Shop, order, shipment

from xborder.registry import landing, originals, readings

# Not compressible: a database measures a key as it would store it.
LONG = "".join(random.Random(7).choices(string.ascii_uppercase + string.digits, k=20_000))


def test_no_order_number_stops_the_file_and_the_bytes_are_the_databases_alike(
    url: str, tmp_path: Path
) -> None:
    shop = Shop(tmp_path / "home")
    settings = shop.path / "xborder.toml"
    settings.write_text(f"registry_url = {json.dumps(url)}\n", "utf-8")
    shop.orders(
        "orders.csv", order("A"), order(LONG), order(f"{LONG}B"), order('"\\."'), order("%S")
    )
    shop.shipments("shipments.csv", shipment("A", "W1"), shipment(LONG, "W2"), shipment("%S", "W3"))
    shop.work(issue=True)
    states = shop.states()
    assert (states["A"], states["%S"]) == (("declared", ""), ("declared", ""))
    cut = [number for number in states if number.startswith(LONG[:200])]
    assert len(cut) == 2
    assert all("TEXT_TOO_LONG" in states[number][1] for number in cut)
    receipt = shop.receipt("orders.csv")
    assert (receipt["rows"], receipt["adds_up"], receipt["held"]) == (6, True, 3)
    told = shop.findings("orders.csv")["order_no"].drop_nulls()
    assert told.str.len_chars().max() < 300
    other = Shop(tmp_path / "other")
    other.orders(
        "orders.csv", order("A"), order(LONG), order(f"{LONG}B"), order('"\\."'), order("%S")
    )
    other.shipments(
        "shipments.csv", shipment("A", "W1"), shipment(LONG, "W2"), shipment("%S", "W3")
    )
    other.work(issue=True)
    assert issued(shop.path) == issued(other.path)
    assert issued(shop.path)


@pytest.mark.parametrize("harm", ["gone", "empty", "cut", "changed", "other"])
def test_an_original_that_cannot_be_read_stops_its_own_file_only(tmp_path: Path, harm: str) -> None:
    shop = Shop(tmp_path / "home")
    shop.orders("first.csv", order("A"))
    shop.orders("second.csv", order("B"))
    content = (shop.folder() / "first.csv").read_bytes()
    home = shop.home()
    taken = landing.take_in(home.engine, home.settings, home.exporters)
    (sha256,) = (one.sha256 for one in taken if one.file_name == "first.csv")
    kept = originals.place(home.settings, sha256)
    whole = kept.read_bytes()
    if harm == "gone":
        kept.unlink()
    else:
        damaged = {"empty": b"", "cut": whole[:-20], "other": b"x" * len(whole)}
        kept.write_bytes(damaged.get(harm, whole[:-1] + bytes([whole[-1] ^ 1])))
    shop.work()
    assert shop.states()["B"] == ("held", "AWAITING_SHIPMENT")
    assert (shop.receipt("first.csv")["state"], shop.receipt("first.csv")["code"]) == (
        "refused",
        readings.UNREADABLE,
    )
    assert shop.findings("first.csv")["code"].to_list() == [readings.UNREADABLE]
    (shop.path / "landing" / FIRM / SHOP / "first.csv").write_bytes(content)
    shop.work()
    assert shop.states()["A"] == ("held", "AWAITING_SHIPMENT")
    assert originals.intact(home.settings, sha256)


def test_another_key_is_told_and_refuses_no_file(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "home")
    shop.orders("first.csv", order("A"))
    home = shop.home()
    landing.take_in(home.engine, home.settings, home.exporters)
    key = home.settings.key.read_bytes()
    home.settings.key.unlink()
    other = Shop(tmp_path / "other")
    other.work()
    home.settings.key.write_bytes(other.home().settings.key.read_bytes())
    with pytest.raises(originals.KeyFileError, match="is not the key"):
        shop.work()
    home.settings.key.write_bytes(key)
    shop.work()
    assert shop.states() == {"A": ("held", "AWAITING_SHIPMENT")}
