"""Code tables, tariff, exchange rates, pilot zones (代码表、税则、汇率、综试区), with checksums.

The release carries its tables in ``data/``; ``data/tables.toml`` says of each since when it
holds, where it comes from, how sure that is, and its SHA-256. A home replaces a table by an
entry of the same name in ``<home>/tables/tables.toml`` (same shape, files beside it), without a
new release. A table whose bytes are not those of the manifest is refused: a silently edited
tariff would declare wrongly.
"""

import hashlib
import tomllib
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path

import polars as pl

PACKAGED = Path(__file__).parent / "data"
MANIFEST = "tables.toml"

_TARIFF_FLAGS = ("unit_verified", "supervision_verified", "rebate_verified")
_NEEDED: dict[str, tuple[str, ...]] = {
    "country": ("code", "name", "name_en", "iso3", "customs", "aliases"),
    "currency": ("code", "name", "name_en", "customs", "aliases"),
    "unit": ("code", "name", "aliases"),
    "customs_office": ("code", "name"),
    "port": ("code", "name", "name_en", "country"),
    "tariff": (
        *("hs_code", "name_zh", "name_en", "unit1", "unit2", "supervision", "ciq", "elements"),
        *("family", "flags", "rebate_pct", "confidence", *_TARIFF_FLAGS),
    ),
    "exchange_rate": ("currency", "valid_from", "cny"),
    "pilot_zone": ("customs_office", "valid_from", "valid_to"),
    "list_threshold": ("valid_from", "cny"),
    "hs_padding": ("trade_mode", "valid_from", "digits"),
}
"""Columns that the program reads, by kind; every other table needs ``code`` and ``name``."""


class TableError(Exception):
    """A table cannot be used; the text names the table, and what was expected and found."""


@dataclass(frozen=True, eq=False)
class Table:
    """One version of one table: its manifest entry and its rows (all String, absent = null)."""

    name: str
    kind: str
    valid_from: date
    valid_to: date | None
    sha256: str
    source: str
    confidence: str
    rows: pl.DataFrame


