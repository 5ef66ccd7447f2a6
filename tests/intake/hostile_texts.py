"""Hostile text files (CSV, TSV, JSON): each made on the spot, with what must become of it."""

import codecs
import json
from collections.abc import Iterator

from hostile_case import ACCEPT, ANY, ASK, REFUSE, Case, accept, refuse
from intake_files import ORDERS_HEAD, ORDERS_ROW, csv_bytes, order_row, orders_csv

GOOD = orders_csv(ORDERS_ROW)
MIB = 1024 * 1024
MANY = orders_csv(*[order_row(order_no=f"DP-{at}", sku="青花瓷碗") for at in range(40_000)])


def every() -> Iterator[Case]:
    yield from encodings()
    yield from quoting()
    yield from shapes()
    yield from cells()
    yield from disguised()
    yield from documents()


def encodings() -> Iterator[Case]:
    latin = [ORDERS_HEAD, order_row(sku="Größe"), order_row(order_no="DP-2", sku="Füße")]
    hanzi = [ORDERS_HEAD, *[order_row(order_no=f"DP-{at}", sku="青花瓷碗") for at in range(30)]]
    for name in ("utf-8", "utf-8-sig", "utf-16", "gb18030", "gbk"):
        yield accept(f"encoding {name}", csv_bytes(hanzi, name), rows=31)
    for name in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        yield refuse(f"no mark {name}", csv_bytes(hanzi, name), "NUL_BYTES", "ENCODING_UNKNOWN")
    yield Case("encoding utf-32", csv_bytes(hanzi, "utf-32"), ANY)
    for name in ("hz", "iso2022_jp", "utf-7"):
        data = csv_bytes(hanzi, name) if name != "iso2022_jp" else b"\x1b$B@DV8\x1b(B," * 40
        yield refuse(f"shifted {name}", data, "UNKNOWN_LAYOUT")
    # Words of the header exist in all of these; what the bytes mean must not be guessed wrongly.
    for name in (
        "big5hkscs",
        "euc_jp",
        "koi8_r",
        "cp1251",
        "mac_roman",
        "cp437",
        "cp1252",
        "cp932",
    ):
        data = csv_bytes([["Größe".encode("cp1252").decode("latin-1")]], "latin-1")
        try:
            data = csv_bytes([ORDERS_HEAD, *latin[1:]], name)
        except UnicodeEncodeError:
            data = b"order no.,sku\r\n" + "Привет, цена".encode(name, "ignore") * 20
        yield Case(f"encoding {name}", data, ANY)
    for at in (3, 100, MIB - 1, MIB, MIB + 1, len(MANY) - 2):
        bad = MANY[:at] + b"\xff" + MANY[at:]
        yield refuse(f"bad byte at {at}", bad, "ENCODING_UNKNOWN", "UNKNOWN_LAYOUT")
        nul = MANY[:at] + b"\0" + MANY[at:]
        yield refuse(f"NUL at {at}", nul, "NUL_BYTES")
    for cut in (1, 2):
        yield refuse(f"cut within a character {cut}", MANY[: MANY.rindex("碗".encode()) + cut],
                     "ENCODING_UNKNOWN")  # fmt: skip
    gbk = csv_bytes(hanzi[1:], "gbk")
    yield refuse("two encodings", csv_bytes(hanzi) + gbk, "ENCODING_UNKNOWN")
    yield refuse("two encodings, late", MANY + gbk, "ENCODING_UNKNOWN")
    yield refuse("two encodings, gbk first", gbk + csv_bytes(hanzi),
                 "ENCODING_UNKNOWN", "UNKNOWN_LAYOUT")  # fmt: skip
    for name, mark in (("utf-8", codecs.BOM_UTF8), ("utf-16-le", codecs.BOM_UTF16_LE),
                       ("utf-16-be", codecs.BOM_UTF16_BE), ("utf-32-le", codecs.BOM_UTF32_LE),
                       ("utf-32-be", codecs.BOM_UTF32_BE)):  # fmt: skip
        yield Case(f"{name} mark before gbk", mark + gbk, ANY)
        if name != "utf-8":
            yield Case(f"{name} mark before utf-8", mark + csv_bytes(hanzi), ANY)
    yield accept("two marks", codecs.BOM_UTF8 * 2 + GOOD, rows=2)
    yield Case("mark in the middle", GOOD + codecs.BOM_UTF8 + csv_bytes([ORDERS_ROW]), ACCEPT)
    both = GOOD.replace("货号".encode(), b"SKU") + "DP-2,2026-04-01,浣犲ソ,1,1,USD,US".encode("gbk")
    yield Case("utf-8 that looks odd as gbk", both, ACCEPT, 3)
    english = ["order_no", "ordered_at", "sku", "qty", "unit_price", "currency", "country"]
    yield Case("gbk that is valid utf-8", csv_bytes([english, order_row(sku="猫")], "gbk"), ASK)


