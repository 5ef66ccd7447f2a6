"""Layouts (文件版式): what a channel's file looks like and what its columns mean, as data.

One TOML file a channel and version lies in ``layouts/``; ``fields.toml`` names the canonical
columns of each kind with their types. Adding a channel adds a file and touches no code.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from xborder import compiled

LAYOUTS = Path(__file__).parent / "layouts"
FIELDS = "fields.toml"
KINDS = ("orders", "goods", "shipments", "prices", "stock")
MAPPED = "mapped"
"""Channel of an exporter's own mapping (列对应): its sheet fits every shop, as the template does."""
FOR_ANY_SHOP = ("template", MAPPED)
VERSION = "@"
"""Parts the name of a mapping from its version in the name of a layout (``mabang@2``)."""
HIDDEN = "x_"
"""Prefix of fields that a layout reads for its own decisions; they never leave the reader."""


@dataclass(frozen=True)
class Column:
    """A column of a layout: the canonical field and every header under which it was seen.

    ``type`` is that of a hidden field (``x_…``); text without one.
    """

    field: str
    aliases: tuple[str, ...]
    zh: str = ""
    en: str = ""
    required: bool = False
    note_zh: str = ""
    note_en: str = ""
    table: str = ""
    choices: tuple[str, ...] = ()
    example: str = ""
    width: int = 14
    type: str = ""

    @property
    def head(self) -> str:
        """The bilingual header of a template's column; required ones begin with ``*``."""
        return f"{'*' if self.required else ''}{self.zh} {self.en}"

    @property
    def headers(self) -> tuple[str, ...]:
        """Every header that means this column, the surest first."""
        own = (self.head, self.zh, self.en, self.field) if self.zh else ()
        return (*own, *self.aliases)


@dataclass(frozen=True)
class Rule:
    """Rows whose ``field`` holds one of ``values`` (anything, if there are none) get ``code``.

    ``scope`` order applies to every line of an order of which one line matches. ``blank``: rows
    whose field is empty; ``others``: and whose order has a row where it is not. ``unless``:
    every value but these.
    """

    code: str
    field: str
    values: tuple[str, ...] = ()
    scope: str = "line"
    blank: bool = False
    others: bool = False
    unless: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """A channel's file; each TOML file explains what is particular about it.

    ``recognise`` names the fields without which it is not this layout; ``share`` demands that
    so many of the file's headers are known, unless every ``needed`` field is there (generic
    words must not swallow another channel's file). ``needed``: fields whose absence is a
    finding; ``lacks``: required fields that this channel never writes. ``order_fields`` are
    filled down from an order's first line, ``fill_order_no`` does so for the number itself;
    ``sum_over_order`` adds line amounts up. ``quoted`` False: between tabs a quotation mark is data.
    ``resaved_dates``: any date that is not year-first betrays a re-save by Excel.
    ``core_headers`` and ``known_headers``: the channel's own header, to tell what was deleted
    or is new. ``postal``: where the buyer's name, address … stand (``intake.postal``).
    ``values``: field → word → value. ``events``: see ``movements.derive``.
    A layout without ``recognise`` is an exporter's mapping: known by ``share`` of its headers.
    ``base`` names the layout that a mapping only adds headers to. ``partner``: what completes
    orders of this file where it lacks a part of them: the kind ``prices``, or the layout of a
    fuller report; ``partner_code`` is the finding that orders wait under, its texts say what to
    export. ``partner_tells``: fields of an order that the partner tells where this file has all
    else; its orders then stay their own (``checks.partners``).
    """

    layout: str
    channel: str
    kind: str
    title_zh: str
    title_en: str
    columns: tuple[Column, ...]
    recognise: tuple[str, ...] = ()
    base: str = ""
    needed: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    share: float = 0.0
    sheet: str = ""
    other_sheets: tuple[str, ...] = ()
    quoted: bool = True
    number: str = "point"
    date_order: str = ""
    order_fields: tuple[str, ...] = ()
    fill_order_no: bool = False
    sum_over_order: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()
    footers: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()
    may_be_empty: bool = False
    core_headers: tuple[str, ...] = ()
    known_headers: tuple[str, ...] = ()
    resaved_dates: bool = False
    exclude: tuple[Rule, ...] = ()
    warn: tuple[Rule, ...] = ()
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, Any] = field(default_factory=dict)
    partner: str = ""
    partner_code: str = "AWAITING_PARTNER_FILE"
    partner_zh: str = ""
    partner_en: str = ""
    partner_tells: tuple[str, ...] = ()
    refuse: str = ""
    advice_zh: str = ""
    advice_en: str = ""
    zone: str = ""
    encodings: tuple[str, ...] = ()
    twelve_hours: str = ""
    footer_patterns: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    fallback: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unless: Mapping[str, str] = field(default_factory=dict)
    net: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scale: tuple[str, ...] = ()
    signs: Mapping[str, str] = field(default_factory=dict)
    sign_of: tuple[str, ...] = ()
    one_unit_rows: tuple[str, ...] = ()
    items: Mapping[str, str] = field(default_factory=dict)
    allocate: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, Any] = field(default_factory=dict)
    postal: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def column(self, name: str) -> Column:
        """The column of a canonical field; raises KeyError for one the layout has not."""
        return next(column for column in self.columns if column.field == name)

    def quotes(self, delimiter: str) -> bool:
        """Whether quotation marks enclose cells: where another sign than a tab parts them, a
        spreadsheet has saved the channel's file again, and enclosed what holds that sign."""
        return self.quoted or delimiter != "\t"

    @cached_property
    def types(self) -> dict[str, str]:
        """Field → type, with those of the hidden fields."""
        own = {column.field: column.type or "text" for column in self.columns}
        return own | fields(self.kind)


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tuples(one) for key, one in value.items()}
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value


