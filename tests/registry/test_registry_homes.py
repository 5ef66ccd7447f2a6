"""A whole day from files to manifests, on SQLite and on PostgreSQL alike."""

import json
import random
import string
from pathlib import Path

from pipeline_homes import issued
from pipeline_shop import Shop, order, shipment

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