def quoting() -> Iterator[Case]:
    yield refuse("open quote in the first row", b'"' + GOOD, "CSV_NOT_WELL_FORMED",
                 "UNKNOWN_LAYOUT")  # fmt: skip
    yield refuse("open quote late", MANY + b'"open,\r\n1,2\r\n', "CSV_NOT_WELL_FORMED")
    yield refuse("open quote before a megabyte", GOOD + b'"' + MANY, "CSV_NOT_WELL_FORMED")
    yield refuse("a million quotes", GOOD + b'"' * 1_000_001, "CSV_NOT_WELL_FORMED")
    yield refuse("a million doubled quotes", GOOD + b'"' * 1_000_000, "CSV_NOT_WELL_FORMED")
    yield Case("quotes and commas", GOOD + b'","' * 300_001 + b"\r\n", ANY)
    yield refuse("stray quote", GOOD + b'DP-2,"a"b,1\r\n', "CSV_NOT_WELL_FORMED")
    yield Case("quote within a field", GOOD + b'DP-2,2026-04-01,5" x,1,1,USD,US\r\n', ACCEPT, 3)
    yield Case("backslash before a quote", GOOD + b'DP-2,"a\\",x\r\n', ANY)
    yield Case("apostrophes as quotes", GOOD + b"'DP,2',2026-04-01,b,1,1,USD,US\r\n", ACCEPT, 3)
    for size in (131_072, 131_073, 10 * MIB):
        row = csv_bytes([order_row(order_no="DP-2", sku="x" * size)])
        yield Case(f"a field of {size}", GOOD + row, ANY)
        yield Case(f"a quoted field of {size}", GOOD + b'"' + b"x" * size + b'"\r\n', ANY)
    yield Case("newlines in a field", GOOD + b'DP-2,x,"' + b"\n" * 100_000 + b'",1\r\n', ACCEPT)
    yield Case("a digit a million times", GOOD + b"1" * MIB + b"\r\n", ANY)


