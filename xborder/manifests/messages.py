"""CEB messages (报文) from field tables: one vectorised writer for all of them.

``fields/<KIND>.csv`` holds a message as data, one row an element in document order: its parent,
the columns it is taken from (the first that stands), whether it must have a value, its lengths
or digits, its default. Rows of type ``node`` and ``each`` give the nesting: a ``node`` stands
once, ``each`` once a row of its source. A further message needs a further table, no code: the
answers of customs have tables too, which the reader goes by (``receipt_reader``).

Source of the tables: CEB specification and XSD of 2022-05, the stricter of both; the notes name
where they differ. Where the XSD demands an element the specification demands a value too, so an
element marked required is never written empty.
"""

import csv
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import polars as pl

from xborder.manifests.elements import Field
from xborder.manifests.group import Group
from xborder.manifests.layout import Part, laid_out, scattered
from xborder.manifests.parts import ENTITY, Content, in_parts, whose
from xborder.manifests.texts import Texts

NAMESPACE = "http://www.chinaport.gov.cn/ceb"
VERSION = "1.0"
ENTITIES = 100
"""CEB: at most 100 entities a message."""

_GUIDS = uuid.uuid5(uuid.NAMESPACE_URL, NAMESPACE)


@dataclass(frozen=True)
class Message:
    """A rendered message: file name, kind, root guid, how many entities and lines, its letters.

    ``letters`` are a part of what was written in one pass with others, and keep that at hand.
    """

    name: str
    kind: str
    guid: str
    entities: int
    lines: int
    letters: memoryview

    @property
    def content(self) -> bytes:
        """The message's bytes by themselves."""
        return bytes(self.letters)


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


@dataclass(frozen=True)
class _Form:
    """A message kind with its field table."""

    kind: str
    table: tuple[Field, ...]

    @property
    def root(self) -> str:
        """The name of the root element."""
        return f"{self.kind}Message"

    def below(self, parent: str) -> list[Field]:
        """What stands right below an element, in document order."""
        return [one for one in self.table if one.parent == parent]

    def top(self) -> dict[str, Field]:
        """What stands right below the root, by its source: heads, transfer, subscribers."""
        return {one.sources[0]: one for one in self.below(self.root)}


def render(kind: str, group: Group) -> list[list[Message]]:
    """Write the messages of one kind for the lists of some manifests; one list a manifest.

    Heads need the source columns of the table, as do the goods lines. Values are text; numbers
    are plain decimals and lose only trailing zeros. A manifest's ``transfer`` fills BaseTransfer
    (copCode, copName, dxpId; dxpMode is DXP). Its number and the sequence make the root guid and
    the file name ``<kind>_0001.xml``.

    Raises ValueError, naming element and list, for a value that may not be written: a required
    one that is missing, too long or short, no plain decimal, a character that XML 1.0 forbids.
    """
    form = _Form(kind, fields(kind))
    top = form.top()
    entities = _entities(form, top["heads"], group.heads, group.items, group.lines)
    base = _texts(form, top["transfer"], _senders(group))
    numbered = [
        _Numbered(one.number, lists.start, lists.stop, sender, one.lists_per_message)
        for (one, lists, _), sender in zip(group.spans(), base, strict=True)
    ]
    return _messages(form, numbered, entities, group.lines)


def document(
    kind: str,
    number: str,
    transfer: Mapping[str, str] | None,
    heads: pl.DataFrame,
    items: pl.DataFrame | None = None,
    subscribers: Sequence[Mapping[str, str]] = (),
    per_message: int = ENTITIES,
) -> list[Message]:
    """Write documents (单证) of any kind that has entities; those of one sender.

    ``heads``: a row an entity, with a column for each element, by its name (``guid``,
    ``appTime`` …). ``items``: the lines below them, likewise, with ``entity``: the place of the
    head, from 0; they keep their order, and are numbered (``gnum``) if they have no such column.
    ``transfer`` (copCode, copName, dxpId) as for ``render``; None for an answer, which has none.
    ``subscribers`` (status, dxpAddress): who else is told. ``number`` is what the root guids are
    made of: the same number, the same guids, so no two messages of a kind may share it.

    A document of more lines than a message should hold goes in ``pieces``. Raises ValueError.
    """
    form = _Form(kind, tuple(replace(one, sources=_named(one)) for one in fields(kind)))
    top = form.top()
    if items is None:
        items = pl.DataFrame({ENTITY: []}, schema={ENTITY: pl.Int64})
    lines = np.bincount(items[ENTITY].to_numpy(), minlength=len(heads))
    if len(lines) > len(heads):
        raise ValueError(f"{kind}: lines of entity {len(lines)}, and {len(heads)} entities")
    items = items.sort(ENTITY, maintain_order=True)
    if "gnum" not in items.columns:
        items = items.with_columns(gnum=pl.int_range(1, pl.len() + 1).over(ENTITY))
    head = Texts(heads.with_row_index(ENTITY))
    entities = _entities(form, top["heads"], head, Texts(items), lines)
    sender = ""
    if transfer is not None:
        told = Texts(pl.DataFrame([dict(transfer)]))
        (sender,) = _texts(form, top["transfer"], told)
    if subscribers:
        told = Texts(pl.DataFrame([dict(one) for one in subscribers]))
        sender += "".join(_texts(form, top["subscribers"], told))
    whole = _Numbered(number, 0, len(heads), sender, per_message)
    (made,) = _messages(form, [whole], entities, lines)
    return made


