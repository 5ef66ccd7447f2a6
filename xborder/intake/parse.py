"""One file's bytes → lines: preflight, reader, recognition, layout. Runs in the child."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePath
from typing import BinaryIO, NoReturn

import polars as pl

from xborder.findings import Finding
from xborder.intake import (
    amendments,
    biff,
    copies,
    delimited,
    encoding,
    grid,
    headers,
    json_orders,
    lines,
    meaning,
    preflight,
    proposals,
    workbook,
)
from xborder.intake.delimited import Form
from xborder.intake.grid import Row, Sheet
from xborder.intake.layouts import FOR_ANY_SHOP, KINDS, Layout, all_layouts
from xborder.intake.limits import MIB, Limits, Refused, refuse
from xborder.intake.lines import Circumstances, SheetLines
from xborder.intake.stream import Stream, proved
from xborder.intake.survey import Survey
from xborder.intake.whole_orders import Sender, WholeOrders

MARKED = tuple(mark for mark, _ in encoding.MARKS)
JSON = "json"
"""What stands for an encoding in the reading of a JSON file, which is always UTF-8."""
CHANGED = ("HEADER_CHANGED", "MAPPED_COLUMN_GONE")
PERSONAL = re.compile(r"@|[0-9]{5}", re.ASCII)
Columns = dict[str, dict[str, tuple[int, str]]]


@dataclass
class Parsed:
    """What the child hands back; ``kind`` None means that the file is refused.

    ``records`` and ``rows`` are those of all blocks where ``parse`` has put them together.
    ``copy``: of which file it is an annotated copy.
    ``partner``: which other file completes its orders.
    ``proposal``: what its headers may mean, where they are not known (see ``proposals``).
    """

    kind: str | None = None
    layout: str | None = None
    channel: str | None = None
    records: pl.DataFrame = field(default_factory=pl.DataFrame)
    rows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=lines.ROWS))
    columns: Columns = field(default_factory=dict)
    order_fields: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    encoding: str | None = None
    copy: copies.Origin | None = None
    proposal: proposals.Proposal | None = None
    partner: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """What is known about a file before it is read.

    ``kind`` demands a kind of file, ``shop_channel`` the channel of the shop whose order file
    it is (the own template fits every shop), ``mappings`` what its exporter said of other
    sheets; ``enclosed``: it came in a ZIP, and a ZIP in a ZIP is not opened;
    ``fresh``: it is of no known layout, so that its columns are proposed anew; ``said``: field →
    header, which the user named of it, who asks for a proposal in any case; ``exact``: it was
    JSON, whose numbers have a point.
    """

    kind: str | None = None
    shop_channel: str | None = None
    around: Circumstances = field(default_factory=Circumstances)
    limits: Limits = field(default_factory=Limits)
    mappings: tuple[Layout, ...] = ()
    enclosed: bool = False
    fresh: bool = False
    said: Mapping[str, str] | None = None
    exact: bool = False

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """Every layout that the file may have."""
        return () if self.fresh else (*all_layouts(), *self.mappings)


def parse(
    data: bytes,
    file_name: str,
    *,
    kind: str | None = None,
    shop_channel: str | None = None,
    around: Circumstances | None = None,
    limits: Limits | None = None,
    mappings: tuple[Layout, ...] = (),
    said: Mapping[str, str] | None = None,
) -> Parsed:
    """Read a file that lies in memory, as a whole. Never raises for what a file may hold."""
    around, limits = around or Circumstances(), limits or Limits()
    asked = Asked(kind, shop_channel, around, limits, mappings, said=said)
    parts: list[SheetLines] = []
    parsed = parse_blocks(io.BytesIO(data), asked, lambda _, part: parts.append(part))
    if parts:
        parsed.records, parsed.rows = lines.in_order([(one.records, one.rows) for one in parts])
    if parsed.kind is None:
        parsed.records = pl.DataFrame()
        return parsed
    parsed.findings += [one for part in parts for one in part.findings]
    return parsed


def parse_blocks(
    file: BinaryIO, asked: Asked, send: Callable[[Parsed, SheetLines], None]
) -> Parsed:
    """Read a file block by block; ``send`` gets each, with what is known of the file by then.

    What belongs to no block comes back.
    Never raises for what a file may hold: a refusal is a finding, and may come after blocks.
    """
    parsed = Parsed()
    try:
        _parse(parsed, file, asked, Sender(partial(send, parsed), asked.limits.findings))
    except Refused as refused:
        parsed.kind = None
        parsed.findings = [*parsed.findings[:100], refused.finding]
    return parsed


def _parse(parsed: Parsed, file: BinaryIO, asked: Asked, sender: Sender) -> None:
    head = file.read(MIB)
    kind = "" if head.startswith((preflight.OLE, b"PK")) else preflight.file_type(head)
    if kind != "text":
        size = file.seek(0, 2)
        most = min(asked.limits.unpacked_bytes, asked.limits.file_bytes)
        if size > most:
            refuse("FILE_TOO_LARGE", value=str(size), expected=str(most))
        file.seek(0)
        data = file.read()
        inner = preflight.enclosed(data, asked.limits) if data.startswith(b"PK") else None
        if inner is not None and not asked.enclosed:
            return _parse(parsed, io.BytesIO(inner), replace(asked, enclosed=True), sender)
        if kind == "json":
            table = json_orders.as_csv(data, asked.limits)
            try:
                _text(parsed, table, replace(asked, exact=True), sender)
            finally:
                parsed.encoding = JSON
        else:
            sheets, parsed.copy = _workbook(data, asked.limits)
            _sheets(parsed, sheets, asked, sender)
    else:
        _text(parsed, file, asked, sender)
    parsed.findings += sender.counted
    layout = next(one for one in asked.layouts if one.layout == parsed.layout)
    if not sender.any_data:
        if not layout.may_be_empty:
            refuse("NO_DATA_ROWS")
        parsed.findings.append(Finding("EMPTY_REPORT"))


def _agree(parsed: Parsed, layout: Layout, asked: Asked) -> None:
    """The file's layout is the one that counts, unless something else was asked for."""
    if layout.refuse:
        # It is refused whatever was asked for, with what to export instead.
        parsed.layout, parsed.channel = layout.layout, layout.channel
        parsed.kind = layout.kind
        return
    if asked.kind in KINDS and layout.kind != asked.kind:
        refuse("KIND_DIFFERS", value=layout.kind, expected=str(asked.kind), layout=layout.title_zh)
    if (
        layout.kind == "orders"
        and asked.shop_channel
        and layout.channel not in (asked.shop_channel, *FOR_ANY_SHOP)
    ):
        refuse("CHANNEL_DIFFERS", value=layout.channel, expected=asked.shop_channel)
    parsed.kind, parsed.layout, parsed.channel = layout.kind, layout.layout, layout.channel
    if layout.partner:
        told = {"awaits_zh": layout.partner_zh, "awaits_en": layout.partner_en}
        parsed.partner = {"awaits": layout.partner, "awaits_code": layout.partner_code} | told
        if layout.partner_tells:
            parsed.partner["awaits_fields"] = ",".join(layout.partner_tells)
    parsed.order_fields = layout.order_fields if layout.kind == "orders" else ()


