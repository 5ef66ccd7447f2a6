"""The stored tables of the stock report: a named Arrow schema each, and their headings."""

import pyarrow as pa

from xborder.stock.ageing import BUCKETS
from xborder.stock.entries import ACCOUNT, COMPONENTS

UNITS = pa.decimal128(38, 10)

_DATES = frozenset({"day", "export_date", "deadline", "oldest", "put_away"})
_COUNTS = frozenset({"upload_id", "row", "days_left", "days_out", "oldest_days", "age_days"})

COLUMNS: dict[str, tuple[str, ...]] = {
    "stock": (*ACCOUNT, *COMPONENTS, "closing"),
    "day": (*ACCOUNT, *COMPONENTS, "closing"),
    "statements": (
        *ACCOUNT, "day", "computed", "stated", "difference", "movement_id", "upload_id", "sheet",
        "row",
    ),
    "exceptions": (
        "severity", "code", "exporter", "warehouse", "sku", "disposition", "inbound_id",
        "movement_id", "day", "expected", "found", "difference", "upload_id", "sheet", "row",
        "message_zh", "message_en", "fix_zh", "fix_en",
    ),
    "in_transit": (
        "exporter", "warehouse", "manifest", "inbound_id", "cop_no", "order_no", "sku", "unit",
        "export_date", "declared", "received", "in_transit", "state", "link", "days_out",
    ),
    "ageing": (*ACCOUNT, "stock", *(name for name, _ in BUCKETS), "oldest", "oldest_days"),
    "layers": (
        *ACCOUNT, "put_away", "component", "movement_id", "qty", "left", "age_days", "bucket",
    ),
    "chain": (
        "exporter", "warehouse", "sku", "declared", "arrived", "in_transit", "received",
        "undeclared", "sold", "returned", "closing", "unsold",
    ),
    "settlement": (
        "exporter", "warehouse", "manifest", "inbound_id", "cop_no", "order_no", "sku", "unit",
        "export_date", "declared", "sold", "unsold", "in_stock", "in_transit", "gone", "deadline",
        "days_left", "alert", "basis",
    ),
}  # fmt: skip
"""Columns of each table of the report, in the order in which they are stored."""

_UNIT_COLUMNS = frozenset(
    {*COMPONENTS, "closing", "stated", "computed", "expected", "found", "declared", "in_transit",
     "stock", "qty", "left", "arrived", "undeclared", "unsold", "in_stock", "gone",
     *(name for name, _ in BUCKETS)}
)  # fmt: skip


def kind(column: str) -> str:
    """What a column holds: ``units``, ``date``, ``count`` or ``text``."""
    if column in _UNIT_COLUMNS:
        return "units"
    return "date" if column in _DATES else "count" if column in _COUNTS else "text"


def schema(table: str) -> pa.Schema:
    """The Arrow schema under which a table of the report is stored.

    Units are decimal128(38, 10), days date32, counts int64, everything else (all codes) text.
    """
    types = {"units": UNITS, "date": pa.date32(), "count": pa.int64(), "text": pa.string()}
    return pa.schema(
        [pa.field(name, types[kind(name)]) for name in COLUMNS[table]],
        metadata={"title": f"{TITLES[table][0]} | {TITLES[table][1]}", "table": f"stock.{table}"},
    )


TITLES: dict[str, tuple[str, str]] = {
    "stock": ("库存台账", "Stock ledger"),
    "day": ("当日变动", "Movements of the day"),
    "statements": ("结存核对", "Stated balances"),
    "exceptions": ("异常", "Exceptions"),
    "in_transit": ("在途", "In transit"),
    "ageing": ("库龄", "Ageing"),
    "layers": ("批次", "Layers"),
    "chain": ("申报—收货—销售", "Declared, received, sold"),
    "settlement": ("退税核算", "Tax settlement"),
}