def parse(text: str) -> Layout:
    """A layout from its TOML. Raises TypeError or ValueError for an unknown or missing part."""
    return _layout(tomllib.loads(text))


def _layout(said: Mapping[str, Any]) -> Layout:
    written = {key: _tuples(value) for key, value in said.items()}
    columns = tuple(Column(**{"aliases": ()} | column) for column in written.pop("column"))
    for rules in ("exclude", "warn"):
        if rules in written:
            written[rules] = tuple(Rule(**rule) for rule in written.pop(rules))
    if base := written.get("base", ""):
        layout = _upon(by_name(base), columns, written)
    else:
        layout = Layout(columns=columns, **written)
    known = {*fields(layout.kind), *(c.field for c in layout.columns if c.field.startswith(HIDDEN))}
    named = {
        *(column.field for column in layout.columns),
        *layout.recognise, *layout.needed, *layout.lacks, *layout.order_fields,
        *layout.sum_over_order, *layout.positive, *layout.values, *layout.partner_tells,
        *layout.fallback, *(one for more in layout.fallback.values() for one in more),
        *layout.unless, *layout.unless.values(), *layout.net, *layout.scale, *layout.sign_of,
        *(one for less in layout.net.values() for one in less), *layout.one_unit_rows,
        *(rule.field for rule in (*layout.exclude, *layout.warn)),
    }  # fmt: skip
    if named - known:
        raise ValueError(f"layout {layout.layout} names unknown fields {sorted(named - known)}")
    return layout


def _upon(below: Layout, columns: tuple[Column, ...], written: dict[str, Any]) -> Layout:
    """A layout with more headers for its columns; what it knows comes before what is added."""
    more = {column.field: column for column in columns}
    both = [
        replace(one, aliases=(*one.aliases, *more.pop(one.field).aliases))
        if one.field in more
        else one
        for one in below.columns
    ]
    return replace(below, columns=(*both, *more.values()), **written)


@cache
def _packaged() -> dict[str, Any]:
    """What the layouts' files say, in order of name."""
    return compiled.toml(LAYOUTS, sorted(one.name for one in LAYOUTS.glob("*.toml")))


@cache
def fields(kind: str) -> dict[str, str]:
    """Canonical columns of a kind, in order, with their types."""
    return dict(_packaged()[FIELDS][kind])


@cache
def all_layouts() -> tuple[Layout, ...]:
    """Every layout, in order of name."""
    return tuple(_layout(said) for name, said in _packaged().items() if name != FIELDS)


def mappings(texts: Mapping[str, str]) -> tuple[Layout, ...]:
    """An exporter's own layouts under their names, each from its TOML.

    Raises ValueError or TypeError for one that cannot be read.
    """
    return tuple(replace(parse(text), layout=name) for name, text in texts.items())


def by_name(name: str) -> Layout:
    """The layout of a name. Raises ValueError for none."""
    for layout in all_layouts():
        if layout.layout == name:
            return layout
    raise ValueError(f"no layout is called {name}")


def template(kind: str) -> Layout:
    """The project's own layout of a kind; raises KeyError for an unknown kind."""
    for layout in all_layouts():
        if layout.channel == "template" and layout.kind == kind:
            return layout
    raise KeyError(kind)
