"""What the headers of an unknown sheet may mean (列对应建议): shown before it is used.

A proposal is an object of texts, so that it travels from the reader to whoever shows it:

``sheet``, ``row`` of the header and all its ``heads``; ``kind`` of file; ``base``: the layout that was recognised and
whose headers have changed, empty for a sheet of its own; ``name`` for the mapping; ``columns``
(field, header, column letter, confidence from 0 to 1, because: alias | like | values | you |
known, samples); ``questions`` (a field and the headers that compete for it, or a header and the
fields it may mean): none of these is mapped; ``missing``: fields that no header gives; ``gone``:
headers of the base that are no more there; ``defaults``; ``unmapped`` headers and ``personal``
ones, which are dropped and never sampled; ``filled_down``: later lines of an order leave its
number blank.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cache
from importlib.resources import files
from typing import Any

from xborder.findings import column_letter
from xborder.intake import headers
from xborder.intake.grid import Row
from xborder.intake.headers import bare, normal
from xborder.intake.layouts import (
    FOR_ANY_SHOP,
    HIDDEN,
    KINDS,
    all_layouts,
    fields,
    template,
)

Proposal = dict[str, Any]

LOOKED_AT = 200
"""Rows below the header that tell whether a column holds what its header says."""
SAMPLES = 3
MOST_ALIKE = 80
"""So many headers of a sheet are compared with all that are known, where none is the same."""
SURE = 0.75
"""Below this a header is asked about, not mapped."""
CLEARLY = 0.12
"""By so much the best header must be ahead of the next."""
FEWEST = 3
"""With fewer known headers the row may be one of data, and none of it is told."""
UNSAMPLED = ("text",)
AMOUNTS = ("unit_price", "line_total")

_TYPED = {
    "number": r"[^0-9]{0,8}[0-9][0-9.,' ]*[^0-9]{0,8}",
    "moment": r".*[0-9]{1,4}\D+[0-9]{1,4}.*|[0-9]{5}(?:\.[0-9]+)?",
    "date": r".*[0-9]{1,4}\D+[0-9]{1,4}.*|[0-9]{5}(?:\.[0-9]+)?",
    "currency": r"[^0-9@]{1,20}",
    "country": r"[^0-9@]{2,60}|[0-9]{3}",
    "hs_code": r"[0-9.]{4,14}",
    "identifier": r"\S.{0,59}",
    "order_no": r"\S.{0,59}",
}
_CURRENCY = re.compile(r"[（(\[]\s*(USD|EUR|GBP|CNY|JPY|AUD|CAD|HKD)\s*[)）\]]", re.IGNORECASE)


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("vocabulary.toml").read_text("utf-8"))


@cache
def vocabulary(kind: str) -> dict[str, dict[str, float]]:
    """The forms of all headers seen of a kind → what they mean: field → confidence."""
    known: dict[str, dict[str, float]] = {}

    def add(head: str, field: str, confidence: float) -> None:
        for form, worth in ((normal, 1.0), (bare, 0.95)):
            meant = known.setdefault(form(head), {})
            meant[field] = max(meant.get(field, 0.0), round(confidence * worth, 2))

    for layout in all_layouts():
        if layout.kind == kind and not layout.refuse:
            own = 1.0 if layout.channel in FOR_ANY_SHOP else 0.85
            for column in layout.columns:
                if not column.field.startswith(HIDDEN) and column.field != "note":
                    for head in column.headers:
                        add(head, column.field, own)
    for field, heads in _words()[kind].items():
        for head in heads:
            add(head.removeprefix("~"), field, 0.8 if head.startswith("~") else 0.95)
    return known


@cache
def required(kind: str) -> tuple[str, ...]:
    """Fields without which the records of a kind are held."""
    return tuple(one.field for one in template(kind).columns if one.required)


def personal(head: str) -> bool:
    """Whether a header names what a buyer is told by."""
    text, told = normal(head), _words()["personal"]
    if any(word in text for word in told["country"]):
        return False
    # Words of letters count whole: “ort” is no part of “sort”.
    parts = set(re.split(r"[\W_]+", text))

    def among(words: Iterable[str]) -> set[str]:
        return {word for word in words if (word in parts if word.isascii() else word in text)}

    found = among(told["words"])
    return bool(found) and not (found <= {"name"} and among(told["subjects"]))


def postal_heads(heads: Iterable[str]) -> dict[str, list[str]]:
    """Where a sheet of one's own has its postal data: field → headers, of those that are personal."""
    known: dict[str, str] = {}
    for layout in all_layouts():
        for field, own in layout.postal.items():
            known |= {normal(head): field for head in own}
    for field, own in _words()["postal"].items():
        known |= {normal(head): field for head in own}
    found: dict[str, list[str]] = {}
    for head in heads:
        if meant := known.get(normal(head)) or known.get(bare(head)):
            found.setdefault(meant, []).append(head)
    return found


