"""Load for the benchmarks: one exporter's catalogue, orders and shipments as CSV, under a seed.

    python bench/generate.py --lines 1000000 FOLDER

1,000 SKUs of headings of the four families; orders of one to five lines in the project's own
template (about 500 bytes a line), one shipment an order. BAD of the lines are wrong in one of
many ways, each of which holds its order; a few shipments are missing or wrong; of a few orders
one line stands far from the others. ``facts.json`` says how many of each, so that a run can be
held against what was put in. Written block by block: memory does not grow with the lines.
"""

import argparse
import hashlib
import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

SEED = 1
BAD = 0.02
BAD_SHIPMENTS = 0.001
SCATTERED = 0.001
BLOCK = 50_000
"""Orders drawn at a time."""

SHARES = (0.45, 0.28, 0.15, 0.08, 0.04)
"""Share of the orders with one to five lines: about two on average."""

EXPORTER, SHOP = "bench-exporter", "own-site"
DAY, NOW = "2026-11-20", "2026-11-20T10:00:00+08:00"
"""The business day on which everything happens; the tables of the release hold on it."""

PROFILE = f"""\
id = "{EXPORTER}"
name = "梅州示范贸易有限公司"
code = "4414960T04"
producer_code = "4414960T04"
producer_name = "梅州示范贸易有限公司"
dxp_id = "DXPENT0000000T04"

[[shops]]
id = "{SHOP}"
channel = "template"
mode = "9610"
statistics_flag = "B"
customs_code = "6042"
port_code = "5301"
platform_code = "无"
platform_name = "Sample Tools Online"
transport_mode = "4"
"""

LAYOUTS = Path(__file__).parents[1] / "xborder" / "intake" / "layouts"

PIECE, SET, EACH, UNIT, KG, KNIFE, BOARD = "011", "006", "007", "001", "035", "016", "017"
CERAMIC = {"family": "ceramics", "brand": "示范瓷韵", "material": "瓷", "food_contact": "Y"}
AUDIO = {"family": "electroacoustics", "brand": "示范声达", "battery": "none", "magnet": "Y"}
FURNITURE = {"family": "furniture", "brand": "无品牌", "material": "钢"}
METAL = {"family": "industrial", "brand": "示范精工", "material": "不锈钢", "food_contact": "Y"}
TOOL = {"family": "industrial", "brand": "示范精工"}

GOODS: list[tuple[dict[str, str], str, str, str, str, str, int, int]] = [
    (CERAMIC, "6911101900", "瓷餐碗", "Porcelain bowl",
     "0|0|瓷|餐具(碗)|否|示范瓷韵|无|无|{}寸", PIECE, 280, 990),
    (CERAMIC, "6911101900", "瓷马克杯", "Porcelain mug",
     "0|0|瓷|餐具(杯)|否|示范瓷韵|无|无|{}毫升", PIECE, 360, 1280),
    (CERAMIC, "6911101100", "骨瓷杯碟", "Bone china cup and saucer",
     "0|0|瓷|餐具(杯碟)|是|示范瓷韵|无|无|{}毫升", SET, 420, 2400),
    (CERAMIC, "6913100000", "瓷花瓶", "Celadon vase",
     "0|0|瓷|装饰用|无|无|高{}厘米", PIECE, 1350, 4600),
    (AUDIO, "8518210000", "单喇叭音箱", "Single-driver speaker",
     "0|0|单喇叭|家用音响|示范声达|S{}|无|无|有线", EACH, 860, 2990),
    (AUDIO, "8518220000", "多喇叭音箱", "Two-way speaker",
     "0|0|多喇叭|家用音响|示范声达|D{}|2个4英寸|无|无", EACH, 2400, 5900),
    (AUDIO, "8518300000", "有线耳机", "Wired headphones",
     "0|0|头戴式|示范声达|HP{}|无|无|有线", EACH, 180, 1880),
    (FURNITURE, "9403200000", "金属置物架", "Steel shelf",
     "0|0|家用|钢|无品牌|{}厘米|无|无", PIECE, 3600, 3800),
    (FURNITURE, "9401790000", "金属折叠椅", "Folding chair",
     "0|0|家用|钢|无品牌|高{}厘米|无|无", EACH, 3100, 1350),
    (METAL, "7323930000", "不锈钢汤锅", "Stainless steel pot",
     "0|0|不锈钢|厨房用|非真空|示范精工|{}厘米|无|无", PIECE, 1300, 2700),
    (METAL, "8215990000", "不锈钢餐勺", "Stainless steel spoon",
     "0|0|不锈钢|餐桌用|非成套|示范精工|{}厘米|无|无", PIECE, 50, 260),
    (TOOL, "8204110000", "固定扳手", "Combination wrench",
     "0|0|铬钒钢|手动|示范精工|{}毫米|无|无", KNIFE, 80, 420),
    (TOOL, "8534009000", "双面印刷电路板", "PCB, two layers",
     "0|0|双面板|2层|无品牌|{}毫米|无|无", BOARD, 60, 480),
]  # fmt: skip
"""Traits, heading, declared name, own name, elements, unit, net weight (g), price (cents)."""

