"""Files that complete each other: each ingested as it is, in whichever order, each order once."""

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from pipeline_shop import FIRM, SHOP, Shop, shipment
from typer.testing import CliRunner

from xborder import intake
from xborder.checks import Context
from xborder.checks.dry_run import check_together
from xborder.cli import app
from xborder.registry import checkings
from xborder.registry.database import reading
from xborder.registry.staging import fetch
from xborder.schemas import tables

TEMU = "订单号,站点,订单状态,子订单号,应履约件数,商品名称,SKUID,SKU货号,订单创建时间"
TEMU_ROW = "PO-211-1,美国站,待发货,211-{n},{qty},电路板,S-{n},{sku},2026-11-10 10:00:00"
PRICES = "SKU货号,供货单价,币种"

UNSHIPPED = "order-id\torder-item-id\tpurchase-date\tsku\tproduct-name\tquantity-purchased\tis-iba\tship-country"
UNSHIPPED_ROW = "701-1\t1\t2026-11-10T00:00:00+00:00\tXN-PCB-2L\tBoard\t2\ttrue\tUS"
ALL = (
    "amazon-order-id\tmerchant-order-id\tpurchase-date\torder-status\tfulfillment-channel\t"
    "sales-channel\tproduct-name\tsku\tquantity\tcurrency\titem-price\tship-country"
)
ALL_ROW = (
    "701-1\tM1\t2026-11-10T00:00:00+00:00\tUnshipped\tMerchant\tAmazon.com\tBoard\tXN-PCB-2L\t2\t"
    "USD\t9.60\tUS"
)

ETSY = "Sale Date,Order ID,Full Name,Number of Items,Ship Country,Currency,Order Value,Order Net,Order Type"
ETSY_ROWS = ("11/10/26,7001,Li Lei,1,United States,USD,9.6,9,online",
             "11/10/26,7002,Han Mei,1,United States,USD,9.6,9,in_person")  # fmt: skip
ITEMS = ("Sale Date,Item Name,Buyer,Quantity,Price,Discount Amount,Order Shipping,Currency,"
         "Transaction ID,Listing ID,Order ID,Order Type,Ship Country,SKU")  # fmt: skip
ITEMS_ROW = "11/10/26,Board,Li,2,4.8,0,0,USD,T1,L1,7001,online,United States,XN-PCB-2L"


def of_channel(folder: Path, channel: str) -> Shop:
    """A shop that sells on a channel."""
    made = Shop(folder / "home")
    profile = made.path / "exporters" / f"{FIRM}.toml"
    before, _, after = profile.read_text("utf-8").partition(f'id = "{SHOP}"')
    _, _, rest = after.partition("\nchannel = ")
    told = after[: len(after) - len(rest)] + f'"{channel}"\n' + rest.partition("\n")[2]
    profile.write_text(f'{before}id = "{SHOP}"{told}', "utf-8")
    return made


def put(shop: Shop, name: str, *rows: str) -> None:
    (shop.folder() / name).write_text("\n".join([*rows, ""]), "utf-8")


def row(n: int, sku: str = "XN-PCB-2L", qty: int = 2) -> str:
    return TEMU_ROW.format(n=n, sku=sku, qty=qty)


def prices_of(shop: Shop) -> list[tuple[str, str, str]]:
    """Quantity, price and currency of every list item that the last check made."""
    home = shop.home()
    with reading(home.engine) as c:
        last = fetch(c, "SELECT max(check_id) FROM orders", {"check": pl.Int64}).item()
    where = checkings.folder(last)
    items = home.store.read_parquet(*where, "items.parquet")
    return [tuple(map(str, one)) for one in items.select("qty", "price", "currency").rows()]