def _meant(head: str, kind: str, *, alike: bool) -> dict[str, float]:
    """What a header may mean: field → confidence; ``alike``: where it only resembles one too."""
    known = vocabulary(kind)
    found = dict(known.get(normal(head), {}))
    if not found:
        found = {field: sure * 0.95 for field, sure in known.get(bare(head), {}).items()}
    if found or not alike or personal(head) or len(bare(head)) < 2:
        return found
    text = bare(head)
    near: dict[str, float] = {}
    for alias, meant in known.items():
        # A longer word around a known one: asked about, since “refund order no.” is one too.
        inside = len(alias) >= (2 if not alias.isascii() else 4) and alias in text
        ratio = SequenceMatcher(None, alias, text).ratio() if abs(len(alias) - len(text)) < 6 else 0
        worth = 0.6 if inside else 0.8 * ratio if ratio >= 0.8 else 0.0
        if worth:
            for field, sure in meant.items():
                near[field] = max(near.get(field, 0.0), worth * sure)
    best = max(near.values(), default=0.0)
    return {field: sure for field, sure in near.items() if sure >= best - CLEARLY}


def known_heads(row: Row) -> int:
    """How many cells of a row are headers that are known of some kind."""
    return max(
        sum(
            bool(text) and (normal(text) in vocabulary(kind) or bare(text) in vocabulary(kind))
            for text in row.texts
        )
        for kind in KINDS
    )


def said_heads(row: Row, said: Iterable[str]) -> int:
    """How many of the headers that a user named stand in a row, whatever their blanks."""
    wanted = {"".join(normal(head).split()) for head in said}
    return len(wanted & {"".join(normal(text).split()) for text in row.texts if text})


def propose(
    sheet: str, header: Row, rows: Iterable[Row], kind: str | None, said: Mapping[str, str]
) -> Proposal | None:
    """What the headers of a sheet may mean, ``rows`` being those below; None where too few are
    known for the row to be a header, and none of them is in ``said``: field → header."""
    told = said_heads(header, said.values())
    if not told and known_heads(header) < FEWEST - 1:
        return None
    heads = heads_of(header)
    below = [row for row in rows if row.number > header.number][:LOOKED_AT]
    kinds = [one for one in KINDS if told and said.keys() <= fields(one).keys()] or KINDS
    made = [_proposed(heads, below, one) for one in ([kind] if kind in KINDS else kinds)]
    best = max(made, key=lambda one: _worth(one, said if told else ()))
    if not told and len(best["columns"]) + len(best["questions"]) < FEWEST:
        return None
    digest = hashlib.sha256("\x1f".join(map(normal, heads.values())).encode()).hexdigest()
    kept = {"sheet": sheet, "row": header.number, "heads": list(heads.values()), "base": ""}
    return kept | {"name": f"sheet_{digest[:6]}"} | best


def heads_of(header: Row) -> dict[int, str]:
    """The cells of a header row that say anything, by their place."""
    return {at: text.strip() for at, text in enumerate(header.texts) if text and text.strip()}


def _worth(proposal: Proposal, said: Iterable[str]) -> float:
    """How much a kind of file explains: what it needs and is there, times all that is there."""
    wanted = required(proposal["kind"])
    asked = {one["field"] for one in proposal["questions"]}
    there = {one["field"] for one in proposal["columns"]} | asked | set(said)
    return sum(one in there for one in wanted) / len(wanted) * len(there)


