"""CEB messages (报文) from field tables: one vectorised writer for all of them.

``fields/<KIND>.csv`` holds a message as data, one row an element in document order: its parent,
the columns it is taken from (the first that stands), whether it must have a value, its lengths
or digits, its default. Rows of type ``node`` and ``each`` give the nesting: a ``node`` stands
once, ``each`` once a row of its source. A further message needs a further table, no code.

Source of the tables: CEB specification and XSD of 2022-05. Where the XSD demands an element the
specification demands a value too, so an element marked required is never written empty.
"""

import csv
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import polars as pl

NAMESPACE = "http://www.chinaport.gov.cn/ceb"
VERSION = "1.0"
ENTITIES = 100
"""CEB: at most 100 entities a message."""

KEY = "list_id"
"""The column that ties goods lines to their head."""

_GUIDS = uuid.uuid5(uuid.NAMESPACE_URL, NAMESPACE)
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
# XML 1.0 has no way to write these, not even as a reference.
_FORBIDDEN = r"[^\t\n\r\x{20}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]"


@dataclass(frozen=True)
class Field:
    """One row of a message's field table.

    ``type``: C text, N number, node (once), each (once a row of ``source``). ``length``: of C
    ``18``, ``..60`` or ``3..4`` characters. ``digits``: of N ``19,5`` (19 in all, 5 after the
    point) or ``5`` (a whole number). ``codes``: the code table that names its values.
    """

    parent: str
    element: str
    sources: tuple[str, ...]
    required: bool
    type: str
    length: str
    digits: str
    default: str
    codes: str


@dataclass(frozen=True)
class Message:
    """A rendered message: file name, kind, root guid, how many entities and lines, the bytes."""

    name: str
    kind: str
    guid: str
    entities: int
    lines: int
    content: bytes


@cache
def fields(kind: str) -> tuple[Field, ...]:
    """The field table of a message kind such as ``CEB603``; ValueError for an unknown kind."""
    table = files(__package__).joinpath("fields", f"{kind}.csv")
    if not re.fullmatch(r"CEB[0-9]{3}", kind, re.ASCII) or not table.is_file():
        raise ValueError(f"no field table for message {kind!r}")
    return tuple(
        Field(
            parent=row["parent"],
            element=row["element"],
            sources=tuple(row["source"].split()),
            required=row["required"] == "Y",
            type=row["type"],
            length=row["length"],
            digits=row["digits"],
            default=row["default"],
            codes=row["codes"],
        )
        for row in csv.DictReader(table.read_text("utf-8").splitlines())
    )


def guid(*parts: str) -> str:
    """A UUIDv5 in upper case, as CEB wants it, made of texts: the same texts, the same guid."""
    return str(uuid.uuid5(_GUIDS, "/".join(parts))).upper()


def render(
    kind: str,
    heads: pl.DataFrame,
    items: pl.DataFrame,
    transfer: Mapping[str, str],
    *,
    number: str,
    per_message: int = ENTITIES,
) -> list[Message]:
    """Write the messages of one kind for some lists.

    ``heads``: one row an entity in the order to write, with ``list_id`` and the source columns
    of the table; ``items``: goods lines with ``list_id``, written in the order of ``gnum``.
    Values are text; numbers are plain decimals and lose only trailing zeros. ``transfer`` fills
    BaseTransfer (copCode, copName, dxpId; dxpMode is DXP). ``number`` (the manifest's) and the
    sequence make the root guid and the file name ``<kind>_0001.xml``.

    Raises ValueError, naming element and list, for a value that may not be written: a required
    one that is missing, too long or short, no plain decimal, a character that XML 1.0 forbids.
    """
    if not 1 <= per_message <= ENTITIES:
        raise ValueError(f"a message holds 1 to {ENTITIES} entities, not {per_message}")
    root = f"{kind}Message"
    top = {one.sources[0]: one for one in fields(kind) if one.parent == root}
    entities, lines = _entities(kind, top["heads"], heads, items)
    sender = pl.DataFrame([dict(transfer)]) if transfer else pl.DataFrame({KEY: [None]})
    base = _texts(kind, top["transfer"], sender).item()
    messages = []
    for sequence, start in enumerate(range(0, len(entities), per_message), start=1):
        part = entities.slice(start, per_message)
        root_guid = guid(number, kind, str(sequence))
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<ceb:{root} xmlns:ceb="{NAMESPACE}" guid="{root_guid}" version="{VERSION}">'
            f"{''.join(part.to_list())}{base}\n</ceb:{root}>\n"
        )
        name = f"{kind}_{sequence:04d}.xml"
        counted = int(lines.slice(start, per_message).sum())
        messages.append(Message(name, kind, root_guid, len(part), counted, text.encode("utf-8")))
    return messages