OWN_UNIT = ("85", "94")
"""Chapters whose first statutory unit is the piece and whose second is the kilogram."""

SKUS = 1000

PLACES = pl.DataFrame(
    [("US", "USD", "3154"), ("CA", "CAD", "3089"), ("DE", "EUR", "2110"), ("FR", "EUR", "2176"),
     ("NL", "EUR", "2309"), ("GB", "GBP", "1974")],
    schema=["country", "currency", "port"], orient="row",
)  # fmt: skip

NOTES = pl.Series(
    [None] * 5
    + ["请随单附中文说明书, 不放价格单", "gift, no invoice please", "分两层包装; 易碎品, 轻拿轻放 & 防潮"]
    + [f"客户要求 {n} 号仓统一打包发货，外箱贴 <{n}> 号标签；如缺货请先与平台客服确认后再发出" for n in range(12)]
)  # fmt: skip

FAULTS: list[tuple[str, str]] = [
    ("order_type", "B"), ("order_type", "X"),
    ("ordered_at", "2026-02-30 10:00:00"), ("ordered_at", "soon"),
    ("sku", "GONE-0001"), ("sku", "SKU-000000000000000001"), ("sku", ""),
    ("goods_name", "瓷碗\u200b六寸"), ("goods_name", "碗" * 251),
    ("qty", "0"), ("qty", "-1"), ("qty", "two"), ("qty", "1.000001"), ("qty", ""),
    ("unit", "999"), ("unit", "033"),
    ("unit_price", "n/a"), ("unit_price", "1.1234567"), ("unit_price", "-0.01"),
    ("line_total", "999999.99"), ("line_total", "?"),
    ("currency", "XYZ"), ("currency", "US$$"),
    ("country", "Atlantis"), ("country", "CN"),
    ("hs_code", "6911.1"), ("hs_code", "0101210010"),
]  # fmt: skip
"""A column and what stands in it instead: each holds its order."""

BAD_PARCELS: list[tuple[str, str]] = [
    ("gross_weight", "0.001"), ("destination_port", "XYZ"), ("export_date", "2026-13-01"),
    ("logistics_no", ""), ("order_no", "NOBODY-1"),
]  # fmt: skip
"""The same for a shipment; the last one leaves its order without any."""


def catalogue() -> pl.DataFrame:
    """The goods, under the template's column names of the schema; weights in kg."""
    rows = []
    for number in range(SKUS):
        traits, heading, gname, name, elements, unit, grams, cents = GOODS[number % len(GOODS)]
        size = number // len(GOODS) + 4
        net = f"{grams / 1000:.3f}"
        row = {
            "sku": f"BN-{number:04d}", "hs_code": heading, "gname": gname,
            "item_name": f"{name} {size}", "gmodel": elements.format(size),
            "origin_country": "CN", "unit": unit, "unit1": KG, "qty1_per_unit": net,
            "net_weight": net, "gross_weight": f"{grams * 1.2 / 1000:.3f}", "rebate": "N",
            "barcode": f"69012345{number:05d}", "cents": cents + size,
        }  # fmt: skip
        if heading.startswith(OWN_UNIT):
            row |= {"unit1": unit, "qty1_per_unit": "1", "unit2": KG, "qty2_per_unit": net}
        row["title"] = (
            f"{gname} {size} 号 示范品牌 家用 送礼 结婚 乔迁 新居 礼盒装 简约 北欧 日式 轻奢 创意 多色可选 "
            "工厂直供 支持定制 七天无理由退换 "
            f"| {name} size {size}, gift box, Nordic design, several colours, for home & kitchen, ships "
            "within 48 hours"
        )
        rows.append(row | traits)
    return pl.DataFrame(rows, infer_schema_length=None)