def _proposed(heads: dict[int, str], below: Sequence[Row], kind: str) -> Proposal:
    types = fields(kind)
    cells = {at: cells_below(below, at) for at in heads}
    meant: dict[int, dict[str, float]] = {}
    for number, (at, head) in enumerate(heads.items()):
        found = {
            field: round(sure * _fits(cells[at], types[field]), 2)
            for field, sure in _meant(head, kind, alike=number < MOST_ALIKE).items()
            if not headers.other_unit(head, field)
        }
        meant[at] = {field: sure for field, sure in found.items() if sure >= 0.3}
    columns, questions = [], []
    taken: set[int] = set()
    for at, found in meant.items():
        best = max(found.values(), default=0.0)
        level = sorted(field for field, sure in found.items() if best - sure < CLEARLY)
        if len(level) > 1:
            questions.append(asked_about(heads, {at}, level))
            taken.add(at)
    for field in types:
        rivals = {
            at: found[field] for at, found in meant.items() if field in found and at not in taken
            and found[field] == max(found.values())
        }  # fmt: skip
        # A column without a value competes with none that has some.
        told = {at: sure for at, sure in rivals.items() if cells[at]} or rivals
        ranked = sorted(told, key=lambda at: (-told[at], at))
        if not ranked:
            continue
        close = [at for at in ranked if told[ranked[0]] - told[at] < CLEARLY]
        if len(close) > 1 or told[ranked[0]] < SURE:
            questions.append(asked_about(heads, set(close), [field]))
            taken.update(close)
            continue
        first = ranked[0]
        taken.add(first)
        because = "alias" if told[first] >= 0.8 else "like"
        columns.append(column_of(heads, first, field, told[first], because, cells[first], types))
    asked = {field for one in questions for field in one["fields"]}
    there = {one["field"] for one in columns}
    rest = [head for at, head in heads.items() if at not in taken]
    columns.sort(key=lambda one: _number(one["column"]))
    defaults = _defaults(columns, questions)
    return {
        "kind": kind,
        "columns": columns,
        "questions": questions,
        "missing": _missing(kind, there | asked | set(defaults)),
        "gone": [],
        "defaults": defaults,
        "unmapped": [head for head in rest if not personal(head)],
        "personal": [head for head in rest if personal(head)],
        "filled_down": _filled_down(columns, below),
    }


def _missing(kind: str, there: set[str]) -> list[str]:
    missing = [field for field in required(kind) if field not in there]
    if kind == "orders" and there.isdisjoint(AMOUNTS):
        missing.append(AMOUNTS[0])
    return missing


def column_of(
    heads: dict[int, str], at: int, field: str, sure: float, because: str,
    cells: list[str], types: dict[str, str],
) -> dict[str, Any]:  # fmt: skip
    """A column of a proposal."""
    told = [] if types[field] in UNSAMPLED else list(dict.fromkeys(cells))
    shown = [text[:40] for text in told if "@" not in text][:SAMPLES]
    return {"field": field, "header": heads[at], "column": column_letter(at),
            "confidence": sure, "because": because, "samples": shown}  # fmt: skip


def asked_about(heads: dict[int, str], places: set[int], about: Sequence[str]) -> dict[str, Any]:
    """A question of a proposal: the headers of these places, and the fields they may mean."""
    named = [{"header": heads[at], "column": column_letter(at)} for at in sorted(places)]
    return {"field": about[0], "fields": list(about), "headers": named}


def cells_below(below: Sequence[Row], at: int) -> list[str]:
    """What the cells of a column say."""
    texts = (row.texts[at] if at < len(row.texts) else None for row in below)
    return [text.strip() for text in texts if text and text.strip()]


def _fits(cells: Sequence[str], field_type: str) -> float:
    """1 where the cells look like the field's type, less where they do not."""
    pattern = _TYPED.get(field_type)
    if not pattern or not cells:
        return 1.0
    right = sum(re.fullmatch(pattern, text[:100], re.DOTALL) is not None for text in cells)
    return 1.0 if right * 2 > len(cells) else 0.5


def _defaults(
    columns: Sequence[dict[str, Any]], questions: Sequence[dict[str, Any]]
) -> dict[str, str]:
    """A currency that the headers of the amounts name, where no column does."""
    asked = [
        (field, head) for one in questions for field in one["fields"] for head in one["headers"]
    ]
    named = [(one["field"], one) for one in columns] + asked
    if any(field == "currency" for field, _ in named):
        return {}
    amounts = [_CURRENCY.search(one["header"]) for field, one in named if field in AMOUNTS]
    said = {found[1].upper() for found in amounts if found}
    return {"currency": said.pop()} if len(said) == 1 and all(amounts) else {}


def _filled_down(columns: Sequence[dict[str, Any]], below: Sequence[Row]) -> bool:
    """Whether rows with goods leave the order's number blank."""
    at = {one["field"]: _number(one["column"]) for one in columns}
    if not {"order_no", "sku"} <= set(at):
        return False

    def there(row: Row, field: str) -> bool:
        text = row.texts[at[field]] if at[field] < len(row.texts) else None
        return bool(text and text.strip())

    return any(there(row, "sku") and not there(row, "order_no") for row in below)


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1