def shapes() -> Iterator[Case]:
    yield refuse("a million columns", b"," * 1_000_000 + b"\r\n" + GOOD, "TOO_MANY_COLUMNS",
                 "UNKNOWN_LAYOUT", "FILE_EMPTY")  # fmt: skip
    yield refuse("a million columns of data", GOOD + b"x," * 1_000_000 + b"\r\n",
                 "TOO_MANY_COLUMNS")  # fmt: skip
    yield Case("a million empty cells", GOOD + b"," * 1_000_000 + b"\r\n", ANY)
    for count in (512, 513, 5000):
        head = ORDERS_HEAD + [f"c{at}" for at in range(count - 7)]
        row = ORDERS_ROW + ["x"] * (count - 7)
        yield Case(f"{count} columns", csv_bytes([head, row]), ACCEPT if count == 512 else ANY)
    yield accept("a million blank lines", GOOD + b"\r\n" * 1_000_000, rows=1_000_002)
    yield accept("a million lines of commas", GOOD + b",,,,,,\r\n" * 300_000, rows=300_002)
    yield accept("one row many times", GOOD + csv_bytes([ORDERS_ROW]) * 100_000, rows=100_002)
    yield accept("the header many times", csv_bytes([ORDERS_HEAD]) * 20_000 + GOOD, rows=20_002)
    yield refuse("only the header, many times", csv_bytes([ORDERS_HEAD]) * 20_000, "NO_DATA_ROWS")
    ends = {"LF": "\n", "CR": "\r", "CRLF": "\r\n"}
    for name, end in ends.items():
        text = csv_bytes([ORDERS_HEAD, ORDERS_ROW, ORDERS_ROW]).replace(b"\r\n", end.encode())
        yield accept(f"ends {name}", text, rows=3)
        yield accept(f"ends {name}, none at the end", text.removesuffix(end.encode()), rows=3)
    for name, end in (("CRCRLF", "\r\r\n"), ("LFCR", "\n\r"), ("NEL", "\x85"), ("LS", "\u2028"),
                      ("PS", "\u2029"), ("VT", "\v"), ("FF", "\f"), ("RS", "\x1e")):  # fmt: skip
        yield Case(f"ends {name}", GOOD.replace(b"\r\n", end.encode()) * 2, ANY)
    mixed = b"\n".join([b"\r".join([GOOD.strip(), csv_bytes([ORDERS_ROW]).strip()]), GOOD])
    yield Case("ends mixed", mixed, ANY)
    for name, delimiter in (("semicolon", ";"), ("tab", "\t"), ("bar", "|")):
        data = csv_bytes([ORDERS_HEAD, ORDERS_ROW], delimiter=delimiter)
        yield accept(f"by {name}", data, rows=2)
    yield Case("by blank", GOOD.replace(b",", b" "), ANY)
    yield accept("sep=;", b"sep=;\r\n" + GOOD.replace(b",", b";"), rows=3)
    for lie in (b"sep=|\r\n", b"sep=\"\r\n", b"sep=\r\n\r\n", b"sep=\\\r\n", b"sep=0\r\n",
                "sep=，\r\n".encode()):  # fmt: skip
        yield Case(f"sep lies {lie!r}", lie + GOOD, ANY)
    yield Case("short rows", GOOD + b"DP-2\r\n" * 1000, ACCEPT, 1002)
    yield Case("long rows", GOOD + csv_bytes([[*ORDERS_ROW, "x"]]) * 1000, ACCEPT, 1002)
    yield Case("a header of blanks", csv_bytes([[" "] * 7, ORDERS_ROW]), ANY)
    twice = csv_bytes([[*ORDERS_HEAD, *ORDERS_HEAD], [*ORDERS_ROW, *ORDERS_ROW]])
    yield Case("every header twice", twice, ACCEPT, 2)
    other = csv_bytes([[*ORDERS_HEAD, "数量"], [*ORDERS_ROW, "3"]])
    yield refuse("two quantities", other, "DUPLICATE_HEADER")
    yield Case("a header of 200 kB", csv_bytes([["x" * 120_000, *ORDERS_HEAD],
                                               ["", *ORDERS_ROW]]), ANY)  # fmt: skip
    yield Case("a header on row 25", b"note\r\n" * 24 + GOOD, ACCEPT, 26)
    yield Case("a header on row 60", b"note\r\n" * 59 + GOOD, ANY)
    for name, data in (("nothing", b""), ("a mark", b"\xef\xbb\xbf"), ("lines", b"\r\n" * 9),
                       ("blanks", b" " * MIB), ("tabs", b"\t" * 9)):  # fmt: skip
        yield refuse(f"only {name}", data, "FILE_EMPTY", "UNKNOWN_LAYOUT")
    yield refuse("all faults", orders_csv(*[["A\u202e"] * 7] * 40_000), "TOO_MANY_FAULTS")