@dataclass(frozen=True, eq=False)
class Tables:
    """All tables that are in force; dictionaries are made when first asked for."""

    entries: tuple[Table, ...]
    _member_sets: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)

    def table(self, name: str, on: date | None = None) -> pl.DataFrame:
        """Rows of a table; of its versions the newest, or the newest that began by ``on``."""
        versions = [one for one in self.entries if one.name == name]
        if not versions:
            raise TableError(f"table {name}: unknown; known are {', '.join(self.names)}")
        begun = [one for one in versions if on is None or one.valid_from <= on]
        newest = max(begun, key=lambda one: one.valid_from, default=None)
        return versions[0].rows.clear() if newest is None else newest.rows

    @property
    def names(self) -> list[str]:
        """Names of all tables, sorted."""
        return sorted({one.name for one in self.entries})

    def codes(self, name: str) -> pl.DataFrame:
        """A code table: ``code``, ``name`` and its further columns."""
        return self.table(name)

    def members(self, spec: str) -> frozenset[str]:
        """The codes of ``table`` or ``table.column``, as the schema keyword ``x-table`` asks."""
        if spec not in self._member_sets:
            name, _, column = spec.partition(".")
            rows = self.table(name)
            if (column or "code") not in rows.columns:
                raise TableError(f"table {name}: has no column {column}")
            self._member_sets[spec] = frozenset(rows[column or "code"].drop_nulls().to_list())
        return self._member_sets[spec]

    @cached_property
    def version(self) -> str:
        """Hash of all tables: it changes when any of them does."""
        text = "\n".join(sorted(f"{t.name} {t.valid_from} {t.sha256}" for t in self.entries))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def version_on(self, on: date) -> str:
        """Hash of what holds on a day: it changes with any table, and on each day on which a
        version or a dated row (a rate, a threshold, a pilot zone) begins or ends."""
        day = pl.lit(on.isoformat())
        parts = [self.version]
        for name in self.names:
            begun = [t.valid_from for t in self.entries if t.name == name and t.valid_from <= on]
            parts.append(f"{name} {max(begun, default='')}")
            rows = self.table(name)
            if "valid_from" in rows.columns:
                to = pl.col("valid_to") if "valid_to" in rows.columns else pl.lit(None, pl.String)
                holds = (pl.col("valid_from") <= day) & (to.is_null() | (to >= day))
                parts.append(str(rows.select(holds.arg_true()).to_series().to_list()))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def _pairs(self, name: str, key: str, value: str) -> dict[str, str]:
        both = self.table(name).select(key, value).drop_nulls()
        return dict(zip(both[key].to_list(), both[value].to_list(), strict=True))

    @cached_property
    def country_to_customs(self) -> dict[str, str]:
        """ISO alpha-2 → 3-digit customs number; without a key where customs has none."""
        return self._pairs("country", "code", "customs")

    @cached_property
    def currency_to_customs(self) -> dict[str, str]:
        """ISO alpha-3 → 3-digit customs number."""
        return self._pairs("currency", "code", "customs")

    @cached_property
    def units(self) -> dict[str, str]:
        """Customs unit (计量单位) code → Chinese name."""
        return self._pairs("unit", "code", "name")

    @cached_property
    def unit_by_name(self) -> dict[str, str]:
        """Casefolded unit name or alias → customs unit code."""
        return _aliases(self.table("unit"), "unit", "name")

    @cached_property
    def country_by_alias(self) -> dict[str, str]:
        """Casefolded ISO code, customs number, Chinese or English name → ISO alpha-2."""
        return _aliases(
            self.table("country"), "country", "code", "iso3", "customs", "name", "name_en"
        )

    @cached_property
    def currency_by_alias(self) -> dict[str, str]:
        """Casefolded ISO code, customs number, name or sign → ISO alpha-3 (RMB → CNY)."""
        return _aliases(self.table("currency"), "currency", "code", "customs", "name", "name_en")

    def country(self, text: str) -> str | None:
        """ISO alpha-2 of a country as a user wrote it, or None."""
        return _look_up(self.country_by_alias, text)

    def currency(self, text: str) -> str | None:
        """ISO alpha-3 of a currency as a user wrote it, or None."""
        return _look_up(self.currency_by_alias, text)

    def unit(self, text: str) -> str | None:
        """Customs unit code of a code, a name or an alias as a user wrote it, or None."""
        return text.strip() if text.strip() in self.units else _look_up(self.unit_by_name, text)

    @cached_property
    def customs_offices(self) -> dict[str, str]:
        """4-digit customs office (关区) → name; only those in the current table."""
        return self._pairs("customs_office", "code", "name")

    @cached_property
    def ports(self) -> dict[str, str]:
        """Destination port (指运港), 3 or 4 digits → name."""
        return self._pairs("port", "code", "name")

    @cached_property
    def port_country(self) -> dict[str, str]:
        """Destination port → ISO alpha-2 of its country, where that is known."""
        return self._pairs("port", "code", "country")

    def tariff(self, on: date) -> pl.DataFrame:
        """Tariff rows (税则) in force on a day, one a 10-digit code.

        Columns: hs_code, name_zh, name_en, unit1, unit2, supervision, ciq, elements, family,
        flags, rebate_pct, confidence, … (String); unit_verified, supervision_verified and
        rebate_verified (Boolean, True only where a source was seen: an unverified fact may
        warn, never block). After the last version's end its rows still hold, and
        ``out_of_date`` says so.
        """
        names = sorted({one.name for one in self.entries if one.kind == "tariff"})
        parts = [self.table(name, on) for name in names]
        rows = pl.concat(parts, how="diagonal")
        return rows.with_columns(pl.col(name) == "true" for name in _TARIFF_FLAGS)

    def _dated(self, name: str, on: date, value: str, **keys: str) -> str | None:
        rows = self.table(name).filter(
            pl.col("valid_from") <= on.isoformat(),
            *(pl.col(key) == wanted for key, wanted in keys.items()),
        )
        return None if rows.is_empty() else str(rows.sort("valid_from")[value][-1])

    def cny_rate(self, currency: str, on: date) -> Decimal | None:
        """CNY for one unit of a currency (ISO alpha-3) on a day; None where none is known."""
        found = self._dated("exchange_rate", on, "cny", currency=currency)
        return None if found is None else Decimal(found)

    def threshold_cny(self, on: date) -> Decimal:
        """Largest value in CNY that 9710 and 9810 may put on a list (R03)."""
        found = self._dated("list_threshold", on, "cny")
        if found is None:
            raise TableError(f"table list_threshold: no row for {on}")
        return Decimal(found)

    def hs_padding(self, trade_mode: str, on: date) -> int | None:
        """Digits of the HS code that count under flag A (R10); None where no rule is known."""
        found = self._dated("hs_padding", on, "digits", trade_mode=trade_mode)
        return None if found is None else int(found)

    def pilot_zone_offices(self, on: date) -> set[str]:
        """Customs offices that lie in a cross-border pilot zone (综合试验区) on a day."""
        day = on.isoformat()
        rows = self.table("pilot_zone").filter(
            pl.col("valid_from") <= day,
            pl.col("valid_to").is_null() | (pl.col("valid_to") >= day),
        )
        return set(rows["customs_office"].to_list())

    def out_of_date(self, on: date) -> list[str]:
        """Names of the tables whose newest version has ended before a day."""
        newest: dict[str, Table] = {}
        for one in sorted(self.entries, key=lambda entry: entry.valid_from):
            newest[one.name] = one
        return sorted(n for n, one in newest.items() if one.valid_to and one.valid_to < on)


