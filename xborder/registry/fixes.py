"""Fixes (一次更正): an exporter's answer to a cause, given once for all orders that have it.

An answer is a field of a SKU, as a catalogue row would say it, or the code that a word of the
files means. Each is a row that is never changed; a later one about the same takes its place, a
revocation leaves none. An answer is a word in its time: what a catalogue that is delivered later
says of the field counts instead. Answers are part of the inputs of a check, so that open orders
are checked again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl
from sqlalchemy import Connection, func, select

from xborder import clock, findings
from xborder.checks.context import records_schema
from xborder.checks.records import check as check_records
from xborder.checks.records import keys_twice
from xborder.checks.words import TABLES, Words, fields_of, in_codes
from xborder.findings import Both
from xborder.registry import audit, counters, in_force, readings, uploads
from xborder.registry.answer_tables import fixes
from xborder.registry.staging import fetch
from xborder.registry.store import Store
from xborder.registry.tables import deliveries
from xborder.schemas import columns
from xborder.schemas.tables import Tables

SKU = "sku"
KINDS = (SKU, *TABLES)
GIVEN, REVOKED = "given", "revoked"

SOURCE = "xborder fix"
"""Stands as the file of a SKU that only answers know; the row is the number of the first."""

ANSWERS: dict[str, pl.DataType] = {
    "id": pl.Int64(),
    "kind": pl.String(),
    "key": pl.String(),
    "field": pl.String(),
    "value": pl.String(),
    "verdict": pl.String(),
    "after": pl.Int64(),
    "given_by": pl.String(),
    "given_at": pl.String(),
    "note": pl.String(),
}
"""Columns of recorded answers: ``key`` is the SKU or the word, ``field`` empty for a word,
``after`` the last delivery before it, ``given_at`` an instant in UTC (ISO 8601)."""

_FILES = {"upload_id": pl.Int64, "delivery": pl.Int64, "file": pl.String, "shop": pl.String}


class FixError(ValueError):
    """An answer that cannot be recorded; the text says why."""


def unknown_fields(names: Iterable[str]) -> Both:
    """What is said of fields that a catalogue does not have."""
    told = ", ".join(sorted(names))
    return Both(f"{told}: 商品备案没有这一栏", f"{told}: no such field of the goods catalogue")


@dataclass(frozen=True)
class Given:
    """The answers that stand for an exporter (columns ``ANSWERS``), and its catalogue files in
    the order of their last delivery (upload_id, delivery, file, shop)."""

    answers: pl.DataFrame
    files: pl.DataFrame

    @property
    def words(self) -> Words:
        """The words that mean a code."""
        told: dict[str, dict[str, str]] = {}
        for row in self.answers.filter(pl.col("kind") != SKU).iter_rows(named=True):
            told.setdefault(row["kind"], {})[row["key"]] = row["value"]
        return told

    @property
    def of_skus(self) -> pl.DataFrame:
        """The answers about SKUs."""
        return self.answers.filter(pl.col("kind") == SKU)

    @property
    def version(self) -> str:
        """Text that changes with what the answers say now."""
        if self.answers.is_empty():
            return ""
        return repr(self.answers.select("id").rows()) + repr(self.files.rows())


def record(
    c: Connection,
    exporter: str,
    kind: str,
    key: str,
    values: Mapping[str, str],
    *,
    by: str,
    note: str = "",
) -> list[int]:
    """Record answers about a SKU (field → value) or a word (empty field → code); their numbers.

    Whether they can be right is the caller's to ask (``tried``). Raises FixError for an unknown
    kind or field, an empty value, or a missing name.
    """
    if kind not in KINDS:
        raise FixError(
            Both(
                f"{kind}: 没有这种更正；可以是 {', '.join(KINDS)}",
                f"{kind}: no such kind of answer; known are {', '.join(KINDS)}",
            )
        )
    if not by.strip():
        raise FixError(Both("请写明是谁更正的", "who answers must be named"))
    if not key or not values or not all(values.values()):
        raise FixError(Both(f"{kind} {key}: 更正要有值", f"{kind} {key}: an answer needs a value"))
    known = set(columns("goods")) - {SKU} if kind == SKU else {""}
    if unknown := set(values) - known:
        raise FixError(unknown_fields(unknown))
    return [
        _append(c, exporter, kind, key, field, value, GIVEN, by, note)
        for field, value in values.items()
    ]


def revoke(c: Connection, exporter: str, number: int, *, by: str, note: str = "") -> None:
    """Take back an answer that stands. Raises FixError where it does not."""
    own = standing(c, exporter).filter(pl.col("id") == number)
    if own.is_empty():
        raise FixError(
            Both(
                f"{number}: {exporter} 没有这个号的有效更正",
                f"{number}: no answer of {exporter} with this number stands",
            )
        )
    row = own.row(0, named=True)
    _append(c, exporter, row["kind"], row["key"], row["field"], row["value"], REVOKED, by, note)


def _append(
    c: Connection, exporter: str, kind: str, key: str, field: str, value: str, verdict: str,
    by: str, note: str,
) -> int:  # fmt: skip
    number, at = counters.draw(c, "fix"), clock.now()
    row = {
        "exporter": exporter, "kind": kind, "key": key, "field": field, "value": value,
        "verdict": verdict, "after": last_delivery(c), "given_by": by.strip(),
        "note": note.strip(),
    }  # fmt: skip
    c.execute(fixes.insert().values(id=number, given_at=at, **row))
    audit.append(c, f"fix {verdict}", f"{exporter} {kind} {key}", row | {"fix": number}, at)
    return number


def last_delivery(c: Connection) -> int:
    """The number of the last delivery of any file."""
    return int(c.scalar(select(func.max(deliveries.c.id))) or 0)


def newest(c: Connection) -> int:
    """The number of the last answer that was given or taken back; 0 without one."""
    return int(c.scalar(select(func.max(fixes.c.id))) or 0)


def standing(c: Connection, exporter: str) -> pl.DataFrame:
    """The answers that stand, in their order: the last about each, unless it revokes."""
    rows = [
        {**row._mapping, "given_at": row.given_at.isoformat()}
        for row in c.execute(select(fixes).where(fixes.c.exporter == exporter).order_by(fixes.c.id))
    ]
    told = pl.DataFrame([{name: row[name] for name in ANSWERS} for row in rows], schema=ANSWERS)
    last = told.unique(["kind", "key", "field"], keep="last", maintain_order=True)
    return last.filter(pl.col("verdict") != REVOKED).sort("id")


def given(c: Connection, exporter: str) -> Given:
    """What an exporter has answered, and the catalogues that may say otherwise since."""
    last = fetch(
        c,
        "SELECT upload_id, max(id) FROM deliveries GROUP BY upload_id",
        {"upload_id": pl.Int64, "delivery": pl.Int64},
    )
    files = pl.DataFrame(
        [(row.id, row.file_name, row.shop) for row in uploads.of_kind(c, exporter, "goods")],
        schema={"upload_id": pl.Int64, "file": pl.String, "shop": pl.String}, orient="row",
    )  # fmt: skip
    files = files.join(last, on="upload_id", how="left", maintain_order="left")
    return Given(
        standing(c, exporter), files.with_columns(pl.col("delivery").fill_null(0)).select(*_FILES)
    )


def goods(store: Store, told: Given, tables: Tables) -> pl.DataFrame:
    """The catalogue in force, with what was answered of its SKUs and words."""
    standing_now = in_force.goods(store, told.files["upload_id"].to_list())
    if told.answers.is_empty():
        return standing_now
    better, _ = _tried(store, told, tables, standing_now)
    rest = standing_now.join(better, on=SKU, how="anti", maintain_order="left")
    return pl.concat([rest, better.select(rest.columns)])


def tried(
    store: Store, told: Given, tables: Tables, more: Iterable[str] = ()
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Catalogue rows as the answers make them: those that can be in force, and what is wrong
    with the others (columns ``FINDINGS`` and sku).

    Of each SKU its last row, in force or held, is completed; where that is still wrong, the row
    in force. ``more`` are SKUs without an answer that are looked at too.
    """
    return _tried(
        store, told, tables, in_force.goods(store, told.files["upload_id"].to_list()), more
    )


