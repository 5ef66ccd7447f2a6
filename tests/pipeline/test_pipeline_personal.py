"""No personal value of any channel's file is found anywhere in a home after a day's work.

Every personal column of several channels holds values of its own, for an exporter whose profile
keeps postal data and for one whose does not. Then every file of the home is searched: raw,
unpacked, decoded; and all that the commands printed.
"""

import csv
import gzip
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from pipeline_homes import EXAMPLES, command, make_home

from xborder.intake.layouts import Layout, all_layouts
from xborder.intake.mappings import text_of
from xborder.intake.parse import parse
from xborder.registry import annotations, mappings, originals, postal
from xborder.registry.database import reading, transaction
from xborder.registry.home import Home, open_home
from xborder.registry.queries import uploads

KEEPS, DROPS = "dapu-ciyun", "dapu-zwei"
WORDS, DIGITS = "PZ7Q", "70090017"
"""What every value of a personal column begins with."""

CHANNELS = (
    "amazon_unshipped", "ebay_us", "etsy_items", "lazada_orders", "shopee_orders",
    "tiktok_orders", "temu_orders", "aliexpress_orders", "woocommerce_orders", "walmart_orders",
)  # fmt: skip
ELSE = {
    "shopify_orders": ("Billing Name", "Billing Phone", "Billing Zip", "Notes", "Note Attributes"),
    "amazon_unshipped": ("buyer-name", "buyer-phone-number"),
    "ebay_us": ("Buyer Username", "Buyer Note"),
    "etsy_items": ("Buyer",),
    "lazada_orders": ("billingName", "billingPhone"),
    "shopee_orders": ("Username (Buyer)", "Remark from buyer"),
    "tiktok_orders": ("Buyer Username", "Buyer Message"),
    "woocommerce_orders": ("First Name (Billing)", "Address 1&2 (Billing)"),
}
"""Columns that are personal and no part of a postal address."""

PLAIN = {
    "order_no": "{channel}-{nth}", "qty": "1", "sku": "DP-MG-004", "country": "US",
    "currency": "USD", "unit_price": "10", "line_total": "10", "goods_name": "Cup",
    "ordered_at": "2026-11-18", "line_id": "{nth}",
}  # fmt: skip
PHONES = ("phone", "zip", "post", "邮编", "电话", "手机", "联系方式")


