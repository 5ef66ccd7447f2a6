"""Homes with issued lists, and the answers that customs gives to them."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import customs_answers
import polars as pl
from manifest_samples import DAY, HEAD, NOON, SHARED, head_rows
from manifest_samples import home as home_of
from sqlalchemy import text

from xborder.clock import SHANGHAI, fixed
from xborder.manifests import cutoff, receiving
from xborder.registry import home as homes
from xborder.registry.database import reading
from xborder.registry.home import Home
from xborder.registry.receipts import Applied

__all__ = ["DAY", "SHARED"]

EXPORTERS = ("dapu-ciyun", "xingning-gongju")
LATER = "2026-11-23T20:00:00+08:00"
"""When receipts are read, if nothing else is said."""

START = datetime(2026, 11, 22, 12, 1, tzinfo=SHANGHAI)


def issued(folder: Path, heads: list[dict[str, object]] | None = None, **changed: Any) -> Home:
    """A home whose lists were issued at noon; by default three of one exporter."""
    settings = home_of(folder, heads or head_rows(3), **changed)
    (folder / "landing").mkdir(exist_ok=True)
    opened = homes.open_home(folder, **changed)
    with fixed(NOON):
        cutoff.issue(opened.engine, opened.store, settings, DAY)
    return opened


def two_exporters() -> list[dict[str, object]]:
    """Lists of two firms with two codes; two of them sell under the same order number."""
    other = {"exporter": EXPORTERS[1], "ebcCode": "4414970XXX", "ebcName": "兴宁工具有限公司"}
    return [*head_rows(2), *head_rows(2, **other)]


def cop_nos(home: Home, exporter: str = EXPORTERS[0]) -> list[str]:
    """The copNo of each issued list of an exporter, in order."""
    with reading(home.engine) as c:
        asked = text(
            "SELECT l.cop_no FROM lists l JOIN manifests m ON m.id = l.manifest_id"
            " WHERE m.exporter = :exporter ORDER BY l.id"
        )
        return list(c.execute(asked, {"exporter": exporter}).scalars())


def at(minute: int) -> str:
    """``returnTime`` so many minutes after the issue, Asia/Shanghai."""
    return (START + timedelta(minutes=minute)).strftime("%Y%m%d%H%M%S") + "000"


def answer(
    cop_no: str, status: str, minute: int, info: str = "", **more: str
) -> customs_answers.Answer:
    """What customs says of a list (CEB604)."""
    known = status in ("399", "800", "899")
    said = {
        "guid": customs_answers.guid(cop_no, status, str(minute)),
        "agentCode": str(HEAD["agentCode"]),
        "copNo": cop_no,
        "preNo": f"B20261122{int(cop_no[-9:]):09d}",
        "invtNo": f"60412026E{int(cop_no[-9:]):09d}" if known else "",
        "ebcCode": str(HEAD["ebcCode"]),
        "ebpCode": "无",
        "orderNo": "#1",
        "statisticsFlag": "B",
        "returnStatus": status,
        "returnTime": at(minute),
        "returnInfo": info or f"[Code:{status};Desc:…]",
    }
    return customs_answers.Answer("604", said | more)


def of_other(kind: str, status: str, minute: int, **values: str) -> customs_answers.Answer:
    """An answer of another kind than a list's."""
    told = {"guid": customs_answers.guid(kind, status, str(minute), *values.values()), **values}
    told |= {"returnStatus": status, "returnTime": at(minute), "returnInfo": "…"}
    return customs_answers.Answer(kind, told)


def drop(home: Home, name: str, content: bytes, exporter: str = "") -> Path:
    """Put a file into the inbox as an exchange client would."""
    folder = receiving.inbox(home.settings) / exporter
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def tell(home: Home, *told: customs_answers.Answer, exporter: str = "", name: str = "") -> Path:
    """Put answers of one kind into the inbox as a file."""
    content = customs_answers.answers(list(told))
    return drop(home, name or f"{customs_answers.guid(content.decode())}.xml", content, exporter)


def receive(home: Home, now: str = LATER) -> Applied:
    """Take in all that lies in the inbox."""
    with fixed(now):
        return receiving.receive(home, receiving.look(home.settings))


def table(home: Home, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    """Rows of the registry."""
    with reading(home.engine) as c:
        return [tuple(row) for row in c.execute(text(statement), values)]


def statuses(home: Home, kind: str = "603") -> dict[str, str | None]:
    """Where each document of a kind stands, by key."""
    asked = "SELECT key, status FROM filings WHERE kind = :kind ORDER BY id"
    return dict(table(home, asked, kind=kind))  # type: ignore[arg-type]


def registry(home: Home) -> dict[str, pl.DataFrame]:
    """All that receipts leave in the registry, but for numbers that their order gives."""
    filings = table(home, "SELECT kind, exporter, key, version, status, status_at, pre_no,"
                    " customs_no FROM filings ORDER BY kind, exporter, key, version")  # fmt: skip
    receipts = table(home, "SELECT digest, kind, key, status, code, filing_id IS NULL"
                     " FROM receipts ORDER BY digest")  # fmt: skip
    orders = table(home, "SELECT order_no, state, codes FROM orders ORDER BY id")
    return {"filings": filings, "receipts": receipts, "orders": orders}  # type: ignore[dict-item]