def _tried(
    store: Store, told: Given, tables: Tables, standing_now: pl.DataFrame, more: Iterable[str] = ()
) -> tuple[pl.DataFrame, pl.DataFrame]:
    skus = pl.concat([told.of_skus["key"], pl.Series(list(more), dtype=pl.String)]).unique()
    last = _last_told(store, told, skus)
    rows = _answered(in_codes(last, told.words), told)
    valid, wrong = _checked(rows, told, tables)
    again = standing_now.filter(pl.col(SKU).is_in(wrong[SKU].implode())).with_columns(
        pl.lit(None, pl.UInt32).alias("order_row")
    )
    if again.height:
        again = _answered(again.join(told.files[["upload_id", "delivery"]], on="upload_id"), told)
        valid_again, _ = _checked(again.select(rows.columns), told, tables)
        valid = pl.concat([valid, valid_again])
    return valid, wrong


def _told_in_two_ways(records: pl.DataFrame) -> pl.DataFrame:
    return keys_twice("goods", lambda _: [records])


def _last_told(store: Store, told: Given, skus: pl.Series) -> pl.DataFrame:
    """The last row of each SKU that was asked for or has a word with a code; a bare row for a
    SKU that no file tells. A SKU that a file tells in two ways has no row there."""
    canonical = list(columns("goods"))
    lineage = {"sheet": pl.String(), "row": pl.UInt32(), "order_row": pl.UInt32()}
    schema = dict.fromkeys(canonical, pl.String()) | lineage
    schema |= {"upload_id": pl.Int64(), "delivery": pl.Int64()}
    parts = [pl.DataFrame(schema=schema)]
    for upload_id, delivery, _, _ in told.files.reverse().iter_rows():
        where = (*readings.folder(upload_id), "records.parquet")
        if not store.exists(*where):
            continue
        records = store.read_parquet(*where)
        twice = _told_in_two_ways(records)
        worded = [
            pl.col(name).is_in(list(codes))
            for table, codes in told.words.items()
            for name in fields_of(table)
            if name in records.columns
        ]
        asked = records.filter(
            pl.any_horizontal(pl.col(SKU).is_in(skus.implode()), *worded),
            pl.col(SKU).is_not_null(),
        )
        known = pl.concat(one.select(SKU) for one in parts)
        own = (
            asked.join(twice, on=SKU, how="anti", maintain_order="left")
            .unique(SKU, keep="last", maintain_order=True)
            .join(known, on=SKU, how="anti", maintain_order="left")
        )
        placed = own.with_columns(
            pl.lit(upload_id, pl.Int64).alias("upload_id"),
            pl.lit(delivery, pl.Int64).alias("delivery"),
        )
        parts.append(pl.concat([parts[0], placed], how="diagonal").select(*schema))
    rows = pl.concat(parts)
    # A row that only answers tell stands, for whoever looks for it, at the first one's number.
    numbers = told.of_skus.group_by(pl.col("key").alias(SKU)).agg(pl.col("id").min().alias("row"))
    bare = (
        skus.to_frame(SKU)
        .join(rows, on=SKU, how="anti")
        .join(numbers, on=SKU, how="left")
        .with_columns(pl.col("row").cast(pl.UInt32), pl.lit("").alias("sheet"))
        .sort(SKU)
    )
    return pl.concat([rows, bare], how="diagonal")


