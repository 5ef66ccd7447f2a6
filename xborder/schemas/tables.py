"""Code tables, tariff, exchange rates, pilot zones (代码表、税则、汇率、综试区), with checksums.

The release carries its tables in ``data/``; ``data/tables.toml`` says of each since when it
holds, where it comes from, how sure that is, and its SHA-256. A home replaces a table by an
entry of the same name in ``<home>/tables/tables.toml`` (same shape, files beside it; written by
``xborder tables import``), without a new release. Several versions of a table stand side by
side, each from its day. A table whose bytes are not those of the manifest is refused: a silently edited
tariff would declare wrongly.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path

import polars as pl

from xborder import clock
from xborder.schemas.table_versions import (
    MANIFEST,
    TARIFF_FLAGS,
    Table,
    TableError,
    read_folder,
    refuse_overlaps,
    refused,
)

__all__ = ["MANIFEST", "PACKAGED", "Table", "TableError", "Tables", "combined", "load", "packaged"]

PACKAGED = Path(__file__).parent / "data"

_BY_DAY_OF_EXPORT = ("destination_notice",)
"""Tables whose rows count by an order's own day: no day of checking begins or ends them."""


@dataclass(frozen=True, eq=False)
class Tables:
    """All versions of all tables, seen on a day; dictionaries are made when first asked for.

    ``today`` is the day that counts where a question names none.
    """

    entries: tuple[Table, ...]
    today: date = field(default_factory=clock.today)
    _member_sets: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)

    def _versions(self, name: str) -> list[Table]:
        versions = [one for one in self.entries if one.name == name]
        if not versions:
            known = ", ".join(self.names)
            raise refused(name, f"没有这个表；已有：{known}", f"unknown; known are {known}")
        return sorted(versions, key=lambda one: one.valid_from)

    def held(self, name: str, on: date) -> Table | None:
        """The version of a table that counts on a day: the newest that has begun, even when
        its end is past (``out_of_date`` says so); None before the first."""
        return next((v for v in reversed(self._versions(name)) if v.valid_from <= on), None)

    def table(self, name: str, on: date | None = None) -> pl.DataFrame:
        """Rows of a table as they hold on a day; without one those of today, at the earliest
        those of the first version."""
        first = self._versions(name)[0]
        version = self.held(name, on or self.today)
        if version is None:
            return first.rows.clear() if on else first.rows
        return version.rows

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
                raise refused(name, f"没有列 {column}", f"has no column {column}")
            self._member_sets[spec] = frozenset(rows[column or "code"].drop_nulls().to_list())
        return self._member_sets[spec]

    @cached_property
    def version(self) -> str:
        """Hash of all tables: it changes when any of them does, and on the day on which
        another version of one begins."""
        told = sorted(
            f"{t.name} {t.valid_from} {t.valid_to} {t.sha256} {t.complete}" for t in self.entries
        )
        told += [f"{name} {self._begun(name, self.today)}" for name in self.names]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]

    def _begun(self, name: str, on: date) -> str:
        version = self.held(name, on)
        return "" if version is None else version.valid_from.isoformat()

    def version_on(self, on: date) -> str:
        """Hash of what holds on a day: it changes with any table, and on each day on which a
        version or a dated row (a rate, a threshold, a pilot zone) begins or ends."""
        day = pl.lit(on.isoformat())
        parts = [self.version, str(self.tariff_is_complete(on))]
        for name in self.names:
            parts.append(f"{name} {self._begun(name, on)}")
            rows = self.table(name, on)
            if "valid_from" in rows.columns and name not in _BY_DAY_OF_EXPORT:
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

    def _tariffs(self, on: date) -> list[Table]:
        """The tariff tables that have begun: those whose end is past last, before them those of
        the home first, then by their beginning."""
        names = sorted({one.name for one in self.entries if one.kind == "tariff"})
        begun = [one for name in names if (one := self.held(name, on)) is not None]
        begun.sort(key=lambda one: one.valid_from, reverse=True)
        return sorted(begun, key=lambda one: (one.ended(on), one.origin == "packaged"))

    def _complete_tariff(self, on: date) -> Table | None:
        return next((t for t in self._tariffs(on) if t.complete and not t.ended(on)), None)

    def tariff_is_complete(self, on: date) -> bool:
        """Whether a tariff holds on a day that has every code: what is not in it does not exist.

        Past its stated end it no longer says so: newer codes may have come.
        """
        return self._complete_tariff(on) is not None

    def tariff(self, on: date) -> pl.DataFrame:
        """Tariff rows (税则) in force on a day, one a 10-digit code.

        Columns: hs_code, name_zh, name_en, unit1, unit2, supervision, ciq, elements, family,
        flags, rebate_pct, confidence, … (String); unit_verified, supervision_verified and
        rebate_verified (Boolean, True only where a source was seen: an unverified fact may
        warn, never block). A complete tariff stands alone; without one the tables together
        count, and for a code in several of them the home's row, unless its version has ended
        and another has not. After the last version's end its rows still hold, and
        ``out_of_date`` says so.
        """
        whole = self._complete_tariff(on)
        held = [whole] if whole is not None else self._tariffs(on)
        if not held:
            held = [one for one in self.entries if one.kind == "tariff"]
            rows = pl.concat([one.rows.clear() for one in held], how="diagonal")
        else:
            rows = pl.concat([one.rows for one in held], how="diagonal")
        rows = rows.unique("hs_code", keep="first", maintain_order=True)
        return rows.with_columns(pl.col(name) == "true" for name in TARIFF_FLAGS)

    def element_lists(self, on: date) -> dict[str, str]:
        """The declaration elements (申报要素) that a day's tariff lists itself, by code; a list
        that breaks off is none."""
        listed = pl.col("elements").str.contains(r"[^\s0-9;；|｜:：.、]")
        whole = ~pl.col("elements").str.contains(r"…|\.\.\.")
        return dict(self.tariff(on).filter(listed & whole).select("hs_code", "elements").rows())

    @cached_property
    def described(self) -> dict[int, frozenset[str]]:
        """Headings and codes (4 to 10 digits) whose declaration elements are known, by their
        number of digits: those of the table of elements, and those that the tariff lists."""
        known = {*self.element_lists(self.today), *self.table("declaration_elements")["hs_prefix"]}
        return {
            size: frozenset(one for one in known if len(one) == size)
            for size in sorted({len(one) for one in known})
        }

    def is_described(self, hs_code: str) -> bool:
        """Whether the declaration elements of a code are known, as ``x-described`` asks."""
        return any(hs_code[:size] in known for size, known in self.described.items())

    def _dated(self, name: str, on: date, value: str, **keys: str) -> str | None:
        rows = self.table(name, on).filter(
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
            raise refused("list_threshold", f"没有 {on} 的行", f"no row for {on}")
        return Decimal(found)

    def hs_padding(self, trade_mode: str, on: date) -> int | None:
        """Digits of the HS code that count under flag A (R10); None where no rule is known."""
        found = self._dated("hs_padding", on, "digits", trade_mode=trade_mode)
        return None if found is None else int(found)

    def rows_on(self, name: str, on: date) -> pl.DataFrame:
        """Rows of a table whose own ``valid_from`` and ``valid_to`` take in a day."""
        day = on.isoformat()
        return self.table(name, on).filter(
            pl.col("valid_from") <= day,
            pl.col("valid_to").is_null() | (pl.col("valid_to") >= day),
        )

    def hazard_limit(self, code: str, on: date) -> Decimal:
        """A limit of the transport of dangerous goods (危险品限值; R43, R44) on a day.

        Raises TableError where the table has none for that day.
        """
        rows = self.rows_on("hazard_limit", on).filter(pl.col("code") == code)
        if rows.is_empty():
            raise refused("hazard_limit", f"没有 {on} 的 {code}", f"no row {code} for {on}")
        return Decimal(str(rows.sort("valid_from")["limit"][-1]))

    def group(self, name: str) -> frozenset[str]:
        """ISO codes of the countries of a group (R47–R51), e.g. EU."""
        rows = self.table("country_group")
        return frozenset(rows.filter(pl.col("group") == name)["country"].to_list())

    def pilot_zone_offices(self, on: date) -> set[str]:
        """Customs offices that lie in a cross-border pilot zone (综合试验区) on a day."""
        return set(self.rows_on("pilot_zone", on)["customs_office"].to_list())

    def out_of_date(self, on: date) -> list[str]:
        """Names of the tables whose version for a day has ended before it.

        A complete tariff stands for the tariff tables beside it.
        """
        whole = self._complete_tariff(on)
        late = []
        for name in self.names:
            version = self.held(name, on)
            replaced = whole is not None and version is not None and version.kind == "tariff"
            if version is not None and version.ended(on) and not replaced:
                late.append(name)
        return late


def _aliases(rows: pl.DataFrame, table: str, *columns: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in rows.iter_rows(named=True):
        names = [row[column] for column in columns] + (row["aliases"] or "").split(";")
        for name in filter(None, names):
            if found.setdefault(name.casefold(), row["code"]) != row["code"]:
                one, other = found[name.casefold()], row["code"]
                raise refused(
                    table,
                    f"{name!r} 既指 {one} 又指 {other}",
                    f"{name!r} means both {one} and {other}",
                )
    return found


def _look_up(aliases: dict[str, str], text: str) -> str | None:
    key = text.strip().casefold()
    # A ligature or dotless i folds into plain letters: 'ﬁ' is not Finland.
    if key.isascii() and not text.strip().isascii():
        return None
    return aliases.get(key)


@cache
def packaged() -> Tables:
    """The tables of this release."""
    return Tables(read_folder(PACKAGED, "packaged"))


def combined(own: tuple[Table, ...]) -> Tables:
    """The tables of this release, and in place of those of the same name a home's own.

    Until the first own version of a table begins, that of the release holds; and from its own
    beginning on where every own version before it has ended: what a home imports of a past
    year ends with that year. Raises TableError when two own versions hold on one day.
    """
    refuse_overlaps(own)
    return Tables((*_beside(packaged().entries, own), *own))


def _beside(released: Iterable[Table], own: Iterable[Table]) -> Iterator[Table]:
    """The versions of the release that a home's own leave in force, each from its first day."""
    for one in released:
        same = [other for other in own if other.name == one.name]
        before = [other for other in same if other.valid_from <= one.valid_from]
        if not before:
            yield one
            continue
        last = max(before, key=lambda other: other.valid_from)
        if last.valid_to is None:
            continue
        begins = max(one.valid_from, last.valid_to + timedelta(days=1))
        succeeded = any(last.valid_from < other.valid_from <= begins for other in same)
        if not succeeded and not one.ended(begins):
            yield replace(one, valid_from=begins)


def load(folder: Path | None = None) -> Tables:
    """The tables of this release, replaced by name by those of a home's ``tables/`` folder.

    Raises TableError, which names the table, for a checksum that differs, a missing file or
    column, a code that stands twice, or two versions for one day.
    """
    if folder is None or not (folder / MANIFEST).is_file():
        return packaged()
    return combined(read_folder(folder, "home"))