def _sheets(parsed: Parsed, sheets: list[Sheet], asked: Asked, sender: Sender) -> None:
    """A workbook: every sheet of the layout that counts, as one block."""
    layouts = copies.layouts_of(parsed.copy, asked.layouts)
    found = [headers.recognise(delimited.first_rows(sheet), layouts) for sheet in sheets]
    chosen = _choose(sheets, found)
    known = [one for one, sheet in zip(found, sheets, strict=True) if not sheet.hidden]
    copies.heads_stand(parsed.copy, asked.layouts, sum(one.mapping is not None for one in known))
    layout = chosen.layout if chosen else _refuse_unknown(parsed, asked, sheets, found)
    _agree(parsed, layout, asked)
    if sum(one.mapping is not None for one in known) > asked.limits.sheets:
        refuse("FILE_TOO_HEAVY")
    parts: list[SheetLines] = []
    for sheet, recognition in zip(sheets, found, strict=True):
        mapping, header = recognition.mapping, recognition.header
        mine = mapping is not None and mapping.layout is layout and not sheet.hidden
        if mine and mapping is not None and header is not None:
            wanted = {column for column, _ in mapping.columns.values()}
            table = grid.table(sheet, header, sorted(wanted.union(*mapping.doubled.values())))
            table = lines.classified(table, header, mapping)
            survey = Survey(sheet.name, header.number, mapping, asked.around.zone)
            survey.add(table, alone=True)
            parsed.findings += lines.about_header(sheet.name, header, mapping)
            parts.append(lines.read(table, header, mapping, asked.around, survey.proved()))
            parsed.columns[sheet.name] = mapping.columns
        elif sheet.name == copies.ISSUES and sheet.rows:
            parts.append(lines.every_row(sheet, "NOT_DATA", layout.kind))
        elif sheet.rows and sheet.name not in layout.other_sheets:
            parts.append(lines.every_row(sheet, "SHEET_NOT_READ", layout.kind))
            code = "SHEET_HIDDEN" if sheet.hidden else "SHEET_NOT_READ"
            parsed.findings.append(Finding(code, sheet=sheet.name, value=str(sheet.last)))
    told = [*parsed.findings, *(one for part in parts for one in part.findings)]
    for sheet, recognition in zip(sheets, found, strict=True):
        if recognition.mapping is chosen and chosen and recognition.header:
            _stop(parsed, told, sheet, recognition.header, chosen)
            if asked.said is not None:
                parsed.proposal = amendments.upon(sheet.name, recognition.header, chosen)
    records, rows = lines.in_order([(one.records, one.rows) for one in parts])
    sender.send(SheetLines(records, rows, [one for part in parts for one in part.findings]))


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