class Marks:
    """Values that exist nowhere else, words or digits as the column wants them."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def of(self, head: str) -> str:
        number = len(self.made)
        digits = any(one in head.casefold() for one in PHONES)
        mail = "mail" in head.casefold() or head == "邮箱"
        text = f"{DIGITS}{number:04d}" if digits else f"{WORDS}{number:04d} Marker"
        self.made.append(f"{WORDS}{number:04d}@mail.example" if mail else text)
        return self.made[-1]


def personal_heads(layout: Layout) -> list[str]:
    told = [head for heads in layout.postal.values() for head in heads]
    return list(dict.fromkeys([*told, *ELSE.get(layout.layout, ())]))


def synthetic(layout: Layout, marks: Marks) -> bytes:
    """A file of a channel with three orders, every personal column filled."""
    own = [(one.field, one.headers[0]) for one in layout.columns]
    personal = [one for one in personal_heads(layout) if one not in dict(own).values()]
    text = io.StringIO(newline="")
    tabs = not layout.quoted
    out = csv.writer(text, delimiter="\t" if tabs else ",")
    out.writerow([*(head for _, head in own), *personal])
    for nth in range(1, 4):
        said = [PLAIN.get(name, "").format(channel=layout.channel, nth=nth) for name, _ in own]
        out.writerow([*said, *(marks.of(head) for head in personal)])
    return text.getvalue().encode()


def marked(data: bytes, layout: Layout, marks: Marks) -> bytes:
    """An example file with its personal values replaced."""
    head, *rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    personal = [at for at, one in enumerate(head) if one in personal_heads(layout)]
    for row in rows:
        for at in personal:
            if at < len(row) and row[at]:
                row[at] = marks.of(head[at])
    text = io.StringIO(newline="")
    csv.writer(text).writerows([head, *rows])
    return text.getvalue().encode()


def filled(folder: Path, marks: Marks) -> Home:
    """A home with two exporters who hand in the same kinds of files."""
    made = make_home(folder, "shopify-us")
    layouts = {one.layout: one for one in all_layouts()}
    profile = (made / "exporters" / f"{KEEPS}.toml").read_text("utf-8")
    before, _, shops = profile.partition("[[shops]]")
    template = next(one for one in shops.split("[[shops]]") if '"shopify-us"' in one)
    more = "".join(
        "[[shops]]" + template.replace('"shopify-us"', f'"{name.replace("_", "-")}"').replace(
            'channel = "shopify"', f'channel = "{layouts[name].channel}"')
        for name in CHANNELS
    )  # fmt: skip
    for exporter, keep in ((KEEPS, "true"), (DROPS, "false")):
        own = before.replace(f'id = "{KEEPS}"', f'id = "{exporter}"')
        text = f"{own}[postal]\nkeep = {keep}\n\n[[shops]]{shops.rstrip()}\n\n{more}"
        (made / "exporters" / f"{exporter}.toml").write_text(text, "utf-8")
        landing = made / "landing" / exporter
        for name in CHANNELS if exporter == KEEPS else CHANNELS[:3]:
            place = landing / name.replace("_", "-")
            place.mkdir(parents=True)
            data = synthetic(layouts[name], marks)
            (place / f"{name}.csv").write_bytes(data)
            if name == "ebay_us":
                (place / "more.json").write_bytes(as_json(synthetic(layouts[name], marks)))
        (landing / "shopify-us").mkdir(exist_ok=True)
        (landing / "shopify-us" / "erp.csv").write_bytes(own_sheet(marks))
        place = landing / "shopify-us"
        place.mkdir(exist_ok=True)
        for source in (EXAMPLES / "landing" / KEEPS / "shopify-us").iterdir():
            data = source.read_bytes()
            if "orders_export" in source.name:
                data = marked(data, layouts["shopify_orders"], marks)
            (place / source.name).write_bytes(data)
    home = open_home(made)
    read = parse(own_sheet(Marks()), "erp.csv")
    assert read.proposal is not None
    text = text_of(read.proposal | {"name": "erp"}, {})
    for exporter in (KEEPS, DROPS):
        with transaction(home.engine) as c:
            mappings.accept(c, exporter, text, by="Li")
    return home


def as_json(data: bytes) -> bytes:
    """A file of a channel as another program would hand it on; its orders are others."""
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    return json.dumps(rows).replace("ebay-", "JSON-").encode()


def own_sheet(marks: Marks) -> bytes:
    """A sheet that no channel writes, with a buyer's columns."""
    personal = ["收件人", "手机", "地址", "城市", "邮编", "客户备注"]
    head = [
        "平台单号",
        "商品SKU",
        "购买数量",
        "成交单价",
        "币种",
        "收货国家",
        "付款时间",
        *personal,
    ]
    row = ["ERP-1", "DP-MG-004", "1", "10", "USD", "US", "2026-11-18 10:00:00"]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([head, [*row, *(marks.of(one) for one in personal)]])
    return text.getvalue().encode()


def texts(path: Path) -> Iterator[tuple[str, bytes]]:
    """What a file says: as it lies, and as whoever opens it would read it."""
    data = path.read_bytes()
    yield str(path), data
    yield from unpacked(str(path), data)