def test_orders_without_a_price_wait_for_the_list_and_take_its_price(tmp_path: Path) -> None:
    shop = of_channel(tmp_path, "temu")
    put(shop, "temu.csv", TEMU, row(1), row(2, qty=1))
    shop.shipments("shipments.csv", shipment("PO-211-1", "W1"))
    shop.work()
    assert shop.states() == {"PO-211-1": ("held", "AWAITING_PARTNER_FILE")}
    told = shop.findings("temu.csv").filter(pl.col("code") == "AWAITING_PARTNER_FILE")
    assert told.select("cell", "column", "value").rows() == [
        ("H2", "SKU货号", "XN-PCB-2L"), ("H3", "SKU货号", "XN-PCB-2L"),
    ]  # fmt: skip
    put(shop, "prices.csv", PRICES, "XN-PCB-2L,4.8,USD")
    shop.work()
    assert shop.states() == {"PO-211-1": ("accepted", "")}
    assert [one[1] for one in prices_of(shop)] == ["4.8", "4.8"]
    receipt = shop.receipt("prices.csv")
    assert (receipt["rows"], receipt["accepted"], receipt["adds_up"]) == (2, 1, True)


def test_a_list_that_came_first_is_there_and_a_newer_one_counts(tmp_path: Path) -> None:
    shop = of_channel(tmp_path, "temu")
    put(shop, "prices.csv", PRICES, "XN-PCB-2L,4.8,USD")
    shop.work()
    put(shop, "temu.csv", TEMU, row(1))
    shop.shipments("shipments.csv", shipment("PO-211-1", "W1"))
    shop.work()
    assert shop.states() == {"PO-211-1": ("accepted", "")}
    put(shop, "prices_2.csv", PRICES, "XN-PCB-2L,5.5,USD")
    shop.work()
    assert [one[1] for one in prices_of(shop)] == ["5.5"]
    shop.work(issue=True)
    put(shop, "prices_3.csv", PRICES, "XN-PCB-2L,6,USD")
    shop.work()
    assert shop.states() == {"PO-211-1": ("declared", "")}


def test_what_is_wrong_with_a_listed_price_stands_at_the_list_and_names_the_order(
    tmp_path: Path,
) -> None:
    shop = of_channel(tmp_path, "temu")
    # The list may be right and the order not: three units of 400,000,000,000,000 are too much.
    put(shop, "prices.csv", PRICES, "XN-PCB-2L,99999999999999,USD")
    put(shop, "temu.csv", TEMU, row(1, qty=9))
    shop.shipments("shipments.csv", shipment("PO-211-1", "W1"))
    shop.work()
    assert shop.states()["PO-211-1"][0] == "held"
    told = shop.findings("temu.csv").filter(pl.col("file") == "prices.csv")
    assert set(told["cell"]) == {"B2"} and set(told["also_at"]) == {"temu.csv R2"}


def test_a_bad_row_of_a_list_is_held_and_its_orders_wait(tmp_path: Path) -> None:
    shop = of_channel(tmp_path, "temu")
    put(shop, "prices.csv", PRICES, "XN-PCB-2L,0,USD")
    put(shop, "temu.csv", TEMU, row(1))
    shop.work()
    assert shop.receipt("prices.csv")["held"] == 1
    assert "AWAITING_PARTNER_FILE" in shop.states()["PO-211-1"][1]


def test_a_price_is_only_for_files_that_have_none(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "home")
    put(shop, "prices.csv", PRICES, "XN-PCB-2L,5,USD")
    shop.orders("orders.csv", "A,1,2026-11-10 07:20:11,,XN-PCB-2L,1,,,,USD,US,")
    shop.work()
    assert "AMOUNT_MISSING" in shop.states()["A"][1]


