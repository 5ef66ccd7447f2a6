"""An open order is checked again when what it depends on has changed, and only then."""

from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from pipeline_shop import DAY, FIRM, Shop, order, shipment

from xborder.registry import checkings
from xborder.schemas import tables

ACCEPTED = ("accepted", "")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "home")


def test_a_waybill_is_free_when_its_order_is_cancelled(shop: Shop) -> None:
    shop.shipments("shipments.csv", shipment("A", "W1"), shipment("B", "W1"))
    shop.orders("first.csv", order("A"))
    shop.work()
    shop.orders("second.csv", order("B"))
    shop.work()
    assert shop.states() == {"A": ACCEPTED, "B": ("held", "LOGISTICS_NO_REUSED")}
    shop.orders("third.csv", order("A", status="已取消"))
    shop.work()
    assert shop.states() == {"A": ("excluded", "CANCELLED"), "B": ACCEPTED}


def test_of_two_orders_with_one_waybill_the_one_that_stays_is_taken_up(shop: Shop) -> None:
    shop.shipments("shipments.csv", shipment("A", "W1"), shipment("B", "W1"))
    shop.orders("first.csv", order("A"), order("B"))
    shop.work()
    assert {state for state, _ in shop.states().values()} == {"held"}
    shop.orders("second.csv", order("A", status="已取消"))
    shop.work()
    assert shop.states()["B"] == ACCEPTED


def test_nothing_is_checked_twice_without_a_change(shop: Shop) -> None:
    shop.shipments("shipments.csv", shipment("A", "W1"))
    shop.orders("first.csv", order("A"), order("B"))
    shop.work()
    home = shop.home()
    rooms = (home.engine, home.store, home.settings, home.exporters, home.tables)
    assert checkings.check_open_orders(*rooms, DAY) == []
    assert checkings.check_open_orders(*rooms, DAY + timedelta(days=1)) == []


def test_a_changed_profile_takes_up_its_orders(shop: Shop) -> None:
    shop.shipments("shipments.csv", shipment("A", "W1"))
    shop.orders("first.csv", order("A"))
    profile = shop.path / "exporters" / f"{FIRM}.toml"
    sound = profile.read_text("utf-8")
    profile.write_text(sound.replace('statistics_flag = "B"', 'statistics_flag = "A"', 1), "utf-8")
    shop.work()
    assert shop.states()["A"] == ("held", "REBATE_FORCES_FLAG_B")
    profile.write_text(sound, "utf-8")
    shop.work()
    assert shop.states()["A"] == ACCEPTED


def test_what_begins_on_a_day_makes_that_day_another_version(tmp_path: Path) -> None:
    rates = "currency,valid_from,cny\nUSD,2026-01-01,7.1\nUSD,2026-12-01,7.2\n"
    (tmp_path / "rates.csv").write_text(rates, "utf-8")
    (tmp_path / "tables.toml").write_text(
        '[[table]]\nname = "exchange_rate"\nkind = "exchange_rate"\nfile = "rates.csv"\n'
        f'valid_from = 2026-01-01\nsha256 = "{sha256(rates.encode()).hexdigest()}"\n'
        'source = "own"\nconfidence = "high"\n',
        "utf-8",
    )
    held = tables.load(tmp_path)
    november = {held.version_on(date(2026, 11, day)) for day in range(1, 31)}
    december = {held.version_on(date(2026, 12, day)) for day in range(1, 32)}
    assert len(november) == len(december) == 1
    assert november != december
