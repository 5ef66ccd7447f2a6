"""What the cells of a dated table must hold (表格内容), checked whenever it is loaded.

A wrong date, number or code would otherwise be met in the middle of a run, or silently never
apply. Only kinds whose rows steer rules are looked into; code tables are free text.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date

import polars as pl

from xborder import findings

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_PREFIX = re.compile(r"[0-9]{2,10}", re.ASCII)

Row = dict[str, str | None]


def wrong_value(kind: str, rows: pl.DataFrame) -> str | None:
    """What is wrong with a table's rows and in which row (as a file counts them), or None."""
    if {"valid_from"} & set(rows.columns):
        for at, row in enumerate(rows.iter_rows(named=True)):
            told = _dates(row)
            if told:
                return f"row {at + 2}: {told}"
    look = _KINDS.get(kind)
    if look is None:
        return None
    return next(look(rows), None)


def _dates(row: Row) -> str | None:
    for name in ("valid_from", "valid_to"):
        text = row.get(name)
        if text is not None and not _is_date(text):
            return f"{name} {text!r} is no date (YYYY-MM-DD)"
    begins, ends = row.get("valid_from"), row.get("valid_to")
    if begins and ends and ends < begins:
        return f"valid_to {ends} lies before valid_from {begins}"
    return None


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _each(rows: pl.DataFrame, look: Callable[[Row], str | None]) -> Iterator[str]:
    for at, row in enumerate(rows.iter_rows(named=True)):
        told = look(row)
        if told:
            yield f"row {at + 2}: {told}"


def _numbers(*names: str) -> Callable[[pl.DataFrame], Iterator[str]]:
    def look(row: Row) -> str | None:
        for name in names:
            if not _NUMBER.fullmatch(row[name] or ""):
                return f"{name} {row[name]!r} is no number"
        return None

    return lambda rows: _each(rows, look)


def _elements(rows: pl.DataFrame) -> Iterator[str]:
    """Positions count from 0 without a gap for each heading."""

    def look(row: Row) -> str | None:
        if not _PREFIX.fullmatch(row["hs_prefix"] or "") or len(row["hs_prefix"] or "") < 4:
            return f"hs_prefix {row['hs_prefix']!r} is no 4 to 10 digits"
        if not re.fullmatch(r"[0-9]{1,2}", row["position"] or "", re.ASCII):
            return f"position {row['position']!r} is no number"
        if not row["name_zh"]:
            return "name_zh is empty"
        for name in ("optional", "verified"):
            if row[name] not in ("true", "false"):
                return f"{name} {row[name]!r} is neither true nor false"
        return None

    yield from _each(rows, look)
    for (prefix,), own in rows.group_by("hs_prefix", maintain_order=True):
        at = sorted(int(text) for text in own["position"] if re.fullmatch("[0-9]+", text or ""))
        if at != list(range(own.height)):
            yield f"heading {prefix}: its positions are {at}, expected 0 to {own.height - 1}"


def _notices(rows: pl.DataFrame) -> Iterator[str]:
    """A notice bears a finding that holds nothing."""
    known = findings.catalogue()

    def look(row: Row) -> str | None:
        code = row["code"] or ""
        if code not in known or known[code].severity in findings.BLOCKING:
            return f"code {code!r} is no finding that only warns"
        for text in filter(None, (row["hs_prefixes"] or "").split(";")):
            if not _PREFIX.fullmatch(text):
                return f"hs_prefixes {text!r} is no 2 to 10 digits"
        for name in ("above", "up_to"):
            if row[name] is not None and not _NUMBER.fullmatch(row[name] or ""):
                return f"{name} {row[name]!r} is no number"
        if (row["above"] or row["up_to"]) and not row["currency"]:
            return "a value without its currency"
        if row["food_contact"] not in (None, "Y", "N"):
            return f"food_contact {row['food_contact']!r} is neither Y nor N"
        return None

    yield from _each(rows, look)


def _holidays(rows: pl.DataFrame) -> Iterator[str]:
    """Rest days, and working days at a weekend."""

    def look(row: Row) -> str | None:
        if not _is_date(row["day"] or ""):
            return f"day {row['day']!r} is no date (YYYY-MM-DD)"
        if row["kind"] not in ("rest", "work"):
            return f"kind {row['kind']!r} is neither rest nor work"
        return None

    yield from _each(rows, look)


_KINDS: dict[str, Callable[[pl.DataFrame], Iterator[str]]] = {
    "exchange_rate": _numbers("cny"),
    "list_threshold": _numbers("cny"),
    "hs_padding": _numbers("digits"),
    "hazard_limit": _numbers("limit"),
    "declaration_elements": _elements,
    "destination_notice": _notices,
    "public_holiday": _holidays,
}
