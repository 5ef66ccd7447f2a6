"""A sheet and its layout → canonical lines, and a state for every physical row."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from xborder.findings import Finding
from xborder.intake import cells, dates, movements
from xborder.intake.grid import Row, Sheet
from xborder.intake.headers import Mapping, normal, renamed
from xborder.intake.layouts import HIDDEN, Layout, fields
from xborder.intake.limits import Limits, refuse

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
    records = pl.concat([one for one, _ in parts])[rows["record"].drop_nulls()]
    number = pl.col("record").is_not_null().cum_sum() - 1
    kept = pl.when(pl.col("record").is_not_null()).then(number).cast(pl.UInt32)
    return records, rows.with_columns(record=kept)


def record_columns(kind: str) -> dict[str, pl.DataType]:
    """Columns of ``Reading.records``: the canonical ones, then sheet, row and order_row."""
    texts: dict[str, pl.DataType] = {name: pl.String() for name in fields(kind)}
    return texts | {"sheet": pl.String(), "row": pl.UInt32(), "order_row": pl.UInt32()}


def every_row(sheet: Sheet, code: str) -> pl.DataFrame:
    """All rows of a sheet under one exclusion code; blank ones as BLANK."""
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
    return _whole(frame.join(known, on="row", how="left", maintain_order="left"), sheet.name)


def read(sheet: Sheet, header: Row, mapping: Mapping, around: Circumstances) -> SheetLines:
    """Lines of a recognised sheet.

    Raises Refused with DUPLICATE_HEADER where two columns of one header differ in content.
    """
    layout = mapping.layout
    findings = list(_about_header(sheet, header, mapping))
    codes, body = _classify(sheet, header, layout, mapping)
    frame, found = _columns(sheet, body, mapping, around, layout)
    findings += found
    findings += _ragged(sheet, header, body)
    frame, found = _fill(frame, sheet, mapping)
    findings += found
    frame = _order_level(frame, layout, around)
    if layout.events:
        frame, found = movements.derive(frame, layout.events, sheet.name)
        findings += found
    frame = _exclude(frame, layout)
    findings += list(_warn(frame, layout, mapping, sheet.name))
    kept = frame.filter(pl.col("excluded").is_null()).with_columns(
        record=pl.int_range(pl.len(), dtype=pl.UInt32)
    )
    columns = record_columns(layout.kind)
    records = kept.with_columns(sheet=pl.lit(sheet.name)).select(
        (pl.col(name) if name in kept.columns else pl.lit(None)).cast(kind).alias(name)
        if name != "sheet"
        else pl.lit(sheet.name).alias(name)
        for name, kind in columns.items()
    )
    rows = _rows(sheet, codes, frame, kept)
    by_row = dict(zip(frame["row"].to_list(), frame["order_no"].to_list(), strict=True))
    return SheetLines(records, rows, [_with_order(one, by_row) for one in findings])


def _with_order(one: Finding, by_row: dict[int, str | None]) -> Finding:
    order_no = by_row.get(one.row) if one.row and not one.order_no else None
    return Finding(**{**one.__dict__, "order_no": order_no}) if order_no else one


def _classify(
    sheet: Sheet, header: Row, layout: Layout, mapping: Mapping
) -> tuple[dict[int, tuple[int, str | None]], list[Row]]:
    """Lines and exclusion code of each row that is there, and the rows that are data."""
    codes: dict[int, tuple[int, str | None]] = {}
    body: list[Row] = []
    footers = set(layout.footers)
    described = set(layout.descriptions)
    sku = sheet.position(mapping.columns["sku"][0]) if "sku" in mapping.columns else None
    heads = [header.texts[i] for i in sheet.kept if i < len(header.texts)] if sheet.kept else None
    repeated = tuple(heads or header.texts)
    for row in sheet.rows:
        code: str | None = None
        if row.blank:
            code = "BLANK"
        elif row.number == header.number:
            code = "HEADER"
        elif row.number < header.number:
            code = "NOT_DATA"
        else:
            first = next((text for text in row.texts if text and not text.isspace()), "")
            lower = first.strip().casefold().rstrip(":：")
            if lower in footers and (sku is None or sku >= len(row.texts) or not row.texts[sku]):
                code = "FOOTER"
            elif lower in described:
                code = "DESCRIPTION"
            elif first == repeated[0] and tuple(row.texts) == repeated:
                code = "HEADER"
            else:
                body.append(row)
        codes[row.number] = (row.lines, code)
    return codes, body


def _about_header(sheet: Sheet, header: Row, mapping: Mapping) -> Iterator[Finding]:
    """Findings about columns: missing, renamed, deleted, doubled, unknown."""
    layout = mapping.layout
    at = {"sheet": sheet.name, "row": header.number}
    missing = [name for name in layout.needed if name not in mapping.columns]
    proposals = renamed(missing, mapping)
    for name in missing:
        expected = layout.column(name).headers[0]
        if name in proposals:
            column, head = proposals[name]
            place = cells.Place(sheet.name, name, column, head)
            yield place.finding("COLUMN_RENAMED", header.number, head, expected)
        else:
            yield Finding("COLUMN_MISSING", field=name, expected=expected, **at)  # type: ignore[arg-type]
    heads = {normal(text) for text in header.texts if text}
    deleted = [head for head in layout.core_headers if normal(head) not in heads]
    if deleted:
        yield Finding("COLUMNS_DELETED", expected=", ".join(deleted), **at)  # type: ignore[arg-type]
    if layout.lacks:
        yield Finding("LAYOUT_LACKS_FIELDS", expected=", ".join(layout.lacks), **at)  # type: ignore[arg-type]
    known = {normal(head) for head in (*layout.known_headers, *layout.core_headers)}
    if known or layout.channel == "template":
        unknown = [head for _, head in mapping.unmapped if normal(head) not in known]
        if unknown:
            names = ", ".join(unknown[:20])[:400]
            yield Finding("COLUMN_UNKNOWN", value=names, **at)  # type: ignore[arg-type]
    for name, others in mapping.doubled.items():
        first, head = mapping.columns[name]
        place = cells.Place(sheet.name, name, first, head)
        below = [row for row in sheet.rows if row.number > header.number]
        same = zip(*(sheet.texts(column, below) for column in (first, *others)), strict=True)
        for texts in same:
            if len({(text or "").strip() for text in texts}) > 1:
                refuse(
                    "DUPLICATE_HEADER", sheet=sheet.name, row=header.number, column=head, value=head
                )
        yield place.finding("DUPLICATE_HEADER_SAME", header.number, head)


def _ragged(sheet: Sheet, header: Row, body: list[Row]) -> Iterator[Finding]:
    """Rows of a delimited file with more or fewer cells than the header has columns."""
    width = str(len(header.texts))
    for row in body:
        if row.ragged:
            value = str(row.ragged)
            yield Finding(
                "RAGGED_ROW", sheet=sheet.name, row=row.number, value=value, expected=width
            )


def _columns(
    sheet: Sheet, body: list[Row], mapping: Mapping, around: Circumstances, layout: Layout
) -> tuple[pl.DataFrame, list[Finding]]:
    """The mapped columns, cleaned and normalised by type, and findings at their cells."""
    numbers = pl.Series("row", [row.number for row in body], dtype=pl.UInt32)
    types = fields(layout.kind)
    raw: dict[str, pl.Series] = {}
    kinds: dict[str, pl.Series | None] = {}
    findings: list[Finding] = []
    typed = any(row.kinds is not None for row in body)
    for name, (column, header) in mapping.columns.items():
        raw[name] = cells.cleaned(sheet.texts(column, body))
        kinds[name] = None
        field_type = types.get(name, "text")
        if typed:
            kind = pl.Series([row.kind(column).decode() for row in body], dtype=pl.String)
            kinds[name] = kind
        place = cells.Place(sheet.name, name, column, header)
        damage = cells.damage(place, field_type, raw[name], kinds[name], numbers)
        findings += itertools.islice(damage, around.most_findings + 1 - len(findings))
        if len(findings) > around.most_findings:
            refuse("TOO_MANY_FAULTS", value=f"> {around.most_findings}")
        if typed:
            raw[name] = cells.dated(raw[name], kind, field_type, sheet.base_1904, around.zone)
    moments = [name for name in raw if types.get(name) in ("date", "moment") or name == "x_moment"]
    date_order, found = _date_order(sheet, mapping, {name: raw[name] for name in moments}, numbers)
    findings += found
    done = {"row": numbers}
    for name, series in raw.items():
        field_type = types.get(name, "moment" if name in moments else "text")
        if field_type == "number":
            series = cells.as_number(series, layout.number)
        elif field_type in ("date", "moment"):
            series = cells.as_date(series, date_order, around.zone)
        elif field_type in cells.IDENTIFIERS:
            series = cells.as_identifier(series, field_type)
        done[name] = series
    frame = pl.DataFrame(done)
    if "order_no" not in frame.columns:
        frame = frame.with_columns(order_no=pl.lit(None, dtype=pl.String))
    return frame, findings


def _date_order(
    sheet: Sheet, mapping: Mapping, columns: dict[str, pl.Series], rows: pl.Series
) -> tuple[str, list[Finding]]:
    """Day-first or month-first, from what the file proves or what the channel always writes."""
    layout = mapping.layout
    texts = [text for series in columns.values() for text in series.drop_nulls().unique()]
    seen = dates.order(texts)
    if not seen.seen:
        return "", []
    first = next(
        (name, row, text)
        for name, series in columns.items()
        for row, text in zip(rows.to_list(), series.to_list(), strict=True)
        if text and dates.YEAR_LAST.fullmatch(text)
    )
    place = cells.Place(sheet.name, first[0], *mapping.columns[first[0]])
    if seen.proved == "mixed":
        return "", [place.finding("DATE_ORDER_MIXED", first[1], first[2])]
    if layout.resaved_dates:
        resaved = [place.finding("EXCEL_RESAVED", first[1], first[2])]
        if seen.proved:
            return seen.proved, resaved
        return "", [*resaved, place.finding("DATE_AMBIGUOUS", first[1], first[2])]
    if seen.proved or layout.date_order:
        chosen = seen.proved or layout.date_order
        assumed = not seen.proved
        note = [place.finding("DATE_ORDER_ASSUMED", first[1], first[2], chosen)] if assumed else []
        return chosen, note
    return "", [place.finding("DATE_AMBIGUOUS", first[1], first[2])]


def _fill(
    frame: pl.DataFrame, sheet: Sheet, mapping: Mapping
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
        down = [
            pl.when(pl.col("order_no").is_null())
            .then(pl.col(name))
            .otherwise(pl.col(name).forward_fill().over("order_no"))
            .alias(name)
            for name in present
        ]
        first = pl.when(pl.col("order_no").is_null()).then(pl.col("row"))
        frame = frame.with_columns(
            *down, order_row=first.otherwise(pl.col("row").first().over("order_no"))
        )
    else:
        frame = frame.with_columns(order_row=pl.col("row"))
    return frame, findings


def _order_level(frame: pl.DataFrame, layout: Layout, around: Circumstances) -> pl.DataFrame:
    """Amounts summed over an order, signs, defaults, words of the channel."""
    for name in layout.positive:
        if name in frame.columns:
            frame = frame.with_columns(pl.col(name).str.replace(r"^-([0-9.]+)$", "$1"))
    for name in layout.sum_over_order:
        if name in frame.columns:
            frame = movements.summed(frame, name)
    for name, words in layout.values.items():
        if name in frame.columns:
            text = pl.col(name).str.to_lowercase().str.strip_chars()
            known = text.replace_strict(list(words), list(words.values()), default=None)
            frame = frame.with_columns(pl.coalesce(known, pl.col(name)).alias(name))
    defaults = dict(layout.defaults)
    if around.currency and "currency" in fields(layout.kind):
        defaults.setdefault("currency", around.currency)
    for name, value in defaults.items():
        now = pl.col(name) if name in frame.columns else pl.lit(None, dtype=pl.String)
        frame = frame.with_columns(pl.coalesce(now, pl.lit(value)).alias(name))
    return frame


def _matches(frame: pl.DataFrame, name: str, values: tuple[str, ...], scope: str) -> pl.Expr:
    text = pl.col(name).str.to_lowercase().str.strip_chars()
    found = text.is_in(list(values)) if values else pl.col(name).is_not_null()
    found = found.fill_null(False)
    if scope == "order":
        return (
            pl.when(pl.col("order_no").is_null())
            .then(found)
            .otherwise(found.any().over("order_no"))
        )
    return found


def _exclude(frame: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """The first matching rule's code in ``excluded``."""
    code = pl.lit(None, dtype=pl.String)
    for rule in reversed(layout.exclude):
        if rule.field in frame.columns:
            match = _matches(frame, rule.field, rule.values, rule.scope)
            code = pl.when(match).then(pl.lit(rule.code)).otherwise(code)
    return frame.with_columns(excluded=code)