def test_a_list_of_a_shop_comes_before_one_for_all() -> None:
    from xborder.checks import prices
    from xborder.checks.context import records_schema

    told = pl.DataFrame(
        [
            {"shop": "", "sku": "A", "unit_price": "1", "currency": "USD", "row": 2},
            {"shop": "us", "sku": "A", "unit_price": "2", "currency": "USD", "row": 3},
            {"shop": "eu", "sku": "B", "unit_price": "3", "currency": "EUR", "row": 4},
        ],
        schema=records_schema("price"),
    )
    lines = pl.DataFrame(
        {"shop": ["us", "eu", "us"], "sku": ["A", "A", "B"], "unit_price": [None] * 3,
         "line_total": [None] * 3, "currency": ["GBP"] * 3},
        schema_overrides={"unit_price": pl.String, "line_total": pl.String},
    )  # fmt: skip
    lines = prices.awaiting(lines, {"awaits": "prices"})
    made = prices.completed(lines, told)
    assert made.select("unit_price", "currency", "price.row").rows() == [
        ("2", "USD", 3), ("1", "USD", 2), (None, "GBP", None),
    ]  # fmt: skip


@pytest.mark.parametrize("first", ["unshipped", "all"])
def test_the_two_reports_of_amazon_make_one_order(tmp_path: Path, first: str) -> None:
    shop = of_channel(tmp_path, "amazon")
    shop.shipments("shipments.csv", shipment("701-1", "W1"))
    files = {"unshipped": (UNSHIPPED, UNSHIPPED_ROW), "all": (ALL, ALL_ROW)}
    put(shop, f"{first}.txt", *files.pop(first))
    shop.work()
    before = "held" if first == "unshipped" else "accepted"
    assert shop.states()["701-1"][0] == before
    if before == "held":
        (told,) = shop.findings("unshipped.txt").filter(
            pl.col("code") == "AWAITING_PARTNER_FILE"
        ).iter_rows(named=True)  # fmt: skip
        assert (told["cell"], "All orders" in told["params"]) == ("D2", True)
    ((second, rows),) = files.items()
    put(shop, f"{second}.txt", *rows)
    shop.work(issue=True)
    assert shop.states() == {"701-1": ("declared", "")}
    assert [one[1] for one in prices_of(shop)] == ["4.8"]
    receipts = {one: shop.receipt(f"{one}.txt") for one in ("unshipped", "all")}
    assert all(one["adds_up"] for one in receipts.values())
    assert receipts["all"]["declared"] == 1
    kept = "excluded" if first == "unshipped" else "duplicate"
    assert receipts["unshipped"][kept] >= 1


def test_a_fuller_report_is_not_changed_by_a_lesser_one_after_its_list_is_issued(
    tmp_path: Path,
) -> None:
    shop = of_channel(tmp_path, "amazon")
    shop.shipments("shipments.csv", shipment("701-1", "W1"))
    put(shop, "all.txt", ALL, ALL_ROW)
    shop.work(issue=True)
    put(shop, "unshipped.txt", UNSHIPPED, UNSHIPPED_ROW)
    shop.work()
    assert shop.states() == {"701-1": ("declared", "")}
    assert shop.receipt("unshipped.txt")["duplicate"] == 1
    assert "CHANGED_AFTER_ISSUE" not in shop.findings("unshipped.txt")["code"].to_list()


def test_a_lesser_report_replaces_its_own_kind(tmp_path: Path) -> None:
    shop = of_channel(tmp_path, "amazon")
    put(shop, "one.txt", UNSHIPPED, UNSHIPPED_ROW)
    shop.work()
    put(shop, "two.txt", UNSHIPPED, UNSHIPPED_ROW.replace("\t2\t", "\t3\t"))
    shop.work()
    assert shop.receipt("one.txt")["excluded"] == 2  # its header, and the row that is replaced
    assert shop.receipt("two.txt")["held"] == 1