HEADINGS: dict[str, tuple[str, str]] = {
    "exporter": ("企业", "Exporter"),
    "warehouse": ("海外仓", "Warehouse"),
    "sku": ("货号", "SKU"),
    "disposition": ("库存状态", "Disposition"),
    "opening": ("期初", "Opening"),
    "received": ("入库", "Received"),
    "returned": ("退货", "Returned"),
    "found": ("盘盈", "Found"),
    "transfer_in": ("调入", "Transfer in"),
    "sold": ("销售", "Sold"),
    "lost": ("丢失", "Lost"),
    "damaged": ("损坏", "Damaged"),
    "disposed": ("销毁", "Disposed"),
    "transfer_out": ("调出", "Transfer out"),
    "removed": ("移除", "Removed"),
    "other": ("其他 ±", "Other ±"),
    "difference": ("差异", "Difference"),
    "closing": ("期末", "Closing"),
    "day": ("日期", "Day"),
    "computed": ("计算结存", "Computed"),
    "stated": ("申报结存", "Stated"),
    "movement_id": ("变动号", "Movement"),
    "upload_id": ("上传号", "Upload"),
    "sheet": ("工作表", "Sheet"),
    "row": ("行", "Row"),
    "severity": ("级别", "Severity"),
    "code": ("代码", "Code"),
    "inbound_id": ("入库单", "Inbound"),
    "expected": ("应为", "Expected"),
    "message_zh": ("说明", "What (zh)"),
    "message_en": ("英文说明", "What (en)"),
    "fix_zh": ("处理", "What to do (zh)"),
    "fix_en": ("英文处理", "What to do (en)"),
    "manifest": ("清关批次", "Manifest"),
    "cop_no": ("清单编号", "List"),
    "order_no": ("订单", "Order"),
    "unit": ("单位", "Unit"),
    "export_date": ("出口日期", "Exported"),
    "declared": ("申报", "Declared"),
    "in_transit": ("在途", "In transit"),
    "state": ("状态", "State"),
    "link": ("关联方式", "Linked by"),
    "days_out": ("在途天数", "Days out"),
    "stock": ("库存", "Stock"),
    "days_0_30": ("0–30 天", "0–30 d"),
    "days_31_60": ("31–60 天", "31–60 d"),
    "days_61_90": ("61–90 天", "61–90 d"),
    "days_91_180": ("91–180 天", "91–180 d"),
    "days_181_270": ("181–270 天", "181–270 d"),
    "days_271_365": ("271–365 天", "271–365 d"),
    "days_366_up": ("366 天以上", "366+ d"),
    "oldest": ("最早上架", "Oldest"),
    "oldest_days": ("最长天数", "Oldest, days"),
    "put_away": ("上架", "Put away"),
    "component": ("来源", "From"),
    "qty": ("上架数量", "Put away, units"),
    "left": ("剩余", "Left"),
    "age_days": ("天数", "Days"),
    "bucket": ("库龄段", "Bucket"),
    "arrived": ("申报已到", "Arrived"),
    "undeclared": ("未关联申报", "Not declared"),
    "unsold": ("未售", "Unsold"),
    "in_stock": ("在库", "In stock"),
    "gone": ("其他减少", "Gone otherwise"),
    "deadline": ("核算截止", "Deadline"),
    "days_left": ("剩余天数", "Days left"),
    "alert": ("提醒", "Alert"),
    "basis": ("依据", "Basis"),
}
"""Chinese and English heading of each column."""

_OWN_HEADINGS: dict[tuple[str, str], tuple[str, str]] = {
    ("exceptions", "found"): ("实际", "Actual"),
    ("chain", "closing"): ("库存", "In stock"),
    ("in_transit", "received"): ("已收", "Received"),
}


def heading(table: str, column: str) -> tuple[str, str]:
    """Chinese and English heading of a column of a table."""
    return _OWN_HEADINGS.get((table, column)) or HEADINGS[column]


WORDS: dict[str, tuple[str, str]] = {
    "in_transit": ("在途", "in transit"),
    "part_received": ("部分收货", "part received"),
    "received": ("已收货", "received"),
    "inbound": ("入库单", "inbound id"),
    "fifo": ("先进先出", "FIFO"),
    "error": ("错误", "error"),
    "warning": ("警告", "warning"),
    "notice": ("提示", "notice"),
    "OVERDUE": ("已逾期", "overdue"),
    "DUE_60": ("60 天内", "within 60 d"),
    "DUE_30": ("30 天内", "within 30 d"),
    "DUE_7": ("7 天内", "within 7 d"),
    "inference": ("推定", "inferred"),
}
"""Coded words of the tables as people read them."""