def _warn(frame: pl.DataFrame, layout: Layout, mapping: Mapping, sheet: str) -> Iterator[Finding]:
    """Findings of the layout's warning rules, one an order."""
    for rule in layout.warn:
        if rule.field not in mapping.columns:
            continue
        match = _matches(frame, rule.field, rule.values, rule.scope)
        found = frame.filter(match & pl.col("excluded").is_null())
        place = cells.Place(sheet, rule.field, *mapping.columns[rule.field])
        for row in found.unique("order_row", keep="first", maintain_order=True).to_dicts():
            value = "" if rule.field.startswith(HIDDEN) else row[rule.field] or ""
            yield place.finding(rule.code, row["order_row"], value)


def _rows(
    sheet: Sheet,
    codes: dict[int, tuple[int, str | None]],
    frame: pl.DataFrame,
    kept: pl.DataFrame,
) -> pl.DataFrame:
    """Every physical row once: its exclusion code, or the record that it became."""
    states = pl.DataFrame(
        {
            "row": list(codes),
            "lines": [lines for lines, _ in codes.values()],
            "code": [code for _, code in codes.values()],
        },
        schema={"row": pl.UInt32, "lines": pl.UInt32, "code": pl.String},
    )
    body = frame.select("row", "excluded", "order_no")
    body = body.join(kept.select("row", "record"), on="row", how="left", maintain_order="left")
    states = states.join(body, on="row", how="left", maintain_order="left").select(
        "row",
        "lines",
        pl.coalesce("code", "excluded").alias("excluded"),
        "order_no",
        "record",
    )
    numbers = pl.DataFrame({"row": pl.int_range(1, sheet.last + 1, dtype=pl.UInt32, eager=True)})
    return _whole(numbers.join(states, on="row", how="left", maintain_order="left"), sheet.name)


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
