"""Versions of tables as a folder holds them: manifest entry, checked bytes, validity.

A manifest (``tables.toml``) lists the versions; each has a data file beside it. What does not
fit (another checksum, a column or date missing, a key twice, two versions for one day) is
refused with the table and the place named, so that no half of it comes into force.
"""

import hashlib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property, partial
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from xborder.findings import Both
from xborder.schemas.table_values import wrong_value

MANIFEST = "tables.toml"
TARIFF_FLAGS = ("unit_verified", "supervision_verified", "rebate_verified")
_NEEDED: dict[str, tuple[str, ...]] = {
    "country": ("code", "name", "name_en", "iso3", "customs", "aliases"),
    "currency": ("code", "name", "name_en", "customs", "aliases"),
    "unit": ("code", "name", "aliases"),
    "customs_office": ("code", "name"),
    "port": ("code", "name", "name_en", "country"),
    "tariff": (
        *("hs_code", "name_zh", "name_en", "unit1", "unit2", "supervision", "ciq", "elements"),
        *("family", "flags", "rebate_pct", "confidence", *TARIFF_FLAGS),
    ),
    "exchange_rate": ("currency", "valid_from", "cny"),
    "pilot_zone": ("customs_office", "valid_from", "valid_to"),
    "list_threshold": ("valid_from", "cny"),
    "hs_padding": ("trade_mode", "valid_from", "digits"),
    "declaration_elements": (
        *("hs_prefix", "position", "name_zh", "name_en", "role", "allowed", "optional"),
        *("verified", "confidence", "source"),
    ),
    "hazard_limit": ("code", "valid_from", "valid_to", "limit", "unit"),
    "return_status": ("code", "name", "name_en", "list_state", "document_state"),
    "customs_state": ("code", "name", "name_en", "rank"),
    "customs_error": ("code", "name", "name_en", "effect"),
    "country_group": ("group", "country"),
    "public_holiday": ("day", "kind", "name", "name_en"),
    "destination_notice": (
        *("notice", "valid_from", "valid_to", "code", "group", "hs_prefixes", "modes", "above"),
        *("up_to", "currency", "food_contact", "text_zh", "text_en", "source", "confidence"),
    ),
}
"""Columns that the program reads, by kind; every other table needs ``code`` and ``name``."""

_KEYS: dict[str, tuple[str, ...]] = {
    "tariff": ("hs_code",),
    "exchange_rate": ("currency", "valid_from"),
    "pilot_zone": ("customs_office", "valid_from"),
    "list_threshold": ("valid_from",),
    "hs_padding": ("trade_mode", "valid_from"),
    "declaration_elements": ("hs_prefix", "position"),
    "hazard_limit": ("code", "valid_from"),
    "country_group": ("group", "country"),
    "public_holiday": ("day",),
    "destination_notice": ("notice", "valid_from"),
}


class TableError(Exception):
    """A table cannot be used; the text names the table, and what was expected and found."""


def refused(name: str, zh: str, en: str) -> TableError:
    """The error that says of a table why it cannot be used."""
    return TableError(Both(f"表 {name}：{zh}", f"table {name}: {en}"))


def unusable(manifest: Path, zh: str, en: str) -> TableError:
    """The error that says of a manifest why it cannot be used."""
    return TableError(Both(f"{manifest}：{zh}", f"{manifest}: {en}"))


@dataclass(frozen=True, eq=False)
class Table:
    """One version of one table: its manifest entry and its rows (all String, absent = null).

    ``complete`` says of a tariff that it holds every code there is; ``origin`` is
    ``packaged`` or ``home``.
    """

    name: str
    kind: str
    valid_from: date
    valid_to: date | None
    sha256: str
    source: str
    confidence: str
    read: Callable[[], pl.DataFrame]
    complete: bool = False
    origin: str = "packaged"

    @cached_property
    def rows(self) -> pl.DataFrame:
        """The rows; those of the release are read when they are first asked for."""
        return self.read()

    def ended(self, on: date) -> bool:
        """Whether its validity is over on a day."""
        return self.valid_to is not None and self.valid_to < on


def key_of(kind: str) -> list[str]:
    """The columns that tell the rows of a kind of table apart."""
    return list(_KEYS.get(kind, ("code",)))


def read_folder(
    folder: Path, origin: str, without: tuple[str, date] | None = None
) -> tuple[Table, ...]:
    """All versions that the manifest of a folder lists; raises TableError.

    ``without``: name and first day of a version that is left out, whatever its file holds.
    """
    try:
        text = (folder / MANIFEST).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = type(error).__name__
        raise unusable(
            folder / MANIFEST, f"无法读取（{why}）", f"cannot be read ({why})"
        ) from error
    found = tuple(
        _read(folder, entry, origin)
        for entry in entries_of(text, folder / MANIFEST)
        if without is None or (entry.get("name"), entry.get("valid_from")) != without
    )
    refuse_overlaps(found)
    return found


def entries_of(text: str, place: Path) -> list[dict[str, Any]]:
    """The entries of a manifest's text, in its order."""
    try:
        entries = tomllib.loads(text).get("table", [])
    except tomllib.TOMLDecodeError as error:
        raise unusable(place, f"不是有效的 TOML：{error}", str(error)) from error
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise unusable(
            place, "每个版本须写成 [[table]]", "the entries must be written as [[table]]"
        )
    return entries