@pytest.mark.parametrize("first", ["orders", "items"])
def test_the_two_files_of_etsy_make_one_order(tmp_path: Path, first: str) -> None:
    shop = of_channel(tmp_path, "etsy")
    shop.shipments("shipments.csv", shipment("7001", "W1"))
    files = {"orders": (ETSY, *ETSY_ROWS), "items": (ITEMS, ITEMS_ROW)}
    put(shop, f"{first}.csv", *files.pop(first))
    shop.work()
    if first == "orders":
        assert shop.states() == {"7001": ("held", "NEEDS_ITEMS_FILE")}
        (told,) = shop.findings("orders.csv").filter(
            pl.col("code") == "NEEDS_ITEMS_FILE"
        ).iter_rows(named=True)  # fmt: skip
        assert (told["cell"], told["column"], told["order_no"]) == ("B2", "Order ID", "7001")
    ((second, rows),) = files.items()
    put(shop, f"{second}.csv", *rows)
    shop.work()
    assert shop.states() == {"7001": ("accepted", "")}
    receipts = [shop.receipt(f"{one}.csv") for one in ("orders", "items")]
    assert all(one["adds_up"] for one in receipts) and receipts[1]["accepted"] == 1


def test_a_file_of_another_channel_is_told_to_which_shops_it_belongs(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "home")
    profile = shop.path / "exporters" / f"{FIRM}.toml"
    told = profile.read_text("utf-8").replace('channel = "tianjin_oms"', 'channel = "amazon"')
    profile.write_text(told.replace('channel = "template"', 'channel = "temu"', 1), "utf-8")
    put(shop, "all.txt", ALL, ALL_ROW)
    (shop.path / "landing" / FIRM / "no-such").mkdir(parents=True)
    (shop.path / "landing" / FIRM / "no-such" / "x.csv").write_text("a\n", "utf-8")
    shop.work()
    (one,) = shop.findings("all.txt").iter_rows(named=True)
    assert (one["code"], one["also_at"]) == ("CHANNEL_DIFFERS", f"{FIRM}/tianjin-oms")
    (one,) = shop.findings("x.csv").iter_rows(named=True)
    assert (one["code"], one["also_at"]) == ("UNKNOWN_SHOP", f"{FIRM}/no-such")


BARE = ("Sale Date,Item Name,Buyer,Quantity,Price,Discount Amount,Order Shipping,Currency,"
        "Transaction ID,Listing ID,Order ID,Order Type,SKU")  # fmt: skip
BARE_ROW = "11/10/26,Board,Li,2,4.8,0,0,USD,T1,L1,7001,online,XN-PCB-2L"
"""Sold items as some exports have them: without the destination."""


def countries_of(shop: Shop) -> list[tuple[str, str]]:
    """Number and destination of every list that the last check made."""
    home = shop.home()
    with reading(home.engine) as c:
        last = fetch(c, "SELECT max(check_id) FROM orders", {"check": pl.Int64}).item()
    heads = home.store.read_parquet(*checkings.folder(last), "heads.parquet")
    return [tuple(map(str, one)) for one in heads.select("order_no", "country").rows()]


@pytest.mark.parametrize("first", ["orders", "items"])
def test_items_without_a_destination_take_it_from_the_orders_file(
    tmp_path: Path, first: str
) -> None:
    shop = of_channel(tmp_path, "etsy")
    shop.shipments("shipments.csv", shipment("7001", "W1"))
    files = {"orders": (ETSY, *ETSY_ROWS), "items": (BARE, BARE_ROW)}
    put(shop, f"{first}.csv", *files.pop(first))
    shop.work()
    alone = {"orders": "NEEDS_ITEMS_FILE", "items": "NEEDS_ORDERS_FILE"}
    assert shop.states() == {"7001": ("held", alone[first])}
    if first == "items":
        (told,) = shop.findings("items.csv").filter(
            pl.col("code") == "NEEDS_ORDERS_FILE"
        ).iter_rows(named=True)  # fmt: skip
        assert (told["row"], told["field"], told["order_no"]) == (2, "country", "7001")
        assert "EtsySoldOrders" in told["params"]
    ((second, rows),) = files.items()
    put(shop, f"{second}.csv", *rows)
    shop.work()
    assert shop.states() == {"7001": ("accepted", "")}
    assert countries_of(shop) == [("7001", "502")]
    assert [one[:2] for one in prices_of(shop)] == [("2", "4.8")]
    receipts = [shop.receipt(f"{one}.csv") for one in ("orders", "items")]
    assert all(one["adds_up"] for one in receipts) and receipts[1]["accepted"] == 1
    shop.work(issue=True)
    assert shop.states() == {"7001": ("declared", "")}


