"""Hostile workbooks (XLSX, XLS, ZIP): each made on the spot, with what must become of it."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

from hostile_case import ACCEPT, ANY, Case, accept, refuse
from intake_files import ORDERS_HEAD, ORDERS_ROW, orders_csv, xlsx_bytes

GOOD = xlsx_bytes([ORDERS_HEAD, ORDERS_ROW])
SHEET, BOOK = "xl/worksheets/sheet1.xml", "xl/workbook.xml"
STYLES, TYPES, RELS = "xl/styles.xml", "[Content_Types].xml", "xl/_rels/workbook.xml.rels"
NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
MIB = 1024 * 1024
NOT_WHOLE = ("FILE_DAMAGED", "FILE_UNSAFE", "FILE_TYPE_NOT_ACCEPTED")


def parts(data: bytes = GOOD) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        return {name: book.read(name) for name in book.namelist()}


def packed(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", 8) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return out.getvalue()


def changed(**contents: bytes | None) -> bytes:
    """GOOD with parts replaced, added or (None) removed; ``__`` for a slash, ``_x`` for a dot."""
    members = parts()
    for key, content in contents.items():
        name = key.replace("__", "/").replace("_x", ".")
        members.pop(name, None)
        if content is not None:
            members[name] = content
    return packed(members)


def with_part(name: str, content: bytes | None) -> bytes:
    members = parts()
    members.pop(name, None)
    if content is not None:
        members[name] = content
    return packed(members)


def with_rows(rows: str, before: str = "", after: str = "") -> bytes:
    sheet = f"<worksheet {NS}>{before}<sheetData>{HEAD}{rows}</sheetData>{after}</worksheet>"
    return with_part(SHEET, sheet.encode())


def text(reference: str, value: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{value}</t></is></c>'


HEAD = '<row r="1">' + "".join(text(f"{'ABCDEFG'[at]}1", one) for at, one in enumerate(ORDERS_HEAD))
HEAD += "</row>"


def row(number: int, more: str = "", **cells: str) -> str:
    texts = dict(zip("ABCDEFG", ORDERS_ROW, strict=True))
    inner = "".join(cells.get(one, text(f"{one}{number}", texts[one])) for one in texts)
    return f'<row r="{number}">{inner}{more}</row>'


def flood(size: int, unit: bytes = b" " * MIB) -> bytes:
    """A deflate stream of ``size`` bytes, made without ever holding them."""
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = engine.compress(unit) + engine.flush(zlib.Z_FULL_FLUSH)
    block = engine.compress(unit) + engine.flush(zlib.Z_FULL_FLUSH)
    return first + block * (size // len(unit) - 1) + engine.flush()


def raw_member(name: str, content: bytes, size: int, crc: int = 0, method: int = 8,
               flags: int = 0) -> bytes:  # fmt: skip
    """GOOD with one more member, whose stream, sizes and checksum are as given."""
    members = {key: value for key, value in parts().items() if key != name}
    out = io.BytesIO(packed(members))
    with zipfile.ZipFile(out) as book:
        directory, count = book.start_dir, len(book.infolist())
    data = out.getvalue()
    at = data.rindex(b"PK\x05\x06")
    encoded = name.encode()
    shape = (20, flags, method, 0, 33, crc, len(content), size & 0xFFFFFFFF, len(encoded), 0)
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", *shape) + encoded + content
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, *shape, 0, 0, 0, 0, directory) + encoded
    middle = data[directory:at] + entry
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count + 1, count + 1, len(middle),
                      directory + len(local), 0)  # fmt: skip
    return data[:directory] + local + middle + end


def every() -> Iterator[Case]:
    yield from archives()
    yield from bombs()
    yield from xml()
    yield from sheets()
    yield from typed_cells()
    yield from old_books()


def archives() -> Iterator[Case]:
    size = len(GOOD)
    for share in range(1, 16):
        yield refuse(f"zip cut at {share}/16", GOOD[: size * share // 16], *NOT_WHOLE, "FILE_EMPTY",
                     "NUL_BYTES")  # fmt: skip
    for cut in (1, 2, 10, 21, 22, 23):
        yield refuse(f"zip without its last {cut}", GOOD[:-cut], *NOT_WHOLE)
    for share in range(24):
        at = size * share // 24 + 5
        yield Case(f"zip with a bit turned at {share}/24",
                   GOOD[:at] + bytes([GOOD[at] ^ 4]) + GOOD[at + 1 :], ANY)  # fmt: skip
    for name, data in {
        "before": b"x" + GOOD, "a program before": b"#!/bin/sh\n" + GOOD, "behind": GOOD + b"x",
        "a megabyte behind": GOOD + bytes(MIB), "twice": GOOD + GOOD, "comment": GOOD[:-2] + b"\x05\0hello",
        "end record behind": GOOD + GOOD[-22:],
    }.items():  # fmt: skip
        yield Case(f"zip with {name}", data, ANY if name in ("before", "a program before", "comment")
                   else "refuse")  # fmt: skip
    end = GOOD.rindex(b"PK\x05\x06")
    for name, at, value in (("disk", 4, 1), ("first disk", 6, 1), ("count here", 8, 3),
                            ("count", 10, 3), ("count 65535", 10, 65535)):  # fmt: skip
        data = bytearray(GOOD)
        struct.pack_into("<H", data, end + at, value)
        yield refuse(f"zip lies about {name}", bytes(data), *NOT_WHOLE)
    for name, at, value in (("directory size", 12, 10), ("directory", 16, 10),
                            ("directory far", 16, 0xFFFFFFFF)):  # fmt: skip
        data = bytearray(GOOD)
        struct.pack_into("<L", data, end + at, value)
        yield refuse(f"zip lies about {name}", bytes(data), *NOT_WHOLE)
    central = GOOD.index(b"PK\x01\x02")
    for name, at, form, value in (
        ("flags", 8, "<H", 1), ("strong flags", 8, "<H", 0x41), ("method", 10, "<H", 12),
        ("method 99", 10, "<H", 99), ("checksum", 16, "<L", 1), ("packed size", 20, "<L", 1),
        ("packed size big", 20, "<L", 0x7FFFFFFF), ("size", 24, "<L", 1), ("no size", 24, "<L", 0),
        ("name length", 28, "<H", 2), ("extra", 30, "<H", 9), ("remark", 32, "<H", 9),
        ("offset", 42, "<L", 7), ("offset far", 42, "<L", 0x7FFFFFFF),
    ):  # fmt: skip
        data = bytearray(GOOD)
        struct.pack_into(form, data, central + at, value)
        yield refuse(
            f"member lies about {name}", bytes(data), *NOT_WHOLE, "FILE_PASSWORD_PROTECTED"
        )
    for name in ("../evil", "/etc/passwd", "a\\..\\b", "..", "xl/../../x", "C:/x", "a\0b",
                 "XL/WORKBOOK.XML", "xl/vbaProject.bin", "xl/activeX/a.xml", "xl/embeddings/o.bin",
                 "xl/ctrlProps/c.xml", "customUI/customUI.xml", "xl/macrosheets/sheet1.xml"):  # fmt: skip
        plain = b"<a/>"
        fate = ANY if name in ("C:/x", "customUI/customUI.xml") else "refuse"
        yield Case(f"member called {name!r}",
                   raw_member(name, plain, len(plain), zlib.crc32(plain), 0), fate)  # fmt: skip
    for count in (300, 301, 5000):
        members = parts() | {f"xl/media/{at}.png": b"x" for at in range(count - len(parts()))}
        yield Case(f"{count} members", packed(members), ACCEPT if count == 300 else "refuse")
    csv = orders_csv(ORDERS_ROW)
    yield accept("a zip of a workbook", packed({"a.xlsx": GOOD}), rows=2)
    yield accept("a zip of csv", packed({"a.csv": csv, "__MACOSX/._a.csv": b"x"}), rows=2)
    yield accept("a zip of json", packed({"a.json": b'[{"order_no":"A","sku":"B","qty":1,'
                                                    b'"currency":"USD"}]'}), rows=2)  # fmt: skip
    yield refuse(
        "a zip of a zip", packed({"a.zip": packed({"a.csv": csv})}), "FILE_TYPE_NOT_ACCEPTED"
    )
    yield refuse("a zip of two", packed({"a.csv": csv, "b.csv": csv}), "FILE_TYPE_NOT_ACCEPTED")
    yield refuse("a zip of a folder", packed({"a/a.csv": csv}), "FILE_TYPE_NOT_ACCEPTED")
    yield refuse("a zip of a path out", packed({"../a.csv": csv}), "FILE_UNSAFE")
    yield refuse("a zip of a program", packed({"a.csv": b"MZ"}), "FILE_TYPE_NOT_ACCEPTED")
    yield refuse("a zip of nothing", packed({"a.csv": b""}), "FILE_EMPTY")
    yield refuse("a zip of noise", packed({"a.csv": b"a,b"}), "UNKNOWN_LAYOUT")
    yield refuse("a zip of a bomb", packed({"a.csv": b"a," * 30 * MIB}), "FILE_EXPANDS_TOO_MUCH")
    yield refuse("an empty zip", b"PK\x05\x06" + bytes(18), *NOT_WHOLE)
    yield refuse("two letters", b"PK", *NOT_WHOLE)
    for kind, name in (("xlsb", "xl/workbook.bin"), ("ods", "content.xml"),
                       ("docx", "word/document.xml"), ("pptx", "ppt/presentation.xml")):  # fmt: skip
        members = {TYPES: b"<Types/>", name: b"x"}
        members |= {"mimetype": b"application/x"} if kind == "ods" else {}
        yield refuse(f"a {kind}", packed(members), "FILE_TYPE_NOT_ACCEPTED", file_name="a.xlsx")
    macro = parts()[TYPES].replace(b"spreadsheetml.sheet.main", b"sheet.macroEnabled.main")
    yield refuse("a workbook with macros", with_part(TYPES, macro), "FILE_TYPE_NOT_ACCEPTED")
    for name in (BOOK, TYPES):
        yield refuse(f"without {name}", with_part(name, None), "FILE_TYPE_NOT_ACCEPTED")
    for name in (SHEET, RELS):
        yield refuse(f"without {name}", with_part(name, None), "FILE_DAMAGED")
    for name in (STYLES, "xl/theme/theme1.xml", "docProps/core.xml"):
        yield Case(f"without {name}", with_part(name, None), ACCEPT, 2)


def bombs() -> Iterator[Case]:
    for name, unit in (("sheet", SHEET), ("strings", "xl/sharedStrings.xml"), ("styles", STYLES),
                       ("media", "xl/media/a.png"), ("book", BOOK)):  # fmt: skip
        stream = flood(2048 * MIB)
        yield refuse(
            f"2 GiB of {name}", raw_member(unit, stream, 2048 * MIB), "FILE_EXPANDS_TOO_MUCH"
        )
        yield refuse(f"2 GiB of {name}, said to be small", raw_member(unit, stream, 100),
                     "FILE_EXPANDS_TOO_MUCH")  # fmt: skip
    many = parts() | {f"xl/media/{at}.bin": bytes(10 * MIB) for at in range(8)}
    yield refuse("eight members of 10 MiB", packed(many), "FILE_EXPANDS_TOO_MUCH")
    blank = with_rows(row(2) + " " * (40 * MIB))
    yield Case("40 MiB of blanks between rows", blank, ACCEPT, 2, heavy=True)
    cell = with_rows(row(2, A=text("A2", "x" * (40 * MIB))))
    yield Case("a cell of 40 MiB", cell, ANY, heavy=True)
    comment = with_part(SHEET, f"<worksheet {NS}><!--{'x' * 40 * MIB}--></worksheet>".encode())
    yield Case("a comment of 40 MiB", comment, ANY, heavy=True)
    attribute = with_rows(row(2), before=f'<a b="{"x" * 40 * MIB}"/>')
    yield Case("an attribute of 40 MiB", attribute, ANY, heavy=True)
    attributes = with_rows(
        row(2), before="<a " + " ".join(f'b{at}="1"' for at in range(300_000)) + "/>"
    )
    yield Case("300,000 attributes", attributes, ANY, heavy=True)
    deep = with_rows(row(2), before="<a>" * 500_000 + "</a>" * 500_000)
    yield Case("500,000 elements deep", deep, ANY, heavy=True)
    strings = f"<sst {NS}>" + "<si><t>x</t></si>" * 2_000_000 + "</sst>"
    yield Case("two million strings", with_part("xl/sharedStrings.xml", strings.encode()), ACCEPT, 2,
               heavy=True)  # fmt: skip
    blanks = "".join(f'<row r="{at}"><c r="A{at}" s="0"/></row>' for at in range(3, 700_000))
    yield Case("700,000 formatted rows", with_rows(row(2) + blanks), ACCEPT, heavy=True)
    full = "".join(f'<row r="{at}"><c r="A{at}"><v>1</v></c></row>' for at in range(3, 700_000))
    yield Case("700,000 numbers", with_rows(row(2) + full), ANY, heavy=True)
    merges = "".join(f'<mergeCell ref="A{at}:B{at}"/>' for at in range(3, 300_000))
    yield Case("300,000 merges", with_rows(row(2), after=f"<mergeCells>{merges}</mergeCells>"), ACCEPT,
               2, heavy=True)  # fmt: skip
    last = with_rows(row(1_048_576))
    yield Case("data in the last row", last, ACCEPT, 1_048_576, heavy=True)


ENTITY = '<!DOCTYPE a [<!ENTITY b "{}">]>'
TYPED = {
    "laughs": "<!DOCTYPE a [<!ENTITY a0 'ha'>" + "".join(
        f"<!ENTITY a{at} '{f'&a{at - 1};' * 10}'>" for at in range(1, 12)) + "]>",
    "quadratic": ENTITY.format("x" * 100_000),
    "outside": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
    "parameter": '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:9/x"> %b;]>',
    "bare": '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">',
}  # fmt: skip


def xml() -> Iterator[Case]:
    members = parts()
    for kind, doctype in TYPED.items():
        for name in (SHEET, BOOK, STYLES, TYPES, RELS, "_rels/.rels"):
            content = members[name].decode()
            begin = content.index("?>") + 2 if content.startswith("<?xml") else 0
            made = content[:begin] + doctype + content[begin:]
            yield refuse(f"{kind} in {name}", with_part(name, made.encode()), "FILE_UNSAFE")
    for name in (SHEET, BOOK, STYLES, RELS):
        content = members[name]
        for encoding in ("utf-16", "utf-16-le", "utf-32"):
            yield refuse(f"{name} in {encoding}", with_part(name, content.decode().encode(encoding)),
                         "FILE_UNSAFE", "FILE_DAMAGED")  # fmt: skip
        for lie in ("utf-7", "gbk", "ebcdic-cp-us"):
            body = content.partition(b"?>")[2] if content.startswith(b"<?xml") else content
            made = f'<?xml version="1.0" encoding="{lie}"?>'.encode() + body
            yield refuse(f"{name} says {lie}", with_part(name, made), "FILE_UNSAFE")
        for cut in (1, len(content) // 2, len(content) - 1):
            yield refuse(f"{name} cut at {cut}", with_part(name, content[:cut]), "FILE_DAMAGED")
        yield refuse(f"{name} empty", with_part(name, b""), "FILE_DAMAGED") if name != STYLES else Case(
            f"{name} empty", with_part(name, b""), ANY)  # fmt: skip
        yield refuse(f"{name} twice", with_part(name, content * 2), "FILE_DAMAGED")
        yield refuse(f"{name} not UTF-8", with_part(name, content.replace(b">", b">\xff", 3)),
                     "FILE_DAMAGED")  # fmt: skip
    for target in (
        "http://127.0.0.1:9/a",
        "file:///etc/passwd",
        "\\\\host\\share",
        "//host/x",
        "a.xlsx",
    ):
        relation = (f'<Relationships><Relationship Id="r" Type="x/externalLinkPath" Target="{target}" '
                    'TargetMode="External"/></Relationships>')  # fmt: skip
        name = "xl/externalLinks/_rels/externalLink1.xml.rels"
        yield Case(f"link to {target}", with_part(name, relation.encode()),
                   ANY if target in ("a.xlsx", "file:///etc/passwd") else "refuse")  # fmt: skip
    dde = b"<externalLink><ddeLink ddeService='cmd' ddeTopic='/c calc'/></externalLink>"
    yield refuse("a dde link", with_part("xl/externalLinks/externalLink1.xml", dde), "FILE_UNSAFE")
    for name in (
        "a/../../sheet1.xml",
        "/etc/passwd",
        "http://x/y",
        "worksheets/none.xml",
        "",
        "\\\\x",
    ):
        made = members[RELS].replace(b"/xl/worksheets/sheet1.xml", name.encode())
        made = made.replace(b"worksheets/sheet1.xml", name.encode())
        yield Case(f"sheet at {name!r}", with_part(RELS, made), "refuse")


def sheets() -> Iterator[Case]:
    disorder = {
        "a row twice": row(2) + row(2), "rows backwards": row(3) + row(2),
        "a cell twice": row(2, text("A2", "EVIL-1")), "cells backwards": row(2, text("B2", "x")),
    }  # fmt: skip
    for name, rows in disorder.items():
        yield refuse(name, with_rows(rows), "SHEET_OUT_OF_ORDER")
    outside = {
        "row 0": '<row r="0"/>', "row -1": '<row r="-1"/>', "row 1048577": '<row r="1048577"/>',
        "row 1e6": '<row r="1e6"/>', "row of 12 digits": '<row r="999999999999"/>',
        "row of Arabic digits": '<row r="٣"/>', "row x": '<row r="x"/>',
        "cell A0": row(2, text("A0", "x")), "cell of another row": row(2, text("H9", "x")),
        "cell XFE": row(2, text("XFE2", "x")), "cell AAAA": row(2, text("AAAA2", "x")),
        "cell a2": row(2, text("h2", "x")), "cell R2C2": row(2, text("R2C2", "x")),
        "cell 2H": row(2, text("2H", "x")), "cell of nothing": row(2, text(" ", "x")),
        "cell $H$2": row(2, text("$H$2", "x")),
    }  # fmt: skip
    for name, rows in outside.items():
        yield refuse(name, with_rows(rows), "CELL_OUTSIDE_SHEET", "SHEET_OUT_OF_ORDER")
    yield refuse("far corner", with_rows(row(2, text("XFD2", "x"))), "TOO_MANY_COLUMNS")
    yield refuse("column 513", with_rows(row(2, text("SS2", "x"))), "TOO_MANY_COLUMNS")
    yield Case("column 512", with_rows(row(2, text("SR2", "x"))), ACCEPT, 2)
    yield Case(
        "no references",
        with_rows(
            "<row>"
            + "".join(f'<c t="inlineStr"><is><t>{one}</t></is></c>' for one in ORDERS_ROW)
            + "</row>"
        ),
        ACCEPT,
        2,
    )
    for reference in ("A1:A1", "A1:XFD1048576", "x", ""):
        yield Case(f"dimension {reference!r}", with_rows(row(2), before=f'<dimension ref="{reference}"/>'),
                   ACCEPT, 2)  # fmt: skip
    for index in ("99999", "-1", "x", "1e3", "", " 0", "4294967296", "٣"):
        yield Case(
            f"string {index!r}", with_rows(row(2, A=f'<c r="A2" t="s"><v>{index}</v></c>')), ANY
        )
    count = f'<sst {NS} count="4294967295" uniqueCount="4294967295"><si><t>x</t></si></sst>'
    yield Case(
        "strings said to be 4 billion", with_part("xl/sharedStrings.xml", count.encode()), ACCEPT, 2
    )
    nested = f"<sst {NS}><si><t>a</t><si><t>b</t></si></si></sst>"
    yield Case("a string in a string", with_part("xl/sharedStrings.xml", nested.encode()), ANY)
    yield Case("a row in a row", with_rows(f'<row r="2">{row(3)}</row>'), ANY)
    yield Case(
        "a cell in a cell", with_rows(f'<row r="2"><c r="A2">{text("B2", "x")}</c></row>'), ANY
    )
    yield Case("data outside its place", with_rows("", after=row(2)), ANY)
    yield Case(
        "two places of data", with_rows(row(2), after=f"<sheetData>{row(3)}</sheetData>"), ANY
    )
    for kind in ("styles", "formats"):
        made = parts()[STYLES].replace(
            b'numFmtId="0"', b'numFmtId="x"' if kind == "styles" else b'numFmtId="99"'
        )
        yield Case(f"odd {kind}", with_part(STYLES, made), ANY)
    from openpyxl import Workbook

    def book(change) -> bytes:
        return xlsx_bytes([ORDERS_HEAD, ORDERS_ROW], change)

    def several(count: int, state: str = "visible"):
        def change(made: Workbook) -> None:
            for at in range(count):
                sheet = made.create_sheet(f"s{at}")
                sheet.sheet_state = state
                sheet.append(ORDERS_HEAD)
                sheet.append(ORDERS_ROW)

        return change

    yield Case("60 sheets", book(several(60)), ACCEPT, 122)
    yield refuse("250 sheets", book(several(250)), "FILE_TOO_HEAVY")
    yield Case("a hidden sheet", book(several(1, "hidden")), ACCEPT, 4)
    yield Case("a very hidden sheet", book(several(1, "veryHidden")), ACCEPT, 4)
    yield Case("an empty first sheet", book(lambda made: made.create_sheet("first", 0)), ACCEPT, 2)
    yield Case(
        "notes first",
        book(lambda made: made.create_sheet("first", 0).append(["call me"])),
        ACCEPT,
        3,
    )
    only = parts()[BOOK].replace(b'state="visible"', b'state="hidden"')
    yield Case("all hidden", with_part(BOOK, only), ANY)
    old = parts()[BOOK].replace(b"<workbookPr/>", b'<workbookPr date1904="1"/>')
    yield Case("days from 1904", with_part(BOOK, old), ACCEPT, 2)
    strict = GOOD and parts()[SHEET].replace(b"schemas.openxmlformats.org/spreadsheetml/2006/main",
                                             b"purl.oclc.org/ooxml/spreadsheetml/main")  # fmt: skip
    yield Case("strict", with_part(SHEET, strict), ACCEPT, 2)


SOURCES = (
    *(
        "NaN",
        "inf",
        "1e309",
        "0x10",
        "1_000",
        "-3",
        "1e-400",
        "1" * 500,
        "1.5e+20",
        "--",
        "٣",
        "1,5",
    ),
    *("2958466", "-1", "1e15", "0.30000000000000004", "", " 7 ", "\n7", "9" * 16, "TRUE"),
)


def typed_cells() -> Iterator[Case]:
    for column in "ABDE":
        for at, source in enumerate(SOURCES):
            cell = f'<c r="{column}2"><v>{source}</v></c>'
            yield Case(f"number {at} in {column}", with_rows(row(2, **{column: cell})), ACCEPT, 2)
    for kind in ("e", "b", "d", "str", "n", "s", "x", "inlineStr"):
        for value in ("#N/A", "#WHAT?", "1", "2026-04-01", "=1+1"):
            cell = f'<c r="D2" t="{kind}"><v>{value}</v></c>'
            yield Case(f"{value} of type {kind}", with_rows(row(2, D=cell)), ANY)
    for formula in ("<f>1+1</f>", "<f>1+1</f><v>2</v>", "<f>[1]S!A1</f><v>2</v>", "<f t='shared' si='9'/>",
                    "<f>" + "(" * 50_000 + "</f>", "<f>WEBSERVICE(&quot;http://x&quot;)</f><v>1</v>"):  # fmt: skip
        cell = f'<c r="D2">{formula}</c>'
        yield Case(f"formula {formula[:24]}", with_rows(row(2, D=cell)), ACCEPT, 2)
    for value in (
        "_x0000_",
        "_xD800_",
        "_xFFFE_",
        "_x000D_",
        "&#x1F600;",
        "&lt;b&gt;",
        "_x005F_x0041_",
    ):
        yield Case(f"text {value}", with_rows(row(2, C=text("C2", value))), ACCEPT, 2)
    yield refuse(
        "a character that XML forbids", with_rows(row(2, C=text("C2", "&#0;"))), "FILE_DAMAGED"
    )


def old_book(rows: list[list[str]]) -> bytes:
    """An XLS of one sheet of texts: BIFF8 in an OLE container, as small as it may be."""

    def record(number: int, content: bytes) -> bytes:
        return struct.pack("<2H", number, len(content)) + content

    def begin(kind: int) -> bytes:
        return record(0x809, struct.pack("<4H2L", 0x600, kind, 0x0DBB, 0x07CC, 0, 6))

    cells = b"".join(
        record(0x204, struct.pack("<4HB", at, column, 0, len(one), 1) + one.encode("utf-16-le"))
        for at, texts in enumerate(rows) for column, one in enumerate(texts)
    )  # fmt: skip
    name = "orders"
    bound = struct.pack("<LHBB", 0, 0, len(name), 0) + name.encode()
    globals_ = begin(5) + record(0x42, struct.pack("<H", 1200))
    offset = len(globals_) + 4 + len(bound) + 4
    bound = struct.pack("<LHBB", offset, 0, len(name), 0) + name.encode()
    stream = (
        globals_ + record(0x85, bound) + record(0x0A, b"") + begin(0x10) + cells + record(0x0A, b"")
    )
    stream = stream.ljust(max(4096, -(-len(stream) // 512) * 512), b"\0")
    count = len(stream) // 512
    table = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, count + 2), 0xFFFFFFFE]
    table += [0xFFFFFFFF] * (128 - len(table))

    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        encoded = name.encode("utf-16-le") + b"\0\0"
        return (encoded.ljust(64, b"\0") + struct.pack("<HBB3L", len(encoded), kind, 1, 0xFFFFFFFF,
                0xFFFFFFFF, child) + bytes(36) + struct.pack("<LQ", start, size))  # fmt: skip

    folder = entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + entry(
        "Workbook", 2, 0xFFFFFFFF, 2, len(stream)
    )
    folder += (bytes(66) + b"\0\0" + struct.pack("<3L", *[0xFFFFFFFF] * 3) + bytes(48)) * 2
    head = (
        bytes.fromhex("d0cf11e0a1b11ae1")
        + bytes(16)
        + struct.pack("<5H6x8L", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE)
    )
    head += struct.pack("<L", 0) + struct.pack("<109L", 0, *[0xFFFFFFFF] * 108)
    return (
        head[:512].ljust(512, b"\xff") + struct.pack("<128L", *table[:128]) + folder[:512] + stream
    )


def old_books() -> Iterator[Case]:
    good = old_book([ORDERS_HEAD, ORDERS_ROW])
    yield Case("xls", good, ANY, file_name="orders.xls")
    ole = bytes.fromhex("d0cf11e0a1b11ae1")
    for size in (0, 100, 504, 5000):
        yield refuse(f"xls of a mark and {size}", ole + bytes(size), "FILE_TYPE_NOT_ACCEPTED")
        name = "Workbook".encode("utf-16-le")
        yield refuse(f"xls of a name and {size}", ole + bytes(size) + name + bytes(size),
                     "FILE_DAMAGED", "PARSER_DIED")  # fmt: skip
    for name in ("EncryptedPackage", "WordDocument", "VBA"):
        yield refuse(f"ole of {name}", ole + bytes(600) + name.encode("utf-16-le"),
                     "FILE_PASSWORD_PROTECTED", "FILE_TYPE_NOT_ACCEPTED")  # fmt: skip
    for share in range(1, 12):
        yield refuse(f"xls cut at {share}/12", good[: len(good) * share // 12], *NOT_WHOLE)
    for at in (*range(24, 80, 4), 512, 516, 1024 + 66, 1024 + 116, 1024 + 120, 1024 + 128 + 116):
        for value in (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"):
            yield Case(f"xls with {value[3]:02x} at {at}", good[:at] + value + good[at + 4 :], ANY)
    for at in range(1536, 1536 + 400, 9):
        turned = good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1 :]
        yield Case(f"xls with a byte turned at {at}", turned, ANY)
    yield Case("xls behind text", b"x" + good, ANY)
    loop = bytearray(good)
    struct.pack_into("<L", loop, 512 + 4 * 3, 2)
    yield refuse("xls whose sectors run in a circle", bytes(loop), "FILE_DAMAGED")
    for at, what in ((512 + 4, "folder"), (68, "table")):
        loop = bytearray(good)
        struct.pack_into("<L", loop, at, 1)
        yield refuse(f"xls whose {what} runs in a circle", bytes(loop), "FILE_DAMAGED")
    cell = good.index(struct.pack("<2H", 0x204, 9 + 2 * len(ORDERS_ROW[0])))
    for name, row, column, code in (("last column", 1, 65535, "TOO_MANY_COLUMNS"),
                                    ("column 513", 1, 512, "TOO_MANY_COLUMNS"),
                                    ("a far corner", 65535, 400, "FILE_TOO_HEAVY")):  # fmt: skip
        far = bytearray(good)
        struct.pack_into("<2H", far, cell + 4, row, column)
        yield refuse(f"xls with a cell in {name}", bytes(far), code)
    for number, stop in ((0x809, 3), (0x85, 3), (0x204, 2), (0xFC, 9000)):
        record = struct.pack("<2H", number, stop)
        at = good.index(struct.pack("<2H", 0x0A, 0))
        yield Case(
            f"xls with a record {number:x} of {stop}", good[:at] + record + good[at + 4 :], ANY
        )