def _aliases(rows: pl.DataFrame, table: str, *columns: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in rows.iter_rows(named=True):
        names = [row[column] for column in columns] + (row["aliases"] or "").split(";")
        for name in filter(None, names):
            if found.setdefault(name.casefold(), row["code"]) != row["code"]:
                both = f"{found[name.casefold()]} and {row['code']}"
                raise TableError(f"table {table}: {name!r} means both {both}")
    return found


def _look_up(aliases: dict[str, str], text: str) -> str | None:
    key = text.strip().casefold()
    # A ligature or dotless i folds into plain letters: 'ﬁ' is not Finland.
    if key.isascii() and not text.strip().isascii():
        return None
    return aliases.get(key)


def _read(folder: Path, entry: dict[str, object]) -> Table:
    name = str(entry["name"])
    kind = str(entry.get("kind", name))
    path = (folder / str(entry["file"])).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise TableError(f"table {name}: {entry['file']} lies outside {folder}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TableError(f"table {name}: {path} cannot be read") from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != entry["sha256"]:
        raise TableError(f"table {name}: sha256 is {actual}, expected {entry['sha256']}")
    try:
        rows = pl.read_csv(BytesIO(content), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise TableError(f"table {name}: {path.name} is no table: {error}") from error
    missing = set(_NEEDED.get(kind, ("code", "name"))) - set(rows.columns)
    if missing:
        raise TableError(f"table {name}: the columns {', '.join(sorted(missing))} are missing")
    valid_from, valid_to = entry["valid_from"], entry.get("valid_to")
    if not isinstance(valid_from, date) or not isinstance(valid_to, date | None):
        raise TableError(f"table {name}: valid_from and valid_to must be dates")
    return Table(
        name=name,
        kind=kind,
        valid_from=valid_from,
        valid_to=valid_to,
        sha256=actual,
        source=str(entry["source"]),
        confidence=str(entry["confidence"]),
        rows=rows,
    )


def _read_all(folder: Path) -> tuple[Table, ...]:
    manifest = folder / MANIFEST
    try:
        entries = tomllib.loads(manifest.read_text("utf-8")).get("table", [])
        return tuple(_read(folder, entry) for entry in entries)
    except tomllib.TOMLDecodeError as error:
        raise TableError(f"{manifest}: {error}") from error
    except KeyError as error:
        raise TableError(f"{manifest}: an entry lacks {error}") from error


@cache
def packaged() -> Tables:
    """The tables of this release."""
    return Tables(_read_all(PACKAGED))


def load(folder: Path | None = None) -> Tables:
    """The tables of this release, replaced by name by those of a home's ``tables/`` folder.

    Raises TableError, which names the table, for a checksum that differs, a missing file or
    column, or an alias with two meanings.
    """
    if folder is None or not (folder / MANIFEST).is_file():
        return packaged()
    own = _read_all(folder)
    replaced = {one.name for one in own}
    kept = tuple(one for one in packaged().entries if one.name not in replaced)
    return Tables(kept + own)