def columns(kind: str) -> dict[str, str]:
    """Field → header of the project's own template."""
    layout = tomllib.loads((LAYOUTS / f"template_{kind}.toml").read_text("utf-8"))
    return {one["field"]: one["zh"] for one in layout["column"]}


def written(frame: pl.DataFrame, kind: str) -> pl.DataFrame:
    """A frame under the template's headers; fields that it lacks stay empty."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None, pl.String)).alias(header)
        for name, header in columns(kind).items()
    )


def spoilt(frame: pl.DataFrame, faults: list[tuple[str, str]]) -> pl.DataFrame:
    """The frame with what the column ``fault`` (index into ``faults``, or null) puts in."""
    changed = []
    for column in dict.fromkeys(name for name, _ in faults):
        values = {at: value for at, (name, value) in enumerate(faults) if name == column}
        wrong = pl.col("fault").replace_strict(values, default=None, return_dtype=pl.String)
        changed.append(pl.coalesce(wrong, column).alias(column))
    return frame.with_columns(changed)


def block(draw: np.random.Generator, first: int, most: int, goods: pl.DataFrame) -> pl.DataFrame:
    """Lines of the next orders, numbered from ``first``; at most ``most`` lines."""
    sizes = draw.choice(np.arange(1, 6), BLOCK, p=SHARES)
    orders = np.repeat(np.arange(BLOCK), sizes)[:most]
    lines = len(orders)
    seconds = draw.integers(0, 864_000, BLOCK)
    frame = pl.DataFrame(
        {
            "order": orders + first,
            "line_no": np.arange(lines) - np.searchsorted(orders, orders) + 1,
            "good": draw.integers(0, SKUS, lines),
            "place": draw.integers(0, PLACES.height, BLOCK)[orders],
            "pieces": draw.choice([1, 1, 1, 2, 3, 6], lines),
            "discounted": draw.choice([0, 0, 0, 0, 0, 0, 0, 0, 0, 1], lines),
            "note": draw.integers(0, NOTES.len(), lines),
            "second": seconds[orders],
            "fault": np.where(draw.random(lines) < BAD, draw.integers(0, len(FAULTS), lines), -1),
            "parcel_fault": np.where(
                draw.random(BLOCK) < BAD_SHIPMENTS, draw.integers(0, len(BAD_PARCELS), BLOCK), -1
            )[orders],
            "far": (draw.random(BLOCK) < SCATTERED)[orders],
        }
    )
    cents = goods["cents"].gather(frame["good"])
    total = cents * frame["pieces"]
    at = pl.lit("2026-11-01").str.to_datetime("%Y-%m-%d") + pl.duration(seconds=pl.col("second"))
    return frame.with_columns(
        pl.format("MZ26-{}", pl.col("order").cast(pl.String).str.zfill(12)).alias("order_no"),
        pl.lit("E").alias("order_type"),
        at.dt.to_string("%Y-%m-%d %H:%M:%S").alias("ordered_at"),
        pl.lit("open").alias("status"),
        goods["sku"].gather(frame["good"]).alias("sku"),
        goods["title"].gather(frame["good"]).alias("goods_name"),
        pl.col("pieces").cast(pl.String).alias("qty"),
        goods["unit"].gather(frame["good"]).alias("unit"),
        money(cents).alias("unit_price"),
        money(total).alias("line_total"),
        pl.when(pl.col("discounted") == 1).then(pl.lit("0.50")).alias("line_discount"),
        PLACES["currency"].gather(frame["place"]).alias("currency"),
        PLACES["country"].gather(frame["place"]).alias("country"),
        pl.lit("5.80").alias("freight"),
        goods["barcode"].gather(frame["good"]).alias("barcode"),
        pl.when(pl.col("good") % 3 == 0).then(goods["hs_code"].gather(frame["good"])).alias("hs_code"),
        NOTES.gather(frame["note"]).alias("note"),
        (goods["gross_weight"].cast(pl.Decimal(12, 3)).gather(frame["good"]) * frame["pieces"])
        .alias("gross"),
        pl.col("fault", "parcel_fault").replace(-1, None),
    )  # fmt: skip


def money(cents: pl.Series) -> pl.Series:
    """Cents as a text with two decimals."""
    return (cents.cast(pl.Decimal(12, 2)) / 100).cast(pl.Decimal(12, 2)).cast(pl.String)


def parcels(lines: pl.DataFrame) -> pl.DataFrame:
    """One shipment an order."""
    per_order = lines.group_by("order", maintain_order=True).agg(
        pl.col("order_no", "place").first(),
        pl.col("parcel_fault").first().alias("fault"),
        pl.col("gross").sum(),
    )
    number = pl.col("order").cast(pl.String).str.zfill(12)
    return per_order.with_columns(
        pl.lit("4403960T11").alias("logistics_code"),
        pl.lit("示范国际物流（深圳）有限公司").alias("logistics_name"),
        pl.format("SF{}", number).alias("logistics_no"),
        pl.lit("1").alias("pieces"),
        pl.lit("2").alias("wrap_type"),
        pl.col("gross").cast(pl.String).alias("gross_weight"),
        pl.lit(DAY).alias("export_date"),
        pl.lit("4").alias("transport_mode"),
        pl.lit("粤ZA001港").alias("transport_name"),
        pl.lit("261120").alias("voyage_no"),
        pl.format("PK{}", pl.col("order") // 200).alias("package_no"),
        PLACES["port"].gather(per_order["place"]).alias("destination_port"),
    )


def generate(folder: Path, lines: int, seed: int = SEED) -> dict[str, Any]:
    """Write ``goods.csv``, ``orders.csv``, ``shipments.csv`` and ``profile.toml``; the facts.

    A folder that holds what this program would write already is left as it is.
    """
    program = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    asked = {"lines": lines, "seed": seed, "program": program}
    told = folder / "facts.json"
    if told.exists():
        facts: dict[str, Any] = json.loads(told.read_text("utf-8"))
        if asked.items() <= facts.items():
            return facts
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    goods = catalogue()
    written(goods, "goods").write_csv(folder / "goods.csv")
    (folder / "profile.toml").write_text(PROFILE, "utf-8")
    draw = np.random.default_rng(seed)
    facts = asked | {"orders": 0, "bad_lines": 0, "bad_orders": 0}
    with (
        (folder / "orders.csv").open("wb") as orders,
        (folder / "shipments.csv").open("wb") as sent,
    ):
        done = 0
        while done < lines:
            drawn = block(draw, facts["orders"], lines - done, goods)
            bad = drawn.filter(pl.col("fault").is_not_null() | pl.col("parcel_fault").is_not_null())
            # The last line of such an order stands behind all others of its block.
            last = pl.col("order") != pl.col("order").shift(-1)
            moved = pl.col("far") & last & (pl.col("line_no") > 1)
            lined = spoilt(drawn, FAULTS).sort(moved, maintain_order=True)
            top = not done
            written(lined, "orders").write_csv(orders, include_header=top)
            written(spoilt(parcels(drawn), BAD_PARCELS), "shipments").write_csv(
                sent, include_header=top
            )
            done += drawn.height
            facts["orders"] += drawn["order"].n_unique()
            facts["bad_lines"] += drawn["fault"].count()
            facts["bad_orders"] += bad["order"].n_unique()
    facts["bytes"] = {one.name: one.stat().st_size for one in sorted(folder.glob("*.csv"))}
    told.write_text(json.dumps(facts, indent=2), "utf-8")
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    print(json.dumps(generate(asked.folder, asked.lines, asked.seed), indent=2))


if __name__ == "__main__":
    main()