def _read(folder: Path, entry: Mapping[str, Any], origin: str) -> Table:
    lacking = {"name", "file", "valid_from", "sha256", "source", "confidence"} - set(entry)
    if lacking:
        named, wanted = str(entry.get("name", "")), ", ".join(sorted(lacking))
        raise unusable(
            folder / MANIFEST,
            f"{named or '一个版本'} 缺少 {wanted}",
            f"an entry{f' of {named}' if named else ''} lacks {wanted}",
        )
    name, file = str(entry["name"]), entry["file"]
    path = (folder / str(file)).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise refused(name, f"{file} 不在 {folder} 之内", f"{file} lies outside {folder}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise refused(name, f"{path} 无法读取", f"{path} cannot be read") from error
    return version(entry, content, origin, path.name)


def version(entry: Mapping[str, Any], content: bytes, origin: str, file: str) -> Table:
    """A version of a table from its manifest entry and the bytes of its data file.

    Raises TableError for another checksum, no table, a column or key that is missing or comes
    twice, or dates that are none.
    """
    name = str(entry["name"])
    kind = str(entry.get("kind", name))
    actual = hashlib.sha256(content).hexdigest()
    valid_from, valid_to = entry["valid_from"], entry.get("valid_to")
    if actual != entry["sha256"]:
        raise refused(
            name,
            f"文件 {file}（{valid_from} 起的版本）被改动过：sha256 为 {actual}，应为 {entry['sha256']}。"
            "请恢复该文件，或重新导入（tables import --replace），或撤销该版本（tables remove）",
            f"{file}, the version from {valid_from}, has been changed: its sha256 is {actual}, "
            f"expected {entry['sha256']}. Put the file back, or import it anew "
            "(tables import --replace), or take the version out (tables remove)",
        )
    # The release's own bytes are those that its tests have checked; a home's are seen here first.
    own = origin == "packaged"
    read = cache(partial(_rows if own else _checked_rows, name, kind, content, file))
    if not own:
        read()
    if type(valid_from) is not date or type(valid_to) not in (date, type(None)):
        raise refused(
            name, "valid_from 和 valid_to 须为日期", "valid_from and valid_to must be dates"
        )
    if valid_to is not None and valid_to < valid_from:
        raise refused(
            name,
            f"截止日 {valid_to} 早于起始日 {valid_from}",
            f"valid_to {valid_to} lies before valid_from {valid_from}",
        )
    return Table(
        name=name,
        kind=kind,
        valid_from=valid_from,
        valid_to=valid_to,
        sha256=actual,
        source=str(entry["source"]),
        confidence=str(entry["confidence"]),
        read=read,
        complete=entry.get("complete", False) is True,
        origin=origin,
    )


def _rows(name: str, _kind: str, content: bytes, file: str) -> pl.DataFrame:
    try:
        return pl.read_csv(BytesIO(content), infer_schema=False)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise refused(name, f"{file} 不是表格：{error}", f"{file} is no table: {error}") from error


def _checked_rows(name: str, kind: str, content: bytes, file: str) -> pl.DataFrame:
    rows = _rows(name, kind, content, file)
    missing = set(_NEEDED.get(kind, ("code", "name"))) - set(rows.columns)
    if missing:
        named = ", ".join(sorted(missing))
        raise refused(name, f"缺少列 {named}", f"the columns {named} are missing")
    _refuse_bad_keys(name, kind, rows)
    wrong = wrong_value(kind, rows)
    if wrong:
        raise refused(name, wrong.zh, wrong.en)
    return rows


def _refuse_bad_keys(name: str, kind: str, rows: pl.DataFrame) -> None:
    key = key_of(kind)
    keys = rows.select(key)
    empty = keys.select(pl.any_horizontal(pl.all().is_null()).arg_true()).to_series()
    if empty.len():
        raise refused(
            name,
            f"第 {empty[0] + 2} 行没有 {'、'.join(key)}",
            f"row {empty[0] + 2} has no {' or '.join(key)}",
        )
    twice = keys.is_duplicated()
    if twice.any():
        first = keys.filter(twice).row(0)
        places = [str(at + 2) for at, row in enumerate(keys.iter_rows()) if row == first]
        told, at_rows = " ".join(first), ", ".join(places[:5])
        raise refused(
            name, f"{told} 重复，在第 {at_rows} 行", f"{told} stands twice, in the rows {at_rows}"
        )


def refuse_overlaps(versions: Iterable[Table]) -> None:
    """Raise TableError where two versions of one table hold on the same day.

    A version without an end holds until the next begins; one with an end must end before.
    """
    ordered = sorted(versions, key=lambda one: (one.name, one.valid_from))
    for one, following in pairwise(ordered):
        if one.name != following.name:
            continue
        if one.valid_from == following.valid_from or (
            one.valid_to is not None and one.valid_to >= following.valid_from
        ):
            raise refused(
                one.name,
                f"{one.valid_from} 起的版本（至{one.valid_to or '下一版本'}）与 "
                f"{following.valid_from} 起的版本日期重叠",
                f"the version from {one.valid_from} (to {one.valid_to or 'the next'}) and the one "
                f"from {following.valid_from} overlap",
            )
