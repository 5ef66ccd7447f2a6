"""A sheet and its layout → canonical lines, and a state for every physical row."""

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from xborder.findings import Finding
from xborder.intake import cells, columns, exclusions, meaning, movements
from xborder.intake.grid import TELLING, Row, Sheet, Table
from xborder.intake.headers import Mapping, drift, normal
from xborder.intake.layouts import FOR_ANY_SHOP, Layout, fields
from xborder.intake.limits import Limits, refuse
from xborder.intake.survey import Proved

AWAITED = ("unit_price", "line_total", "currency")
"""Fields that another file may tell, where the layout names one as its partner and does not say
which (``partner_tells``)."""

ROWS: dict[str, pl.DataType] = {
    "sheet": pl.String(),
    "row": pl.UInt32(),
    "lines": pl.UInt32(),
    "excluded": pl.String(),
    "order_no": pl.String(),
    "record": pl.UInt32(),
}
"""Columns of ``Reading.rows``; ``lines`` counts the physical text lines of a delimited file."""


@dataclass(frozen=True)
class Circumstances:
    """What is known beside the file: from the shop's profile the zone of times without one
    and a currency for blanks; from the limits how many findings a file may have."""

    zone: str = "Asia/Shanghai"
    currency: str = ""
    most_findings: int = Limits().findings


@dataclass
class SheetLines:
    """Lines of one sheet: records, a state for every row, findings."""

    records: pl.DataFrame
    rows: pl.DataFrame
    findings: list[Finding] = field(default_factory=list)