def _stop(
    parsed: Parsed, found: list[Finding], sheet: Sheet, header: Row, mapping: headers.Mapping
) -> None:
    """Refuse what cannot be read rightly (``meaning.stop``), with what the headers may mean."""
    try:
        meaning.stop(mapping.layout, found)
    except Refused as refused:
        if refused.finding.code in CHANGED:
            parsed.proposal = amendments.drifted(sheet.name, header, sheet.rows, mapping)
        raise


def _proposal(asked: Asked, sheets: list[Sheet]) -> proposals.Proposal | None:
    """What the headers of the sheet with most known ones may mean."""
    likely = [
        (
            proposals.said_heads(row, (asked.said or {}).values()),
            proposals.known_heads(row),
            -row.number,
            -at,
            row,
        )
        for at, sheet in enumerate(sheets)
        for row in delimited.first_rows(sheet)
        if not sheet.hidden and len(row.texts) <= asked.limits.columns
    ]
    if not likely:
        return None
    *_, at, row = max(likely, key=lambda one: one[:4])
    sheet = sheets[-at]
    return amendments.near(sheet.name, row, sheet.rows, asked.layouts) or proposals.propose(
        sheet.name, row, sheet.rows, asked.kind, asked.said or {}
    )


def _refuse_unknown(
    parsed: Parsed, asked: Asked, sheets: list[Sheet], found: list[headers.Recognition]
) -> NoReturn:
    """UNKNOWN_LAYOUT with the header that was found and the nearest layouts."""
    if not any(sheet.rows for sheet in sheets):
        refuse("FILE_EMPTY")
    parsed.proposal = _proposal(asked, sheets)
    sheet, likely = max(zip(sheets, found, strict=True), key=lambda pair: pair[1].weight)
    names = {layout.layout: layout for layout in asked.layouts}
    nearest, header = likely.resembling()
    texts = header.texts if header else []
    near = []
    for score, name in nearest[:3]:
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
        row=header.number if header else None,
        value=" | ".join(heads[:30])[:600],
        nearest="; ".join(near) or "-",
    )