def test_what_is_wrong_with_a_destination_stands_at_the_orders_file(tmp_path: Path) -> None:
    shop = of_channel(tmp_path, "etsy")
    shop.shipments("shipments.csv", shipment("7001", "W1"))
    put(shop, "items.csv", BARE, BARE_ROW)
    put(shop, "orders.csv", ETSY, ETSY_ROWS[0].replace("United States", "Atlantis"))
    shop.work()
    told = shop.findings("items.csv").filter(pl.col("field") == "country", pl.col("row") > 1)
    assert told.select("file", "cell", "column", "also_at", "value").rows() == [
        ("orders.csv", "E2", "Ship Country", "items.csv R2", "Atlantis")
    ]
    # An orders file that comes again, mended, is the newer word.
    put(shop, "orders_2.csv", ETSY, ETSY_ROWS[0])
    shop.work()
    assert shop.states() == {"7001": ("accepted", "")}
    # Where that has none either, its own cell is the one to fill.
    put(shop, "orders_3.csv", ETSY, ETSY_ROWS[0].replace("United States", ""))
    shop.work()
    assert shop.states()["7001"][0] == "held"
    told = shop.findings("items.csv").filter(pl.col("field") == "country", pl.col("row") > 1)
    assert told.select("file", "cell", "also_at").rows() == [("orders_3.csv", "E2", "items.csv R2")]


def test_what_the_items_say_themselves_stands(tmp_path: Path) -> None:
    shop = of_channel(tmp_path, "etsy")
    shop.shipments("shipments.csv", shipment("7001", "W1"), shipment("7003", "W3"))
    # The amount of the orders file is another one, and so are its currency and its destination.
    other = "11/10/26,7001,Li Lei,1,Germany,EUR,99,98,online"
    put(shop, "orders.csv", ETSY, other, other.replace("7001", "7003"))
    put(shop, "items.csv", ITEMS, ITEMS_ROW,
        ITEMS_ROW.replace("7001", "7003").replace("United States", "").replace("T1", "T2"))  # fmt: skip
    shop.work()
    assert shop.states() == {"7001": ("accepted", ""), "7003": ("accepted", "")}
    assert sorted(countries_of(shop)) == [("7001", "502"), ("7003", "304")]
    assert prices_of(shop) == [("2", "4.8", "502"), ("2", "4.8", "502")]


def test_items_that_come_again_are_completed_again(tmp_path: Path) -> None:
    shop = of_channel(tmp_path, "etsy")
    shop.shipments("shipments.csv", shipment("7001", "W1"))
    put(shop, "orders.csv", ETSY, *ETSY_ROWS)
    put(shop, "items.csv", BARE, BARE_ROW)
    shop.work()
    put(shop, "items_2.csv", BARE, BARE_ROW.replace(",2,4.8,", ",3,4.8,"))
    shop.work()
    assert shop.states() == {"7001": ("accepted", "")}
    assert [one[0] for one in prices_of(shop)] == ["3"]
    assert countries_of(shop) == [("7001", "502")]
    # Bytes that are handed in once more are the newest word again.
    put(shop, "other.csv", ETSY, ETSY_ROWS[0].replace("United States", "Germany"))
    shop.work()
    assert countries_of(shop) == [("7001", "304")]
    put(shop, "orders.csv", ETSY, *ETSY_ROWS)
    shop.work()
    assert countries_of(shop) == [("7001", "502")]


def test_an_order_of_another_day_under_the_number_tells_nothing(tmp_path: Path) -> None:
    shop = of_channel(tmp_path, "etsy")
    shop.shipments("shipments.csv", shipment("7001", "W1"))
    put(shop, "items.csv", BARE, BARE_ROW)
    put(shop, "orders.csv", ETSY, ETSY_ROWS[0].replace("11/10/26", "11/02/26"))
    shop.work()
    assert shop.states() == {"7001": ("held", "NEEDS_ORDERS_FILE")}
    assert shop.findings("orders.csv")["code"].to_list().count("ORDER_NUMBER_REUSED") == 1


