"""An element of a message (数据项): what its table says of it, and whether a value may stand there."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from xborder.manifests.texts import Number, Value

# XML 1.0 has no way to write these, not even as a reference. (No text holds surrogates.)
_FORBIDDEN = r"[^\t\n\r\x{20}-\x{FFFD}\x{10000}-\x{10FFFF}]"


@dataclass(frozen=True)
class Field:
    """One row of a message's field table.

    ``type``: C text, N number, node (once), each (once a row of ``source``). ``length``: of C
    ``18``, ``..60``, ``3..4`` or ``0..`` (any number of) characters. ``digits``: of N ``19,5`` (19 in all, 5 after the
    point) or ``5`` (a whole number). ``codes``: the code table that names its values. Of
    ``each``, ``length`` says how many there may be: ``1..100``, ``0..`` (no bound).
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


def wrong(one: Field, value: Value) -> tuple[str, pl.Expr] | None:
    """Why some of a column's values may not be written, and which; None where all may.

    The look at the whole column proves most columns right; the others are gone through by cell.
    """
    values = value.values if value.same is None else value.values.head(1)
    for why, proven, where in (
        _number(one, value) if isinstance(value, Number) else _text(one, value)
    ):
        if not proven and values.to_frame("value").select(where(pl.col("value")).any()).item():
            return why, where(pl.col("value"))
    return None


_Said = tuple[str, bool, Callable[[pl.Expr], pl.Expr]]
"""What may be wrong, whether the look proves that it is not, and where it is."""


def _text(one: Field, value: Value) -> Iterator[_Said]:
    if one.required:
        yield "a value is required", not value.absent, lambda text: text.is_null()
    fewest, bound, end = one.length.rpartition("..")
    most = int(end) if end else sys.maxsize
    least = int(fewest or 0) if bound else most
    seen = value.look
    # A character has one byte at least, and exactly one in ASCII.
    enough = least <= 1 or (seen.plain and seen.shortest >= least)
    yield (
        f"{one.length} characters are allowed",
        seen.longest == 0 or (enough and seen.longest <= most),
        lambda text: (text.str.len_chars() > most) | (text.str.len_chars() < least),
    )
    yield (
        "a character that XML 1.0 forbids",
        seen.plain or not seen.forbidden,
        lambda text: text.str.contains(_FORBIDDEN),
    )


def _number(one: Field, value: Number) -> Iterator[_Said]:
    if one.required:
        yield "a value is required", not value.absent, lambda number: number.is_null()
    total, _, after = one.digits.partition(",")
    pattern = rf"^-?[0-9]{{1,{total}}}(\.[0-9]{{1,{after}}})?$" if after else r"^[0-9]+$"
    short = value.look.longest <= int(total)
    proven = value.places is not None and short and int(value.places.max()) <= int(after or 0)
    yield (
        f"no plain number of {one.digits} digits",
        proven,
        lambda number: ~number.str.contains(pattern),
    )
    yield (
        f"more than {total} digits",
        short,
        lambda number: number.str.len_chars() - number.str.count_matches(r"[-.]") > int(total),
    )