def _answered(rows: pl.DataFrame, told: Given) -> pl.DataFrame:
    """Rows with the answers in place of what they say, unless they came after and say it."""
    for (field,), own in told.of_skus.group_by("field", maintain_order=True):
        name = str(field)
        both = rows.join(
            own.select(pl.col("key").alias(SKU), pl.col("value").alias("#value"), "after"),
            on=SKU, how="left", maintain_order="left",
        )  # fmt: skip
        older = pl.col("delivery").fill_null(0) <= pl.col("after")
        counts = pl.col("#value").is_not_null() & (older | pl.col(name).is_null())
        rows = both.with_columns(pl.when(counts).then("#value").otherwise(name).alias(name)).drop(
            "#value", "after"
        )
    return rows


def _checked(rows: pl.DataFrame, told: Given, tables: Tables) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that can be in force, and what is wrong with the others."""
    files = {row["upload_id"]: row for row in told.files.iter_rows(named=True)}
    none_twice = pl.DataFrame(schema={SKU: pl.String})
    valid = [pl.DataFrame(schema=records_schema("goods"))]
    wrong = [findings.empty().with_columns(pl.lit(None, pl.String).alias(SKU))]
    canonical = [*columns("goods"), "sheet", "row", "order_row"]
    for (upload_id,), own in rows.group_by("upload_id", maintain_order=True):
        file = files.get(upload_id, {"file": SOURCE, "shop": ""})
        # Rows are found again by their number among these.
        numbered = own.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"))
        made = check_records(
            numbered.select(canonical), "goods", tables, file_name=file["file"], columns={},
            twice=none_twice, shop=file["shop"],
        )  # fmt: skip
        places = numbered.select(SKU, pl.col("row").alias("at")).with_columns(
            own["row"], own["upload_id"]
        )
        passed = made.valid.drop("row", "upload_id").join(
            places.drop("at"), on=SKU, maintain_order="left"
        )
        valid.append(passed.select(*records_schema("goods")))
        errors = made.found.filter(pl.col("severity").is_in(findings.BLOCKING)).drop("upload_id")
        wrong.append(
            errors.join(
                places.select(pl.col("at").alias("row"), SKU), on="row", maintain_order="left"
            ).select(*findings.FINDINGS, SKU)
        )
    return pl.concat(valid), pl.concat(wrong)


def supposed(told: Given, key: str, values: Mapping[str, str], after: int) -> Given:
    """The answers as they would stand with more about a SKU."""
    rows = [
        {"id": 0, "kind": SKU, "key": key, "field": field, "value": value, "verdict": GIVEN,
         "after": after, "given_by": "", "given_at": "", "note": ""}
        for field, value in values.items()
    ]  # fmt: skip
    more = pl.DataFrame(rows, schema=ANSWERS)
    both = pl.concat([told.answers, more]).unique(
        ["kind", "key", "field"], keep="last", maintain_order=True
    )
    return replace(told, answers=both)


def overtaken(store: Store, told: Given) -> dict[int, str]:
    """Answers that a later catalogue says otherwise: number → the file that does."""
    skus = told.of_skus["key"].unique()
    last = _last_told(store, told, skus).join(told.files, on="upload_id", how="inner")
    found = {}
    for row in told.of_skus.iter_rows(named=True):
        own = last.filter(
            pl.col(SKU) == row["key"],
            pl.col("delivery") > row["after"],
            pl.col(row["field"]).is_not_null(),
        )
        if own.height:
            found[row["id"]] = str(own["file"].item(0))
    return found


def lacking(store: Store, told: Given, tables: Tables, skus: Sequence[str]) -> dict[str, list[str]]:
    """For SKUs that are not in force: the fields of the catalogue that are missing or wrong."""
    if not skus:
        return {}
    _, wrong = tried(store, told, tables, skus)
    named = wrong.filter(pl.col(SKU).is_in(list(skus))).group_by(SKU).agg("field")
    order = list(columns("goods"))
    return {sku: sorted(set(fields), key=order.index) for sku, fields in named.iter_rows()}