def test_a_check_of_items_knows_the_orders_file_that_was_handed_in(tmp_path: Path) -> None:
    shop = of_channel(tmp_path, "etsy")
    shop.shipments("shipments.csv", shipment("7001", "W1"))
    put(shop, "orders.csv", ETSY, ETSY_ROWS[0].replace("United States", "Atlantis"))
    shop.work()
    items = tmp_path / "items.csv"
    items.write_text("\n".join([BARE, BARE_ROW, ""]), "utf-8")
    asked = ["check", str(items), "--exporter", FIRM, "--shop", SHOP, "--home", str(shop.path)]
    result = CliRunner().invoke(app, [*asked, "--json"])
    told = json.loads(result.stdout)["findings"]
    (one,) = (one for one in told if one["field"] == "country" and one["row"] > 1)
    assert (one["file"], one["cell"], one["also_at"]) == ("orders.csv", "E2", "items.csv R2")
    put(shop, "orders_2.csv", ETSY, ETSY_ROWS[0])
    shop.work()
    result = CliRunner().invoke(app, [*asked, "--json"])
    assert json.loads(result.stdout)["counts"]["accepted"] == 1


@pytest.mark.parametrize("names", [["items", "orders"], ["orders", "items"], ["items"]])
def test_a_check_of_both_files_tells_what_handing_them_in_would(
    tmp_path: Path, names: list[str]
) -> None:
    said = {"items": (BARE, BARE_ROW), "orders": (ETSY, *ETSY_ROWS)}
    read = []
    for name in names:
        file = tmp_path / f"{name}.csv"
        file.write_text("\n".join([*said[name], ""]), "utf-8")
        read.append(intake.read(file, file.name))
    context = Context(tables=tables.load(None), on=date(2026, 11, 20))
    reports = dict(zip(names, check_together(read, context, ""), strict=True))
    items = reports["items"]
    codes = items.found["code"].to_list()
    if len(names) == 1:
        assert (items.counts["accepted"], items.counts["held"]) == (0, 1)
        (told,) = items.to_json()["findings"][codes.index("NEEDS_ORDERS_FILE") :][:1]
        assert "EtsySoldOrders" in str(told) and "COLUMN_MISSING" not in codes
    else:
        assert (items.counts["accepted"], items.counts["held"]) == (1, 0)
        assert "NEEDS_ORDERS_FILE" not in codes
        assert reports["orders"].counts["duplicate"] == 1


def test_the_discount_of_an_order_counts_where_its_items_have_none() -> None:
    from xborder.checks import partners
    from xborder.checks.context import records_schema

    said = {"shop": "us", "country": "US", "order_discount": "1", "freight": "2", "row": 2}
    facts = pl.DataFrame(
        [said | {"order_no": one} for one in "ABC"], schema=records_schema("order_line")
    )
    texts = ("order_no", "line_discount", "country", "freight", "order_discount", "ordered_at")
    lines = pl.DataFrame(
        [("A", None, None, None, None, None), ("A", None, "DE", None, None, None),
         ("B", None, None, "0", None, None), ("B", "0.5", None, "0", None, None),
         ("X", None, None, None, None, None)],
        schema=dict.fromkeys(texts, pl.String), orient="row",
    ).with_columns(
        shop=pl.lit("us"), awaits_fields=pl.lit("country,freight,order_discount")
    )  # fmt: skip
    assert partners.wanted(lines)["order_no"].to_list() == ["A", "B", "X"]
    made = partners.completed(lines, facts)
    assert made.select("country", "freight", "order_discount", "partner.row").rows() == [
        ("US", "2", "1", 2), ("DE", "2", "1", 2), ("US", "0", None, 2), ("US", "0", None, 2),
        (None, None, None, None),
    ]  # fmt: skip
