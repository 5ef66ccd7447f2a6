"""A shop in few lines: order and shipment files of the own template, and the steps of a day
called from Python, without Dagster."""

import shutil
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from pipeline_homes import EXAMPLES, make_home

from xborder import clock
from xborder.manifests import cutoff
from xborder.registry import answers, checkings, landing, lists, queries, readings
from xborder.registry.database import reading, transaction
from xborder.registry.home import Home, open_home
from xborder.registry.staging import fetch

FIRM, SHOP = "xingning-jinggong", "own-site"
DAY = date(2026, 11, 22)
GOODS = EXAMPLES / "landing" / FIRM / SHOP / "01_商品备案.csv"

_ORDERS = "订单编号,行号,下单时间,订单状态,商品货号,数量,单价,行总价,订单折扣,币制,运抵国,备注"
_SHIPMENTS = (
    "订单编号,物流企业代码,物流企业名称,物流运单编号,件数,包装种类,毛重,出口日期,运输方式,指运港"
)


def order(number: str, **changes: str) -> str:
    """A row of an order file: one circuit board to the USA, but for what is named."""
    told = {
        "line": "1", "at": "2026-11-10 07:20:11", "status": "", "sku": "XN-PCB-2L", "qty": "1",
        "price": "4.80", "total": "", "discount": "", "currency": "USD", "country": "US",
        "note": "",
    } | changes  # fmt: skip
    return ",".join([number, *told.values()])


def shipment(number: str, waybill: str, weight: str = "3") -> str:
    """A row of a shipment file."""
    return f"{number},4414960T15,梅州示范物流,{waybill},1,6,{weight},2026-11-24,4,3154"


class Shop:
    """A home with one exporter whose goods are known; files go to one of its shops."""

    def __init__(self, folder: Path) -> None:
        self.path = make_home(folder, exporter=FIRM)
        (self.folder()).mkdir(parents=True)
        shutil.copy(GOODS, self.folder() / GOODS.name)

    def folder(self, shop: str = SHOP) -> Path:
        return self.path / "landing" / FIRM / shop

    def _hand_in(self, name: str, head: str, rows: Iterable[str], shop: str) -> None:
        self.folder(shop).mkdir(parents=True, exist_ok=True)
        (self.folder(shop) / name).write_text("\n".join([head, *rows, ""]), "utf-8")

    def orders(self, name: str, *rows: str, shop: str = SHOP) -> None:
        """Hand in an order file."""
        self._hand_in(name, _ORDERS, rows, shop)

    def shipments(self, name: str, *rows: str, shop: str = SHOP) -> None:
        """Hand in a shipment file."""
        self._hand_in(name, _SHIPMENTS, rows, shop)

    def home(self) -> Home:
        """The home, opened afresh."""
        return open_home(self.path)

    def work(self, *, issue: bool = False, day: date = DAY) -> list[cutoff.Issued]:
        """Take in, read, check, claim; with ``issue`` cut off."""
        with clock.fixed(f"{day}T10:00:00+08:00"):
            home = self.home()
            landing.take_in(
                home.engine, home.settings, home.exporters, day=day,
                waiting_for=home.broken_profiles,
            )  # fmt: skip
            rooms = (home.engine, home.store, home.settings, home.exporters, home.tables)
            readings.read_uploads(*rooms)
            checkings.check_open_orders(*rooms, day)
            with transaction(home.engine) as connection:
                lists.claim(connection)
            return cutoff.issue(home.engine, home.store, home.settings, day) if issue else []

    def states(self) -> dict[str, tuple[str, str]]:
        """State and codes of each order, by number."""
        schema = {"number": pl.String, "state": pl.String, "codes": pl.String}
        with reading(self.home().engine) as connection:
            found = fetch(connection, "SELECT order_no, state, codes FROM orders", schema)
        return {number: (state, codes) for number, state, codes in found.rows()}

    def receipt(self, name: str) -> dict[str, Any]:
        """The receipt of the file of that name."""
        with reading(self.home().engine) as connection:
            return queries.receipt(connection, self._upload(name))

    def findings(self, name: str) -> pl.DataFrame:
        """What stands of the file of that name."""
        home = self.home()
        return answers.findings_of(home.engine, home.store, self._upload(name))

    def _upload(self, name: str) -> int:
        with reading(self.home().engine) as connection:
            return next(int(row.id) for row in queries.uploads(connection) if row.file_name == name)
