"""Promise 2: whatever is handed in again, and by however many runs, is declared once."""

import csv
import shutil
from pathlib import Path

import pytest
from pipeline_homes import EXAMPLES, command, declared_orders, make_home, start

pytestmark = pytest.mark.slow

ORDERS = EXAMPLES / "landing" / "dapu-ciyun" / "shopify-us" / "02_orders_export_1.csv"


def test_the_same_orders_renamed_reencoded_and_split_are_declared_once(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "shopify-us")
    # The later files cancel and change some of these orders, and an older file that comes
    # again would be the newest word on them.
    for later in (home / "landing" / "dapu-ciyun" / "shopify-us").glob("04_*"):
        later.unlink()
    command(home, "run", "--date", "2026-11-22")
    before = declared_orders(home)
    assert len(before) > 30
    shop = home / "landing" / "dapu-ciyun" / "shopify-us"
    shop.mkdir(parents=True, exist_ok=True)
    shutil.copy(ORDERS, shop / "the same again.csv")
    text = ORDERS.read_text("utf-8-sig")
    (shop / "with a mark.csv").write_text(text, "utf-8-sig")
    (shop / "other line ends.csv").write_bytes(
        text.replace("\r\n", "\n").replace("\n", "\r\n").encode()
    )
    _split(shop)
    command(home, "run", "--date", "2026-11-22")
    after = declared_orders(home)
    assert sorted(after) == sorted(set(after))
    assert set(after) == set(before)
    command(home, "verify")


def _split(shop: Path) -> None:
    with ORDERS.open(encoding="utf-8-sig", newline="") as file:
        head, *rows = list(csv.reader(file))
    names = [row[0] for row in rows]
    middle = next(i for i in range(len(rows) // 2, len(rows)) if names[i] != names[i - 1])
    for part, chosen in (("first half", rows[:middle]), ("second half", rows[middle:])):
        with (shop / f"{part}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([head, *chosen])


def test_two_runs_at_once_declare_each_order_once(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "b2b", "shopify-us")
    runs = [start(home, "run", "--date", "2026-11-22") for _ in range(2)]
    told = [run.communicate(timeout=240)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], "\n".join(part[-1500:] for part in told)
    orders = declared_orders(home)
    assert len(orders) > 30
    assert len(orders) == len(set(orders))
    command(home, "verify")


def test_held_orders_are_taken_up_when_the_catalogue_is_mended(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "shopify-us")
    landing = home / "landing" / "dapu-ciyun" / "shopify-us"
    catalogue = next(landing.glob("01_*"))
    aside = tmp_path / catalogue.name
    catalogue.rename(aside)
    command(home, "run", "--date", "2026-11-22")
    assert declared_orders(home) == []
    shutil.copy(aside, landing / aside.name)
    command(home, "run", "--date", "2026-11-22")
    assert len(declared_orders(home)) > 30