def unpacked(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if data[:4] == b"PAR1":
        frame = pl.read_parquet(io.BytesIO(data))
        yield f"{name} decoded", repr(frame.rows()).encode()
        yield f"{name} metadata", repr(pl.read_parquet_metadata(io.BytesIO(data))).encode()
    elif data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for one in archive.namelist():
                yield f"{name}!{one}", archive.read(one)
                yield from unpacked(f"{name}!{one}", archive.read(one))
    elif data[:2] == b"\x1f\x8b":
        yield f"{name} unpacked", gzip.decompress(data)
    elif data[:15] == b"SQLite format 3":
        with sqlite3.connect(f"file:{name}?mode=ro", uri=True) as c:
            tables = c.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                rows = c.execute(f'SELECT * FROM "{table}"').fetchall()
                yield f"{name} {table}", repr(rows).encode()


def holds_marks(data: bytes) -> bool:
    whole = data.upper()
    wide = [one.encode("utf-16-le") for one in (WORDS, DIGITS)]
    return any(one in whole for one in (WORDS.encode(), DIGITS.encode(), *wide))


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Marks, list[str]]:
    marks = Marks()
    home = filled(tmp_path_factory.mktemp("personal") / "home", marks)
    folder = home.settings.home
    shown = []
    for words in (
        ("run",), ("verify",), ("fix",), ("postal", "show", "--date", "2026-11-22"),
    ):  # fmt: skip
        done = command(folder, *words, check=False)
        assert done.returncode in (0, 1), done.stderr[-2000:]
        shown += [done.stdout, done.stderr]
    return home, marks, shown


def test_no_personal_value_is_anywhere_in_the_home(
    worked: tuple[Home, Marks, list[str]],
) -> None:
    home, marks, _ = worked
    assert len(marks.made) > 800
    found, seen = [], 0
    for path in sorted(home.settings.home.rglob("*")):
        if path.is_file():
            for name, data in texts(path):
                seen += 1
                if holds_marks(data):
                    found.append(name)
    assert found == [] and seen > 200


def test_the_search_would_find_them(worked: tuple[Home, Marks, list[str]]) -> None:
    home, _, _ = worked
    with reading(home.engine) as c:
        rows = [one for one in uploads(c) if one.kind == "orders"]
    assert {one.exporter for one in rows} == {KEEPS, DROPS} and len(rows) >= 17
    assert all(one.state == "checked" for one in rows), [
        (one.file_name, one.code) for one in rows if one.state != "checked"
    ]
    in_the_clear = 0
    for row in rows:
        with originals.open_plain(home.settings, row.sha256) as plain:
            in_the_clear += holds_marks(plain.read())
    assert in_the_clear == len(rows), "the originals hold them, and are encrypted"
    rooms = (home.engine, home.store, home.settings, home.exporters, home.tables)
    copy = annotations.of_upload(*rooms, rows[0].id)
    assert any(holds_marks(data) for _, data in unpacked("copy", copy))


def test_what_is_kept_is_kept_of_the_one_exporter_and_whole(
    worked: tuple[Home, Marks, list[str]], tmp_path: Path
) -> None:
    home, marks, _ = worked
    with sqlite3.connect(postal.place(home.settings)) as c:
        kept = c.execute("SELECT exporter, channel, count(*) FROM postal GROUP BY 1, 2").fetchall()
    assert {exporter for exporter, _, _ in kept} == {KEEPS}
    channels = {channel for _, channel, _ in kept}
    with sqlite3.connect(postal.place(home.settings)) as c:
        numbers = {one for (one,) in c.execute("SELECT order_no FROM postal")}
    # As JSON, and out of a sheet of the exporter's own.
    assert {"JSON-1", "JSON-2", "JSON-3", "ERP-1"} <= numbers
    layouts = {one.layout: one.channel for one in all_layouts()}
    assert channels == {"shopify", *(layouts[name] for name in CHANNELS)}
    target = tmp_path / "recipients.xlsx"
    command(home.settings.home, "postal", "export", "--date", "2026-11-22", "--to", str(target))
    sheet = openpyxl.load_workbook(target).worksheets[0]
    values = {str(cell) for row in sheet.iter_rows(min_row=2, values_only=True) for cell in row}
    told = [one for one in values if WORDS in one or DIGITS in one]
    assert len(told) > 100 and set(told) <= set(marks.made)
    assert target.stat().st_mode & 0o077 == 0


def test_no_command_prints_one(worked: tuple[Home, Marks, list[str]]) -> None:
    _, _, shown = worked
    assert "***" in shown[-2], "the masked records were shown"
    for text in shown:
        assert not holds_marks(text.encode())