def _entities(
    kind: str, entity: Field, heads: pl.DataFrame, items: pl.DataFrame
) -> tuple[pl.Series, pl.Series]:
    """The entities as text, and how many lines each has."""
    counts = pl.Series(values=[0] * len(heads), dtype=pl.UInt32)
    for each in _below(kind, entity.element):
        if each.type != "each":
            continue
        ordered = items.sort(KEY, pl.col("gnum").cast(pl.UInt32))
        lines = ordered.select(KEY, _texts(kind, each, ordered).alias(each.element))
        joined = lines.group_by(KEY).agg(
            pl.col(each.element).str.join(""), pl.len().alias("lines of it")
        )
        heads = heads.join(joined, on=KEY, how="left", maintain_order="left")
        counts = heads["lines of it"].fill_null(0)
        heads = heads.drop("lines of it")
        fewest, most = (int(bound) for bound in each.length.split(".."))
        if bad := heads.filter((counts < fewest) | (counts > most))[KEY].to_list():
            raise ValueError(f"{kind} {each.element} of list {bad[0]}: {each.length} lines needed")
    return _texts(kind, entity, heads), counts


def _below(kind: str, parent: str) -> list[Field]:
    return [one for one in fields(kind) if one.parent == parent]


def _leaves(kind: str, parent: str) -> Iterator[Field]:
    for one in _below(kind, parent):
        if one.type == "node":
            yield from _leaves(kind, one.element)
        elif one.type != "each":
            yield one


def _texts(kind: str, element: Field, frame: pl.DataFrame) -> pl.Series:
    """An element with all that stands below it, one text a row of the frame."""
    leaves = list(_leaves(kind, element.element))
    values = frame.select(
        *(_value(one, frame.columns).alias(f"{one.parent}.{one.element}") for one in leaves),
        *(pl.col(one.element) for one in _below(kind, element.element) if one.type == "each"),
    )
    _refuse(kind, leaves, values, frame)
    return values.select(_joined(_pieces(kind, element)).alias(element.element)).to_series()


def _value(one: Field, columns: list[str]) -> pl.Expr:
    """What will be written: the first source that stands, then the default, else null."""
    found = [
        pl.when(pl.col(source).cast(pl.String).str.strip_chars() != "").then(
            pl.col(source).cast(pl.String)
        )
        for source in one.sources
        if source in columns
    ]
    value = pl.coalesce(*found, pl.lit(one.default or None, dtype=pl.String))
    if one.type == "N":
        whole = pl.when(value.str.contains(".", literal=True))
        return whole.then(value.str.strip_chars_end("0").str.strip_chars_end(".")).otherwise(value)
    return value


def _pieces(kind: str, element: Field) -> Iterator[str | pl.Expr]:
    """Texts to be joined for one element; an optional element without a value is null."""
    yield f"\n<ceb:{element.element}>"
    for one in _below(kind, element.element):
        if one.type == "node":
            yield from _pieces(kind, one)
        elif one.type == "each":
            yield pl.col(one.element)
        else:
            value = pl.col(f"{one.parent}.{one.element}")
            if one.type == "C":
                value = value.str.replace_many(_ESCAPES)
            opened, closed = f"<ceb:{one.element}>", f"</ceb:{one.element}>"
            if one.required:
                yield from (opened, value, closed)
            else:
                yield pl.concat_str(pl.lit(opened), value, pl.lit(closed))
    yield f"</ceb:{element.element}>"


def _joined(pieces: Iterator[str | pl.Expr]) -> pl.Expr:
    """One text of the pieces; neighbouring literals become one, which is half the cost."""
    parts: list[pl.Expr] = []
    literal = ""
    for piece in pieces:
        if isinstance(piece, str):
            literal += piece
        else:
            parts += [pl.lit(literal), piece]
            literal = ""
    return pl.concat_str(*parts, pl.lit(literal), ignore_nulls=True)


def _refuse(kind: str, leaves: list[Field], values: pl.DataFrame, frame: pl.DataFrame) -> None:
    """Stop at the first value that the table does not allow. One pass over all columns."""
    rules = [(one, why, wrong) for one in leaves for why, wrong in _wrongs(one)]
    if not rules:
        return
    broken = values.select(
        wrong.any(ignore_nulls=True).alias(str(index)) for index, (_, _, wrong) in enumerate(rules)
    ).row(0)
    for (one, why, wrong), found in zip(rules, broken, strict=True):
        if found:
            rows = values.select(wrong.fill_null(value=False)).to_series().arg_true()
            of = f" of list {frame[KEY][rows[0]]}" if KEY in frame.columns else ""
            raise ValueError(f"{kind} {one.parent}.{one.element}{of}: {why} ({len(rows)} rows)")


def _wrongs(one: Field) -> Iterator[tuple[str, pl.Expr]]:
    value = pl.col(f"{one.parent}.{one.element}")
    if one.required:
        yield "a value is required", value.is_null()
    if one.type == "C":
        fewest, _, most = one.length.rpartition("..")
        exact = not fewest and ".." not in one.length
        least = int(most) if exact else int(fewest or 0)
        length = value.str.len_chars()
        yield f"{one.length} characters are allowed", (length > int(most)) | (length < least)
        yield "a character that XML 1.0 forbids", value.str.contains(_FORBIDDEN)
    else:
        total, _, after = one.digits.partition(",")
        pattern = rf"^-?[0-9]{{1,{total}}}(\.[0-9]{{1,{after}}})?$" if after else r"^[0-9]+$"
        digits = value.str.len_chars() - value.str.count_matches(r"[-.]")
        yield f"no plain number of {one.digits} digits", ~value.str.contains(pattern)
        yield f"more than {total} digits", digits > int(total)