def _text(parsed: Parsed, file: BinaryIO, asked: Asked, sender: Sender) -> None:
    """A text file: its encoding, the delimiter under which its header makes sense, its rows."""
    layouts, limits = asked.layouts, asked.limits
    parsed.encoding = proved(file, _prior(file, layouts, asked))
    stream = Stream(file, parsed.encoding)
    window = stream.window(4 * delimited.PREVIEW_CHARACTERS)
    begin = window[: 4 * delimited.PREVIEW_CHARACTERS].decode(errors="ignore")
    if not begin.strip():
        refuse("FILE_EMPTY")
    best: tuple[tuple[int, float], str, headers.Recognition, Sheet] | None = None
    for delimiter in delimited.declared_delimiter(begin) or delimited.DELIMITERS:
        head = delimited.preview(begin, delimiter, True, limits)
        recognition = headers.recognise(delimited.first_rows(head), layouts)
        if best is None or recognition.weight > best[0]:
            best = (recognition.weight, delimiter, recognition, head)
    assert best is not None
    _, delimiter, recognition, head = best
    quoted = not recognition.mapping or recognition.mapping.layout.quotes(delimiter)
    if recognition.mapping and not quoted:
        head = delimited.preview(begin, delimiter, False, limits)
        recognition = headers.recognise(delimited.first_rows(head), [recognition.mapping.layout])
    mapping, header = recognition.mapping, recognition.header
    if mapping is None or header is None:
        _refuse_unknown(parsed, asked, [head], [recognition])
    mapping.exact = asked.exact
    _agree(parsed, mapping.layout, asked)
    parsed.columns[""] = mapping.columns
    wanted = {0, *(column for column, _ in mapping.columns.values())}
    heads = {
        str(at): header.texts[at] or "" for at in sorted(wanted.union(*mapping.doubled.values()))
    }
    form = Form(delimiter, quoted, heads, len(header.texts), limits)
    whole = WholeOrders(stream, form, header, mapping, asked.around, sender)
    parsed.findings += whole.survey()
    _stop(parsed, parsed.findings, head, header, mapping)
    if asked.said is not None:
        parsed.proposal = amendments.upon(head.name, header, mapping)
    whole.deliver()


def _prior(file: BinaryIO, layouts: Sequence[Layout], asked: Asked) -> Sequence[str]:
    """Encodings that the shop's channel is known for, or the one whose header stands there.

    Channels that write other encodings than UTF-8 have headers in ASCII, which reads alike.
    """
    if asked.shop_channel:
        return [
            one for layout in layouts if layout.channel == asked.shop_channel
            for one in layout.encodings
        ]  # fmt: skip
    file.seek(0)
    head = file.read(delimited.PREVIEW_CHARACTERS)
    if head.isascii() or head.startswith(MARKED):
        return ()
    begin = head.decode("latin-1")
    for delimiter in delimited.DELIMITERS:
        sheet = delimited.preview(begin, delimiter, True, asked.limits)
        mapping = headers.recognise(delimited.first_rows(sheet), layouts).mapping
        if mapping is not None:
            return mapping.layout.encodings
    return ()


def _workbook(data: bytes, limits: Limits) -> tuple[list[Sheet], copies.Origin | None]:
    if preflight.file_type(data) == "xlsx":
        members = preflight.unpack(data, limits)
        sheets = workbook.read(members, limits)
        return sheets, copies.origin(members, sheets)
    return biff.read(data, limits), None


def base_name(file_name: str) -> str:
    """The last part of a name, whatever kind of path it pretends to be; printable, ≤ 200."""
    last = PurePath(file_name.replace("\\", "/")).name
    shown = "".join(c if c.isprintable() else "_" for c in last)
    return shown.lstrip(".")[-200:] or "file"
