"""One file's bytes → lines: preflight, reader, recognition, layout. Runs in the child."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import NoReturn

import polars as pl
import python_calamine

from xborder.findings import Finding
from xborder.intake import delimited, encoding, headers, lines, preflight, workbook
from xborder.intake.grid import NUMBER, TEXT, Row, Sheet
from xborder.intake.layouts import KINDS, Layout, all_layouts
from xborder.intake.limits import Limits, Refused, refuse
from xborder.intake.lines import Circumstances

ISSUES = "问题清单 Issues"
"""The sheet of findings that an annotated copy carries; it may come back with the corrections."""

PERSONAL = re.compile(r"@|[0-9]{5}", re.ASCII)
Columns = dict[str, dict[str, tuple[int, str]]]


@dataclass
class Parsed:
    """What the child hands back; ``kind`` None means that the file is refused."""

    kind: str | None = None
    layout: str | None = None
    channel: str | None = None
    records: pl.DataFrame = field(default_factory=pl.DataFrame)
    rows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=lines.ROWS))
    columns: Columns = field(default_factory=dict)
    order_fields: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    encoding: str | None = None


def parse(
    data: bytes,
    file_name: str,
    *,
    kind: str | None = None,
    shop_channel: str | None = None,
    around: Circumstances | None = None,
    limits: Limits | None = None,
) -> Parsed:
    """Read a file. Never raises for what a file may hold: a refusal is a finding.

    ``kind`` demands a kind of file, ``shop_channel`` the channel of the shop whose order file
    it is (the own template fits every shop).
    """
    limits = limits or Limits()
    parsed = Parsed()
    try:
        _parse(parsed, data, file_name, kind, shop_channel, around or Circumstances(), limits)
    except Refused as refused:
        parsed.kind = None
        parsed.findings = [*parsed.findings[:100], refused.finding]
        parsed.records = pl.DataFrame()
    return parsed


def _parse(
    parsed: Parsed,
    data: bytes,
    file_name: str,
    kind: str | None,
    shop_channel: str | None,
    around: Circumstances,
    limits: Limits,
) -> None:
    layouts = all_layouts()
    file_type = preflight.file_type(data)
    if file_type == "text":
        sheets, found = _delimited(parsed, data, layouts, limits)
    else:
        sheets = _workbook(data, file_type, limits)
        found = [headers.recognise(delimited.first_rows(sheet), layouts) for sheet in sheets]
    chosen = _choose(sheets, found)
    layout = chosen.layout if chosen else _refuse_unknown(sheets, found)
    if kind in KINDS and layout.kind != kind:
        refuse("KIND_DIFFERS", value=layout.kind, expected=str(kind), layout=layout.title_zh)
    if (
        layout.kind == "orders"
        and shop_channel
        and layout.channel not in (shop_channel, "template")
    ):
        refuse("CHANNEL_DIFFERS", value=layout.channel, expected=shop_channel)
    parsed.kind, parsed.layout, parsed.channel = layout.kind, layout.layout, layout.channel
    parsed.order_fields = layout.order_fields if layout.kind == "orders" else ()
    records, rows = [], []
    for sheet, recognition in zip(sheets, found, strict=True):
        mapping, header = recognition.mapping, recognition.header
        mine = mapping is not None and mapping.layout is layout and not sheet.hidden
        if mine and mapping is not None and header is not None:
            part = lines.read(sheet, header, mapping, around)
            records.append(part.records)
            rows.append(part.rows)
            parsed.findings += part.findings
            parsed.columns[sheet.name] = mapping.columns
        elif sheet.name == ISSUES and sheet.rows:
            rows.append(lines.every_row(sheet, "NOT_DATA"))
        elif sheet.rows and sheet.name not in layout.other_sheets:
            rows.append(lines.every_row(sheet, "SHEET_NOT_READ"))
            code = "SHEET_HIDDEN" if sheet.hidden else "SHEET_NOT_READ"
            parsed.findings.append(Finding(code, sheet=sheet.name, value=str(sheet.last)))
    _assemble(parsed, records, rows, layout, limits)


def _assemble(
    parsed: Parsed,
    records: list[pl.DataFrame],
    rows: list[pl.DataFrame],
    layout: Layout,
    limits: Limits,
) -> None:
    """Put the sheets together; record numbers run on from sheet to sheet."""
    before = 0
    shifted = []
    for sheet_rows in rows:
        shifted.append(sheet_rows.with_columns(record=(pl.col("record") + before).cast(pl.UInt32)))
        before += sheet_rows["record"].drop_nulls().len()
    parsed.rows = pl.concat(shifted)
    parsed.records = pl.concat(records)
    if not parsed.rows.filter(
        pl.col("record").is_not_null()
        | ~pl.col("excluded").is_in(
            ["HEADER", "BLANK", "FOOTER", "NOT_DATA", "DESCRIPTION", "SHEET_NOT_READ"]
        )
    ).height:
        if not layout.may_be_empty:
            refuse("NO_DATA_ROWS")
        parsed.findings.append(Finding("EMPTY_REPORT"))
    if len(parsed.findings) > limits.findings:
        refuse("TOO_MANY_FAULTS", value=str(len(parsed.findings)))


def _choose(sheets: list[Sheet], found: list[headers.Recognition]) -> headers.Mapping | None:
    """The layout that counts: of the visible sheets the one that maps most."""
    best: headers.Mapping | None = None
    for sheet, recognition in zip(sheets, found, strict=True):
        mapping = recognition.mapping
        if (
            mapping is not None
            and not sheet.hidden
            and (best is None or len(mapping.columns) > len(best.columns))
        ):
            best = mapping
    return best


def _refuse_unknown(sheets: list[Sheet], found: list[headers.Recognition]) -> NoReturn:
    """UNKNOWN_LAYOUT with the header that was found and the nearest layouts."""
    if not any(sheet.rows for sheet in sheets):
        refuse("FILE_EMPTY")
    sheet, likely = max(zip(sheets, found, strict=True), key=lambda pair: pair[1].weight)
    names = {layout.layout: layout for layout in all_layouts()}
    texts = likely.header.texts if likely.header else []
    near = []
    for score, name in likely.nearest[:3]:
        layout = names[name]
        mapped = headers.match(texts, layout).columns
        absent = [one for one in (*layout.recognise, *layout.needed) if one not in mapped]
        heads = list(dict.fromkeys(layout.column(one).headers[0] for one in absent))
        lack = f", 缺 without: {' / '.join(heads[:6])}" if heads else ""
        if score > 0:
            near.append(f"{name} ({layout.title_zh} {layout.title_en}, {score:.0%}{lack})")
    # Without a known header this may be a row of data: nothing personal must be quoted.
    shown = [text.strip() for text in texts if text and text.strip()]
    heads = [text[:40] for text in shown if not PERSONAL.search(text)]
    refuse(
        "UNKNOWN_LAYOUT",
        sheet=sheet.name,
        row=likely.header.number if likely.header else None,
        value=" | ".join(heads[:30])[:600],
        nearest="; ".join(near) or "-",
    )


def _delimited(
    parsed: Parsed, data: bytes, layouts: Sequence[Layout], limits: Limits
) -> tuple[list[Sheet], list[headers.Recognition]]:
    """A text file: its encoding, the delimiter under which its header makes sense, its rows."""
    text, parsed.encoding = encoding.decode(data)
    text = text.lstrip("\ufeff")
    if not text.strip():
        refuse("FILE_EMPTY")
    declared = delimited.declared_delimiter(text)
    best: tuple[tuple[int, float], str, headers.Recognition, Sheet] | None = None
    for delimiter in declared or delimited.DELIMITERS:
        head = delimited.preview(text, delimiter, True, limits)
        recognition = headers.recognise(delimited.first_rows(head), layouts)
        if best is None or recognition.weight > best[0]:
            best = (recognition.weight, delimiter, recognition, head)
    assert best is not None
    _, delimiter, recognition, head = best
    if recognition.mapping is None:
        return [head], [recognition]
    layout = recognition.mapping.layout
    if not layout.quoted:
        head = delimited.preview(text, delimiter, False, limits)
        recognition = headers.recognise(delimited.first_rows(head), [layout])
    mapping, header = recognition.mapping, recognition.header
    if mapping is None or header is None:
        return [head], [recognition]
    wanted = {0, *(column for column, _ in mapping.columns.values())}
    kept = sorted(wanted.union(*mapping.doubled.values()))
    lines_there = delimited.physical_lines(text)
    # The decoded text would lie in memory four times over; the bytes are decoded again.
    marks = len(encoding.decoded_start(data, parsed.encoding))
    del text
    source = io.BytesIO(data)
    source.seek(marks)
    with io.TextIOWrapper(source, encoding=parsed.encoding, newline="") as stream:
        width = len(header.texts)
        sheet = delimited.rows(stream, delimiter, layout.quoted, kept, width, limits)
    counted = sum(row.lines for row in sheet.rows)
    if counted != lines_there:
        refuse("CSV_NOT_WELL_FORMED", row=sheet.last, line=counted, reason="physical lines")
    return [sheet], [recognition]


def _workbook(data: bytes, file_type: str, limits: Limits) -> list[Sheet]:
    if len(data) > limits.unpacked_bytes:
        refuse("FILE_TOO_LARGE", value=str(len(data)), expected=str(limits.unpacked_bytes))
    if file_type == "xlsx":
        return workbook.read(preflight.unpack(data, limits), limits)
    return _biff(data, limits)


def _biff(data: bytes, limits: Limits) -> list[Sheet]:
    """An .xls workbook through calamine, after the preflight found a BIFF stream in it."""
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        tables = [
            (meta.name, meta.visible, book.get_sheet_by_name(meta.name))
            for meta in book.sheets_metadata
            if meta.typ == python_calamine.SheetTypeEnum.WorkSheet
        ]
    except python_calamine.PasswordError:
        refuse("FILE_PASSWORD_PROTECTED")
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        refuse("FILE_DAMAGED", reason=str(error)[:200])
    sheets = []
    for name, visible, table in tables:
        sheet = Sheet(name, hidden=visible != python_calamine.SheetVisibleEnum.Visible)
        if table.width > limits.columns:
            refuse("TOO_MANY_COLUMNS", sheet=name, value=str(table.width), expected="512")
        for number, values in enumerate(table.to_python(skip_empty_area=False), 1):
            texts, kinds = zip(*(_biff_cell(value) for value in values), strict=True)
            if any(texts):
                sheet.rows.append(Row(number, list(texts), b"".join(kinds)))
        sheets.append(sheet)
    return sheets


def _biff_cell(value: object) -> tuple[str | None, bytes]:
    if isinstance(value, bool):
        return ("TRUE" if value else "FALSE"), TEXT
    if isinstance(value, float | int):
        text, is_number = workbook.cell_number(repr(value))
        return text, NUMBER if is_number else TEXT
    if hasattr(value, "isoformat"):
        return value.isoformat(sep=" ") if hasattr(value, "hour") and hasattr(
            value, "year"
        ) else value.isoformat(), TEXT
    return (str(value) or None), TEXT


def base_name(file_name: str) -> str:
    """The last part of a name, whatever kind of path it pretends to be; printable, ≤ 200."""
    last = PurePath(file_name.replace("\\", "/")).name
    shown = "".join(c if c.isprintable() else "_" for c in last)
    return shown.lstrip(".")[-200:] or "file"