def in_order(
    parts: list[tuple[pl.DataFrame, pl.DataFrame]],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Records and rows of several blocks as one, in the order of sheets and rows."""
    if len(parts) == 1:
        return parts[0]
    before, shifted = 0, []
    for records, rows in parts:
        shifted.append(rows.with_columns(record=(pl.col("record") + before).cast(pl.UInt32)))
        before += records.height
    rows = pl.concat(shifted)
    sheets = rows["sheet"].unique(maintain_order=True)
    place = pl.col("sheet").replace_strict(sheets, list(range(len(sheets))))
    rows = rows.sort(place, "row", maintain_order=True)
    # A row may be several records, and several rows one.
    records = pl.concat([one for one, _ in parts]).with_row_index("was").sort(place, "row", "was")
    now = records.select(record="was", now=pl.int_range(pl.len(), dtype=pl.UInt32))
    rows = rows.join(now, on="record", how="left", maintain_order="left")
    return records.drop("was"), rows.drop("record").rename({"now": "record"}).select(list(ROWS))


def record_columns(kind: str) -> dict[str, pl.DataType]:
    """Columns of ``Reading.records``: the canonical ones, then sheet, row and order_row."""
    texts: dict[str, pl.DataType] = {name: pl.String() for name in fields(kind)}
    return texts | {"sheet": pl.String(), "row": pl.UInt32(), "order_row": pl.UInt32()}


def every_row(sheet: Sheet, code: str, kind: str) -> SheetLines:
    """All rows of a sheet under one exclusion code, blank ones as BLANK; no record of ``kind``."""
    found = {row.number: row.lines for row in sheet.rows}
    filled = {row.number for row in sheet.rows if not row.blank}
    frame = pl.DataFrame({"row": pl.int_range(1, sheet.last + 1, dtype=pl.UInt32, eager=True)})
    known = pl.DataFrame(
        {
            "row": list(found),
            "lines": list(found.values()),
            "excluded": [code if number in filled else "BLANK" for number in found],
        },
        schema={name: ROWS[name] for name in ("row", "lines", "excluded")},
    )
    rows = _whole(frame.join(known, on="row", how="left", maintain_order="left"), sheet.name)
    return SheetLines(pl.DataFrame(schema=record_columns(kind)), rows)


def read(
    table: Table, header: Row, mapping: Mapping, around: Circumstances, proved: Proved
) -> SheetLines:
    """Lines of a classified table of a recognised sheet, all lines of its orders among them.

    ``proved`` is what the whole sheet says about how its columns are to be read.
    """
    layout = mapping.layout
    body = table.body()
    frame, findings = _columns(table, body, mapping, around, proved)
    findings += [*_ragged(table, header, body), *exclusions.footers(table.frame, table.name)]
    frame, found = _fill(frame, table, mapping)
    findings += found
    places = {
        name: cells.Place(table.name, name, *place) for name, place in mapping.columns.items()
    }
    frame = meaning.completed(_order_level(frame, layout, around), layout)
    findings += meaning.shifted(frame, layout.kind, places)
    if layout.events:
        frame, found = movements.derive(frame, layout.events, table.name, proved.events_seen)
        findings += found
    frame = exclusions.exclude(frame, layout)
    findings += exclusions.told(frame, layout, mapping, table.name)
    kept, frame, found = meaning.lines_of(frame, layout, places)
    findings += found
    wanted = record_columns(layout.kind)
    records = kept.with_columns(sheet=pl.lit(table.name)).select(
        (pl.col(name) if name in kept.columns else pl.lit(None)).cast(kind).alias(name)
        if name != "sheet"
        else pl.lit(table.name).alias(name)
        for name, kind in wanted.items()
    )
    return SheetLines(records, _rows(table, frame), _with_orders(findings, frame))


def _with_orders(findings: list[Finding], frame: pl.DataFrame) -> list[Finding]:
    """The findings with the order numbers of their rows."""
    told = {one.row for one in findings if one.row and not one.order_no}
    if not told:
        return findings
    rows = pl.Series(list(told), dtype=pl.UInt32)
    known = frame.select("row", "order_no").filter(pl.col("row").is_in(rows.implode()))
    by_row = dict(known.iter_rows())
    return [
        dataclasses.replace(one, order_no=by_row.get(one.row) or one.order_no) for one in findings
    ]


def _plainly(texts: pl.Series) -> pl.Series:
    return texts.str.strip_chars().str.to_lowercase().str.strip_chars_end(":：")


def classified(table: Table, header: Row, mapping: Mapping) -> Table:
    """The table with ``code``, why a row is no data, or null, instead of what tells it."""
    layout = mapping.layout
    row = pl.col("row")
    code: Any = (
        pl.when("blank")
        .then(pl.lit("BLANK"))
        .when(row == header.number)
        .then(pl.lit("HEADER"))
        .when(row < header.number)
        .then(pl.lit("NOT_DATA"))
    )
    frame = table.frame
    footers, described = set(layout.footers), set(layout.descriptions)
    sku = str(mapping.columns["sku"][0]) if "sku" in mapping.columns else None
    if sku and footers:
        # Footers have no goods: only rows without need be looked at.
        bare = frame["first"].filter((frame[sku] == "") | frame[sku].is_null())
        footers = footers if bare.len() and _plainly(bare).is_in(list(footers)).any() else set()
    if footers or described or layout.footer_patterns:
        frame = frame.with_columns(first=_plainly(frame["first"]))
        alone = pl.col(sku).fill_null("") == "" if sku else pl.lit(value=True)
        footer = pl.col("first").is_in(list(footers)) & alone
        if layout.footer_patterns:
            # `2,record(s) downloaded`: the words may stand behind their count.
            order_no = str(mapping.columns["order_no"][0])
            frame = frame.with_columns(second=_plainly(frame[order_no]))
        for pattern in layout.footer_patterns:
            for place in ("first", "second"):
                footer |= pl.col(place).str.contains(f"^(?:{pattern})$")
        code = code.when(footer).then(pl.lit("FOOTER"))
        described_row = pl.col("first").is_in(list(described))
        if described and "qty" in mapping.columns:
            # The row under the header says in words what its columns hold.
            words = pl.col(str(mapping.columns["qty"][0])).str.contains(r"^[^0-9]{4,}$")
            described_row |= (row == header.number + 1) & words
        code = code.when(described_row).then(pl.lit("DESCRIPTION"))
    code = code.when("repeated").then(pl.lit("HEADER")).otherwise(pl.lit(None, pl.String))
    frame = frame.with_columns(code=code).drop(*TELLING, "second", strict=False)
    return dataclasses.replace(table, frame=frame)


def about_header(name: str, header: Row, mapping: Mapping) -> Iterator[Finding]:
    """Findings about a sheet's columns: missing, renamed, deleted, doubled, unknown.

    Doubled columns are known to be the same.
    """
    sheet, layout = name, mapping.layout
    at = {"sheet": sheet, "row": header.number}
    proposals = drift(mapping)
    missing = [name for name in layout.needed if name not in mapping.columns]
    told = layout.partner_tells or (AWAITED if layout.partner else ())
    awaited = [one for one in missing if one in told and one not in proposals]
    missing = [one for one in missing if one not in awaited]
    for name in dict.fromkeys([*missing, *proposals]):
        expected = layout.column(name).headers[0]
        if name in proposals:
            column, head = proposals[name]
            place = cells.Place(sheet, name, column, head)
            yield place.finding("COLUMN_RENAMED", header.number, head, expected)
        else:
            yield Finding("COLUMN_MISSING", field=name, expected=expected, **at)  # type: ignore[arg-type]
    heads = {normal(text) for text in header.texts if text}
    deleted = [head for head in layout.core_headers if normal(head) not in heads]
    if deleted:
        yield Finding("COLUMNS_DELETED", expected=", ".join(deleted), **at)  # type: ignore[arg-type]
    if lacks := [*layout.lacks, *awaited]:
        yield Finding("LAYOUT_LACKS_FIELDS", expected=", ".join(lacks), **at)  # type: ignore[arg-type]
    known = {normal(head) for head in (*layout.known_headers, *layout.core_headers)}
    if known or layout.channel in FOR_ANY_SHOP:
        known |= {normal(head) for _, head in proposals.values()}
        unknown = [head for _, head in mapping.unmapped if normal(head) not in known]
        if unknown:
            names = ", ".join(unknown[:20])[:400]
            yield Finding("COLUMN_UNKNOWN", value=names, **at)  # type: ignore[arg-type]
    for name in mapping.doubled:
        first, head = mapping.columns[name]
        place = cells.Place(sheet, name, first, head)
        yield place.finding("DUPLICATE_HEADER_SAME", header.number, head)


def _ragged(table: Table, header: Row, body: pl.DataFrame) -> Iterator[Finding]:
    """Rows of a delimited file with more or fewer cells than the header has columns."""
    width = str(len(header.texts))
    for row, size in body.select("row", "ragged").filter(pl.col("ragged") > 0).iter_rows():
        yield Finding("RAGGED_ROW", sheet=table.name, row=row, value=str(size), expected=width)


def _columns(
    table: Table, body: pl.DataFrame, mapping: Mapping, around: Circumstances, proved: Proved
) -> tuple[pl.DataFrame, list[Finding]]:
    """The mapped columns, cleaned and normalised by type, and findings at their cells."""
    layout = mapping.layout
    rows = body["row"]
    types, zone = layout.types, layout.zone or around.zone
    told: dict[str, pl.Series] = {}
    done = {"row": rows}
    findings: list[Finding] = []
    names = [str(column) for column, _ in mapping.columns.values()]
    clean = columns.clean(body, names) if table.typed else ()
    for name, (column, header) in mapping.columns.items():
        series = body[str(column)]
        field_type = types[meaning.group_of(name)[0]]
        kinds = body[f"{column}k"] if table.typed else None
        place = cells.Place(table.name, name, column, header)
        room = around.most_findings + 1 - len(findings)
        usual = None
        if kinds is not None:
            tidy = str(column) in clean
            series = series if tidy else columns.cleaned(series)[0]
            damage = cells.damage(place, field_type, series, kinds, rows, tidy=tidy)
            findings += itertools.islice(damage, room)
            series = cells.dated(series, kinds, field_type, table.base_1904, zone)
            if field_type in cells.IDENTIFIERS:
                series = columns.as_identifier(series, field_type)
        elif series.null_count() < len(series):
            series, usual, damage = _tidied(place, field_type, series, rows)
            findings += itertools.islice(damage, room)
        if len(findings) > around.most_findings:
            refuse("TOO_MANY_FAULTS", value=f"> {around.most_findings}")
        series = meaning.written(series, name, layout, told)
        if field_type == "number":
            sign = proved.signs.get(name, "point")
            if sign not in ("point", "comma"):
                doubts = cells.either(place, sign, series, kinds, rows)
                findings += itertools.islice(doubts, around.most_findings + 1 - len(findings))
                sign = ""
            series = columns.as_number(series, sign, kinds, usual)
        elif field_type in ("date", "moment"):
            doubts = cells.undecided(place, proved.date_order, series, rows)
            findings += itertools.islice(doubts, around.most_findings + 1 - len(findings))
            series = columns.as_date(series, proved.date_order, zone, usual)
        done[name] = series
    within = (
        set(rows.filter(rows.is_in([one.row for one in proved.findings]))) if rows.len() else ()
    )
    findings += [one for one in proved.findings if one.row in within]
    if "currency" in told and "currency" in done:
        # A column that is there but empty does not hide the sign beside the amount.
        own = done["currency"]
        done["currency"] = own.zip_with(own.is_not_null() & (own != ""), told["currency"])
    frame = pl.DataFrame(told | done)
    if "order_no" not in frame.columns:
        frame = frame.with_columns(order_no=pl.lit(None, dtype=pl.String))
    return frame, findings


def _tidied(
    place: cells.Place, field_type: str, series: pl.Series, rows: pl.Series
) -> tuple[pl.Series, pl.Series | None, Iterator[Finding]]:
    """A delimited file's column as clean text, which cells were so (None: not asked), damage.

    Of a column whose type has a form, only the cells without that form are looked at closely.
    """
    if field_type not in columns.SETTLED:
        series, forbidden = columns.cleaned(series)
        if not len(forbidden):
            return series, None, iter(())
        at = series.is_in(forbidden.implode()).arg_true()
        found = cells.damage(place, field_type, series.gather(at), None, rows.gather(at))
        return series, None, found
    odd = columns.odd(series, field_type)
    if odd is None:
        return series, pl.repeat(value=True, n=len(series), eager=True), iter(())
    at = odd.arg_true()
    rest, forbidden = columns.cleaned(series.gather(at))
    damage: Iterator[Finding] = iter(())
    if len(forbidden) or field_type in cells.IDENTIFIERS:
        damage = cells.damage(place, field_type, rest, None, rows.gather(at))
    if field_type in cells.IDENTIFIERS:
        rest = columns.as_identifier(rest, field_type)
    return series.scatter(at, rest), ~odd, damage


def _fill(
    frame: pl.DataFrame, sheet: Table, mapping: Mapping
) -> tuple[pl.DataFrame, list[Finding]]:
    """Order numbers and order fields that the channel writes on the first line only."""
    layout = mapping.layout
    findings: list[Finding] = []
    present = [name for name in layout.order_fields if name in frame.columns]
    if layout.fill_order_no and frame["order_no"].null_count():
        alone = [pl.col(name).is_null() for name in present if name != "ordered_at"]
        follows = pl.all_horizontal(pl.col("order_no").is_null(), *alone)
        filled = frame.filter(follows)["row"].to_list()
        order_no = pl.when(follows).then(pl.col("order_no").forward_fill())
        frame = frame.with_columns(order_no.otherwise(pl.col("order_no")).alias("order_no"))
        place = cells.Place(sheet.name, "order_no", *mapping.columns["order_no"])
        findings = [place.finding("ORDER_NO_FILLED_DOWN", row) for row in filled]
    if layout.kind == "orders" and present:
        gaps = [one for one in present if 0 < frame[one].null_count() < frame.height]
        frame = columns.filled_down(frame, gaps)
    else:
        frame = frame.with_columns(order_row=pl.col("row"))
    return frame, findings


def _order_level(frame: pl.DataFrame, layout: Layout, around: Circumstances) -> pl.DataFrame:
    """Amounts summed over an order, signs, defaults, words of the channel."""
    for name in layout.positive:
        if name in frame.columns and frame[name].str.starts_with("-").any():
            frame = frame.with_columns(pl.col(name).str.replace(r"^-([0-9.]+)$", "$1"))
    for name in layout.sum_over_order:
        if name in frame.columns:
            frame = movements.summed(frame, name)
    for name, words in layout.values.items():
        if name in frame.columns:
            series = columns.worded(frame[name], words)
            frame = frame.with_columns(series.alias(name))
    defaults = dict(layout.defaults)
    if around.currency and "currency" in fields(layout.kind):
        defaults.setdefault("currency", around.currency)
    for name, value in defaults.items():
        now = pl.col(name) if name in frame.columns else pl.lit(None, dtype=pl.String)
        frame = frame.with_columns(pl.coalesce(now, pl.lit(value)).alias(name))
    return frame


def _rows(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Every physical row once: its exclusion code, or the record that it became."""
    states = table.frame.select("row", "lines", "code")
    body = frame.select("row", "excluded", "order_no", "record")
    if states.height == body.height:
        states = states.hstack(body.drop("row"))
    else:
        states = states.join(body, on="row", how="left", maintain_order="left")
    states = states.select(
        "row",
        "lines",
        pl.coalesce("code", "excluded").alias("excluded"),
        "order_no",
        "record",
    )
    if table.gaps and states.height:
        last = states["row"][-1]
        numbers = pl.DataFrame({"row": pl.int_range(1, last + 1, dtype=pl.UInt32, eager=True)})
        states = numbers.join(states, on="row", how="left", maintain_order="left")
    return _whole(states, table.name)


def _whole(frame: pl.DataFrame, sheet: str) -> pl.DataFrame:
    """Fill the blank rows in, and bring the columns into their order and types."""
    absent = pl.col("lines").is_null()
    frame = frame.with_columns(
        sheet=pl.lit(sheet),
        excluded=pl.when(absent).then(pl.lit("BLANK")).otherwise(pl.col("excluded")),
        lines=pl.col("lines").fill_null(1),
    )
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in ROWS.items()
    )
