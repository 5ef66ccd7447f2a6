"""Bills and returns as an operator hands them in: CSV files in UTF-8, and ``name=value`` words."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from xborder.cli import terminal
from xborder.cli.language import either
from xborder.manifests.bills import Bill
from xborder.manifests.returns import Return

WAY_BACK = (
    "billNo", "voyageNo", "trafMode", "trafName", "logisticsNo", "logisticsCode",
    "logisticsName", "portCode", "country", "loctNo", "note",
)  # fmt: skip


def _rows(file: Path, needed: set[str], known: set[str]) -> list[dict[str, str]]:
    """The rows of a CSV in UTF-8; exit 2 for a file that is none, or other columns."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as source:
            reader = csv.DictReader(source, strict=True)
            rows = [
                {name: (value or "").strip() for name, value in row.items() if name}
                for row in reader
            ]
            heads = set(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        terminal.fail(f"{file}: {error}")
        raise
    if needed - heads or heads - known:
        terminal.fail(
            f"{file}: {either('需要列', 'needed columns')} {', '.join(sorted(needed))}; "
            f"{either('可有', 'allowed')} {', '.join(sorted(known - needed))}; "
            f"{either('多余', 'unknown')} {', '.join(sorted(heads - known)) or '—'}"
        )
    return rows


_BILL_COLUMNS = {
    "billNo": "bill_no", "voyageNo": "voyage_no", "trafName": "traf_name",
    "trafMode": "traf_mode", "domesticTrafNo": "domestic_traf_no",
    "grossWeight": "gross_weight", "loctNo": "loct_no", "note": "note",
}  # fmt: skip


def bills(file: Path) -> list[tuple[Bill, list[str]]]:
    """Bills of a file, each with its lists; what a bill says stands on its first row."""
    rows = _rows(file, {"list", "billNo"}, {"list", *_BILL_COLUMNS})
    said: dict[str, tuple[Bill, list[str]]] = {}
    for number, row in enumerate(rows, 2):
        told = {own: row[name] for name, own in _BILL_COLUMNS.items() if row.get(name)}
        if "bill_no" not in told or not row["list"]:
            terminal.fail(
                f"{file}: "
                + either(f"第 {number} 行缺 billNo 或 list", f"row {number} lacks billNo or list")
            )
        bill, lists = said.setdefault(told["bill_no"], (Bill(**told), []))
        differs = {name for name, value in told.items() if getattr(bill, name) != value}
        if differs:
            terminal.fail(
                f"{file}: {either(f'第 {number} 行与前面不同', f'row {number} differs')}: {', '.join(differs)}"
            )
        lists.append(row["list"])
    return list(said.values())


def pairs(option: str, said: Sequence[str] | None) -> Iterator[tuple[str, str]]:
    """The words of an option; exit 2 for one that is no ``name=value``, or comes twice."""
    seen = set()
    for one in said or ():
        name, found, value = one.partition("=")
        if not found or name in seen:
            terminal.fail(
                f"{option} {one}: {either('应为 name=value 且不重复', 'each once, as name=value')}"
            )
        seen.add(name)
        yield name.strip(), value.strip()


def one_return(word: str, items: dict[str, str], reason: str, said: dict[str, str]) -> Return:
    """A return of one list: quantities by line number, and what differs on the way back."""
    wrong = [one for one in items if not (one.isascii() and one.isdigit() and len(one) < 5)]
    wrong += sorted(set(said) - set(WAY_BACK))
    if wrong:
        terminal.fail(f"{word}: {', '.join(wrong)}?")
    return Return(word, {int(gnum): qty for gnum, qty in items.items()}, reason, said)


def returns(file: Path) -> list[Return]:
    """Returns of a file, one a list; what a return says stands on its first row."""
    needed = {"list", "gnum", "qty", "reason"}
    told: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
    for number, row in enumerate(_rows(file, needed, needed | set(WAY_BACK)), 2):
        items, _ = told.setdefault(row["list"], ({}, row))
        if not row["list"] or row["gnum"] in items:
            terminal.fail(
                f"{file}: "
                + either(f"第 {number} 行缺清单或项号重复", f"row {number}: no list, or line twice")
            )
        items[row["gnum"]] = row["qty"]
    return [
        one_return(
            word, items, said["reason"], {name: said[name] for name in WAY_BACK if said.get(name)}
        )
        for word, (items, said) in told.items()
    ]
