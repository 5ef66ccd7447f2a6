"""What the cells of a dated table must hold (表格内容), checked whenever it is loaded.

A wrong date, number or code would otherwise be met in the middle of a run, or silently never
apply. Only kinds whose rows steer rules are looked into; code tables are free text.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date

import polars as pl

from xborder import findings
from xborder.findings import Both

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_PREFIX = re.compile(r"[0-9]{2,10}", re.ASCII)

Row = dict[str, str | None]


def wrong_value(kind: str, rows: pl.DataFrame) -> Both | None:
    """What is wrong with a table's rows and in which row (as a file counts them), or None."""
    if {"valid_from"} & set(rows.columns):
        for at, row in enumerate(rows.iter_rows(named=True)):
            told = _dates(row)
            if told:
                return _at_row(at, told)
    look = _KINDS.get(kind)
    if look is None:
        return None
    return next(look(rows), None)


def _at_row(at: int, told: Both) -> Both:
    return Both(f"第 {at + 2} 行：{told.zh}", f"row {at + 2}: {told.en}")


def _no(name: str, text: object, zh: str, en: str) -> Both:
    return Both(f"{name} {text!r} 不是{zh}", f"{name} {text!r} is no {en}")


def _no_day(name: str, text: str) -> Both:
    return _no(name, text, "日期（YYYY-MM-DD）", "date (YYYY-MM-DD)")


def _dates(row: Row) -> Both | None:
    for name in ("valid_from", "valid_to"):
        text = row.get(name)
        if text is not None and not _is_date(text):
            return _no_day(name, text)
    begins, ends = row.get("valid_from"), row.get("valid_to")
    if begins and ends and ends < begins:
        return Both(
            f"valid_to {ends} 早于 valid_from {begins}",
            f"valid_to {ends} lies before valid_from {begins}",
        )
    return None


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _each(rows: pl.DataFrame, look: Callable[[Row], Both | None]) -> Iterator[Both]:
    for at, row in enumerate(rows.iter_rows(named=True)):
        told = look(row)
        if told:
            yield _at_row(at, told)


def _numbers(*names: str) -> Callable[[pl.DataFrame], Iterator[Both]]:
    def look(row: Row) -> Both | None:
        for name in names:
            if not _NUMBER.fullmatch(row[name] or ""):
                return _no(name, row[name], "数字", "number")
        return None

    return lambda rows: _each(rows, look)


def _elements(rows: pl.DataFrame) -> Iterator[Both]:
    """Positions count from 0 without a gap for each heading."""

    def look(row: Row) -> Both | None:
        if not _PREFIX.fullmatch(row["hs_prefix"] or "") or len(row["hs_prefix"] or "") < 4:
            return _no("hs_prefix", row["hs_prefix"], " 4 至 10 位数字", "4 to 10 digits")
        if not re.fullmatch(r"[0-9]{1,2}", row["position"] or "", re.ASCII):
            return _no("position", row["position"], "数字", "number")
        if not row["name_zh"]:
            return Both("name_zh 为空", "name_zh is empty")
        for name in ("optional", "verified"):
            if row[name] not in ("true", "false"):
                return _no(name, row[name], " true 或 false", "true or false")
        return None

    yield from _each(rows, look)
    for (prefix,), own in rows.group_by("hs_prefix", maintain_order=True):
        at = sorted(int(text) for text in own["position"] if re.fullmatch("[0-9]+", text or ""))
        if at != list(range(own.height)):
            yield Both(
                f"税号 {prefix} 的序号为 {at}，应为 0 至 {own.height - 1}",
                f"heading {prefix}: its positions are {at}, expected 0 to {own.height - 1}",
            )


def _notices(rows: pl.DataFrame) -> Iterator[Both]:
    """A notice bears a finding that holds nothing."""
    known = findings.catalogue()

    def look(row: Row) -> Both | None:
        code = row["code"] or ""
        if code not in known or known[code].severity in findings.BLOCKING:
            return _no("code", code, "只作警告的问题代码", "finding that only warns")
        for text in filter(None, (row["hs_prefixes"] or "").split(";")):
            if not _PREFIX.fullmatch(text):
                return _no("hs_prefixes", text, " 2 至 10 位数字", "2 to 10 digits")
        for name in ("above", "up_to"):
            if row[name] is not None and not _NUMBER.fullmatch(row[name] or ""):
                return _no(name, row[name], "数字", "number")
        if (row["above"] or row["up_to"]) and not row["currency"]:
            return Both("有金额而无币制", "a value without its currency")
        if row["food_contact"] not in (None, "Y", "N"):
            return _no("food_contact", row["food_contact"], " Y 或 N", "Y or N")
        return None

    yield from _each(rows, look)


def _holidays(rows: pl.DataFrame) -> Iterator[Both]:
    """Rest days, and working days at a weekend."""

    def look(row: Row) -> Both | None:
        if not _is_date(row["day"] or ""):
            return _no_day("day", row["day"] or "")
        if row["kind"] not in ("rest", "work"):
            return _no("kind", row["kind"], " rest 或 work", "rest or work")
        return None

    yield from _each(rows, look)


_KINDS: dict[str, Callable[[pl.DataFrame], Iterator[Both]]] = {
    "exchange_rate": _numbers("cny"),
    "list_threshold": _numbers("cny"),
    "hs_padding": _numbers("digits"),
    "hazard_limit": _numbers("limit"),
    "declaration_elements": _elements,
    "destination_notice": _notices,
    "public_holiday": _holidays,
}