STRANGE = (
    *("\u202e", "\u200b", "\u200d", "\u2066", "\ufeff", "\u00ad", "\U000e0041", "\x07", "\x7f"),
    *("\x85", "\ue000", "\ufdd0", "\ufffe", "\uffff", "\U0010fffe", "\ufffd", "\u3164", "\u115f"),
    *("e" + "\u0301" * 300, "\u2800", "\u0e33" * 50, "ﷺ" * 50, "ÅÅ", "\U0001f468\u200d\U0001f469"),
)
NUMBERS = (
    *("1e1000000000", "1_000", "٢", "NaN", "inf", "-Infinity", "-0", "0x10", "1,2,3", "²", "１２"),
    *("1" * 10_000, "1e308", "٣.١", "+1", "1.", ".5", "1e-400", "1 000", "1'000", "--", "½", "1/3"),
    *("=1+1", "0.1e", "1..2", "1,234", "1.234,5", "(12.00)", "12%", "¥12", "１２．５０", "Ⅳ", "〇"),
)
DATES = (
    *("0000-00-00", "2026-02-30", "9999-12-31", "99999-01-01", "2026-13-01", "31/31/2026", "-1"),
    *("٢٠٢٦-٠٤-٠١", "1e9", "46113", "2958466", "99999999999999999999", "2026-04-01T25:00:00"),
    *("2026-04-01T10:00:00+99:99", "Apr 1 2026", "2026年4月1日", "1/2/3", "0/0/0", "NaT", "T", ":"),
)
IDENTIFIERS = (
    *(
        "A" * 61,
        "A" * 100_000,
        "ＤＰ－１",
        "DP\u0410",
        "DP-1\n",
        " DP-1 ",
        "=1+1",
        "@SUM(A1)",
        "+1",
    ),
    *("-2+3|cmd!A0", "'DP-1", '="DP-1"', "../../x", "<script>alert(1)</script>", "{{7*7}}", "%s"),
    *(
        "${jndi:ldap://x}",
        "' OR 1=1 --",
        "\\x00",
        "1.2E+19",
        "123456789012345000",
        "0" * 40,
        "null",
    ),
)
PLACES = ("ﬁ", "ı", "US\u200b", "us", "Us ", "U S", "USA", "中国", "🇺🇸", "ß", "SS", "\u212a", "XX")
SLOW = (" " * 60_000, "1" * 28 + "-", "a" * 50_000 + "!", "(" * 50_000, "1-" * 30_000,
        "0." * 30_000, "\u0301" * 60_000, "x@" * 30_000)  # fmt: skip


def cells() -> Iterator[Case]:
    """Files of one order with one strange cell; the row stays a row, whatever is in it."""
    for field, texts in (("sku", STRANGE), ("qty", NUMBERS), ("unit_price", NUMBERS[:20]),
                         ("ordered_at", DATES), ("order_no", IDENTIFIERS), ("country", PLACES),
                         ("currency", PLACES)):  # fmt: skip
        for at, text in enumerate(texts):
            data = orders_csv(order_row(**{field: text}), order_row(order_no="DP-9"))
            yield Case(f"{field} {at} {text[:12]!a}", data, ACCEPT, 3)
    for at, text in enumerate(SLOW):
        for field in ("order_no", "sku", "qty", "ordered_at", "country"):
            yield Case(f"slow {at} in {field}", orders_csv(order_row(**{field: text})), ACCEPT, 2)
        yield Case(f"slow {at} in the header", csv_bytes([[*ORDERS_HEAD, text], ORDERS_ROW]), ANY)


MAGIC = {
    "pdf": b"%PDF-1.7\n", "png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff\xe0", "gif": b"GIF89a",
    "gzip": b"\x1f\x8b\x08", "7z": b"7z\xbc\xaf\x27\x1c", "rar": b"Rar!\x1a\x07", "bzip2": b"BZh9",
    "xz": b"\xfd7zXZ\0", "zstd": b"\x28\xb5\x2f\xfd", "parquet": b"PAR1", "exe": b"MZ\x90\0",
    "sqlite": b"SQLite format 3\0", "rtf": b"{\\rtf1", "elf": b"\x7fELF\x02",
    "html": b"<!DOCTYPE html><table><tr><td>1", "xml": b'<?xml version="1.0"?><Workbook>',
    "table": b"\r\n <table><tr><td>1</td></tr>", "html after a mark": b"\xef\xbb\xbf<html>",
}  # fmt: skip


