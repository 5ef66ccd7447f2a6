"""Any bytes as any kind of file: what must hold of every answer."""

from hostile_books import BOOK, GOOD, RELS, SHEET, STYLES, old_book, parts, with_part
from intake_files import ORDERS_HEAD, ORDERS_ROW, orders_csv, read_here

from xborder import findings
from xborder.intake.parse import Parsed

JSON = b'[{"order_no":"A-1","sku":"B","qty":2,"currency":"USD","lines":[{"sku":"C","qty":1.5}]}]'
STRINGS = b"<sst><si><t>A</t></si><si><r><t>B</t></r><rPh><t>C</t></rPh></si></sst>"
OLD = old_book([ORDERS_HEAD, ORDERS_ROW])
MEMBERS = {"sheet": SHEET, "strings": "xl/sharedStrings.xml", "styles": STYLES, "book": BOOK,
           "relations": RELS}  # fmt: skip
TARGETS = ("text", "json", "archive", "xls", *MEMBERS)


def seeds(target: str) -> list[bytes]:
    """Files to begin with."""
    text = orders_csv(ORDERS_ROW, ORDERS_ROW)
    if target == "text":
        return [text, text.replace(b",", b"\t"), text.decode().encode("gb18030"), b'"a","b\n"\r\n',
                text.decode().encode("utf-16"), b"sep=;\r\n" + text.replace(b",", b";")]  # fmt: skip
    if target == "json":
        return [JSON, JSON[1:-1] + b"\n" + JSON[1:-1], b'{"orders":' + JSON + b"}"]
    if target == "archive":
        return [GOOD]
    if target == "xls":
        return [OLD]
    return [parts().get(MEMBERS[target], STRINGS)]


def read(target: str, data: bytes) -> Parsed:
    """Read the bytes as a file, or as a part of a workbook; raises AssertionError."""
    parsed = read_here(with_part(MEMBERS[target], data) if target in MEMBERS else data)
    check(parsed)
    return parsed


def check(parsed: Parsed) -> None:
    """What must hold of every reading: one fatal finding or none, and every row in a state."""
    severities = findings.to_frame(parsed.findings)["severity"].to_list()
    assert severities.count("fatal") == (parsed.kind is None), severities
    if parsed.kind is None:
        assert parsed.records.is_empty()
        return
    rows = parsed.rows
    assert not rows.select("sheet", "row").is_duplicated().any()
    assert (rows["excluded"].is_null() == rows["record"].is_not_null()).all()
    kept = rows["record"].drop_nulls().unique().sort().to_list()
    assert kept == list(range(parsed.records.height))
    for (sheet,), own in rows.group_by("sheet"):
        assert own["row"].sort().to_list() == list(range(1, own.height + 1)), sheet