def pieces(
    heads: pl.DataFrame, items: pl.DataFrame, per_piece: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Documents in pieces (分报文): ``heads`` and ``items`` of ``document``, split.

    A head with more than ``per_piece`` lines stands several times, with ``msgCount`` and
    ``msgSeqNo`` from 1; each piece numbers its lines from 1. The first piece keeps the guid, the
    others have guids made of it.
    """
    of = items[ENTITY].to_numpy()
    lines = np.bincount(of, minlength=len(heads))
    count = np.maximum(1, -(-lines // per_piece))
    first = np.cumsum(count) - count
    whole = np.repeat(np.arange(len(heads)), count)
    sequence = np.arange(len(whole)) - first[whole] + 1
    guids = [
        one if number == 1 else guid(one, str(number))
        for one, number in zip(heads["guid"].gather(whole), sequence, strict=True)
    ]
    order = np.argsort(of, kind="stable")
    place = np.arange(len(of)) - (np.cumsum(lines) - lines)[of[order]]
    split = items[order].with_columns(
        pl.Series(ENTITY, first[of[order]] + place // per_piece, dtype=pl.Int64)
    )
    parts = heads[whole].with_columns(
        guid=pl.Series(guids, dtype=pl.String),
        msgCount=pl.Series(count[whole]),
        msgSeqNo=pl.Series(sequence),
    )
    return parts, split.drop("gnum", strict=False)


def _named(one: Field) -> tuple[str, ...]:
    """The source of an element in a document: the column of its name."""
    return one.sources if one.type in ("node", "each") else (one.element,)


class _Numbered(NamedTuple):
    """Entities whose messages are of one number and sender, and stand one after another."""

    number: str
    first: int
    stop: int
    sender: str
    per_message: int


_Segments = list[tuple[list[Part], np.ndarray]]
"""What an entity is made of: see ``laid_out``."""


def _messages(
    form: _Form, numbered: Sequence[_Numbered], entities: _Segments, lines: np.ndarray
) -> list[list[Message]]:
    """The messages of each number; ``entities`` are the segments of those of all, in their order.

    All letters are written in one pass: a message is a slice.
    """
    planned = [list(_planned(form, one)) for one in numbered]
    roots = [
        (first, stop, root_guid, one.sender)
        for one, own in zip(numbered, planned, strict=True)
        for first, stop, _, root_guid in own
    ]
    # What opens and closes a message stands before its first entity and after its last.
    height, entity = len(lines), form.top()["heads"].element
    opened = scattered(
        [first for first, *_ in roots],
        [
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<ceb:{form.root} xmlns:ceb="{NAMESPACE}" guid="{root_guid}" version="{VERSION}">'
            f"{_opening(entity)}"
            for _, _, root_guid, _ in roots
        ],
        _opening(entity),
        height,
    )
    closed = scattered(
        [stop - 1 for _, stop, *_ in roots],
        [f"{_closing(entity)}{sender}\n</ceb:{form.root}>\n" for *_, sender in roots],
        _closing(entity),
        height,
    )
    once = np.ones(height, np.int64)
    letters, at = laid_out([([opened], once), *entities, ([closed], once)])
    view, ends = letters.data, np.concatenate([[0], np.cumsum(lines)])
    return [
        [
            Message(
                name,
                form.kind,
                root_guid,
                stop - first,
                int(ends[stop] - ends[first]),
                view[at[first] : at[stop]],
            )
            for first, stop, name, root_guid in own
        ]
        for own in planned
    ]


def _planned(form: _Form, of: _Numbered) -> Iterator[tuple[int, int, str, str]]:
    """The messages of a number: first entity and the one after its last, file name, root guid."""
    if not 1 <= of.per_message <= ENTITIES:
        raise ValueError(f"a message holds 1 to {ENTITIES}, not {of.per_message}")
    starts = range(of.first, of.stop, of.per_message)
    for sequence, first in enumerate(starts, start=1):
        stop = min(first + of.per_message, of.stop)
        root_guid = guid(of.number, form.kind, str(sequence))
        yield first, stop, f"{form.kind}_{sequence:04d}.xml", root_guid


def _senders(group: Group) -> Texts:
    rows = [dict(one.transfer) for one in group.manifests]
    return Texts(pl.DataFrame(rows, infer_schema_length=None))


def _entities(
    form: _Form, entity: Field, heads: Texts, items: Texts, counts: np.ndarray
) -> _Segments:
    """What entities are made of: heads, and below each as many items as ``counts`` says."""
    lines = {}
    for each in form.below(entity.element):
        if each.type != "each":
            continue
        fewest, _, most = each.length.partition("..")
        wrong = counts < int(fewest)
        if most:
            wrong |= counts > int(most)
        if wrong.any():
            which = whose(heads.frame, int(np.argmax(wrong)))
            raise ValueError(f"{form.kind} {each.element}{which}: {each.length} lines needed")
        lines[each] = in_parts(form.kind, _whole(form, each), items)
    once = np.ones(len(counts), np.int64)
    segments: _Segments = []
    head: list[Content] = []
    for one in _contents(form, entity):
        if one in lines:
            segments += [(in_parts(form.kind, head, heads), once), (lines[one], counts)]
            head = []
        else:
            head.append(one)
    return [*segments, (in_parts(form.kind, head, heads), once)]


def _contents(form: _Form, element: Field) -> Iterator[Content]:
    """All that stands in an element, in document order."""
    for one in form.below(element.element):
        if one.type == "node":
            yield from _whole(form, one)
        else:
            yield one


def _whole(form: _Form, element: Field) -> Iterator[Content]:
    """The same with its tags."""
    yield _opening(element.element)
    yield from _contents(form, element)
    yield _closing(element.element)


def _opening(element: str) -> str:
    return f"\n<ceb:{element}>"


def _closing(element: str) -> str:
    return f"</ceb:{element}>"


def _texts(form: _Form, element: Field, rows: Texts) -> list[str]:
    """An element with all that stands below it, one text a row."""
    (part,) = in_parts(form.kind, _whole(form, element), rows)
    return part.texts.to_list()
