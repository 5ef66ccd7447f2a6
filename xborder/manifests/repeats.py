"""What repeats (重复): rows that say the same are written once, and all of them name that writing.

Ten thousand goods lines name a thousand goods; their currencies, units and remarks are a handful.
So an element is not looked at, escaped and put between its tags for each row, but for each
different one, and a message is gathered from what was written (``layout``).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

FEWEST = 1000
"""Rows that are asked whether they repeat each other: fewer are written as quickly."""

MOST = 4
"""Rows for each different one, at least, that pay for asking."""

_HASHED = 16
_SHIFT = np.uint64(64 - _HASHED)
_FACTORS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))


@dataclass(frozen=True)
class Alike:
    """Rows that say the same: ``first`` names for each row the one that stands for it.

    That one stands for itself; ``count`` of them do. Where few rows repeat, every row does.
    """

    first: np.ndarray
    count: int

    @property
    def each(self) -> bool:
        """Whether every row stands for itself."""
        return self.count == len(self.first)

    @cached_property
    def different(self) -> pl.Series:
        """The rows that stand for themselves."""
        rows = np.arange(len(self.first), dtype=self.first.dtype)
        return pl.Series(np.flatnonzero(self.first == rows).astype(np.uint32))

    @cached_property
    def of(self) -> np.ndarray:
        """For each row the place among ``different`` of the one that stands for it."""
        if self.each:
            return self.first
        place = np.empty(len(self.first), np.uint32)
        place[self.different.to_numpy()] = np.arange(self.count, dtype=np.uint32)
        return place.take(self.first)


def same(height: int) -> Alike:
    """Rows that all say the same; few rows are not asked whether they do."""
    return every(height) if height < FEWEST else Alike(np.zeros(height, np.int32), 1)


def alike(values: pl.Series) -> Alike:
    """Which rows of a column have the same text; the empty one is none.

    Rows of one text may stand apart (it lies in memory twice), but never rows of two together.
    """
    if len(values) < FEWEST:
        return every(len(values))
    array: Any = values.cast(pl.String).to_arrow(compat_level=pl.CompatLevel.newest())
    # A text of up to 12 bytes lies in its view (16 bytes), of a longer one the view says where.
    there, views, *_ = array.buffers()
    halves = np.frombuffer(views, np.uint64)[2 * array.offset : 2 * (array.offset + len(array))]
    one, other = halves[::2], halves[1::2]
    if array.null_count:
        bits = np.unpackbits(np.frombuffer(there, np.uint8), bitorder="little")
        absent = bits[array.offset : array.offset + len(array)] == 0
        one, other = np.where(absent, 0, one), np.where(absent, 0, other)
    return _alike(one, other)


def both(one: Alike, other: Alike) -> Alike | None:
    """Which rows are alike in two ways at once; None where that is not worth to be asked."""
    if other.count == 1 or (one.each and other.each):
        return one
    if one.count == 1:
        return other
    if one.each or other.each:
        return None
    if (other.first.take(one.first) == other.first).all():
        return one
    if (one.first.take(other.first) == one.first).all():
        return other
    if one.count * other.count * MOST > len(one.first):
        return None
    return _alike(one.first.astype(np.uint64), other.first.astype(np.uint64))


def every(height: int) -> Alike:
    """Rows of which each stands for itself."""
    return Alike(np.arange(height, dtype=np.int32), height)


def _alike(one: np.ndarray, other: np.ndarray) -> Alike:
    """Rows that have two numbers (uint64) in common."""
    height = len(one)
    if one[0] == one[-1] and (one == one[0]).all() and (other == other[0]).all():
        return same(height)
    one, other = np.ascontiguousarray(one), np.ascontiguousarray(other)
    mixed = one * _FACTORS[0] + other * _FACTORS[1]
    places = np.right_shift(mixed, _SHIFT).view(np.int64)
    own = np.arange(height, dtype=np.int32)
    last = np.empty(1 << _HASHED, np.int32)
    last[places] = own
    first = last.take(places)
    alike = one.take(first) == one
    alike &= other.take(first) == other
    if not alike.all():
        # Two that share a hash by chance: one of them stands for itself.
        first = np.where(alike, first, own)
    count = int(np.count_nonzero(first == own))
    return Alike(first, count) if count * MOST <= height else every(height)