def disguised() -> Iterator[Case]:
    for name, magic in MAGIC.items():
        for ending in (b"", GOOD, bytes(2000)):
            data = magic + ending
            yield refuse(f"{name} with {len(ending)}", data, "FILE_TYPE_NOT_ACCEPTED",
                         file_name="orders.csv")  # fmt: skip
    noise = bytes((at * 7919 + at // 251) % 255 + 1 for at in range(100_000))
    yield Case("noise", noise, ANY)
    yield Case("noise of ASCII", bytes(32 + one % 95 for one in noise), ANY)
    yield accept("csv called xlsx", GOOD, rows=2, file_name="orders.xlsx")
    yield accept("csv called json", GOOD, rows=2, file_name="orders.json")


def documents() -> Iterator[Case]:
    flat = dict(zip(("order_no", "ordered_at", "sku", "qty", "unit_price", "currency", "country"),
                    ORDERS_ROW, strict=True))  # fmt: skip
    good = json.dumps([flat])
    deep = {
        "arrays": b"[{" + b'"a":' + b"[" * 1_000_000,
        "objects": b'{"a":' * 300_000,
        "closed arrays": b'[{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}]",
    }
    for name, data in deep.items():
        yield refuse(f"json deep {name}", data, "JSON_NOT_WELL_FORMED")
    bad = {
        "cut off": good[:-5], "trailing comma": good[:-1] + ",]", "two documents": good + good,
        "NaN": good.replace('"2"', "NaN"), "Infinity": good.replace('"2"', "-Infinity"),
        "apostrophes": good.replace('"', "'"), "comment": "[/* x */" + good[1:],
        "raw newline": good.replace("CB-01", "CB\n01"), "bad escape": good.replace("CB-01", r"\x41"),
        "leading zero": good.replace('"2"', "02"), "plus": good.replace('"2"', "+2"),
        "hex": good.replace('"2"', "0x2"), "lines cut off": good[1:-1] + "\n" + good[1:-9],
        "lines of two": good[1:-1] + good[1:-1] + "\n", "colon lost": good.replace(":", " ", 1),
    }  # fmt: skip
    for name, text in bad.items():
        yield refuse(f"json {name}", text.encode(), "JSON_NOT_WELL_FORMED", "UNKNOWN_LAYOUT")
    yield refuse("json key twice", (good[:-2] + ', "qty": "9"}]').encode(), "JSON_KEY_TWICE")
    yield refuse("json scalars", b'[{"a":1},2,3]', "JSON_NO_RECORDS")
    yield refuse("json empty", b"[]", "NO_DATA_ROWS")
    yield refuse("json utf-16", good.encode("utf-16-le"), "NUL_BYTES", "ENCODING_UNKNOWN")
    yield refuse("json latin", good.encode() + b"\xff", "ENCODING_UNKNOWN", "JSON_NOT_WELL_FORMED")
    yield refuse("json NUL", good.replace("CB", "C\0").encode(), "NUL_BYTES")
    many = b"[" + b",".join([b'{"a":1}'] * 4_000_000) + b"]"
    yield refuse("json of millions", many, "FILE_TOO_HEAVY", heavy=True)
    wide = "[{" + ",".join(f'"k{at}":1' for at in range(200_000)) + "}]"
    yield refuse("json of many keys", wide.encode(), "TOO_MANY_COLUMNS")
    growing = json.dumps([{f"k{at}": 1} for at in range(5000)])
    yield refuse("json of other keys each", growing.encode(), "TOO_MANY_COLUMNS")
    spread = json.dumps([flat | {"note": "x" * 120_000, "lines": [{"sku": "a"}] * 5000}])
    yield refuse("json expands", spread.encode(), "FILE_EXPANDS_TOO_MUCH")
    for text in ("1" * 100_000, "1e1000000000", "-0", "1.50", "12345678901234567890", "true",
                 "null", "[]", "{}", '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '""'):  # fmt: skip
        data = good.replace('"2"', text)
        fate, rows = ACCEPT, 2
        if text == '"\\u0000"':
            fate, rows = REFUSE, None
        if text == "{}":  # there is no such column then
            fate, rows = ANY, None
        yield Case(f"json qty {text[:14]}", data.encode(), fate, rows)
        yield Case(f"json lines {text[:14]}", (data[1:-1] + "\n").encode() * 3, fate, rows and 4)
    yield Case("json key of 1 MB", good.replace("sku", "k" * MIB).encode(), ANY)
    yield Case("json text of 1 MB", good.replace("CB-01", "k" * MIB).encode(), ANY)
    yield Case("json proto", good.replace("sku", "__proto__").encode(), ANY)
    yield Case("json mark", b"\xef\xbb\xbf" + good.encode(), ACCEPT, 2)
    yield Case("json blanks", b" " * MIB + good.encode(), ANY)
