"""Words for countries, currencies, units and choices → codes; done by the parent, by table.

The child knows no code tables: it starts faster and the tables stay in one place.
"""

import tomllib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import polars as pl

from xborder.intake.cells import each_once
from xborder.intake.layouts import Column, all_layouts, fields, template

if TYPE_CHECKING:  # the child imports this package, and must start fast
    from xborder.schemas import tables

TABLES = {"country": "country", "currency": "currency", "unit": "unit"}


def labels(column: Column, held: "tables.Tables") -> list[str]:
    """What a template's dropdown offers: ``code 名称``, from its table or its own list."""
    if column.choices:
        return list(column.choices)
    if not column.table:
        return []
    rows = held.codes(column.table)
    return [f"{code} {name}" for code, name in rows.select("code", "name").iter_rows()]


def apply(records: pl.DataFrame, kind: str, layout: str, held: "tables.Tables") -> pl.DataFrame:
    """Records with codes where a cell held a code, a known name or a dropdown's label.

    What no table knows stays as written.
    """
    read: list[pl.Series] = []
    for name, field_type in fields(kind).items():
        if field_type in TABLES:
            look_up: Callable[[str], str | None] = getattr(held, TABLES[field_type])
            read.append(each_once(records[name], _reader(look_up, held, field_type)))
        elif field_type == "choice":
            known = _choices(kind, layout, name, held)
            read.append(
                each_once(records[name], lambda text, known=known: known.get(text.casefold(), text))  # type: ignore[misc]
            )
    return records.with_columns(read)


def _reader(
    look_up: Callable[[str], str | None], held: "tables.Tables", table: str
) -> Callable[[str], str]:
    @cache
    def names() -> dict[str, str]:
        # Asked for by a dropdown's label alone.
        return dict(held.codes(table).select("code", "name").iter_rows())

    def read(text: str) -> str:
        found = look_up(text)
        if not found and table == "country":
            found = country_names().get(text.strip().casefold().removesuffix("站")) or look_up(
                text.strip().removesuffix("站")
            )
        if found:
            return found
        code, _, rest = text.partition(" ")
        return code if rest and names().get(code) == rest else text

    return read


@cache
def country_names() -> dict[str, str]:
    """Casefolded name of a country in a channel's language → ISO alpha-2."""
    text = files(__package__).joinpath("countries.toml").read_text("utf-8")
    return {name.casefold(): code for code, names in tomllib.loads(text).items() for name in names}


def _choices(kind: str, layout: str, name: str, held: "tables.Tables") -> dict[str, str]:
    """Casefolded label, code or name → code, for a column of a closed list."""
    known: dict[str, str] = {}
    for one in all_layouts():
        if one.layout == layout:
            known |= {word.casefold(): code for word, code in one.values.get(name, {}).items()}
    try:
        column = template(kind).column(name)
    except StopIteration:
        return known
    for label in labels(column, held):
        code, *names = label.split(" ")
        for word in (label, code, " ".join(names), *names):
            known.setdefault(word.casefold(), code)
    return known
