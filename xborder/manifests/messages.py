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
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import polars as pl

from xborder.manifests.group import KEY, Group
from xborder.manifests.texts import Number, Texts, Value, bytes_of, joined, together

NAMESPACE = "http://www.chinaport.gov.cn/ceb"
VERSION = "1.0"
ENTITIES = 100
"""CEB: at most 100 entities a message."""

_GUIDS = uuid.uuid5(uuid.NAMESPACE_URL, NAMESPACE)
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


def render(kind: str, group: Group) -> list[list[Message]]:
    """Write the messages of one kind for the lists of some manifests; one list a manifest.

    Heads need the source columns of the table, as do the goods lines. Values are text; numbers
    are plain decimals and lose only trailing zeros. A manifest's ``transfer`` fills BaseTransfer
    (copCode, copName, dxpId; dxpMode is DXP). Its number and the sequence make the root guid and
    the file name ``<kind>_0001.xml``.

    Raises ValueError, naming element and list, for a value that may not be written: a required
    one that is missing, too long or short, no plain decimal, a character that XML 1.0 forbids.
    """
    root = f"{kind}Message"
    top = {one.sources[0]: one for one in fields(kind) if one.parent == root}
    letters, at = bytes_of(_entities(kind, top["heads"], group))
    base = _texts(kind, top["transfer"], _senders(group), {})
    content = letters.data
    written = []
    for (one, lists, _), sender in zip(group.spans(), base, strict=True):
        if not 1 <= one.lists_per_message <= ENTITIES:
            raise ValueError(f"a message holds 1 to {ENTITIES}, not {one.lists_per_message}")
        messages = []
        starts = range(lists.start, lists.stop, one.lists_per_message)
        for sequence, start in enumerate(starts, start=1):
            stop = min(start + one.lists_per_message, lists.stop)
            root_guid = guid(one.number, kind, str(sequence))
            opened = (
                '<?xml version="1.0" encoding="UTF-8"?>\n'
                f'<ceb:{root} xmlns:ceb="{NAMESPACE}" guid="{root_guid}" version="{VERSION}">'
            )
            whole = b"".join(
                (
                    opened.encode(),
                    content[at[start] : at[stop]],
                    f"{sender}\n</ceb:{root}>\n".encode(),
                )
            )
            lines = int(group.lines[start:stop].sum())
            name = f"{kind}_{sequence:04d}.xml"
            messages.append(Message(name, kind, root_guid, stop - start, lines, whole))
        written.append(messages)
    return written


def _senders(group: Group) -> Texts:
    rows = [dict(one.transfer) for one in group.manifests]
    return Texts(pl.DataFrame(rows, infer_schema_length=None))


def _entities(kind: str, entity: Field, group: Group) -> pl.Series:
    """The entities of a group as text."""
    lines = {}
    for each in _below(kind, entity.element):
        if each.type != "each":
            continue
        fewest, most = (int(bound) for bound in each.length.split(".."))
        if (bad := (group.lines < fewest) | (group.lines > most)).any():
            wrong = group.heads.frame[KEY][int(np.argmax(bad))]
            raise ValueError(f"{kind} {each.element} of list {wrong}: {each.length} lines needed")
        lines[each.element] = joined(_texts(kind, each, group.items, {}), group.lines)
    return _texts(kind, entity, group.heads, lines)


def _below(kind: str, parent: str) -> list[Field]:
    return [one for one in fields(kind) if one.parent == parent]


def _texts(kind: str, element: Field, rows: Texts, lines: dict[str, pl.Series]) -> pl.Series:
    """An element with all that stands below it, one text a row; ``lines`` are written already."""
    return together(_pieces(kind, element, rows, lines), len(rows.frame))


def _pieces(
    kind: str, element: Field, rows: Texts, lines: dict[str, pl.Series]
) -> Iterator[str | pl.Series]:
    yield f"\n<ceb:{element.element}>"
    for one in _below(kind, element.element):
        if one.type == "node":
            yield from _pieces(kind, one, rows, lines)
        elif one.type == "each":
            yield lines[one.element]
        else:
            yield from _leaf(kind, one, rows)
    yield f"</ceb:{element.element}>"


def _leaf(kind: str, one: Field, rows: Texts) -> Iterator[str | pl.Series]:
    """One element with its value; an optional one without a value is not there."""
    value = (rows.number if one.type == "N" else rows.value)(one.sources, one.default)
    if why := _wrong(one, value):
        told, wrong = why
        places = value.values.to_frame("value").select(wrong.fill_null(value=False))
        at = places.to_series().arg_true()
        of = f" of list {rows.frame[KEY][at[0]]}" if KEY in rows.frame.columns else ""
        raise ValueError(f"{kind} {one.parent}.{one.element}{of}: {told} ({len(at)} rows)")
    opened, closed = f"<ceb:{one.element}>", f"</ceb:{one.element}>"
    if not value.absent:
        yield from (opened, rows.xml(value), closed)
    elif value.absent < len(value.values):
        texts = rows.xml(value).to_frame("value")
        yield texts.select(pl.lit(opened) + pl.col("value") + pl.lit(closed)).to_series()


def _wrong(one: Field, value: Value) -> tuple[str, pl.Expr] | None:
    """Why some of a column's values may not be written, and which; None where all may.

    The look at the whole column proves most columns right; the others are gone through by cell.
    """
    for why, proven, wrong in (
        _number(one, value) if isinstance(value, Number) else _text(one, value)
    ):
        if not proven and value.values.to_frame("value").select(wrong.any()).item():
            return why, wrong
    return None


def _text(one: Field, value: Value) -> Iterator[tuple[str, bool, pl.Expr]]:
    text = pl.col("value")
    if one.required:
        yield "a value is required", not value.absent, text.is_null()
    fewest, _, most = one.length.rpartition("..")
    exact = not fewest and ".." not in one.length
    least = int(most) if exact else int(fewest or 0)
    seen = value.look
    # A character has one byte at least, and exactly one in ASCII.
    enough = least <= 1 or (seen.plain and seen.shortest >= least)
    length = text.str.len_chars()
    yield (
        f"{one.length} characters are allowed",
        seen.longest == 0 or (enough and seen.longest <= int(most)),
        (length > int(most)) | (length < least),
    )
    yield (
        "a character that XML 1.0 forbids",
        seen.plain or not seen.forbidden,
        text.str.contains(_FORBIDDEN),
    )


def _number(one: Field, value: Number) -> Iterator[tuple[str, bool, pl.Expr]]:
    number = pl.col("value")
    if one.required:
        yield "a value is required", not value.absent, number.is_null()
    total, _, after = one.digits.partition(",")
    pattern = rf"^-?[0-9]{{1,{total}}}(\.[0-9]{{1,{after}}})?$" if after else r"^[0-9]+$"
    short = value.look.longest <= int(total)
    proven = value.places is not None and short and int(value.places.max()) <= int(after or 0)
    yield f"no plain number of {one.digits} digits", proven, ~number.str.contains(pattern)
    digits = number.str.len_chars() - number.str.count_matches(r"[-.]")
    yield f"more than {total} digits", short, digits > int(total)
